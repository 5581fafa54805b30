/* SPDX-License-Identifier: MIT */
/* turn.c -- rows of the result at a time, as many as there is memory for their part of a. */
#include "runtime/device/cpu/turn.h"

#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/tile.h"
#include "runtime/device/cpu/transpose.h"

enum { MIN_ROWS = 64, TASK = 64 /* of the inner dimension */, APART = 16 };

typedef struct turning {
    float *to;
    const float *from;
    int64_t stride; /* between rows of `to`: no multiple of a page */
    int64_t a_stride, rows, inner;
} turning;

static int64_t stride_of(const sluice_matmul *product) {
    return sluice__blocks(product->inner, APART) * APART + APART;
}

/* Rows whose part of a fits. */
static int64_t rows_at_a_time(const sluice_matmul *product) {
    const int64_t fit = SLUICE__TURNED / stride_of(product) / APART * APART;
    return sluice__min(fit, product->rows);
}

bool sluice__turns(const sluice_matmul *product) {
    const sluice__blas *const blas = sluice__blas_used();
    if (!product->transpose_a || !blas->wants_rows || !blas->wants_rows()) return false;
    return rows_at_a_time(product) >= MIN_ROWS;
}

static void turn_task(const void *job, int64_t task, int thread) {
    const turning *const t = job;
    const int64_t at       = task * TASK;
    (void)thread;
    sluice__transpose(t->to + at, t->stride, t->from + at * t->a_stride, t->a_stride,
                      sluice__min(TASK, t->inner - at), t->rows);
}

void sluice__multiply_turned(const sluice_device *device, const sluice_matmul *product) {
    const int64_t rows = rows_at_a_time(product);
    for (int64_t first = 0; first < product->rows; first += rows) {
        const turning turn = {
            device->turned, (const float *)product->a + first,        stride_of(product),
            product->rows,  sluice__min(rows, product->rows - first), product->inner};
        sluice__team_run(device->team, sluice__blocks(turn.inner, TASK), turn_task, &turn);
        sluice_matmul part   = *product;
        part.a               = device->turned;
        part.c               = (float *)product->c + first * product->columns;
        part.rows            = turn.rows;
        part.transpose_a     = false;
        sluice__tiled tiled  = sluice__cut(device, &part, SLUICE_TYPE_F32);
        tiled.whole.a_stride = turn.stride;
        sluice__multiply_tiles(&tiled);
    }
}
