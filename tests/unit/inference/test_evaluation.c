/* SPDX-License-Identifier: MIT */
/* test_evaluation.c -- the loss over a sequence of tokens: each target counts once, with as much
 * before it as its window has, whatever is evaluated at a time. */
#include <math.h>
#include <string.h>

#include "tests/support/small_gpt.h"
#include "tests/support/support.h"

#include "sluice/evaluation.h"

static int32_t token_at(int64_t t) {
    return (int32_t)((t * t + 3 * t) % VOCABULARY);
}

static sluice_status read_tokens(const void *context, int32_t *to, int64_t first, int64_t count) {
    if (context && first + count > *(const int64_t *)context)
        return sluice_fail(SLUICE_E_IO, "token %d cannot be read", (int)(first + count - 1));
    for (int64_t t = 0; t < count; t++) to[t] = token_at(first + t);
    return SLUICE_OK;
}

/* A window by itself: its tokens from `begin` on, of which targets from `counted` on count. */
typedef struct one_window {
    int64_t begin, counted, end; /* the last token but one is no input, and no target */
} one_window;

static sluice_status load_window(void *context, void *to, int64_t first, int64_t samples) {
    const one_window *const w = context;
    (void)first, (void)samples;
    for (int64_t t = 0; t < LENGTH; t++)
        ((int32_t *)to)[t] = w->begin + t < w->end ? token_at(w->begin + t) : 1;
    return SLUICE_OK;
}

static sluice_status load_counted(void *context, void *to, int64_t first, int64_t samples) {
    const one_window *const w = context;
    (void)first, (void)samples;
    for (int64_t t = 0; t < LENGTH; t++) {
        const int64_t target = w->begin + t + 1;
        ((int32_t *)to)[t]   = target >= w->counted && target < w->end ? token_at(target) : -1;
    }
    return SLUICE_OK;
}

/* The sum of -log p, target by target: its window is the first that has it. */
static double by_hand(sluice_pipeline *pipeline, int64_t tokens, int64_t stride) {
    double sum = 0;
    for (int64_t target = 1; target < tokens; target++) {
        const int64_t window     = target <= LENGTH ? 0 : (target - LENGTH + stride - 1) / stride;
        one_window w             = {window * stride, target, target + 1};
        double loss              = 0;
        const sluice_batch batch = {
            1, 1, {{"inputs", load_window, &w}, {"targets", load_counted, &w}}, 0};
        assert_ok(sluice_pipeline_evaluate(&loss, pipeline, &batch));
        sum += loss;
    }
    return sum;
}

static void check(sluice_pipeline *pipeline, const sluice_model *model, int64_t tokens,
                  int64_t stride, int64_t at_a_time) {
    const sluice_token_source source = {read_tokens, NULL, tokens};
    sluice_evaluation *evaluation    = NULL;
    sluice_evaluation_result result  = {0};
    assert_ok(sluice_evaluation_open(&evaluation, pipeline, model, &source, stride));
    const int64_t windows = sluice_evaluation_windows(evaluation);
    while (result.windows < windows)
        assert_ok(sluice_evaluation_next(&result, evaluation, at_a_time));
    assert_ok(sluice_evaluation_next(&result, evaluation, at_a_time)); /* there are no more */
    assert_int_equal(result.windows, windows);
    assert_int_equal(result.targets, tokens - 1);
    const double wanted = by_hand(pipeline, tokens, stride > 0 ? stride : LENGTH);
    if (!(fabs(result.nats - wanted) <= 1e-6 * wanted))
        fail_msg("%d tokens, stride %d, %d windows at a time: %.9g, and %.9g target by target",
                 (int)tokens, (int)stride, (int)at_a_time, result.nats, wanted);
    sluice_evaluation_close(evaluation);
}

static void every_target_counts_once(void **state) {
    (void)state;
    const setting with             = {"gpipe", 2, 1, 3, 3, true, "adamw", 0, 0, 0};
    sluice_model *model            = make_model(true);
    sluice_pipeline *pipeline      = make_pipeline(&with, model);
    static const int64_t tokens[]  = {2, 5, LENGTH, LENGTH + 1, LENGTH + 2, 2 * LENGTH + 1, 41};
    static const int64_t strides[] = {0, LENGTH, 5, 1};
    for (size_t n = 0; n < sizeof tokens / sizeof *tokens; n++)
        for (size_t s = 0; s < sizeof strides / sizeof *strides; s++)
            check(pipeline, model, tokens[n], strides[s], 1 + (int64_t)n);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

static void wrong_sequences_are_refused(void **state) {
    (void)state;
    const setting with              = {"gpipe", 1, 1, 1, 1, true, "adamw", 0, 0, 0};
    sluice_model *model             = make_model(true);
    sluice_pipeline *pipeline       = make_pipeline(&with, model);
    const int64_t end               = 30;
    sluice_token_source source      = {read_tokens, &end, 1};
    sluice_evaluation *evaluation   = NULL;
    sluice_evaluation_result result = {0};
    assert_refused(sluice_evaluation_open(&evaluation, pipeline, model, &source, 0),
                   SLUICE_E_ARGUMENT, "the data has 1 tokens; an evaluation needs at least 2");
    source.tokens = 40;
    assert_refused(sluice_evaluation_open(&evaluation, pipeline, model, &source, 13),
                   SLUICE_E_ARGUMENT,
                   "a stride of 13 tokens; windows of 12 tokens may be 1 to 12 apart");
    assert_ok(sluice_evaluation_open(&evaluation, pipeline, model, &source, 0));
    assert_ok(sluice_evaluation_next(&result, evaluation, 2));
    assert_int_equal(sluice_evaluation_next(&result, evaluation, 2), SLUICE_E_CALLBACK);
    if (!strstr(sluice_last_error()->what, "cannot be read"))
        fail_msg("%s", sluice_last_error()->what);
    assert_int_equal(result.windows, 2);
    sluice_evaluation_close(evaluation);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_target_counts_once),
        cmocka_unit_test(wrong_sequences_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
