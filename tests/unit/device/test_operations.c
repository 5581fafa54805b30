/* SPDX-License-Identifier: MIT */
/*
 * test_operations.c -- every operation of one kind of device, named on the command line, against
 * float64, and the same bits each time: on the cpu with 1, 2, 3 threads, elsewhere on three
 * streams.
 *
 * Tolerances are relative to the largest expected magnitude of the tensor; all devices keep the
 * same ones.
 */
#include "tests/support/mirror.h"
#include "tests/support/reference64.h"
#include "tests/support/teams.h"

#include "runtime/base/error.h"
#include "sluice/device.h"

static const char *device_name;
static bool on_cpu;

static int open_devices(void **state) {
    (void)state;
    count_allocations();
    assert_ok(sluice_device_find(&ops, device_name));
    if (!on_cpu) ops = mirror_ops(ops);
    open_teams();
    mirror.device = devices[0];
    return 0;
}

/* ---- arrays ---- */

/* Exactly as large as asked, so that a sanitizer, or a guard, sees what is written past the end. */
static void *block(size_t bytes) {
    if (!on_cpu) return mirror_block(bytes);
    void *const made = malloc(bytes > 0 ? bytes : 1);
    assert_non_null(made);
    return made;
}

static void release(void *made) {
    if (on_cpu)
        free(made);
    else
        mirror_release(made);
}

static float *floats(int64_t count) {
    return block((size_t)count * sizeof(float));
}

/* Uniform in -1 .. 1. */
static float *random_floats(uint64_t *random, int64_t count) {
    float *const x = floats(count);
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)test_random_int(random, -1000000, 1000000) * 1e-6f;
    return x;
}

static int32_t *random_integers(uint64_t *random, int64_t count, int low, int high) {
    int32_t *const x = block((size_t)count * sizeof *x);
    for (int64_t i = 0; i < count; i++) x[i] = test_random_int(random, low, high);
    return x;
}

/* ---- running an operation on every team ---- */

/* What the operation says, or what is said of it later. */
static sluice_status done_on(sluice_stream *stream, sluice_status status) {
    return status != SLUICE_OK ? status : ops->synchronize(stream);
}

static sluice_status done(sluice_status status) {
    return done_on(streams[0], status);
}

typedef sluice_status action(sluice_stream *stream, float *out, const void *context);

/* Run from the same old content of `out` on every team: the same bits each time. */
static void run_on_every_team(float *out, int64_t count, action *run, const void *context,
                              const char *label) {
    const size_t bytes = (size_t)count * sizeof *out;
    float *const start = floats(count), *const other = floats(count);
    memcpy(start, out, bytes);
    for (int t = 0; t < TEAMS; t++) {
        float *const target = t == 0 ? out : other;
        memcpy(target, start, bytes);
        const int before = counted_allocations();
        assert_ok(run(streams[t], target, context));
        assert_ok(ops->synchronize(streams[t]));
        if (counted_allocations() != before) fail_msg("%s: allocates", label);
        if (memcmp(out, target, bytes) != 0)
            fail_msg("%s: run %d (%d threads) gives other bits than the first", label, t, t + 1);
    }
    release(start);
    release(other);
}

static void expect_close(const char *label, const char *tensor, const float *got,
                         const double *expected, int64_t count, double tolerance) {
    const double distance = reference_distance(got, expected, count);
    if (!(distance <= tolerance))
        fail_msg("%s: %s is %.3g away, allowed is %.3g", label, tensor, distance, tolerance);
}

/* The same for a gradient: what was there before counts unless it is the first write. */
static void expect_gradient(const char *label, const char *tensor, const float *got,
                            const float *before, double *expected, int64_t count, bool first_write,
                            double tolerance) {
    for (int64_t i = 0; i < count && !first_write; i++) expected[i] += (double)before[i];
    expect_close(label, tensor, got, expected, count, tolerance);
}

static const char *label_of(const char *name, const int64_t *shape, int dims, int flags) {
    static char label[128];
    int at = snprintf(label, sizeof label, "%s", name);
    for (int d = 0; d < dims; d++)
        at += snprintf(label + at, sizeof label - (size_t)at, " %lld", (long long)shape[d]);
    (void)snprintf(label + at, sizeof label - (size_t)at, " flags %d", flags);
    return label;
}

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

static void matmul_agrees(void **state) {
    (void)state;
    static const int64_t shapes[][3] = {{1, 1, 1},     {0, 3, 2},    {3, 0, 2},   {5, 4, 0},
                                        {33, 17, 129}, {130, 65, 7}, {7, 600, 31}};
    uint64_t random                  = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int flags = 0; flags < 8; flags++) check_matmul(&random, shapes[s], flags);
}

/* ---- linear ---- */

enum { WITH_BIAS = 1, WITH_RESIDUAL = 2, WITH_GELU = 4, IN_PLACE = 8, LINEAR_FLAGS = 16 };

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

static void check_linear(uint64_t *random, const int64_t shape[3], int flags) {
    const int64_t rows = shape[0], inputs = shape[1], outputs = shape[2], count = rows * outputs;
    float *const x = random_floats(random, rows * inputs);
    float *const w = random_floats(random, inputs * outputs);
    float *const b = random_floats(random, outputs), *const r = random_floats(random, count);
    float *const out = random_floats(random, 2 * count);
    if (flags & IN_PLACE) memcpy(out, r, (size_t)count * sizeof *out);
    const linear_case c = {.args  = {.x        = x,
                                     .w        = w,
                                     .b        = flags & WITH_BIAS ? b : NULL,
                                     .residual = flags & WITH_RESIDUAL ? r : NULL,
                                     .rows     = rows,
                                     .inputs   = inputs,
                                     .outputs  = outputs},
                           .flags = flags};
    double *const x64   = reference_copy(x, rows * inputs);
    double *const w64   = reference_copy(w, inputs * outputs);
    double *const b64 = reference_copy(b, outputs), *const r64 = reference_copy(r, count);
    double *const y64 = reference_zeros(count);
    reference_linear(y64, x64, w64, (flags & WITH_BIAS) ? b64 : NULL,
                     (flags & (WITH_RESIDUAL | IN_PLACE)) ? r64 : NULL, rows, inputs, outputs);
    const char *const label = label_of("linear", shape, 3, flags);
    run_on_every_team(out, flags & WITH_GELU ? 2 * count : count, run_linear, &c, label);
    expect_close(label, "y", out, y64, count, 2e-6);
    for (int64_t i = 0; i < count; i++) y64[i] = reference_gelu(y64[i]);
    if (flags & WITH_GELU) expect_close(label, "gelu", out + count, y64, count, 3e-6);
    release(x), release(w), release(b), release(r), release(out);
    free(x64), free(w64), free(b64), free(r64), free(y64);
}

