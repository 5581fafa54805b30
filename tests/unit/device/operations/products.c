/* SPDX-License-Identifier: MIT */
/* products.c -- matrix products, and their epilogues. */
#include "tests/unit/device/operations/check.h"
#include "tests/unit/device/operations/tests.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/reference64.h"

/* ---- matmul ---- */

static sluice_status run_matmul(sluice_stream *stream, float *out, const void *context) {
    sluice_matmul args = *(const sluice_matmul *)context;
    args.c             = out;
    return operations->matmul(stream, &args);
}

static void check_matmul(uint64_t *random, const int64_t shape[3], int flags) {
    const int64_t rows = shape[0], columns = shape[1], inner = shape[2];
    float *const a           = random_floats(random, rows * inner);
    float *const b           = random_floats(random, inner * columns);
    float *const c           = random_floats(random, rows * columns);
    const sluice_matmul args = {
        NULL, a, b, rows, columns, inner, 0.5f, flags & 1 ? 2.0f : 0.0f, flags & 2, flags & 4};
    double *const expected = reference_zeros(rows * columns);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            double total = 0;
            for (int64_t k = 0; k < inner; k++)
                total += (double)a[flags & 2 ? k * rows + i : i * inner + k] *
                         (double)b[flags & 4 ? j * inner + k : k * columns + j];
            expected[i * columns + j] =
                0.5 * total + (flags & 1 ? 2 * (double)c[i * columns + j] : 0);
        }
    }
    const char *const label = label_of("matmul", shape, 3, flags);
    run_on_every_team(c, rows * columns, run_matmul, &args, label);
    expect_close(label, "c", c, expected, rows * columns, 2e-6);
    release(a), release(b), release(c), free(expected);
}

void matmul_agrees(void **state) {
    (void)state;
    static const int64_t shapes[][3] = {{1, 1, 1},     {0, 3, 2},     {3, 0, 2},    {5, 4, 0},
                                        {33, 17, 129}, {130, 65, 7},  {7, 600, 31}, {1, 700, 130},
                                        {1, 300, 37},  {65, 40, 2100}};
    uint64_t random                  = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int flags = 0; flags < 8; flags++) check_matmul(&random, shapes[s], flags);
}

/* ---- linear ---- */

enum {
    WITH_BIAS     = 1,
    WITH_RESIDUAL = 2,
    WITH_GELU     = 4,
    IN_PLACE      = 8,
    TRANSPOSED    = 16,
    LINEAR_FLAGS  = 32
};

typedef struct linear_case {
    sluice_linear args;
    int flags;
} linear_case;

static sluice_status run_linear(sluice_stream *stream, float *out, const void *context) {
    const linear_case *const c = context;
    sluice_linear args         = c->args;
    args.y                     = out;
    if (c->flags & WITH_GELU) {
        args.activated  = out + args.rows * args.outputs;
        args.activation = SLUICE_ACTIVATION_GELU;
    }
    if (c->flags & IN_PLACE) args.residual = out;
    return operations->linear(stream, &args);
}

/* Where a product of a GPU does not add the bias, what is there without it is rounded before. */
static double rounding_before_bias(const linear_case *c, const double *x, const double *w,
                                   const double *residual, const double *y) {
    const sluice_linear *const args = &c->args;
    const int64_t count             = args->rows * args->outputs;
    if (!args->b || count == 0) return 0;
    double *const before = reference_zeros(count);
    reference_linear(before, x, w, NULL, residual, args->rows, args->inputs, args->outputs,
                     args->transposed);
    const double share = reference_largest(before, count) / reference_largest(y, count);
    free(before);
    return share * rounded_on_gpus(1);
}

