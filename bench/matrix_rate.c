/* SPDX-License-Identifier: MIT */
/* matrix_rate.c -- matrix products, timed one kind after another on a separate device. */
#include "matrix_rate.h"

#include <stdlib.h>

#include "bench.h"

/* ---- products ---- */

sluice_matmul bench_linear(bench_action action, int64_t rows, int64_t inputs, int64_t outputs) {
    switch (action) {
    case BENCH_I: /* dx = dy w^T */
        return (sluice_matmul){
            .rows = rows, .columns = inputs, .inner = outputs, .alpha = 1, .transpose_b = true};
    case BENCH_W: /* dw += x^T dy */
        return (sluice_matmul){.rows        = inputs,
                               .columns     = outputs,
                               .inner       = rows,
                               .alpha       = 1,
                               .beta        = 1,
                               .transpose_a = true};
    default: /* y = x w */
        return (sluice_matmul){.rows = rows, .columns = outputs, .inner = inputs, .alpha = 1};
    }
}

sluice_matmul bench_head(bench_action action, int64_t rows, int64_t width, int64_t classes) {
    switch (action) {
    case BENCH_I: /* dx = dlogits w */
        return (sluice_matmul){.rows = rows, .columns = width, .inner = classes, .alpha = 1};
    case BENCH_W: /* dw += dlogits^T x */
        return (sluice_matmul){.rows        = classes,
                               .columns     = width,
                               .inner       = rows,
                               .alpha       = 1,
                               .beta        = 1,
                               .transpose_a = true};
    default: /* logits = x w^T */
        return (sluice_matmul){
            .rows = rows, .columns = classes, .inner = width, .alpha = 1, .transpose_b = true};
    }
}

double bench_matmul_flops(const sluice_matmul *product) {
    return 2 * (double)product->rows * (double)product->columns * (double)product->inner;
}

/* ---- a device with three matrices ---- */

static void enlarge(size_t *bytes, int64_t rows, int64_t columns) {
    const size_t needed = (size_t)(rows * columns) * sizeof(float);
    if (needed > *bytes) *bytes = needed;
}

static float *fill(const bench_matrices *on, size_t bytes) {
    void *there    = NULL;
    float *const x = bench_alloc(bytes / sizeof *x, sizeof *x);
    bench_fill(x, bytes);
    bench_check(on->ops->arena_alloc(&there, on->device, bytes));
    bench_check(on->ops->upload(on->stream, there, x, bytes));
    bench_check(on->ops->synchronize(on->stream));
    free(x);
    return there;
}

void bench_matrices_open(bench_matrices *on, const sluice_device_ops *ops, int ordinal,
                         sluice_precision precision, const sluice_matmul *products, int count) {
    *on = (bench_matrices){.ops = ops, .operations = ops->operations(precision)};
    bench_check(ops->open(&on->device, ordinal, 1, 0, false));
    bench_check(ops->stream_create(&on->stream, on->device, SLUICE_STREAM_COMPUTE));
    for (int k = 0; k < count; k++) {
        enlarge(&on->c_bytes, products[k].rows, products[k].columns);
        enlarge(&on->a_bytes, products[k].rows, products[k].inner);
        enlarge(&on->b_bytes, products[k].inner, products[k].columns);
    }
    on->c = fill(on, on->c_bytes);
    on->a = fill(on, on->a_bytes);
    on->b = fill(on, on->b_bytes);
}

void bench_matrices_close(bench_matrices *on) {
    on->ops->arena_free(on->device, on->c, on->c_bytes);
    on->ops->arena_free(on->device, on->a, on->a_bytes);
    on->ops->arena_free(on->device, on->b, on->b_bytes);
    on->ops->stream_destroy(on->stream);
    on->ops->close(on->device);
}

/* ---- time ---- */

typedef struct repeated {
    const bench_matrices *on;
    sluice_matmul args;
} repeated;

static double seconds_of(void *context, int times) {
    const repeated *const it = context;
    const double before      = bench_now();
    for (int n = 0; n < times; n++)
        bench_check(it->on->operations->matmul(it->on->stream, &it->args));
    bench_check(it->on->ops->synchronize(it->on->stream));
    return (bench_now() - before) / times;
}

double bench_matrices_seconds(const bench_matrices *on, const sluice_matmul *product, int rounds,
                              double target) {
    repeated it = {on, *product};
    it.args.c   = on->c;
    it.args.a   = on->a;
    it.args.b   = on->b;
    return bench_rounds(seconds_of, &it, rounds, target);
}