static const int64_t linear_shapes[][3] = {{0, 4, 3},     {1, 1, 1},     {2, 3, 5},
                                           {65, 33, 130}, {129, 64, 48}, {16, 96, 520}};
enum { LINEAR_SHAPES = sizeof linear_shapes / sizeof linear_shapes[0] };

static void linear_agrees(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (size_t s = 0; s < LINEAR_SHAPES; s++)
        for (int flags = 0; flags < LINEAR_FLAGS; flags++)
            check_linear(&random, linear_shapes[s], flags);
}

static sluice_status run_backward_input(sluice_stream *stream, float *out, const void *context) {
    sluice_linear_backward_input args = *(const sluice_linear_backward_input *)context;
    args.dx                           = out;
    return operations->linear_backward_input(stream, &args);
}

static void check_backward_input(uint64_t *random, const int64_t shape[3], bool gelu) {
    const int64_t rows = shape[0], inputs = shape[1], outputs = shape[2], count = rows * inputs;
    float *const dy     = random_floats(random, rows * outputs);
    float *const w      = random_floats(random, inputs * outputs);
    float *const before = random_floats(random, count), *const dx = random_floats(random, count);
    for (int64_t i = 0; i < count; i++) before[i] *= 6; /* where GELU bends, and where it is flat */
    const sluice_linear_backward_input args = {.dy                = dy,
                                               .w                 = w,
                                               .before_activation = gelu ? before : NULL,
                                               .rows              = rows,
                                               .inputs            = inputs,
                                               .outputs           = outputs,
                                               .activation        = gelu ? SLUICE_ACTIVATION_GELU
                                                                         : SLUICE_ACTIVATION_NONE};
    double *const dy64                      = reference_copy(dy, rows * outputs);
    double *const w64 = reference_copy(w, inputs * outputs), *const dx64 = reference_zeros(count);
    reference_linear_backward(dx64, NULL, NULL, dy64, NULL, w64, rows, inputs, outputs);
    for (int64_t i = 0; i < count && gelu; i++) dx64[i] *= reference_gelu_slope((double)before[i]);
    const char *const label = label_of("linear_backward_input", shape, 3, gelu);
    run_on_every_team(dx, count, run_backward_input, &args, label);
    expect_close(label, "dx", dx, dx64, count, 5e-6);
    release(dy), release(w), release(before), release(dx), free(dy64), free(w64), free(dx64);
}

static void linear_backward_input_agrees(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (size_t s = 0; s < LINEAR_SHAPES; s++)
        for (int gelu = 0; gelu < 2; gelu++)
            check_backward_input(&random, linear_shapes[s], gelu == 1);
}

static sluice_status run_backward_weight(sluice_stream *stream, float *out, const void *context) {
    sluice_linear_backward_weight args = *(const sluice_linear_backward_weight *)context;
    args.dw                            = out;
    if (args.scratch) args.db = out + args.inputs * args.outputs;
    return operations->linear_backward_weight(stream, &args);
}

static void check_backward_weight(uint64_t *random, const int64_t shape[3], bool bias, bool first) {
    const int64_t rows = shape[0], inputs = shape[1], outputs = shape[2], count = inputs * outputs;
    float *const x   = random_floats(random, rows * inputs);
    float *const dy  = random_floats(random, rows * outputs);
    float *const old = random_floats(random, count + outputs), *const out = floats(count + outputs);
    memcpy(out, old, (size_t)(count + outputs) * sizeof *out);
    void *const scratch = bias ? block(sluice_column_sum_scratch(rows, outputs)) : NULL;
    const sluice_linear_backward_weight args = {NULL, NULL,   x,       dy,   scratch,
                                                rows, inputs, outputs, first};
    double *const x64                        = reference_copy(x, rows * inputs);
    double *const dy64                       = reference_copy(dy, rows * outputs);
    double *const dw64 = reference_zeros(count), *const db64 = reference_zeros(outputs);
    reference_linear_backward(NULL, dw64, db64, dy64, x64, NULL, rows, inputs, outputs);
    const char *const label =
        label_of("linear_backward_weight", shape, 3, (bias ? 1 : 0) + (first ? 2 : 0));
    run_on_every_team(out, count + outputs, run_backward_weight, &args, label);
    expect_gradient(label, "dw", out, old, dw64, count, first, 2e-6);
    if (bias) expect_gradient(label, "db", out + count, old + count, db64, outputs, first, 2e-6);
    release(x), release(dy), release(old), release(out), release(scratch);
    free(x64), free(dy64), free(dw64), free(db64);
}

static void linear_backward_weight_agrees(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (size_t s = 0; s < LINEAR_SHAPES; s++)
        for (int flags = 0; flags < 4; flags++)
            check_backward_weight(&random, linear_shapes[s], flags & 1, flags & 2);
}

static void an_unknown_activation_is_refused(void **state) {
    (void)state;
    float *const x           = floats(1);
    const sluice_linear args = {.y = x, .activated = x, .x = x, .w = x, .activation = 7};
    assert_refused(operations->linear(streams[0], &args), SLUICE_E_UNSUPPORTED,
                   "no device has activation 7 after a product");
    release(x);
}

