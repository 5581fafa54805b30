/* SPDX-License-Identifier: MIT */
/* updates.c -- norms of gradients, optimizers, working copies. */
#include "tests/unit/device/operations/check.h"
#include "tests/unit/device/operations/tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "tests/support/reference64.h"

enum { TENSORS = 4 };
static const int64_t tensor_counts[TENSORS] = {5, 0, 40001, 16384};

void sum_of_squares_agrees(void **state) {
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

/* Settings in which one update differs from another. */
typedef struct update_kind {
    const char *name;
    bool is_sgd;
    double momentum; /* SGD's */
    int states;
} update_kind;

typedef struct update_case {
    const update_kind *kind;
    const float *gradients;
    int64_t step;
} update_case;

static const double rate = 0.05, decay = 0.1, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, clip = 0.5;

/* out: the masters of all tensors, then the working copies, then each state. Every other tensor has
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
    return ops->synchronize(stream); /* `tensors` is local to this function */
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

/* AdamW's states begin at 0; a velocity may have any start. */
static void check_update(const update_kind *kind) {
    uint64_t random   = test_seed();
    const int64_t all = count_all(), size = (2 + kind->states) * all;
    float *const gradients = random_floats(&random, all);
    float *const out       = random_floats(&random, size);
    for (int64_t i = 2 * all; i < size; i++) out[i] = kind->is_sgd ? NAN : 0;
    double *const out64 = reference_copy(out, size), *const g64 = reference_copy(gradients, all);
    for (int step = 1; step <= 3; step++) {
        const update_case c = {kind, gradients, step};
        update_reference(out64, g64, &c);
        run_on_every_team(out, size, run_update, &c, kind->name);
        expect_close(kind->name, "masters", out, out64, all, 1e-6);
        expect_close(kind->name, "working copies", out + all, out64 + all, all, 1e-6);
        for (int s = 0; s < kind->states; s++)
            expect_close(kind->name, s == 0 ? "first state" : "second state", out + (2 + s) * all,
                         out64 + (2 + s) * all, all, 1e-6);
    }
    release(gradients), release(out), free(out64), free(g64);
}

void updates_agree(void **state) {
    (void)state;
    static const update_kind kinds[] = {
        {"adamw", false, 0, 2}, {"sgd", true, 0, 0}, {"sgd with momentum", true, 0.9, 1}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) check_update(&kinds[k]);
}

void working_copies_are_stored(void **state) {
    (void)state;
    uint64_t random          = test_seed();
    const sluice_shape shape = {SLUICE_TYPE_F32, 2, {7, 9}};
    assert_int_equal(operations->working_bytes(&shape),
                     in_bf16 ? 2 * 7 * 9 : 0); /* in fp32 layers read the masters */
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