static void check_linear(uint64_t *random, const int64_t shape[3], int flags) {
    const int64_t rows = shape[0], inputs = shape[1], outputs = shape[2], count = rows * outputs;
    float *const x = random_floats(random, rows * inputs);
    float *const w = random_floats(random, inputs * outputs);
    float *const b = random_floats(random, outputs), *const r = random_floats(random, count);
    float *const out = random_floats(random, 2 * count);
    if (flags & IN_PLACE) memcpy(out, r, (size_t)count * sizeof *out);
    const linear_case c = {.args  = {.x          = x,
                                     .w          = w,
                                     .b          = flags & WITH_BIAS ? b : NULL,
                                     .residual   = flags & WITH_RESIDUAL ? r : NULL,
                                     .rows       = rows,
                                     .inputs     = inputs,
                                     .outputs    = outputs,
                                     .transposed = flags & TRANSPOSED},
                           .flags = flags};
    double *const x64   = reference_copy(x, rows * inputs);
    double *const w64   = reference_copy(w, inputs * outputs);
    double *const b64 = reference_copy(b, outputs), *const r64 = reference_copy(r, count);
    double *const y64           = reference_zeros(count);
    const double *const added64 = (flags & (WITH_RESIDUAL | IN_PLACE)) ? r64 : NULL;
    reference_linear(y64, x64, w64, (flags & WITH_BIAS) ? b64 : NULL, added64, rows, inputs,
                     outputs, flags & TRANSPOSED);
    const char *const label = label_of("linear", shape, 3, flags);
    run_on_every_team(out, flags & WITH_GELU ? 2 * count : count, run_linear, &c, label);
    expect_close(label, "y", out, y64, count,
                 2e-6 + rounding_before_bias(&c, x64, w64, added64, y64));
    for (int64_t i = 0; i < count; i++) y64[i] = reference_gelu((double)out[i]);
    if (flags & WITH_GELU) expect_close(label, "gelu", out + count, y64, count, 3e-6);
    release(x), release(w), release(b), release(r), release(out);
    free(x64), free(w64), free(b64), free(r64), free(y64);
}

static const int64_t linear_shapes[][3] = {{0, 4, 3},     {1, 1, 1},     {2, 3, 5},
                                           {65, 33, 130}, {129, 64, 48}, {16, 96, 520},
                                           {1, 70, 300},  {1, 130, 700}};
enum { LINEAR_SHAPES = sizeof linear_shapes / sizeof linear_shapes[0] };

static const int64_t wide_weight[] = {4096, 256, 4};

void linear_agrees(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (size_t s = 0; s < LINEAR_SHAPES; s++)
        for (int flags = 0; flags < LINEAR_FLAGS; flags++)
            if (test_picks((int)s + flags, 1, 3)) check_linear(&random, linear_shapes[s], flags);
}

static sluice_status run_backward_input(sluice_stream *stream, float *out, const void *context) {
    sluice_linear_backward_input args = *(const sluice_linear_backward_input *)context;
    args.dx                           = out;
    return operations->linear_backward_input(stream, &args);
}

static void check_backward_input(uint64_t *random, const int64_t shape[3], bool gelu,
                                 bool transposed) {
    const int64_t rows = shape[0], inputs = shape[1], outputs = shape[2], count = rows * inputs;
    float *const dy     = random_floats(random, rows * outputs);
    float *const w      = random_floats(random, inputs * outputs);
    float *const before = random_floats(random, count), *const dx = random_floats(random, count);
    for (int64_t i = 0; i < count; i++)
        before[i] = representable(before[i] * 6); /* where GELU curves, and where it is flat */
    const sluice_linear_backward_input args = {.dy                = dy,
                                               .w                 = w,
                                               .before_activation = gelu ? before : NULL,
                                               .rows              = rows,
                                               .inputs            = inputs,
                                               .outputs           = outputs,
                                               .activation        = gelu ? SLUICE_ACTIVATION_GELU
                                                                         : SLUICE_ACTIVATION_NONE,
                                               .transposed        = transposed};
    double *const dy64                      = reference_copy(dy, rows * outputs);
    double *const w64 = reference_copy(w, inputs * outputs), *const dx64 = reference_zeros(count);
    reference_linear_backward(dx64, NULL, NULL, dy64, NULL, w64, rows, inputs, outputs, transposed);
    for (int64_t i = 0; i < count && gelu; i++) dx64[i] *= reference_gelu_slope((double)before[i]);
    const char *const label =
        label_of("linear_backward_input", shape, 3, (gelu ? 1 : 0) + (transposed ? 2 : 0));
    run_on_every_team(dx, count, run_backward_input, &args, label);
    const double tolerance = gelu ? 1e-5 + rounded_on_gpus(1) : 5e-6; /* slopes near 0 */
    expect_close(label, "dx", dx, dx64, count, tolerance);
    release(dy), release(w), release(before), release(dx), free(dy64), free(w64), free(dx64);
}