/* ---- norms ---- */

/* A residual, or one in place; gradients stored; no bias; RMS, which has none. */
enum { RESIDUAL = 1, RESIDUAL_IN_PLACE = 2, STORES = 4, NO_BIAS = 8, RMS = 16, NORM_FLAGS = 32 };

static const float norm_epsilon = 1e-4F;

typedef struct norm_case {
    sluice_norm forward;
    sluice_norm_backward backward;
    int flags;
} norm_case;

/* out: y, rstd and, of a layernorm, mean */
static sluice_status run_norm(sluice_stream *stream, float *out, const void *context) {
    const norm_case *const c = context;
    sluice_norm args         = c->forward;
    args.y                   = out;
    args.rstd                = out + args.rows * args.width;
    args.mean                = c->flags & RMS ? NULL : args.rstd + args.rows;
    return operations->norm(stream, &args);
}

/* out: dx, dgain and, where there is a bias, dbias */
static sluice_status run_norm_backward(sluice_stream *stream, float *out, const void *context) {
    const norm_case *const c  = context;
    sluice_norm_backward args = c->backward;
    args.dx                   = out;
    args.dgain                = out + args.rows * args.width;
    args.dbias                = c->flags & NO_BIAS ? NULL : args.dgain + args.width;
    if (c->flags & RESIDUAL_IN_PLACE) args.residual = out;
    return operations->norm_backward(stream, &args);
}

static norm_case norm_case_of(const float *x, const float *gain, const float *bias, const float *dy,
                              const float *residual, const float *rstd, void *scratch,
                              const int64_t shape[2], int flags) {
    const sluice_norm_kind kind = flags & RMS ? SLUICE_NORM_RMS : SLUICE_NORM_LAYERNORM;
    return (norm_case){.forward  = {.x       = x,
                                    .gain    = gain,
                                    .bias    = flags & NO_BIAS ? NULL : bias,
                                    .rows    = shape[0],
                                    .width   = shape[1],
                                    .epsilon = norm_epsilon,
                                    .kind    = kind},
                       .backward = {.dy          = dy,
                                    .residual    = flags & RESIDUAL ? residual : NULL,
                                    .x           = x,
                                    .mean        = flags & RMS ? NULL : rstd + shape[0],
                                    .rstd        = rstd,
                                    .gain        = gain,
                                    .scratch     = scratch,
                                    .rows        = shape[0],
                                    .width       = shape[1],
                                    .first_write = flags & STORES,
                                    .kind        = kind},
                       .flags    = flags};
}

static void expect_norm_forward(float *y, const norm_case *c, const char *label) {
    const int64_t rows = c->forward.rows, width = c->forward.width, count = rows * width;
    double *const x64 = reference_copy(c->forward.x, count);
    double *const y64 = reference_zeros(count), *const gain64 =
                                                    reference_copy(c->forward.gain, width);
    double *const bias64 = c->forward.bias ? reference_copy(c->forward.bias, width) : NULL;
    reference_norm(y64, x64, gain64, bias64, rows, width, c->forward.kind, (double)norm_epsilon);
    run_on_every_team(y, count + rows * (c->flags & RMS ? 1 : 2), run_norm, c, label);
    expect_close(label, "y", y, y64, count, 1e-5);
    free(x64), free(y64), free(gain64), free(bias64);
}

static void expect_norm_backward(float *out, const float *old, const norm_case *c,
                                 const char *label) {
    const sluice_norm_backward *const args = &c->backward;
    const int64_t rows = args->rows, width = args->width, count = rows * width;
    const bool has_bias = !(c->flags & NO_BIAS), stores = c->flags & STORES;
    double *const x64 = reference_copy(args->x, count), *const dy64 =
                                                            reference_copy(args->dy, count);
    double *const gain64 = reference_copy(args->gain, width), *const dx64 = reference_zeros(count);
    double *const dgain64 = reference_zeros(width), *const dbias64 = reference_zeros(width);
    reference_norm_backward(dx64, dgain64, dbias64, dy64, x64, gain64, rows, width, args->kind,
                            (double)norm_epsilon);
    const float *const residual = c->flags & RESIDUAL_IN_PLACE ? old : args->residual;
    for (int64_t i = 0; i < count && residual; i++) dx64[i] += (double)residual[i];
    run_on_every_team(out, count + (has_bias ? 2 : 1) * width, run_norm_backward, c, label);
    expect_close(label, "dx", out, dx64, count, 1e-5);
    expect_gradient(label, "dgain", out + count, old + count, dgain64, width, stores, 1e-5);
    if (has_bias)
        expect_gradient(label, "dbias", out + count + width, old + count + width, dbias64, width,
                        stores, 1e-5);
    free(x64), free(dy64), free(gain64), free(dx64), free(dgain64), free(dbias64);
}

static void check_norm(uint64_t *random, const int64_t shape[2], int flags) {
    const int64_t rows = shape[0], width = shape[1], count = rows * width, all = count + 2 * width;
    float *const x = random_floats(random, count), *const dy = random_floats(random, count);
    for (int64_t i = 0; i < count; i++) x[i] += 3; /* a mean that is not lost in rounding */
    float *const gain = random_floats(random, width), *const bias = random_floats(random, width);
    float *const residual = random_floats(random, count), *const old = random_floats(random, all);
    float *const y = random_floats(random, count + 2 * rows), *const out = floats(all);
    void *const scratch = block(2 * sluice_column_sum_scratch(rows, width));
    memcpy(out, old, (size_t)all * sizeof *out);
    const norm_case c = norm_case_of(x, gain, bias, dy, residual, y + count, scratch, shape, flags);
    const char *const label = label_of("norm", shape, 2, flags);
    expect_norm_forward(y, &c, label);
    expect_norm_backward(out, old, &c, label);
    release(x), release(dy), release(gain), release(bias), release(residual), release(old);
    release(y), release(out), release(scratch);
}

