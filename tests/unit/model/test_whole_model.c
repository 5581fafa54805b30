/* SPDX-License-Identifier: MIT */
/* test_whole_model.c -- whole models by a plain loop, against float64: losses, gradients, updates.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sluice/gpt2.h"
#include "tests/support/layer64.h"
#include "tests/support/plain_loop.h"
#include "tests/support/reference64.h"
#include "tests/support/support.h"

static const sluice_gpt_config tiny          = {13, 8, 12, 2, 3, true, 0};
static const sluice_gpt_config tiny_dropping = {13, 8, 12, 2, 3, true, 0.2F};
static const sluice_gpt_config tiny_untied   = {13, 8, 12, 2, 3, false, 0};

static sluice_model *make_gpt(const sluice_gpt_config *config, int64_t length) {
    sluice_model *model = NULL;
    assert_ok(sluice_gpt_model(&model, config, length));
    return model;
}

enum { SAMPLES = 3, LENGTH = 7 };

/* One list of float64 zeros per parameter; a tied use shares its first use's. */
static double **lists_make(const plain_loop *loop) {
    double **const lists = calloc((size_t)(unsigned)loop->uses + 1, sizeof *lists);
    assert_non_null(lists);
    for (int u = 0; u < loop->uses; u++) {
        const int first = sluice_model_use(loop->model, u)->first;
        lists[u]        = first == u ? reference_zeros(plain_use_count(loop, u)) : lists[first];
    }
    return lists;
}

static void lists_free(const plain_loop *loop, double **lists) {
    for (int u = 0; u < loop->uses; u++)
        if (sluice_model_use(loop->model, u)->first == u) free(lists[u]);
    free(lists);
}

/* Add float32 values of each use, or only of first uses, to the lists. */
static double **widen(const plain_loop *loop, float *const *values, bool with_ties) {
    double **const wide = lists_make(loop);
    for (int u = 0; u < loop->uses; u++) {
        if (!with_ties && sluice_model_use(loop->model, u)->first != u) continue;
        for (int64_t i = 0; i < plain_use_count(loop, u); i++) wide[u][i] += (double)values[u][i];
    }
    return wide;
}

static double model64(const sluice_model *model, double **parameters, const int32_t *tokens,
                      const int32_t *targets, double total_weight) {
    const void *x = tokens;
    double *last = NULL, loss = 0;
    int use = 0;
    for (int l = 0; l < sluice_model_layer_count(model); l++) {
        sluice_layer_description d;
        assert_ok(sluice_model_describe(&d, model, l, SAMPLES, SLUICE_PRECISION_FP32));
        double *const y = reference_zeros(sluice_shape_count(&d.output) + 1);
        layer64_forward(
            y, &(layer64){sluice_model_layer_kind(model, l),
                          sluice_model_layer_config(model, l),
                          sluice_model_layer_input(model, l, SAMPLES, SLUICE_PRECISION_FP32),
                          (const double *const *)parameters + use,
                          x,
                          targets,
                          total_weight,
                          true,
                          sluice_model_layer_name(model, l),
                          {1, 1, 0}}); /* in the first step */
        use += d.parameter_count;
        free(last);
        x = last = y;
        loss     = y[0];
    }
    free(last);
    return loss;
}

static void check_model_gradients(plain_loop *loop, const int32_t *tokens, const int32_t *targets,
                                  double total_weight, uint64_t *state) {
    double **const wide      = widen(loop, loop->masters, false);
    double **const gradients = widen(loop, loop->gradients, true); /* ties: the sum of all uses */
    for (int turn = 0; turn < 3 * loop->uses; turn++) {
        const int u = turn / 3, i = test_random_int(state, 0, (int)plain_use_count(loop, u) - 1);
        const double mid = wide[u][i], step = 1e-5;
        wide[u][i]         = mid + step;
        const double high  = model64(loop->model, wide, tokens, targets, total_weight);
        wide[u][i]         = mid - step;
        const double low   = model64(loop->model, wide, tokens, targets, total_weight);
        wide[u][i]         = mid;
        const double slope = (high - low) / (2 * step);
        if (!(fabs(gradients[u][i] - slope) <= 1e-6 + 1e-4 * fabs(slope)))
            fail_msg("%s[%d]: gradient %.9g, expected %.9g", sluice_model_use(loop->model, u)->name,
                     i, gradients[u][i], slope);
    }
    lists_free(loop, wide);
    lists_free(loop, gradients);
}

