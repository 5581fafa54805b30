/* SPDX-License-Identifier: MIT */
/* flat.c -- operations on flat arrays, dropout among them. */
#include "tests/unit/device/operations/check.h"
#include "tests/unit/device/operations/tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "tests/support/reference64.h"

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

void dropout_agrees(void **state) {
    (void)state;
    static const int64_t shapes[][2] = {{0, 8}, {1, 1}, {3, 63}, {2, 1030}, {5, 4096}};
    uint64_t random                  = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int flags = 0; flags < 4; flags++) check_drop(&random, shapes[s], flags);
}

/* The dropped share equals the rate and the mean stays, within 4 sigma of a sample of 2^20. */
void dropout_drops_its_share(void **state) {
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

void relu_agrees(void **state) {
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
    const float *const inputs[3] = {c->x, out, c->dy}; /* the output is one of the inputs */
    return operations->sum(stream, &(sluice_sum){out, inputs, 3, c->count});
}

void sum_adds_in_order(void **state) {
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

void squared_error_agrees(void **state) {
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
            if (count % 2)
                assert_true(fabs((double)out[2 + i] - 0.5 * error) <=
                            1e-6 + (in_bf16 ? bf16_rounding * fabs(0.5 * error) : 0));
        }
        if (!(fabs(loss - expected) <= 1e-7 * expected))
            fail_msg("squared_error of %lld: %.12g, expected %.12g", (long long)count, loss,
                     expected);
        release(x), release(dy), release(out);
    }
}
