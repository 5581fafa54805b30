/* SPDX-License-Identifier: MIT */
/* check.c -- runs operations and compares results. */
#include "tests/unit/device/operations/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/bf16_device.h"
#include "tests/support/bf16_floats.h"
#include "tests/support/converted.h"
#include "tests/support/mirror.h"
#include "tests/support/reference64.h"

bool on_cpu, in_bf16;
const double bf16_rounding             = 1.0 / 256;
const int64_t flat_counts[FLAT_COUNTS] = {0, 1, 255, 16384, 40001};

void open_checked(const char *device, sluice_precision precision) {
    on_cpu  = strcmp(device, "cpu") == 0;
    in_bf16 = precision == SLUICE_PRECISION_BF16;
    assert_ok(sluice_device_find(&ops, device));
    if (!on_cpu) ops = mirror_ops(ops);
    open_teams();
    mirror_on(devices[0]);
    if (in_bf16 && !on_cpu) tensors_come_from(mirror_block, mirror_release);
    if (in_bf16) operations = bf16_on_floats(ops->operations(precision));
}

/* ---- arrays ---- */

void *block(size_t bytes) {
    if (!on_cpu) return mirror_block(bytes);
    void *const made = malloc(bytes > 0 ? bytes : 1);
    assert_non_null(made);
    return made;
}

void release(void *made) {
    if (on_cpu)
        free(made);
    else
        mirror_release(made);
}

float *floats(int64_t count) {
    return block((size_t)count * sizeof(float));
}

float representable(float value) {
    const uint32_t bits = (uint32_t)bf16_nearest(value) << 16;
    if (in_bf16) memcpy(&value, &bits, sizeof value);
    return value;
}

float *random_floats(uint64_t *random, int64_t count) {
    float *const x = floats(count);
    for (int64_t i = 0; i < count; i++)
        x[i] = representable((float)test_random_int(random, -1000000, 1000000) * 1e-6f);
    return x;
}

int32_t *random_integers(uint64_t *random, int64_t count, int low, int high) {
    int32_t *const x = block((size_t)count * sizeof *x);
    for (int64_t i = 0; i < count; i++) x[i] = test_random_int(random, low, high);
    return x;
}

/* ---- running an operation on every team ---- */

sluice_status done_on(sluice_stream *stream, sluice_status status) {
    return status != SLUICE_OK ? status : ops->synchronize(stream);
}

sluice_status done(sluice_status status) {
    return done_on(streams[0], status);
}

void run_on_every_team(float *out, int64_t count, action *run, const void *context,
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

/* How far rounding to the precision's type may move an element; 0: the tensor is fp32 in both. */
static double rounding_of(const char *tensor) {
    static const char *const names[] = {"c",  "y",   "gelu", "out",
                                        "dx", "qkv", "dqkv", "working copies"};
    for (size_t n = 0; n < sizeof names / sizeof *names && in_bf16; n++)
        if (strcmp(tensor, names[n]) == 0) return bf16_rounding;
    return 0;
}

/* `tolerance` is of the largest element. The gradient of an attention reads an output that has been
 * rounded: that moves all of them. */
void expect_close(const char *label, const char *tensor, const float *got, const double *expected,
                  int64_t count, double tolerance) {
    const double rounding = rounding_of(tensor), largest = reference_largest(expected, count),
                 all = largest * (tolerance + (strcmp(tensor, "dqkv") == 0 ? rounding : 0));
    for (int64_t i = 0; i < count; i++) {
        const double distance = fabs((double)got[i] - expected[i]),
                     allowed  = all + rounding * fabs(expected[i]);
        if (!(distance <= allowed))
            fail_msg("%s: element %lld of the %lld of %s is %.9g%s, expected %.9g: %.3g away, "
                     "allowed is %.3g; the largest is %.3g",
                     label, (long long)i, (long long)count, tensor, (double)got[i],
                     test_not_finite((double)got[i]), expected[i], distance, allowed, largest);
    }
}

double rounded_on_gpus(int times) {
    return in_bf16 && !on_cpu ? times * bf16_rounding : 0;
}

void expect_gradient(const char *label, const char *tensor, const float *got, const float *before,
                     double *expected, int64_t count, bool first_write, double tolerance) {
    for (int64_t i = 0; i < count && !first_write; i++) expected[i] += (double)before[i];
    expect_close(label, tensor, got, expected, count, tolerance);
}

const char *label_of(const char *name, const int64_t *shape, int dims, int flags) {
    static char label[128];
    int at = snprintf(label, sizeof label, "%s", name);
    for (int d = 0; d < dims; d++)
        at += snprintf(label + at, sizeof label - (size_t)at, " %lld", (long long)shape[d]);
    (void)snprintf(label + at, sizeof label - (size_t)at, " flags %d", flags);
    return label;
}