static void norms_agree(void **state) {
    (void)state;
    static const int64_t shapes[][2] = {{0, 8}, {1, 5}, {3, 33}, {200, 48}, {65, 300}, {9, 1000}};
    uint64_t random                  = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int flags = 0; flags < NORM_FLAGS; flags++) {
            const bool two_residuals = (flags & RESIDUAL) && (flags & RESIDUAL_IN_PLACE);
            const bool biased_rms    = (flags & RMS) && !(flags & NO_BIAS);
            if (!two_residuals && !biased_rms) check_norm(&random, shapes[s], flags);
        }
}

/* ---- attention ---- */

static sluice_status run_attention(sluice_stream *stream, float *out, const void *context) {
    sluice_attention args = *(const sluice_attention *)context;
    args.out              = out;
    args.lse              = out + args.samples * args.length * args.heads * args.head_width;
    return operations->attention(stream, &args);
}

static sluice_status run_attention_backward(sluice_stream *stream, float *out,
                                            const void *context) {
    sluice_attention_backward args = *(const sluice_attention_backward *)context;
    args.dqkv                      = out;
    return operations->attention_backward(stream, &args);
}

/* shape: samples, length, heads, kv_heads, head_width */
static void check_attention(uint64_t *random, const int64_t shape[5], float magnitude, float rate) {
    const sluice_dropout dropout = {rate, 0x1234567890ABCDEF, 9, 3};
    const int64_t samples = shape[0], length = shape[1], heads = shape[2], kv_heads = shape[3];
    const int64_t width = shape[4], rows = samples * heads * length, count = rows * width;
    const int64_t packed = samples * length * (heads + 2 * kv_heads) * width;
    float *const qkv = random_floats(random, packed), *const dout = random_floats(random, count);
    float *const out = random_floats(random, count + rows), *const dqkv =
                                                                random_floats(random, packed);
    for (int64_t i = 0; i < packed; i++) qkv[i] *= magnitude;
    void *const scratch                  = block(sluice_attention_scratch(samples, length, heads));
    const sluice_attention args          = {NULL,  NULL,     qkv,   samples, length,
                                            heads, kv_heads, width, 0,       dropout};
    const sluice_attention_backward back = {NULL,    dout,    out,    out + count, qkv,
                                            scratch, samples, length, heads,       kv_heads,
                                            width,   0,       dropout};
    double *const qkv64                  = reference_copy(qkv, packed);
    double *const dout64 = reference_copy(dout, count), *const out64 = reference_zeros(count);
    double *const lse64 = reference_zeros(rows), *const dqkv64 = reference_zeros(packed);
    reference_attention(out64, lse64, qkv64, samples, length, heads, kv_heads, width, &dropout);
    reference_attention_backward(dqkv64, dout64, qkv64, samples, length, heads, kv_heads, width,
                                 &dropout);
    const char *const label = label_of("attention", shape, 5, (int)magnitude);
    run_on_every_team(out, count + rows, run_attention, &args, label);
    expect_close(label, "out", out, out64, count, 1e-5);
    expect_close(label, "lse", out + count, lse64, rows, 2e-6);
    run_on_every_team(dqkv, packed, run_attention_backward, &back, label);
    expect_close(label, "dqkv", dqkv, dqkv64, packed, 2e-5);
    release(qkv), release(dout), release(out), release(dqkv), release(scratch);
    free(qkv64), free(dout64), free(out64), free(lse64), free(dqkv64);
}

static void attention_agrees(void **state) {
    (void)state;
    static const int64_t shapes[][5] = {{0, 5, 2, 2, 16},  {1, 1, 1, 1, 1},   {2, 7, 3, 3, 5},
                                        {1, 64, 2, 2, 16}, {3, 65, 1, 1, 32}, {1, 200, 2, 2, 16},
                                        {2, 7, 4, 2, 5},   {1, 70, 6, 1, 8},  {2, 65, 6, 3, 16}};
    uint64_t random                  = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        if (!on_cpu && shapes[s][2] != shapes[s][3]) continue; /* refused, see below */
        check_attention(&random, shapes[s], 1, 0);
        check_attention(&random, shapes[s], 8, 0); /* sharp softmax: the maximum moves */
        check_attention(&random, shapes[s], 2, 0.3F);
    }
}

static void expect_attention_refused(int64_t kv_heads, float rotary_base, const char *what,
                                     const char *hint) {
    const sluice_attention args          = {.samples     = 1,
                                            .length      = 1,
                                            .heads       = 4,
                                            .kv_heads    = kv_heads,
                                            .head_width  = 1,
                                            .rotary_base = rotary_base};
    const sluice_attention_backward back = {.samples     = 1,
                                            .length      = 1,
                                            .heads       = 4,
                                            .kv_heads    = kv_heads,
                                            .head_width  = 1,
                                            .rotary_base = rotary_base};
    assert_refused(operations->attention(streams[0], &args), SLUICE_E_UNSUPPORTED, what);
    assert_string_equal(sluice_last_error()->hint, hint);
    assert_refused(operations->attention_backward(streams[0], &back), SLUICE_E_UNSUPPORTED, what);
    assert_string_equal(sluice_last_error()->hint, hint);
}

static void attention_that_a_device_has_not_is_refused(void **state) {
    (void)state;
    expect_attention_refused(4, 10000,
                             "attention asks for rotary positions of base 10000, and no device has "
                             "them yet",
                             "use a model with position embeddings");
    if (!on_cpu)
        expect_attention_refused(2, 0,
                                 "attention of 4 heads with 2 key and value heads, and cuda has "
                                 "only as many of the one as of the other",
                                 "use --device cpu, or as many of both");
}

/* ---- embedding ---- */

static sluice_status run_embedding(sluice_stream *stream, float *out, const void *context) {
    sluice_embedding args = *(const sluice_embedding *)context;
    args.y                = out;
    return operations->embedding(stream, &args);
}

