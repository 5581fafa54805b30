/* SPDX-License-Identifier: MIT */
/* positions.c -- rotary positions, and their frequencies. */
#include "tests/unit/device/operations/check.h"
#include "tests/unit/device/operations/tests.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/device/rotary.h"
#include "tests/support/reference64.h"
#include "tests/unit/device/operations/rotary_table.h"

/* In place. */
static sluice_status run_rotary(sluice_stream *stream, float *out, const void *context) {
    sluice_rotary args = *(const sluice_rotary *)context;
    args.qkv           = out;
    return operations->rotary(stream, &args);
}

/* shape: samples, length, heads, kv_heads, head_width */
static void check_rotary(uint64_t *random, const int64_t shape[5], int64_t first, bool inverse) {
    const sluice_rotary args = {.samples        = shape[0],
                                .length         = shape[1],
                                .heads          = shape[2],
                                .kv_heads       = shape[3],
                                .head_width     = shape[4],
                                .first_position = first,
                                .frequencies    = {.base = 10000},
                                .inverse        = inverse};
    const int64_t count      = shape[0] * shape[1] * (shape[2] + 2 * shape[3]) * shape[4];
    float *const qkv         = random_floats(random, count);
    double *const qkv64      = reference_copy(qkv, count);
    const char *const label  = label_of("rotary", shape, 5, inverse);
    reference_rotary(qkv64, &args);
    run_on_every_team(qkv, count, run_rotary, &args, label);
    expect_close(label, "qkv", qkv, qkv64, count, 1e-6);
    release(qkv), free(qkv64);
}

void rotary_positions_agree(void **state) {
    (void)state;
    static const int64_t shapes[][5] = {{0, 5, 2, 2, 16},  {1, 1, 1, 1, 2},   {2, 7, 3, 1, 6},
                                        {3, 65, 4, 2, 32}, {1, 9, 2, 1, 256}, {2, 300, 8, 2, 4}};
    uint64_t random                  = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        check_rotary(&random, shapes[s], 0, false);
        check_rotary(&random, shapes[s], 0, true);
        check_rotary(&random, shapes[s], 131072 - shapes[s][1], false);
    }
}

typedef struct expected {
    const char *name;
    sluice_rotary_frequencies frequencies;
    int64_t head_width;
    float list[16];
} expected;

/* Made by transformers 5.24 (modeling_rope_utils). */
static const expected made_by_transformers[] = {
    {"default",
     {.base = 10000},
     16,
     {1, 0.316227764F, 0.100000001F, 0.0316227786F, 0.00999999978F, 0.00316227786F, 0.00100000005F,
      0.000316227786F}},
    {"linear",
     {.base = 10000, .scaling = SLUICE_ROTARY_SCALING_LINEAR, .factor = 3},
     16,
     {0.333333343F, 0.105409257F, 0.0333333351F, 0.0105409259F, 0.00333333318F, 0.00105409266F,
      0.000333333359F, 0.000105409265F}},
    {"llama3",
     {500000, SLUICE_ROTARY_SCALING_LLAMA3, 8, 1, 4, 8192},
     32,
     {1, 0.440366626F, 0.193922758F, 0.0853971019F, 0.0376060307F, 0.0165604409F, 0.00729266508F,
      0.00321144611F, 0.000524846022F, 7.78465546e-05F, 3.42810235e-05F, 1.50962178e-05F,
      6.64786967e-06F, 2.92749974e-06F, 1.28917316e-06F, 5.6770881e-07F}},
    {"llama3 of 64 positions",
     {1000, SLUICE_ROTARY_SCALING_LLAMA3, 4, 1, 4, 64},
     16,
     {1, 0.421696514F, 0.0805267394F, 0.0187473539F, 0.00790569466F, 0.00333380373F, 0.00140585331F,
      0.000592843455F}},
};

/* transformers rounds each step to fp32. */
void rotary_frequencies_are_those_of_transformers(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof made_by_transformers / sizeof *made_by_transformers; k++) {
        const expected *const e = &made_by_transformers[k];
        for (int64_t i = 0; i < e->head_width / 2; i++) {
            const double got = sluice__rotary_frequency(&e->frequencies, i, e->head_width);
            if (!(fabs(got / (double)e->list[i] - 1) < 1e-6))
                fail_msg("%s: frequency %lld is %.9g, expected %.9g", e->name, (long long)i, got,
                         (double)e->list[i]);
        }
    }
}

/* One query (1, 0) and one key (0, 1) in each pair become (cos, sin) and (-sin, cos). */
static void check_angles(const rotary_angles *r, double allowed) {
    const expected *const e = &made_by_transformers[r->model];
    const int64_t width = e->head_width, half = width / 2;
    float *const qkv         = floats(3 * width);
    const sluice_rotary args = {.samples        = 1,
                                .length         = 1,
                                .heads          = 1,
                                .kv_heads       = 1,
                                .head_width     = width,
                                .first_position = r->position,
                                .frequencies    = e->frequencies};
    for (int64_t i = 0; i < 3 * width; i++) qkv[i] = i < half || i / half == 3;
    assert_int_equal(done(run_rotary(streams[0], qkv, &args)), SLUICE_OK);
    for (int64_t i = 0; i < width; i++) {
        const int64_t pair = i % half;
        const double q     = i < half ? r->cosines[pair] : r->sines[pair],
                     k     = i < half ? -r->sines[pair] : r->cosines[pair];
        if (fabs((double)qkv[i] - q) > allowed || fabs((double)qkv[width + i] - k) > allowed)
            fail_msg("%s, position %lld, pair %lld: %.9g and %.9g, expected %.9g and %.9g; %g is "
                     "allowed",
                     e->name, (long long)r->position, (long long)pair, (double)qkv[i],
                     (double)qkv[width + i], q, k, allowed);
    }
    release(qkv);
}

/* The frequencies of transformers, and their angles, are rounded to fp32. */
void rotary_angles_are_exact_up_to_position_131071(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof rotary_table / sizeof *rotary_table; k++) {
        const rotary_angles *const r = &rotary_table[k];
        const double rounding        = 1e-6 + (in_bf16 ? bf16_rounding / 2 : 0); /* below 1 */
        check_angles(r, rounding + (r->exact ? 0 : 0x1.8p-23 * (double)r->position));
    }
}

void heads_too_wide_to_turn_are_refused(void **state) {
    (void)state;
    const sluice_rotary args = {
        .heads = 1, .kv_heads = 1, .head_width = 1026, .frequencies = {.base = 10000}};
    assert_refused(operations->rotary(streams[0], &args), SLUICE_E_UNSUPPORTED,
                   on_cpu ? "heads are 1026 wide, and rotary positions go up to 1024"
                          : "heads are 1026 wide, and attention on cuda goes up to 256");
}
