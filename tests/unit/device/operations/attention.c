/* SPDX-License-Identifier: MIT */
/* attention.c -- causal attention, and its options that a device may refuse. */
#include "tests/unit/device/operations/check.h"
#include "tests/unit/device/operations/tests.h"

#include <stdlib.h>

#include "tests/support/reference64.h"

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

/* Numbers up to `magnitude`, or EXTREME: scores of +200 and -200, which without the maximum
 * subtracted overflow, or leave nothing. All are exact, so that the tolerances stay. */
enum { EXTREME = 0 };

static void set_scores(float *qkv, uint64_t *random, const int64_t shape[5], float magnitude) {
    const int64_t heads = shape[2], kv_heads = shape[3], width = shape[4];
    const int64_t keys = (heads + kv_heads) * width, row = keys + kv_heads * width;
    for (int64_t i = 0; i < shape[0] * shape[1] * row; i++) {
        const int64_t at = i % row; /* queries, keys, then values */
        if (magnitude != EXTREME)
            qkv[i] = representable(qkv[i] * magnitude);
        else if (at < keys)
            qkv[i] = at % width > 0 ? 0 : test_random_int(random, 0, 1) == 0 ? 20 : -20;
    }
}

/* shape: samples, length, heads, kv_heads, head_width */
static void check_attention(uint64_t *random, const int64_t shape[5], float magnitude, float rate) {
    const sluice_dropout dropout = {rate, 0x1234567890ABCDEF, 9, 3};
    const bool on_tensor_cores   = shape[4] == 64 || shape[4] == 128; /* weights are rounded */
    const double rounding        = (shape[4] <= 32 ? 1e-5 : 4e-5)     /* of longer dot products */
                            + rounded_on_gpus(on_tensor_cores ? 1 : 0);
    const int64_t samples = shape[0], length = shape[1], heads = shape[2], kv_heads = shape[3];
    const int64_t width = shape[4], rows = samples * heads * length, count = rows * width;
    const int64_t packed = samples * length * (heads + 2 * kv_heads) * width;
    float *const qkv = random_floats(random, packed), *const dout = random_floats(random, count);
    float *const out = random_floats(random, count + rows), *const dqkv =
                                                                random_floats(random, packed);
    set_scores(qkv, random, shape, magnitude);
    void *const scratch =
        block(sluice_attention_scratch(samples, length, heads, kv_heads, width, operations->type));
    const sluice_attention args          = {NULL,  NULL,     qkv,   samples, length,
                                            heads, kv_heads, width, dropout};
    const sluice_attention_backward back = {NULL,    dout,   out,   out + count, qkv,   scratch,
                                            samples, length, heads, kv_heads,    width, dropout};
    double *const qkv64                  = reference_copy(qkv, packed);
    double *const dout64 = reference_copy(dout, count), *const out64 = reference_zeros(count);
    double *const lse64 = reference_zeros(rows), *const dqkv64 = reference_zeros(packed);
    reference_attention(out64, lse64, qkv64, samples, length, heads, kv_heads, width, &dropout);
    const char *const label = label_of("attention", shape, 5, (int)magnitude);
    run_on_every_team(out, count + rows, run_attention, &args, label);
    expect_close(label, "out", out, out64, count, rounding);
    expect_close(label, "lse", out + count, lse64, rows, 2e-6);
    for (int64_t i = 0; i < count; i++) out64[i] = (double)out[i];
    reference_attention_backward(dqkv64, dout64, in_bf16 ? out64 : NULL, qkv64, samples, length,
                                 heads, kv_heads, width, &dropout);
    run_on_every_team(dqkv, packed, run_attention_backward, &back, label);
    expect_close(label, "dqkv", dqkv, dqkv64, packed, 2 * rounding);
    release(qkv), release(dout), release(out), release(dqkv), release(scratch);
    free(qkv64), free(dout64), free(out64), free(lse64), free(dqkv64);
}

void attention_agrees(void **state) {
    (void)state;
    static const int64_t shapes[][5] = {
        {0, 5, 2, 2, 16},   {1, 1, 1, 1, 1},    {2, 7, 3, 3, 5},    {1, 64, 2, 2, 16},
        {1, 130, 4, 2, 64}, {2, 70, 2, 1, 128}, {3, 65, 1, 1, 32},  {1, 200, 2, 2, 16},
        {2, 7, 4, 2, 5},    {1, 70, 6, 1, 8},   {2, 65, 6, 3, 16},  {1, 37, 4, 2, 70},
        {1, 18, 2, 1, 130}, {1, 300, 1, 1, 8},  {1, 530, 2, 1, 16}, {1, 20, 1, 1, 200}};
    uint64_t random = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        if (!on_cpu && shapes[s][1] > 256) continue; /* its blocks are smaller */
        static const struct {
            float magnitude, dropout;
        } scores[] = {{1, 0}, {8, 0 /* sharp softmax: the maximum moves */}, {2, 0.3F}};
        for (int k = 0; k < 3; k++)
            if (test_picks((int)s + k, 1, 3))
                check_attention(&random, shapes[s], scores[k].magnitude, scores[k].dropout);
    }
}

/* A width of 4 halves the products of +-20 and +-20. */
void attention_bears_extreme_scores(void **state) {
    (void)state;
    static const int64_t shapes[][5] = {{2, 5, 2, 2, 4}, {1, 70, 3, 3, 4}, {1, 70, 2, 1, 64}};
    uint64_t random                  = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        check_attention(&random, shapes[s], EXTREME, 0);
}

void heads_too_wide_for_a_device_are_refused(void **state) {
    (void)state;
    const int64_t width         = on_cpu ? 1025 : 257;
    const sluice_attention args = {
        .samples = 1, .length = 1, .heads = 1, .kv_heads = 1, .head_width = width};
    const sluice_attention_backward back = {
        .samples = 1, .length = 1, .heads = 1, .kv_heads = 1, .head_width = width};
    const char *const what = on_cpu ? "heads are 1025 wide, and attention in bf16 goes up to 1024"
                                    : "heads are 257 wide, and attention on cuda goes up to 256";
    if (on_cpu && !in_bf16) return; /* takes any */
    assert_refused(operations->attention(streams[0], &args), SLUICE_E_UNSUPPORTED, what);
    assert_string_equal(sluice_last_error()->hint, on_cpu ? "use more heads, or --precision fp32"
                                                          : "use more heads, or --device cpu");
    assert_refused(operations->attention_backward(streams[0], &back), SLUICE_E_UNSUPPORTED, what);
}