static sluice_status run_embedding_backward(sluice_stream *stream, float *out,
                                            const void *context) {
    sluice_embedding_backward args = *(const sluice_embedding_backward *)context;
    args.dtable                    = out;
    if (args.positions > 0) args.dpositions = out + args.vocabulary * args.width;
    return operations->embedding_backward(stream, &args);
}

static void check_embedding(uint64_t *random, const int64_t shape[4], bool has_positions,
                            bool first) {
    const int64_t samples = shape[0], length = shape[1], width = shape[2], vocabulary = shape[3];
    const int64_t rows = samples * length, positions = has_positions ? length + 2 : 0;
    const int64_t table_count = vocabulary * width, all = (vocabulary + positions) * width;
    int32_t *const tokens = random_integers(random, rows, 0, (int)vocabulary - 1);
    float *const tables = random_floats(random, all), *const y = floats(rows * width);
    float *const dy = random_floats(random, rows * width), *const out = floats(all);
    memset(y, 0, (size_t)(rows * width) * sizeof *y);
    memcpy(out, tables, (size_t)all * sizeof *out);
    const float *const places            = has_positions ? tables + table_count : NULL;
    const sluice_embedding args          = {NULL,    tokens, tables, places,
                                            samples, length, width,  vocabulary};
    const sluice_embedding_backward back = {NULL,   NULL,  tokens,     dy,        samples,
                                            length, width, vocabulary, positions, first};
    double *const tables64 = reference_copy(tables, all), *const out64 = reference_zeros(all);
    double *const dy64 = reference_copy(dy, rows * width);
    double *const y64  = reference_zeros(rows * width);
    reference_embedding(y64, tokens, tables64, has_positions ? tables64 + table_count : NULL,
                        samples, length, width);
    reference_embedding_backward(out64, has_positions ? out64 + table_count : NULL, tokens, dy64,
                                 samples, length, width);
    const char *const label =
        label_of("embedding", shape, 4, (first ? 1 : 0) + (has_positions ? 2 : 0));
    run_on_every_team(y, rows * width, run_embedding, &args, label);
    expect_close(label, "y", y, y64, rows * width, 1e-7);
    run_on_every_team(out, all, run_embedding_backward, &back, label);
    expect_gradient(label, "dtable and dpositions", out, tables, out64, all, first, 2e-6);
    release(tokens), release(tables), release(y), release(dy), release(out);
    free(tables64), free(out64), free(dy64), free(y64);
}

static void embedding_agrees(void **state) {
    (void)state;
    static const int64_t shapes[][4] = {
        {0, 4, 3, 5}, {1, 1, 1, 1}, {3, 17, 33, 7}, {4, 32, 130, 300}};
    uint64_t random = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        check_embedding(&random, shapes[s], true, true);
        check_embedding(&random, shapes[s], true, false);
        check_embedding(&random, shapes[s], false, true);
        check_embedding(&random, shapes[s], false, false);
    }
}

static void a_token_outside_the_table_is_refused(void **state) {
    (void)state;
    int32_t *const tokens = block(3 * sizeof *tokens);
    enum { ELEMENTS = 2 * (256 + 3) };
    float *const tables = floats(ELEMENTS), *const y = floats(6);
    memset(tables, 0, ELEMENTS * sizeof *tables);
    memset(y, 0, 6 * sizeof *y);
    tokens[0] = 0, tokens[1] = 1, tokens[2] = 300;
    const sluice_embedding args = {y, tokens, tables, tables + 512, 1, 3, 2, 256};
    assert_refused(done(operations->embedding(streams[0], &args)), SLUICE_E_ARGUMENT,
                   "token 2 is 300, and the table has 256 rows");
    assert_string_equal(sluice_last_error()->hint,
                        "use a model whose vocabulary is that of the data");
    const sluice_embedding_backward back = {tables, tables + 512, tokens, y,    1, 3,
                                            2,      256,          3,      false};
    tokens[1]                            = -1;
    assert_refused(done(operations->embedding_backward(streams[0], &back)), SLUICE_E_ARGUMENT,
                   "token 1 is -1, and the table has 256 rows");
    tokens[1] = 1, tokens[2] = 2; /* it was told once, and is forgotten */
    assert_ok(done(operations->embedding(streams[0], &args)));
    release(tokens), release(tables), release(y);
}

/* ---- classifier ---- */

enum { NO_DX = 1, NO_DW = 2, FIRST = 4 };

typedef struct head_case {
    sluice_classifier args;
    int flags;
} head_case;

/* out: loss as two floats' bits, dx, dw */
static sluice_status run_classifier(sluice_stream *stream, float *out, const void *context) {
    const head_case *const c = context;
    sluice_classifier args   = c->args;
    args.loss                = (double *)out;
    args.dx                  = c->flags & NO_DX ? NULL : out + 2;
    args.dw                  = c->flags & NO_DW ? NULL : out + 2 + args.rows * args.width;
    return operations->classifier(stream, &args);
}

