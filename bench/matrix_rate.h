/* SPDX-License-Identifier: MIT */
/* matrix_rate.h -- how fast a device multiplies matrices, by its own operation `matmul`. */
#ifndef SLUICE_BENCH_MATRIX_RATE_H
#define SLUICE_BENCH_MATRIX_RATE_H

#include "sluice/device.h"

/* A device with one stream, and matrices large enough for every product that is measured. */
typedef struct bench_matrices {
    const sluice_device_ops *ops;
    const sluice_operations *operations;
    sluice_device *device;
    sluice_stream *stream;
    float *c, *a, *b;
    size_t c_bytes, a_bytes, b_bytes;
} bench_matrices;

/* The size of a product; its pointers are ignored. The products of F, I and W of a linear layer
 * from `rows` x `inputs` to `outputs`. */
typedef enum bench_action { BENCH_F, BENCH_I, BENCH_W, BENCH_ACTIONS } bench_action;
sluice_matmul bench_linear(bench_action action, int64_t rows, int64_t inputs, int64_t outputs);
/* The same for a head whose weights are (classes, width). */
sluice_matmul bench_head(bench_action action, int64_t rows, int64_t width, int64_t classes);
double bench_matmul_flops(const sluice_matmul *product);

/* Device `ordinal` of `ops`, which computes in `precision`, one of float, with matrices filled for
 * `count` products. The process ends with an error message if that fails. */
void bench_matrices_open(bench_matrices *on, const sluice_device_ops *ops, int ordinal,
                         sluice_precision precision, const sluice_matmul *products, int count);
void bench_matrices_close(bench_matrices *on);
/* Seconds of one such product among many in a row, by the host's clock: the median of `rounds`
 * rounds that each take about `target` seconds. */
double bench_matrices_seconds(const bench_matrices *on, const sluice_matmul *product, int rounds,
                              double target);

#endif
