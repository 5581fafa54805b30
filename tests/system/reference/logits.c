/* SPDX-License-Identifier: MIT */
/* logits.c -- print what a folder's model computes, for the script that compares it: the first SEQ
 * tokens of a file of tokens through two stages, with a head that writes its logits as they are.
 * reference_logits DIR TOKENS.bin SEQ > logits.f32 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice/data.h"
#include "sluice/family.h"
#include "sluice/pipeline.h"
#include "sluice/weights.h"

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    sluice_layer_description d = {0};
    const sluice_status status = sluice_layer_classifier()->describe(&d, config, input, precision);
    d.scratch_evaluate         = 0;
    *out                       = d;
    return status;
}

/* One sample after another, on the cpu. */
static sluice_status forward(const sluice_layer_call *call) {
    const sluice_classifier_config *const config = call->config;
    const int64_t rows = sluice_shape_count(&call->input_shape) / config->width;
    const float *x = call->input, *const table = call->parameters[0];
    if (call->training) return SLUICE_OK;
    for (int64_t r = 0; r < rows; r++, x += config->width)
        for (int64_t c = 0; c < config->classes; c++) {
            double sum = 0;
            for (int64_t i = 0; i < config->width; i++)
                sum += (double)x[i] * (double)table[c * config->width + i];
            const float logit = (float)sum;
            (void)fwrite(&logit, sizeof logit, 1, stdout);
        }
    *call->loss = 0;
    return SLUICE_OK;
}

static sluice_status backward(const sluice_layer_call *call) {
    (void)call; /* nothing is trained */
    return SLUICE_OK;
}

/* The model with another head. */
static sluice_status make_model(sluice_model **out, const sluice_model_config *config,
                                int64_t length) {
    static sluice_layer_kind head;
    sluice_model *from       = NULL;
    const sluice_shape words = {SLUICE_TYPE_I32, 1, {length}};
    sluice_status status     = sluice_model_from_config(&from, config, length);
    if (status == SLUICE_OK) status = sluice_model_create(out, &words);
    head                 = *sluice_layer_classifier();
    head.name            = "logits";
    head.describe        = describe;
    head.forward         = forward;
    head.backward_input  = backward;
    head.backward_weight = backward;
    const int layers     = status == SLUICE_OK ? sluice_model_layer_count(from) : 0;
    for (int l = 0; l < layers && status == SLUICE_OK; l++)
        status =
            sluice_model_add(*out, l + 1 < layers ? sluice_model_layer_kind(from, l) : &head,
                             sluice_model_layer_config(from, l), sluice_model_layer_name(from, l));
    if (status == SLUICE_OK && sluice_model_config_numbers(config).tied)
        status = sluice_model_tie(*out, config->family->head, config->family->embedding);
    sluice_model_free(from);
    return status;
}

static sluice_status load_window(void *corpus, void *to, int64_t first, int64_t samples) {
    (void)first, (void)samples; /* there is one */
    return sluice_corpus_window(to, NULL, corpus, 0);
}

static sluice_status load_nothing(void *context, void *to, int64_t first, int64_t samples) {
    (void)context, (void)to, (void)first, (void)samples;
    return SLUICE_OK;
}

static sluice_status run(sluice_pipeline *pipeline, sluice_corpus *corpus) {
    double loss;
    const sluice_batch batch = {
        1, 1, {{"inputs", load_window, corpus}, {"targets", load_nothing, NULL}}, 0};
    return sluice_pipeline_evaluate(&loss, pipeline, &batch);
}

static sluice_status print_logits(const char *folder, const char *tokens, int64_t length) {
    const sluice_schedule_options order = {sizeof order, .ranks = 2, .microbatches = 1};
    sluice_pipeline_options options     = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_model_config config;
    sluice_model *model       = NULL;
    sluice_schedule *schedule = NULL;
    sluice_pipeline *pipeline = NULL;
    sluice_safetensors *file  = NULL;
    sluice_corpus *corpus     = NULL;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/config.json", folder);
    options.threads      = 1;
    sluice_status status = sluice_model_config_read(&config, path);
    if (status == SLUICE_OK) status = sluice_corpus_open(&corpus, &tokens, 1, length);
    if (status == SLUICE_OK) status = make_model(&model, &config, length);
    if (status == SLUICE_OK) status = sluice_schedule_generate(&schedule, "1f1b", &order);
    if (status == SLUICE_OK)
        status = sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options);
    if (status == SLUICE_OK) status = sluice_safetensors_open(&file, folder);
    if (status == SLUICE_OK)
        status = sluice_pipeline_load_weights(pipeline, model, config.family, file);
    if (status == SLUICE_OK) status = run(pipeline, corpus);
    sluice_safetensors_close(file);
    sluice_pipeline_close(pipeline);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
    sluice_corpus_close(corpus);
    return status;
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
    if (print_logits(arguments[1], arguments[2], strtoll(arguments[3], NULL, 10)) == SLUICE_OK)
        return fflush(stdout) == 0 ? 0 : 1;
    (void)fprintf(stderr, "%s\n", sluice_last_error()->what);
    return 1;
}
