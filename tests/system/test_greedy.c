/* SPDX-License-Identifier: MIT */
/*
 * test_greedy.c -- models of every family generate and are evaluated as in transformers:
 * tests/system/reference/greedy.json, made by greedy.py, has the most probable tokens that follow a
 * prompt, and the loss over windows that overlap; both are found on one rank and on three.
 */
#include "tests/support/support.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "sluice/sluice.h"

#define REFERENCE SLUICE_SOURCE "/tests/system/reference"
enum { MODELS = 7, MAX = 64 };

static json_t *reference;
static int32_t tokens[1024];

static int64_t whole(const char *key) {
    return json_integer_value(json_object_get(reference, key));
}

static int read_files(void **state) {
    static const char *const path = REFERENCE "/tokens.bin";
    sluice_corpus *corpus         = NULL;
    (void)state;
    reference = json_load_file(REFERENCE "/greedy.json", 0, NULL);
    assert_non_null(reference);
    assert_ok(sluice_corpus_open(&corpus, &path, 1, 1));
    assert_ok(sluice_corpus_read(tokens, corpus, 0, whole("tokens")));
    sluice_corpus_close(corpus);
    return 0;
}

/* A folder's model, opened to go forward only. */
typedef struct subject {
    sluice_model_config config;
    sluice_model *model;
    sluice_pipeline *pipeline;
} subject;

static void open_subject(subject *s, const char *name, const sluice_pipeline_options *options,
                         int ranks, int microbatches) {
    sluice_schedule_options shape = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_schedule *schedule     = NULL;
    sluice_safetensors *file      = NULL;
    char path[512];
    shape.ranks        = ranks;
    shape.microbatches = microbatches;
    assert_ok(sluice_schedule_generate(&schedule, "forward-only", &shape));
    assert_ok(sluice_pipeline_plan_and_open(&s->pipeline, s->model, schedule, NULL, options));
    snprintf(path, sizeof path, REFERENCE "/%s", name);
    assert_ok(sluice_safetensors_open(&file, path));
    assert_ok(sluice_pipeline_load_weights(s->pipeline, s->model, s->config.family, file));
    sluice_safetensors_close(file);
    sluice_schedule_free(schedule);
}

static void read_config(subject *s, const char *name) {
    char path[512];
    snprintf(path, sizeof path, REFERENCE "/%s/config.json", name);
    assert_ok(sluice_model_config_read(&s->config, path));
}

static void close_subject(subject *s) {
    sluice_pipeline_close(s->pipeline);
    sluice_model_free(s->model);
}

static void expect_tokens(const char *name, const json_t *expected, int ranks) {
    const sluice_sampling greedy    = {0, 0, 1, 1};
    const int64_t prompt            = whole("prompt");
    const int count                 = (int)json_array_size(expected);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_generator *generator     = NULL;
    subject s                       = {0};
    options.threads                 = 1;
    sluice_generation_options(&options, 2, prompt + count);
    read_config(&s, name);
    assert_ok(sluice_model_for_generation(&s.model, &s.config, prompt + count));
    open_subject(&s, name, &options, ranks, 2);
    assert_ok(sluice_generator_open(&generator, s.pipeline, s.model));
    int32_t token = -1;
    assert_ok(sluice_generator_next(&token, generator, tokens, prompt, &greedy, 0));
    for (int k = 0; k < count; k++) {
        const json_int_t wanted = json_integer_value(json_array_get(expected, (size_t)k));
        if (token != wanted)
            fail_msg("%s on %d ranks: token %d is %d, and %d in transformers", name, ranks, k,
                     (int)token, (int)wanted);
        assert_ok(sluice_generator_next(&token, generator, &token, 1, &greedy, k + 1));
    }
    sluice_generator_close(generator);
    close_subject(&s);
}

static sluice_status read_tokens(const void *context, int32_t *to, int64_t first, int64_t count) {
    (void)context;
    memcpy(to, tokens + first, (size_t)count * sizeof *to);
    return SLUICE_OK;
}

static void expect_loss(const char *name, double expected, int ranks) {
    const sluice_token_source source = {read_tokens, NULL, whole("tokens")};
    sluice_pipeline_options options  = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_evaluation *evaluation    = NULL;
    sluice_evaluation_result result  = {0};
    subject s                        = {0};
    options.threads                  = 1;
    options.samples                  = 4;
    options.inference                = true;
    read_config(&s, name);
    assert_ok(sluice_model_from_config(&s.model, &s.config, whole("seq")));
    open_subject(&s, name, &options, ranks, 4);
    assert_ok(sluice_evaluation_open(&evaluation, s.pipeline, s.model, &source, whole("stride")));
    assert_ok(sluice_evaluation_next(&result, evaluation, MAX));
    const double loss = result.nats / (double)result.targets;
    if (!(fabs(loss - expected) < 1e-5 * expected))
        fail_msg("%s on %d ranks: a loss of %.9g, and %.9g in transformers", name, ranks, loss,
                 expected);
    sluice_evaluation_close(evaluation);
    close_subject(&s);
}

static void models_generate_and_evaluate_as_in_transformers(void **state) {
    (void)state;
    const char *name;
    const json_t *model;
    int count = 0;
    json_object_foreach(reference, name, model) {
        if (!json_is_object(model)) continue;
        for (int ranks = 1; ranks <= 3; ranks += 2) {
            expect_tokens(name, json_object_get(model, "ids"), ranks);
            expect_loss(name, json_real_value(json_object_get(model, "loss")), ranks);
        }
        count++;
    }
    assert_int_equal(count, MODELS);
}

static int free_files(void **state) {
    (void)state;
    json_decref(reference);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_generate_and_evaluate_as_in_transformers),
    };
    return cmocka_run_group_tests(tests, read_files, free_files);
}
