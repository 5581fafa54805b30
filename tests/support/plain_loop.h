/* SPDX-License-Identifier: MIT */
/*
 * plain_loop.h -- a model trained by a loop over its layers, which a pipeline must equal bit for
 * bit.
 *
 * One thread of control, one micro-batch after another: F of every layer, then I and W of every
 * layer from the last to the first. No executor, no plan: every buffer is its own block, filled
 * with NaN before it is used, so that nothing can depend on what was there.
 */
#ifndef SLUICE_TESTS_PLAIN_LOOP_H
#define SLUICE_TESTS_PLAIN_LOOP_H

#include "sluice/device.h"
#include "sluice/model.h"
#include "tests/support/support.h"

typedef struct plain_loop {
    const sluice_model *model;
    const sluice_device_ops *ops; /* a device that can access host memory */
    const sluice_operations *operations;
    sluice_device *device;
    sluice_stream *stream;
    int layers, uses;
    float **masters;           /* per use; a tied use has its first use's block */
    void **parameters;         /* per use, as layers read it: its master or a working copy */
    float **gradients;         /* per use, its own block */
    float **firsts, **seconds; /* optimizer state, per use; NULL where tied to an earlier one */
    int64_t step;              /* updates done */
    uint64_t seed;
    const char *other_name; /* name of a part of the batch besides inputs and targets; NULL: none */
    const void *other;      /* that part of the next minibatch */
} plain_loop;

/* One minibatch, in host arrays, floats as fp32; `sizes` are its micro-batches' samples. */
typedef struct plain_batch {
    const void *inputs, *targets;
    const int64_t *sizes;
    int microbatches;
    double total_weight;
} plain_batch;

int64_t plain_use_count(const plain_loop *loop, int u);

size_t plain_use_bytes(const plain_loop *loop, int u);

plain_loop plain_loop_open(const sluice_model *model, const sluice_device_ops *ops, int threads,
                           uint64_t seed);

/* In a precision other than fp32. */
plain_loop plain_loop_open_in(const sluice_model *model, const sluice_device_ops *ops,
                              sluice_precision precision, int threads, uint64_t seed);

void plain_loop_close(plain_loop *loop);

/* Loss of a minibatch, forward only. */
double plain_loop_evaluate(const plain_loop *loop, const plain_batch *batch);

/* Loss of a minibatch, and the gradient of every use in loop->gradients. */
double plain_loop_step(const plain_loop *loop, const plain_batch *batch);

/*
 * One update by AdamW from the gradients of the last step: ties summed, then clipped to the norm
 * `clip` (0: not). Returns the norm before clipping; loop->gradients of first uses hold the sums.
 */
double plain_loop_update(plain_loop *loop, const sluice_adamw *settings, double clip);

/* What sluice_pipeline_digest() gives for the same weights. */
uint64_t plain_loop_digest(const plain_loop *loop);

#endif
