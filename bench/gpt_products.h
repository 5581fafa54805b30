/* SPDX-License-Identifier: MIT */
/* gpt_products.h -- what a step of a GPT or a Llama consists of: its matrix products, its FLOPs,
 * its tokens.
 */
#ifndef SLUICE_BENCH_GPT_PRODUCTS_H
#define SLUICE_BENCH_GPT_PRODUCTS_H

#include <stdint.h>

#include "matrix_rate.h"
#include "sluice/gpt2.h"
#include "sluice/model.h"

enum { LAYERS = 5 }; /* kinds of layers with products */

/* One kind of product of the model, and how often a micro-batch has it. */
typedef struct product {
    const char *name;
    sluice_matmul action[BENCH_ACTIONS];
    int times;
} product;

/* What a Llama of the same width, heads, blocks and vocabulary as a GPT has of its own. */
typedef struct llama_widths {
    int64_t kv_heads, hidden;
} llama_widths;

/* Those of a micro-batch of `rows` tokens; of a GPT where `llama` has no kv_heads. */
void list_products(product list[LAYERS], const sluice_gpt_config *config, llama_widths llama,
                   int64_t rows);
/* FLOPs of a step as the layers describe them, nothing recomputed: products, attention and
 * everything else. */
double step_flops(const sluice_model *model, int64_t samples, int microbatches);

/* Random tokens, the same ones in every step: a sluice_load whose context is this. */
typedef struct random_tokens {
    int64_t length, vocabulary;
} random_tokens;
sluice_status load_tokens(void *context, void *to, int64_t first, int64_t samples);

#endif
