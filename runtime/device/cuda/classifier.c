/* SPDX-License-Identifier: MIT */
/*
 * classifier.c -- the output head with its loss, a slab of rows at a time.
 *
 *   logits = x w^T  ->  loss, logits = scale (softmax - target)  ->  dx = logits w
 *                                                                    dw (+)= logits^T x
 */
#include "runtime/base/error.h"
#include "runtime/device/blocks.h"
#include "runtime/device/cuda/cuda.h"

typedef struct slab {
    int64_t first, rows;
    double *losses; /* (rows) */
    float *logits;  /* (rows, classes) */
} slab;

static sluice_status make_logits(sluice_stream *stream, const sluice_classifier *args,
                                 const slab *at, sluice_precision precision) {
    const sluice_matmul product = {.c           = at->logits,
                                   .a           = (const float *)args->x + at->first * args->width,
                                   .b           = args->w,
                                   .rows        = at->rows,
                                   .columns     = args->classes,
                                   .inner       = args->width,
                                   .alpha       = 1,
                                   .transpose_b = true};
    return sluice__cuda_multiply(stream, &product, precision);
}

static sluice_status make_gradients(sluice_stream *stream, const sluice_classifier *args,
                                    const slab *at, sluice_precision precision) {
    float *const dx               = args->dx;
    const sluice_matmul of_input  = {.c       = dx ? dx + at->first * args->width : NULL,
                                     .a       = at->logits,
                                     .b       = args->w,
                                     .rows    = at->rows,
                                     .columns = args->width,
                                     .inner   = args->classes,
                                     .alpha   = 1};
    const sluice_matmul of_weight = {.c       = args->dw,
                                     .a       = at->logits,
                                     .b       = (const float *)args->x + at->first * args->width,
                                     .rows    = args->classes,
                                     .columns = args->width,
                                     .inner   = at->rows,
                                     .alpha   = 1,
                                     .beta    = args->first_write && at->first == 0 ? 0.0f : 1.0f,
                                     .transpose_a = true};
    if (dx) SLUICE__TRY(sluice__cuda_multiply(stream, &of_input, precision));
    return args->dw ? sluice__cuda_multiply(stream, &of_weight, precision) : SLUICE_OK;
}

static sluice_status run_slab(sluice_stream *stream, const sluice_classifier *args, const slab *at,
                              sluice_precision precision) {
    SLUICE__TRY(make_logits(stream, args, at, precision));
    SLUICE__TRY(sluice__cuda_status(
        sluice__launch_softmax_loss(at->losses, at->logits, args->targets + at->first, at->rows,
                                    args->classes, args->scale, args->dx || args->dw,
                                    stream->handle),
        "softmax"));
    SLUICE__TRY(
        sluice__cuda_status(sluice__launch_add_losses(args->loss, at->losses, at->rows, args->scale,
                                                      at->first == 0, stream->handle),
                            "summing losses"));
    return make_gradients(stream, args, at, precision);
}

/* Without rows the loss is 0, and so is a gradient that is not accumulated. */
static sluice_status run_nothing(sluice_stream *stream, const sluice_classifier *args) {
    SLUICE__TRY(sluice__cuda_status(
        cudaMemsetAsync(args->loss, 0, sizeof *args->loss, stream->handle), "clearing a loss"));
    if (!args->dw || !args->first_write) return SLUICE_OK;
    const size_t count = (size_t)args->classes * (size_t)args->width;
    return sluice__cuda_status(
        cudaMemsetAsync(args->dw, 0, count * sizeof *args->dw, stream->handle),
        "clearing a gradient");
}

sluice_status sluice__cuda_classifier(sluice_stream *stream, const sluice_classifier *args,
                                      sluice_precision precision) {
    const int64_t slab_rows = sluice__slab_rows(args->rows);
    if (args->rows == 0) return run_nothing(stream, args);
    SLUICE__TRY(sluice__cuda_status(sluice__launch_check(stream->fault, args->targets, args->rows,
                                                         args->classes, true, SLUICE__FAULT_TARGET,
                                                         stream->epoch, stream->handle),
                                    "checking targets"));
    for (int64_t first = 0; first < args->rows; first += slab_rows) {
        const slab at = {.first  = first,
                         .rows   = sluice__min(slab_rows, args->rows - first),
                         .losses = args->scratch,
                         .logits = (float *)((double *)args->scratch + slab_rows)};
        SLUICE__TRY(run_slab(stream, args, &at, precision));
    }
    return SLUICE_OK;
}
