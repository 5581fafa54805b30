/* SPDX-License-Identifier: MIT */
/* gates.c -- a gate and what goes through it. */
#include "tests/unit/device/operations/check.h"
#include "tests/unit/device/operations/tests.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/reference64.h"

static sluice_status run_swiglu(sluice_stream *stream, float *out, const void *context) {
    sluice_swiglu args = *(const sluice_swiglu *)context;
    args.y             = out;
    return operations->swiglu(stream, &args);
}

static sluice_status run_swiglu_backward(sluice_stream *stream, float *out, const void *context) {
    sluice_swiglu_backward args = *(const sluice_swiglu_backward *)context;
    args.dx                     = out;
    return operations->swiglu_backward(stream, &args);
}

/* Gates up to `magnitude`: where the sigmoid is flat, too. */
static void check_gates(uint64_t *random, const int64_t shape[2], float magnitude) {
    const int64_t rows = shape[0], hidden = shape[1], count = rows * hidden;
    float *const x = random_floats(random, 2 * count), *const dy = random_floats(random, count);
    float *const y = random_floats(random, count), *const dx = random_floats(random, 2 * count);
    for (int64_t i = 0; i < 2 * count; i++)
        if (i % (2 * hidden) < hidden) x[i] = representable(x[i] * magnitude);
    const sluice_swiglu args          = {NULL, x, rows, hidden};
    const sluice_swiglu_backward back = {NULL, dy, x, rows, hidden};
    double *const x64                 = reference_copy(x, 2 * count);
    double *const dy64 = reference_copy(dy, count), *const y64 = reference_zeros(count);
    double *const dx64 = reference_zeros(2 * count);
    reference_swiglu(y64, x64, rows, hidden);
    reference_swiglu_backward(dx64, dy64, x64, rows, hidden);
    const char *const label = label_of("swiglu", shape, 2, (int)magnitude);
    run_on_every_team(y, count, run_swiglu, &args, label);
    expect_close(label, "y", y, y64, count, 2e-6);
    run_on_every_team(dx, 2 * count, run_swiglu_backward, &back, label);
    expect_close(label, "dx", dx, dx64, 2 * count, 5e-6);
    release(x), release(dy), release(y), release(dx);
    free(x64), free(dy64), free(y64), free(dx64);
}

void gates_agree(void **state) {
    (void)state;
    static const int64_t shapes[][2] = {{0, 8}, {1, 1}, {3, 33}, {70, 48}, {5, 9000}};
    uint64_t random                  = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        check_gates(&random, shapes[s], 1);
        check_gates(&random, shapes[s], 90);
    }
}

/* ---- the reference itself, against central differences ---- */

enum { ROWS = 3, HIDDEN = 2, COUNT = ROWS * HIDDEN };

typedef struct gate_case {
    const double *x, *dy;
} gate_case;

static double sum_of_gates(void *context) {
    const gate_case *const c = context;
    double y[COUNT], total = 0;
    reference_swiglu(y, c->x, ROWS, HIDDEN);
    for (int i = 0; i < COUNT; i++) total += y[i] * c->dy[i];
    return total;
}

void the_gradient_of_a_gate_is_its_slope(void **state) {
    (void)state;
    uint64_t random = test_seed();
    double x[2 * COUNT], dy[COUNT], dx[2 * COUNT], slopes[2 * COUNT];
    for (int i = 0; i < 2 * COUNT; i++) x[i] = test_random_int(&random, -3000, 3000) * 1e-3;
    for (int i = 0; i < COUNT; i++) dy[i] = test_random_int(&random, -1000, 1000) * 1e-3;
    reference_swiglu_backward(dx, dy, x, ROWS, HIDDEN);
    reference_differences(slopes, x, (int64_t)2 * COUNT, 1e-5, sum_of_gates, &(gate_case){x, dy});
    for (int i = 0; i < 2 * COUNT; i++)
        if (!(fabs(dx[i] - slopes[i]) <= 1e-8))
            fail_msg("dx[%d] is %.12g, its slope %.12g", i, dx[i], slopes[i]);
}