static void check_classifier(uint64_t *random, const int64_t shape[3], int flags) {
    const int64_t rows = shape[0], width = shape[1], classes = shape[2];
    const int64_t x_count = rows * width, w_count = classes * width, all = 2 + x_count + w_count;
    const double scale = 0.37;
    float *const x = random_floats(random, x_count), *const w = random_floats(random, w_count);
    float *const old = random_floats(random, all), *const out = floats(all);
    int32_t *const targets = random_integers(random, rows, -1, (int)classes - 1);
    void *const scratch    = block(sluice_classifier_scratch(rows, classes));
    memcpy(out, old, (size_t)all * sizeof *out);
    const head_case c = {.args  = {.x           = x,
                                   .w           = w,
                                   .targets     = targets,
                                   .scratch     = scratch,
                                   .rows        = rows,
                                   .width       = width,
                                   .classes     = classes,
                                   .scale       = scale,
                                   .first_write = flags & FIRST},
                         .flags = flags};
    double *const x64 = reference_copy(x, x_count), *const w64 = reference_copy(w, w_count);
    double *const dx64 = reference_zeros(x_count), *const dw64 = reference_zeros(w_count);
    const double expected =
        reference_classifier(dx64, dw64, x64, w64, targets, rows, width, classes, scale);
    const char *const label = label_of("classifier", shape, 3, flags);
    run_on_every_team(out, all, run_classifier, &c, label);
    double loss;
    memcpy(&loss, out, sizeof loss);
    if (!(fabs(loss - expected) <= 1e-6 * fabs(expected)))
        fail_msg("%s: loss is %.9g, expected %.9g", label, loss, expected);
    if (!(flags & NO_DX)) expect_close(label, "dx", out + 2, dx64, x_count, 5e-6);
    if (!(flags & NO_DW))
        expect_gradient(label, "dw", out + 2 + x_count, old + 2 + x_count, dw64, w_count,
                        flags & FIRST, 5e-6);
    release(x), release(w), release(old), release(out), release(targets), release(scratch);
    free(x64), free(w64), free(dx64), free(dw64);
}

static void classifier_agrees(void **state) {
    (void)state;
    static const int64_t shapes[][3] = {{0, 3, 4},    {1, 1, 1},     {5, 7, 3},
                                        {300, 9, 70}, {517, 16, 33}, {3, 4, 5003}};
    uint64_t random                  = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int flags = 0; flags < 8; flags++) check_classifier(&random, shapes[s], flags);
}

static void a_target_past_the_classes_is_refused(void **state) {
    (void)state;
    int32_t *const targets = block(2 * sizeof *targets);
    float *const x = floats(2), *const w = floats(4), *const dw = floats(4);
    double *const scratch = block(8 * sizeof *scratch), *const loss = block(sizeof *loss);
    memset(x, 0, 2 * sizeof *x);
    memset(w, 0, 4 * sizeof *w);
    targets[0] = -100, targets[1] = 4;
    const sluice_classifier args = {loss, NULL, dw, x, w, targets, scratch, 2, 1, 4, 1.0, true};
    assert_refused(done(operations->classifier(streams[0], &args)), SLUICE_E_ARGUMENT,
                   "the target of row 1 is 4, and there are 4 classes");
    assert_string_equal(sluice_last_error()->hint,
                        "use a model whose vocabulary is that of the data");
    release(targets), release(x), release(w), release(dw), release(scratch), release(loss);
}

/* A step that went wrong must be seen in its loss. */
static void a_nan_reaches_the_loss(void **state) {
    (void)state;
    int32_t *const targets = block(sizeof *targets);
    float *const x = floats(1), *const w = floats(20), *const dx = floats(1);
    double *const scratch = block(32 * sizeof *scratch), *const loss = block(sizeof *loss);
    targets[0] = 1;
    x[0]       = NAN;
    for (int i = 0; i < 20; i++) w[i] = 1;
    assert_true(sluice_classifier_scratch(1, 20) <= 32 * sizeof *scratch);
    const sluice_classifier args = {loss, dx, NULL, x, w, targets, scratch, 1, 1, 20, 1.0, true};
    assert_ok(done(operations->classifier(streams[0], &args)));
    assert_true(isnan(*loss) && isnan(*dx));
    release(targets), release(x), release(w), release(dx), release(scratch), release(loss);
}

/* ---- dropout ---- */

typedef struct drop_case {
    sluice_drop args;
    bool in_place;
} drop_case;

static sluice_status run_drop(sluice_stream *stream, float *out, const void *context) {
    const drop_case *const c = context;
    sluice_drop args         = c->args;
    args.y                   = out;
    if (c->in_place) args.x = out;
    return operations->drop(stream, &args);
}

static void check_drop(uint64_t *random, const int64_t shape[2], int flags) {
    const int64_t samples = shape[0], elements = shape[1], count = samples * elements;
    float *const x = random_floats(random, count), *const residual = random_floats(random, count);
    float *const y    = random_floats(random, count);
    const drop_case c = {.args     = {.x        = x,
                                      .residual = flags & 1 ? residual : NULL,
                                      .samples  = samples,
                                      .elements = elements,
                                      .dropout  = {0.3F, 0xFEDCBA9876543210, 5, (int64_t)1 << 20}},
                         .in_place = flags & 2};
    double *const y64 = reference_copy(c.in_place ? y : x, count);
    reference_drop(y64, samples, elements, &c.args.dropout);
    for (int64_t i = 0; i < count && (flags & 1); i++) y64[i] += (double)residual[i];
    const char *const label = label_of("drop", shape, 2, flags);
    run_on_every_team(y, count, run_drop, &c, label);
    expect_close(label, "y", y, y64, count, 2e-7);
    release(x), release(residual), release(y), free(y64);
}

static void dropout_agrees(void **state) {
    (void)state;
    static const int64_t shapes[][2] = {{0, 8}, {1, 1}, {3, 63}, {2, 1030}, {5, 4096}};
    uint64_t random                  = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int flags = 0; flags < 4; flags++) check_drop(&random, shapes[s], flags);
}

/* The share that is dropped is the rate, and the mean stays: a sample of 2^20 is within 4 sigma. */
static void dropout_drops_its_share(void **state) {
    (void)state;
    enum { COUNT = 1 << 20 };
    float *const x = floats(COUNT);
    for (int i = 0; i < COUNT; i++) x[i] = 1;
    for (float rate = 0.1F; rate < 1; rate += 0.2F) {
        const sluice_drop args = {x, x, NULL, 1, COUNT, {rate, 42, 1, 0}};
        for (int i = 0; i < COUNT; i++) x[i] = 1;
        assert_ok(done_on(streams[1], operations->drop(streams[1], &args)));
        int64_t dropped = 0;
        for (int i = 0; i < COUNT; i++) dropped += x[i] == 0;
        const double share = (double)dropped / COUNT, p = (double)rate;
        if (fabs(share - p) > 4 * sqrt(p * (1 - p) / COUNT)) fail_msg("rate %g drops %g", p, share);
    }
    release(x);
}

