/* SPDX-License-Identifier: MIT */
/* heads.c -- norms of queries and keys, head by head. */
#include "tests/unit/device/operations/check.h"
#include "tests/unit/device/operations/tests.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/reference64.h"

/* out: y, then rstd */
static sluice_status run_head_norm(sluice_stream *stream, float *out, const void *context) {
    sluice_head_norm args = *(const sluice_head_norm *)context;
    args.y                = out;
    args.rstd             = out + args.rows * (args.heads + 2 * args.kv_heads) * args.head_width;
    return operations->head_norm(stream, &args);
}

/* out: dqkv, dq_gain, dk_gain */
static sluice_status run_head_norm_backward(sluice_stream *stream, float *out,
                                            const void *context) {
    sluice_head_norm_backward args = *(const sluice_head_norm_backward *)context;
    args.dqkv                      = out;
    args.dq_gain = out + args.rows * (args.heads + 2 * args.kv_heads) * args.head_width;
    args.dk_gain = args.dq_gain + args.head_width;
    return operations->head_norm_backward(stream, &args);
}

static void expect_forward(float *y, const sluice_head_norm *args, int64_t count,
                           const char *label) {
    const int64_t width  = args->head_width;
    double *const qkv64  = reference_copy(args->qkv, count);
    double *const y64    = reference_zeros(count);
    double *const gain64 = reference_copy(args->q_gain, width);
    double *const key64  = reference_copy(args->k_gain, width);
    reference_head_norm(y64, qkv64, gain64, key64, args);
    run_on_every_team(y, count + args->rows * (args->heads + args->kv_heads), run_head_norm, args,
                      label);
    expect_close(label, "y", y, y64, count, 1e-5);
    free(qkv64), free(y64), free(gain64), free(key64);
}

/* `out` holds dy and the gains' old gradients. */
static void expect_backward(float *out, const sluice_head_norm *args,
                            const sluice_head_norm_backward *back, int64_t count,
                            const char *label) {
    const int64_t width = args->head_width;
    float *const old    = floats(count + 2 * width);
    memcpy(old, out, (size_t)(count + 2 * width) * sizeof *old);
    double *const qkv64 = reference_copy(args->qkv, count), *const dy64 =
                                                                reference_copy(old, count);
    double *const gain64 = reference_copy(args->q_gain, width);
    double *const key64  = reference_copy(args->k_gain, width);
    double *const dx64 = reference_zeros(count), *const dgain64 = reference_zeros(2 * width);
    reference_head_norm_backward(dx64, dgain64, dgain64 + width, dy64, qkv64, gain64, key64, args);
    run_on_every_team(out, count + 2 * width, run_head_norm_backward, back, label);
    expect_close(label, "dqkv", out, dx64, count, 1e-5);
    expect_gradient(label, "gradients of gains", out + count, old + count, dgain64, 2 * width,
                    back->first_write, 1e-5);
    release(old);
    free(qkv64), free(dy64), free(gain64), free(key64), free(dx64), free(dgain64);
}

/* shape: rows, heads, kv_heads, head_width */
static void check_heads(uint64_t *random, const int64_t shape[4], bool first) {
    const int64_t rows = shape[0], heads = shape[1], kv_heads = shape[2], width = shape[3];
    const int64_t count = rows * (heads + 2 * kv_heads) * width;
    float *const qkv = random_floats(random, count), *const gain = random_floats(random, width);
    float *const keys                    = random_floats(random, width);
    float *const y                       = random_floats(random, count + rows * (heads + kv_heads));
    float *const out                     = random_floats(random, count + 2 * width);
    void *const scratch                  = block(2 * sluice_column_sum_scratch(rows, width));
    const sluice_head_norm args          = {.qkv        = qkv,
                                            .q_gain     = gain,
                                            .k_gain     = keys,
                                            .rows       = rows,
                                            .heads      = heads,
                                            .kv_heads   = kv_heads,
                                            .head_width = width,
                                            .epsilon    = 1e-4F};
    const sluice_head_norm_backward back = {.qkv         = qkv,
                                            .rstd        = y + count,
                                            .q_gain      = gain,
                                            .k_gain      = keys,
                                            .scratch     = scratch,
                                            .rows        = rows,
                                            .heads       = heads,
                                            .kv_heads    = kv_heads,
                                            .head_width  = width,
                                            .first_write = first};
    const char *const label              = label_of("head_norm", shape, 4, first);
    expect_forward(y, &args, count, label);
    expect_backward(out, &args, &back, count, label);
    release(qkv), release(gain), release(keys), release(y), release(out), release(scratch);
}

void norms_of_heads_agree(void **state) {
    (void)state;
    static const int64_t shapes[][4] = {{0, 2, 2, 8},    {1, 1, 1, 5},   {3, 4, 2, 33},
                                        {130, 6, 3, 16}, {65, 2, 1, 64}, {9, 12, 1, 256}};
    uint64_t random                  = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int first = 0; first < 2; first++) check_heads(&random, shapes[s], first == 1);
}