/* Matrices large enough that every part of the model matters to the loss; biases and gains that are
 * not 0 and 1. */
static void enlarge(const plain_loop *loop, uint64_t *state) {
    for (int u = 0; u < loop->uses; u++) {
        const sluice_parameter_use *const use = sluice_model_use(loop->model, u);
        if (use->first != u) continue;
        for (int64_t i = 0; i < plain_use_count(loop, u); i++)
            loop->masters[u][i] =
                loop->masters[u][i] * (use->parameter.shape.dim_count == 2 ? 10.0F : 1.0F) +
                (float)test_random_int(state, -100, 100) / 500.0F;
    }
}

static void check_whole_model(const sluice_gpt_config *config, uint64_t *state) {
    sluice_model *const model    = make_gpt(config, LENGTH);
    const sluice_device_ops *ops = NULL;
    assert_ok(sluice_device_find(&ops, "cpu"));
    plain_loop loop = plain_loop_open(model, ops, 1, 1);
    enlarge(&loop, state);

    int32_t tokens[SAMPLES * LENGTH], targets[SAMPLES * LENGTH];
    double weight = 0;
    for (int i = 0; i < SAMPLES * LENGTH; i++) {
        tokens[i]  = test_random_int(state, 0, (int)config->vocabulary - 1);
        targets[i] = test_random_int(state, -1, (int)config->vocabulary - 1);
        weight += targets[i] >= 0;
    }
    const int64_t whole[] = {3}, uneven[] = {2, 0, 1};
    const plain_batch one  = {tokens, targets, whole, 1, weight};
    const plain_batch some = {tokens, targets, uneven, 3, weight};

    double **const wide   = widen(&loop, loop.masters, false);
    const double expected = model64(model, wide, tokens, targets, weight);
    lists_free(&loop, wide);
    const double loss = plain_loop_step(&loop, &one);
    if (fabs(loss - expected) > 1e-5 * expected) fail_msg("loss %.9g not %.9g", loss, expected);
    check_model_gradients(&loop, tokens, targets, weight, state);
    assert_true((plain_loop_evaluate(&loop, &one) == loss) == !(config->dropout > 0));

    const double pieces = plain_loop_step(&loop, &some);
    assert_true(fabs(pieces - loss) < 1e-6 * loss);
    check_model_gradients(&loop, tokens, targets, weight, state);
    plain_loop_close(&loop);
    sluice_model_free(model);
}

static void a_whole_model_agrees_with_float64(void **unused) {
    (void)unused;
    uint64_t state = test_seed();
    check_whole_model(&tiny, &state);
    check_whole_model(&tiny_untied, &state);
    check_whole_model(&tiny_dropping, &state);
}

enum { STEPS = 12 };

/* Some AdamW steps on one minibatch in two micro-batches; losses and norms of each. */
static void train(plain_loop *loop, const int32_t *tokens, double losses[STEPS],
                  double norms[STEPS]) {
    const int64_t sizes[]       = {2, 1};
    const plain_batch batch     = {tokens, tokens + 1, sizes, 2, SAMPLES * LENGTH};
    const sluice_adamw settings = {
        .learning_rate = 0.01, .weight_decay = 0.1, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8};
    for (int step = 0; step < STEPS; step++) {
        losses[step] = plain_loop_step(loop, &batch);
        norms[step]  = plain_loop_update(loop, &settings, 0.5);
    }
}