/* ---- flat operations ---- */

static const int64_t flat_counts[] = {0, 1, 255, 16384, 40001};
enum { FLAT_COUNTS = sizeof flat_counts / sizeof flat_counts[0] };

typedef struct flat_case {
    const float *x, *dy;
    int64_t count;
} flat_case;

static sluice_status run_relu(sluice_stream *stream, float *out, const void *context) {
    const flat_case *const c = context;
    float *const dx          = out + c->count;
    SLUICE__TRY(operations->relu(stream, &(sluice_relu){out, c->x, c->count}));
    memcpy(dx, c->dy, (size_t)c->count * sizeof *out);
    return operations->relu_backward(stream, &(sluice_relu_backward){dx, dx, c->x, c->count});
}

static void relu_agrees(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (size_t s = 0; s < FLAT_COUNTS; s++) {
        const int64_t count = flat_counts[s];
        float *const x = random_floats(&random, count), *const dy = random_floats(&random, count);
        float *const out = random_floats(&random, 2 * count);
        if (count > 0) x[count / 2] = 0; /* the slope at 0 is 0 */
        const flat_case c = {x, dy, count};
        run_on_every_team(out, 2 * count, run_relu, &c, "relu");
        for (int64_t i = 0; i < count; i++) {
            assert_true(out[i] == (x[i] > 0 ? x[i] : 0));
            assert_true(out[count + i] == (x[i] > 0 ? dy[i] : 0));
        }
        release(x), release(dy), release(out);
    }
}

static sluice_status run_sum(sluice_stream *stream, float *out, const void *context) {
    const flat_case *const c     = context;
    const float *const inputs[3] = {c->x, out, c->dy}; /* out is one of them */
    return operations->sum(stream, &(sluice_sum){out, inputs, 3, c->count});
}

static void sum_adds_in_order(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (size_t s = 0; s < FLAT_COUNTS; s++) {
        const int64_t count = flat_counts[s];
        float *const x = random_floats(&random, count), *const dy = random_floats(&random, count);
        float *const old = random_floats(&random, count), *const out = floats(count);
        memcpy(out, old, (size_t)count * sizeof *out);
        const flat_case c = {x, dy, count};
        run_on_every_team(out, count, run_sum, &c, "sum");
        for (int64_t i = 0; i < count; i++) assert_true(out[i] == (x[i] + old[i]) + dy[i]);
        release(x), release(dy), release(old), release(out);
    }
}

static sluice_status run_squared_error(sluice_stream *stream, float *out, const void *context) {
    const flat_case *const c        = context;
    const sluice_squared_error args = {
        (double *)out, c->count % 2 ? out + 2 : NULL, c->x, c->dy, c->count, 0.25};
    return operations->squared_error(stream, &args);
}

static void squared_error_agrees(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (size_t s = 0; s < FLAT_COUNTS; s++) {
        const int64_t count = flat_counts[s];
        float *const x = random_floats(&random, count), *const dy = random_floats(&random, count);
        float *const out  = random_floats(&random, 2 + count);
        const flat_case c = {x, dy, count};
        run_on_every_team(out, 2 + count, run_squared_error, &c, "squared_error");
        double loss, expected = 0;
        memcpy(&loss, out, sizeof loss);
        for (int64_t i = 0; i < count; i++) {
            const double error = (double)x[i] - (double)dy[i];
            expected += 0.25 * error * error;
            if (count % 2) assert_true(fabs((double)out[2 + i] - 0.5 * error) <= 1e-6);
        }
        if (!(fabs(loss - expected) <= 1e-7 * expected))
            fail_msg("squared_error of %lld: %.12g, expected %.12g", (long long)count, loss,
                     expected);
        release(x), release(dy), release(out);
    }
}

/* ---- updates ---- */

enum { TENSORS = 4 };
static const int64_t tensor_counts[TENSORS] = {5, 0, 40001, 16384};

static void sum_of_squares_agrees(void **state) {
    (void)state;
    uint64_t random                       = test_seed();
    sluice_update_tensor tensors[TENSORS] = {0};
    float *gradients[TENSORS];
    double expected[TENSORS] = {0}, *const partials = block(sizeof *partials * TEAMS * TENSORS);
    for (int t = 0; t < TENSORS; t++) {
        gradients[t] = random_floats(&random, tensor_counts[t]);
        tensors[t]   = (sluice_update_tensor){.gradient = gradients[t], .count = tensor_counts[t]};
        for (int64_t i = 0; i < tensor_counts[t]; i++)
            expected[t] += (double)gradients[t][i] * (double)gradients[t][i];
    }
    for (int team = 0; team < TEAMS; team++) {
        double *const mine = partials + (ptrdiff_t)team * TENSORS;
        assert_ok(
            operations->sum_squares(streams[team], &(sluice_sum_squares){mine, tensors, TENSORS}));
        assert_ok(ops->synchronize(streams[team]));
        assert_memory_equal(mine, partials, TENSORS * sizeof *partials);
    }
    for (int t = 0; t < TENSORS; t++) {
        if (!(fabs(partials[t] - expected[t]) <= 1e-12 * expected[t]))
            fail_msg("tensor %d: %.17g, expected %.17g", t, partials[t], expected[t]);
        release(gradients[t]);
    }
    release(partials);
}

static int64_t count_all(void) {
    int64_t all = 0;
    for (int t = 0; t < TENSORS; t++) all += tensor_counts[t];
    return all;
}

/* What is different between one update and another. */
typedef struct update_kind {
    const char *name;
    bool is_sgd;
    double momentum; /* of sgd */
    int states;
} update_kind;

typedef struct update_case {
    const update_kind *kind;
    const float *gradients;
    int64_t step;
} update_case;

static const double rate = 0.05, decay = 0.1, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, clip = 0.5;

