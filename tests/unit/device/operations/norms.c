/* SPDX-License-Identifier: MIT */
/* norms.c -- layernorm and RMS, with and without their optional operands. */
#include "tests/unit/device/operations/check.h"
#include "tests/unit/device/operations/tests.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/reference64.h"

/* With a residual, or one in place; gradients stored; no bias; RMS, which never has one. */
enum { RESIDUAL = 1, RESIDUAL_IN_PLACE = 2, STORES = 4, NO_BIAS = 8, RMS = 16, NORM_FLAGS = 32 };

static const float norm_epsilon = 1e-4F;

typedef struct norm_case {
    sluice_norm forward;
    sluice_norm_backward backward;
    int flags;
} norm_case;

/* out: y, rstd and, for layernorm, mean */
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
    /* A mean that does not get lost in rounding. */
    for (int64_t i = 0; i < count; i++) x[i] = representable(x[i] + 3);
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

void norms_agree(void **state) {
    (void)state;
    static const int64_t shapes[][2] = {{0, 8}, {1, 5}, {3, 33}, {200, 48}, {65, 300}, {9, 1000}};
    uint64_t random                  = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int flags = 0; flags < NORM_FLAGS; flags++) {
            const bool two_residuals = (flags & RESIDUAL) && (flags & RESIDUAL_IN_PLACE);
            const bool biased_rms    = (flags & RMS) && !(flags & NO_BIAS);
            if (!two_residuals && !biased_rms && test_picks((int)s + flags, 1, 2))
                check_norm(&random, shapes[s], flags);
        }
}
