/* SPDX-License-Identifier: MIT */
/* gpu_products.h -- what is trained on a card, and the matrix products in it. */
#ifndef SLUICE_BENCH_GPU_PRODUCTS_H
#define SLUICE_BENCH_GPU_PRODUCTS_H

#include <stdint.h>

#include "matrix_rate.h"
#include "sluice/gpt2.h"
#include "sluice/model.h"

enum { LAYERS = 5 }; /* kinds of layers with products */

typedef struct setting {
    const char *preset, *device;
    int64_t length, samples;
    int microbatches, min_steps, max_steps; /* steps to time */
    double seconds;                         /* no step starts later than this */
    int64_t square;
    int rounds;
    double target; /* seconds of a round of products */
} setting;

/* One kind of product of the model, and how often a micro-batch has it. */
typedef struct product {
    const char *name;
    sluice_matmul action[BENCH_ACTIONS];
    int times;
} product;

sluice_gpt_config model_config(const setting *on);
/* The caller frees it. */
sluice_model *make_model(const setting *on);
void list_products(product list[LAYERS], const setting *on);
/* FLOPs of a step as the layers describe them: products, attention and everything else. */
double step_flops(const setting *on);

#endif
