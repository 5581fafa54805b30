/* SPDX-License-Identifier: MIT */
/* linear_products.h -- the matrix products of a linear layer, the same on every device. */
#ifndef SLUICE_DEVICE_LINEAR_PRODUCTS_H
#define SLUICE_DEVICE_LINEAR_PRODUCTS_H

#include "sluice/operations.h"

/* y = x w; with `adds` y += x w. */
static inline sluice_matmul sluice__linear_product(const sluice_linear *args, bool adds) {
    return (sluice_matmul){.c           = args->y,
                           .a           = args->x,
                           .b           = args->w,
                           .rows        = args->rows,
                           .columns     = args->outputs,
                           .inner       = args->inputs,
                           .alpha       = 1,
                           .beta        = adds ? 1.0f : 0.0f,
                           .transpose_b = args->transposed};
}

/* dx = dy w^T */
static inline sluice_matmul sluice__linear_input_product(const sluice_linear_backward_input *args) {
    return (sluice_matmul){.c           = args->dx,
                           .a           = args->dy,
                           .b           = args->w,
                           .rows        = args->rows,
                           .columns     = args->inputs,
                           .inner       = args->outputs,
                           .alpha       = 1,
                           .transpose_b = !args->transposed};
}

/* dw = x^T dy, or its transpose dy^T x; after the first write dw += that. */
static inline sluice_matmul
sluice__linear_weight_product(const sluice_linear_backward_weight *args) {
    const bool transposed = args->transposed;
    return (sluice_matmul){.c           = args->dw,
                           .a           = transposed ? args->dy : args->x,
                           .b           = transposed ? args->x : args->dy,
                           .rows        = transposed ? args->outputs : args->inputs,
                           .columns     = transposed ? args->inputs : args->outputs,
                           .inner       = args->rows,
                           .alpha       = 1,
                           .beta        = args->first_write ? 0.0f : 1.0f,
                           .transpose_a = true};
}

#endif