/* out: of all tensors the masters, then the working copies, then each state. Every other tensor has
 * a copy. */
static void tensors_at(sluice_update_tensor tensors[TENSORS], float *out, const update_case *c) {
    const int64_t all = count_all();
    int64_t at        = 0;
    for (int t = 0; t < TENSORS; t++) {
        tensors[t] = (sluice_update_tensor){.master   = out + at,
                                            .working  = t % 2 == 0 ? out + all + at : NULL,
                                            .gradient = c->gradients + at,
                                            .count    = tensor_counts[t],
                                            .decays   = t != 2};
        for (int s = 0; s < c->kind->states; s++) tensors[t].states[s] = out + (2 + s) * all + at;
        at += tensor_counts[t];
    }
}

static sluice_status run_update(sluice_stream *stream, float *out, const void *context) {
    const update_case *const c = context;
    sluice_update_tensor tensors[TENSORS];
    tensors_at(tensors, out, c);
    const sluice_adamw adamw = {tensors, TENSORS, rate, decay,  beta1,
                                beta2,   epsilon, clip, c->step};
    const sluice_sgd sgd     = {tensors, TENSORS, rate, decay, c->kind->momentum, clip, c->step};
    SLUICE__TRY(c->kind->is_sgd ? operations->sgd(stream, &sgd)
                                : operations->adamw(stream, &adamw));
    return ops->synchronize(stream); /* the tensors go with this function */
}

static void update_reference(double *out, const double *gradients, const update_case *c) {
    const int64_t all = count_all();
    int64_t at        = 0;
    for (int t = 0; t < TENSORS; t++) {
        double *const master = out + at, *const first = master + 2 * all;
        const double decays = t != 2 ? decay : 0;
        if (c->kind->is_sgd)
            reference_sgd(master, c->kind->states > 0 ? first : NULL, gradients + at,
                          tensor_counts[t], rate, decays, c->kind->momentum, clip, c->step);
        else
            reference_adamw(master, first, first + all, gradients + at, tensor_counts[t], rate,
                            decays, beta1, beta2, epsilon, clip, c->step);
        if (t % 2 == 0) memcpy(master + all, master, (size_t)tensor_counts[t] * sizeof *master);
        at += tensor_counts[t];
    }
}

/* States of adamw begin with 0; a velocity may begin with anything. */
static void check_update(const update_kind *kind) {
    uint64_t random   = test_seed();
    const int64_t all = count_all(), room = (2 + kind->states) * all;
    float *const gradients = random_floats(&random, all);
    float *const out       = random_floats(&random, room);
    for (int64_t i = 2 * all; i < room; i++) out[i] = kind->is_sgd ? NAN : 0;
    double *const out64 = reference_copy(out, room), *const g64 = reference_copy(gradients, all);
    for (int step = 1; step <= 3; step++) {
        const update_case c = {kind, gradients, step};
        update_reference(out64, g64, &c);
        run_on_every_team(out, room, run_update, &c, kind->name);
        expect_close(kind->name, "masters", out, out64, all, 1e-6);
        expect_close(kind->name, "working copies", out + all, out64 + all, all, 1e-6);
        for (int s = 0; s < kind->states; s++)
            expect_close(kind->name, s == 0 ? "first state" : "second state", out + (2 + s) * all,
                         out64 + (2 + s) * all, all, 1e-6);
    }
    release(gradients), release(out), free(out64), free(g64);
}

static void updates_agree(void **state) {
    (void)state;
    static const update_kind kinds[] = {
        {"adamw", false, 0, 2}, {"sgd", true, 0, 0}, {"sgd with momentum", true, 0.9, 1}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) check_update(&kinds[k]);
}

static void working_copies_are_stored(void **state) {
    (void)state;
    uint64_t random          = test_seed();
    const sluice_shape shape = {SLUICE_TYPE_F32, 2, {7, 9}};
    assert_int_equal(operations->working_bytes(&shape), 0); /* layers read the masters */
    for (size_t s = 0; s < FLAT_COUNTS; s++) {
        const int64_t count = flat_counts[s];
        float *const master = random_floats(&random, count), *const copy = floats(count);
        const sluice_store_working args = {copy, master, count};
        memset(copy, 0, (size_t)count * sizeof *copy);
        assert_ok(done(operations->store_working(streams[0], &args)));
        assert_memory_equal(copy, master, (size_t)count * sizeof *copy);
        release(master), release(copy);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matmul_agrees),
        cmocka_unit_test(linear_agrees),
        cmocka_unit_test(linear_backward_input_agrees),
        cmocka_unit_test(linear_backward_weight_agrees),
        cmocka_unit_test(an_unknown_activation_is_refused),
        cmocka_unit_test(norms_agree),
        cmocka_unit_test(attention_agrees),
        cmocka_unit_test(attention_that_a_device_has_not_is_refused),
        cmocka_unit_test(embedding_agrees),
        cmocka_unit_test(a_token_outside_the_table_is_refused),
        cmocka_unit_test(classifier_agrees),
        cmocka_unit_test(a_target_past_the_classes_is_refused),
        cmocka_unit_test(a_nan_reaches_the_loss),
        cmocka_unit_test(dropout_agrees),
        cmocka_unit_test(dropout_drops_its_share),
        cmocka_unit_test(relu_agrees),
        cmocka_unit_test(sum_adds_in_order),
        cmocka_unit_test(squared_error_agrees),
        cmocka_unit_test(sum_of_squares_agrees),
        cmocka_unit_test(updates_agree),
        cmocka_unit_test(working_copies_are_stored),
    };
    if (argc < 2 || argc > 3) return 2;
    if (argc == 3) cmocka_set_test_filter(argv[2]); /* a pattern of names */
    device_name = argv[1];
    on_cpu      = strcmp(device_name, "cpu") == 0;
    return cmocka_run_group_tests_name(device_name, tests, open_devices, close_teams);
}
