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

/* Rows of logits, each of which begins at a multiple of 32 bytes. Where the precision is bf16 their
 * gradients, which are written over them, are bf16, and leave the second half of a row free. */
typedef struct slab {
    const sluice_classifier *args;
    sluice_precision precision;
    int64_t first, rows, stride;
    double *losses; /* (rows) */
    float *logits;  /* (rows, stride), of which `classes` are used */
} slab;

enum { ROW_MULTIPLE = 8 /* floats */ };

static slab slab_at(const sluice_classifier *args, sluice_precision precision, int64_t first) {
    const int64_t slab_rows = sluice__slab_rows(args->rows);
    slab at                 = {.args      = args,
                               .precision = precision,
                               .first     = first,
                               .rows      = sluice__min(slab_rows, args->rows - first),
                               .stride    = sluice__blocks(args->classes, ROW_MULTIPLE) * ROW_MULTIPLE,
                               .logits    = args->scratch};
    at.losses               = (double *)(at.logits + slab_rows * at.stride);
    return at;
}

/* Bytes in front of the slab's rows of x and dx. */
static size_t offset_of(const slab *at) {
    return (size_t)(at->first * at->args->width) *
           sluice_type_bytes(sluice_precision_type(at->precision));
}

static sluice_status make_logits(sluice_stream *stream, const slab *at) {
    const sluice_matmul plain    = {.c           = at->logits,
                                    .a           = (const char *)at->args->x + offset_of(at),
                                    .b           = at->args->w,
                                    .rows        = at->rows,
                                    .columns     = at->args->classes,
                                    .inner       = at->args->width,
                                    .alpha       = 1,
                                    .transpose_b = true};
    sluice__cuda_product product = sluice__cuda_product_of(&plain, at->precision);
    product.c_type               = SLUICE_TYPE_F32;
    product.c_stride             = at->stride;
    return sluice__cuda_multiply(stream, &product);
}

/* Between rows of gradients of logits, which begin where the logits' rows do. */
static int64_t slope_stride(const slab *at) {
    return at->stride *
           (int64_t)(sizeof(float) / sluice_type_bytes(sluice_precision_type(at->precision)));
}

static sluice_status make_input_gradient(sluice_stream *stream, const slab *at) {
    const sluice_matmul plain    = {.c       = (char *)at->args->dx + offset_of(at),
                                    .a       = at->logits,
                                    .b       = at->args->w,
                                    .rows    = at->rows,
                                    .columns = at->args->width,
                                    .inner   = at->args->classes,
                                    .alpha   = 1};
    sluice__cuda_product product = sluice__cuda_product_of(&plain, at->precision);
    product.a_stride             = slope_stride(at);
    return sluice__cuda_multiply(stream, &product);
}

static sluice_status make_weight_gradient(sluice_stream *stream, const slab *at) {
    const bool is_first          = at->args->first_write && at->first == 0;
    const sluice_matmul plain    = {.c           = at->args->dw,
                                    .a           = at->logits,
                                    .b           = (const char *)at->args->x + offset_of(at),
                                    .rows        = at->args->classes,
                                    .columns     = at->args->width,
                                    .inner       = at->rows,
                                    .alpha       = 1,
                                    .beta        = is_first ? 0.0f : 1.0f,
                                    .transpose_a = true};
    sluice__cuda_product product = sluice__cuda_product_of(&plain, at->precision);
    product.c_type               = SLUICE_TYPE_F32;
    product.a_stride             = slope_stride(at);
    return sluice__cuda_multiply(stream, &product);
}

static sluice_status run_slab(sluice_stream *stream, const slab *at) {
    const sluice_classifier *const args = at->args;
    SLUICE__TRY(make_logits(stream, at));
    SLUICE__TRY(sluice__cuda_status(
        sluice__launch_softmax_loss(at->losses, at->logits, args->targets + at->first, at->rows,
                                    args->classes, at->stride, args->scale, args->dx || args->dw,
                                    sluice_precision_type(at->precision), stream->handle),
        "softmax"));
    SLUICE__TRY(
        sluice__cuda_status(sluice__launch_add_losses(args->loss, at->losses, at->rows, args->scale,
                                                      at->first == 0, stream->handle),
                            "summing losses"));
    if (args->dx) SLUICE__TRY(make_input_gradient(stream, at));
    return args->dw ? make_weight_gradient(stream, at) : SLUICE_OK;
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
    if (args->rows == 0) return run_nothing(stream, args);
    SLUICE__TRY(sluice__cuda_status(sluice__launch_check(stream->fault, args->targets, args->rows,
                                                         args->classes, true, SLUICE__FAULT_TARGET,
                                                         stream->epoch, stream->handle),
                                    "checking targets"));
    for (int64_t first = 0; first < args->rows; first += SLUICE__SLAB_ROWS) {
        const slab at = slab_at(args, precision, first);
        SLUICE__TRY(run_slab(stream, &at));
    }
    return SLUICE_OK;
}