void linear_backward_input_agrees(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (size_t s = 0; s < LINEAR_SHAPES; s++)
        for (int flags = 0; flags < 4; flags++)
            check_backward_input(&random, linear_shapes[s], flags & 1, flags & 2);
}

static sluice_status run_backward_weight(sluice_stream *stream, float *out, const void *context) {
    sluice_linear_backward_weight args = *(const sluice_linear_backward_weight *)context;
    args.dw                            = out;
    if (args.scratch) args.db = out + args.inputs * args.outputs;
    return operations->linear_backward_weight(stream, &args);
}

static void check_backward_weight(uint64_t *random, const int64_t shape[3], int flags) {
    const bool bias = flags & 1, first = flags & 2, transposed = flags & 4;
    const int64_t rows = shape[0], inputs = shape[1], outputs = shape[2], count = inputs * outputs;
    float *const x   = random_floats(random, rows * inputs);
    float *const dy  = random_floats(random, rows * outputs);
    float *const old = random_floats(random, count + outputs), *const out = floats(count + outputs);
    memcpy(out, old, (size_t)(count + outputs) * sizeof *out);
    void *const scratch = bias ? block(sluice_column_sum_scratch(rows, outputs)) : NULL;
    const sluice_linear_backward_weight args = {.x           = x,
                                                .dy          = dy,
                                                .scratch     = scratch,
                                                .rows        = rows,
                                                .inputs      = inputs,
                                                .outputs     = outputs,
                                                .first_write = first,
                                                .transposed  = transposed};
    double *const x64                        = reference_copy(x, rows * inputs);
    double *const dy64                       = reference_copy(dy, rows * outputs);
    double *const dw64 = reference_zeros(count), *const db64 = reference_zeros(outputs);
    reference_linear_backward(NULL, dw64, db64, dy64, x64, NULL, rows, inputs, outputs, transposed);
    const char *const label = label_of("linear_backward_weight", shape, 3, flags);
    run_on_every_team(out, count + outputs, run_backward_weight, &args, label);
    const double tolerance = rows < 1000 ? 2e-6 : 1e-5; /* of sums of so many */
    expect_gradient(label, "dw", out, old, dw64, count, first, tolerance);
    if (bias)
        expect_gradient(label, "db", out + count, old + count, db64, outputs, first, tolerance);
    release(x), release(dy), release(old), release(out), release(scratch);
    free(x64), free(dy64), free(dw64), free(db64);
}

void linear_backward_weight_agrees(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (size_t s = 0; s < LINEAR_SHAPES; s++)
        for (int flags = 0; flags < 8; flags++)
            check_backward_weight(&random, linear_shapes[s], flags);
    /* More of x than the cpu turns at a time. */
    for (int flags = 0; flags < 8; flags += 3) check_backward_weight(&random, wide_weight, flags);
}

void an_unknown_activation_is_refused(void **state) {
    (void)state;
    float *const x           = floats(1);
    const sluice_linear args = {.y = x, .activated = x, .x = x, .w = x, .activation = 7};
    assert_refused(operations->linear(streams[0], &args), SLUICE_E_UNSUPPORTED,
                   "no device has activation 7 after a product");
    release(x);
}