/* Training lowers the loss, and its bits do not depend on the number of threads. */
static void training_lowers_the_loss_with_any_number_of_threads(void **unused) {
    (void)unused;
    uint64_t state               = test_seed();
    sluice_model *const model    = make_gpt(&tiny, LENGTH);
    const sluice_device_ops *ops = NULL;
    assert_ok(sluice_device_find(&ops, "cpu"));
    int32_t tokens[SAMPLES * LENGTH + 1];
    for (int i = 0; i <= SAMPLES * LENGTH; i++) tokens[i] = test_random_int(&state, 0, 12);
    double losses[2][STEPS], norms[2][STEPS];
    plain_loop loops[2];
    for (int i = 0; i < 2; i++) {
        loops[i] = plain_loop_open(model, ops, i + 1, 1);
        train(&loops[i], tokens, losses[i], norms[i]);
    }
    assert_true(fabs(losses[0][0] - log(13)) < 0.1); /* small weights: nearly uniform */
    if (!(losses[0][STEPS - 1] < 0.9 * losses[0][0]))
        fail_msg("the loss fell only from %g to %g", losses[0][0], losses[0][STEPS - 1]);
    assert_memory_equal(losses[0], losses[1], sizeof losses[0]);
    assert_memory_equal(norms[0], norms[1], sizeof norms[0]);
    for (int u = 0; u < loops[0].uses; u++)
        assert_memory_equal(loops[0].parameters[u], loops[1].parameters[u],
                            plain_use_bytes(&loops[0], u));
    for (int i = 0; i < 2; i++) plain_loop_close(&loops[i]);
    sluice_model_free(model);
}

/* One update equals AdamW in float64 on the summed and clipped gradients. */
static void an_update_agrees_with_float64(void **unused) {
    (void)unused;
    uint64_t state               = test_seed();
    sluice_model *const model    = make_gpt(&tiny, LENGTH);
    const sluice_device_ops *ops = NULL;
    assert_ok(sluice_device_find(&ops, "cpu"));
    plain_loop loop = plain_loop_open(model, ops, 1, 1);
    for (int u = 0; u < loop.uses; u++)
        for (int64_t i = 0; i < plain_use_count(&loop, u); i++)
            loop.gradients[u][i] = (float)test_random_int(&state, -100, 100) / 100.0F;
    double **const expected = widen(&loop, loop.masters, false);
    double **const sums     = widen(&loop, loop.gradients, true);
    double **const firsts = lists_make(&loop), **const seconds = lists_make(&loop);

    const sluice_adamw settings = {
        .learning_rate = 0.01, .weight_decay = 0.1, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8};
    const double norm = plain_loop_update(&loop, &settings, 2);
    double squares    = 0;
    for (int u = 0; u < loop.uses; u++) {
        const sluice_parameter_use *const use = sluice_model_use(model, u);
        const int64_t count                   = plain_use_count(&loop, u);
        if (use->first != u) continue;
        for (int64_t i = 0; i < count; i++) squares += sums[u][i] * sums[u][i];
        reference_adamw(expected[u], firsts[u], seconds[u], sums[u], count, 0.01,
                        use->parameter.decays ? 0.1 : 0, 0.9, 0.95, 1e-8, 2 / norm, 1);
        if (reference_distance(loop.parameters[u], expected[u], count) > 1e-5)
            fail_msg("%s is not what AdamW makes", use->name);
    }
    assert_true(fabs(norm - sqrt(squares)) < 1e-6 * norm);
    lists_free(&loop, expected), lists_free(&loop, sums);
    lists_free(&loop, firsts), lists_free(&loop, seconds);
    plain_loop_close(&loop);
    sluice_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_model_agrees_with_float64),
        cmocka_unit_test(training_lowers_the_loss_with_any_number_of_threads),
        cmocka_unit_test(an_update_agrees_with_float64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
