/* SPDX-License-Identifier: MIT */
/* train_cpu_ways.c -- the models that train_cpu trains, and the ways in which it does. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "runtime/model/families/llama.h"
#include "train_cpu.h"

/* clang-format off */
const subject subjects[SUBJECTS] = {
    {"a", "GPT, L=6, C=384, H=6, V=50304", {50304, 256, 384, 6, 6, true, 0}, 256, 8, {0, 0}},
    {"b", "GPT-2 124M: L=12, C=768, H=12, V=50257", {50257, 1024, 768, 12, 12, true, 0}, 256, 4, {0, 0}},
    {"c", "byte-level GPT, L=6, C=384, H=6, V=256", {256, 256, 384, 6, 6, true, 0}, 256, 8, {0, 0}},
    {"d", "Llama, L=6, C=384, H=6, hidden 1024, V=50304", {50304, 256, 384, 6, 6, true, 0}, 256, 8, {6, 1024}},
    {"e", "(d) with 2 key/value heads", {50304, 256, 384, 6, 6, true, 0}, 256, 8, {2, 1024}},
    {"tiny", "GPT, L=2, C=64, H=2, V=256", {256, 32, 64, 2, 2, true, 0}, 32, 4, {0, 0}},
    {"tiny-llama", "Llama, L=2, C=64, H=2, hidden 172, V=256", {256, 32, 64, 2, 2, true, 0}, 32, 4, {1, 172}}};
/* clang-format on */

const subject *find_subject(const char *name) {
    for (int k = 0; k < SUBJECTS; k++)
        if (strcmp(subjects[k].name, name) == 0) return &subjects[k];
    return NULL;
}

const char *blas_name;

/* ---- ways ---- */

enum { NAME = 16 };

bool read_way(way *out, char *schedule, const char *text) {
    if (strncmp(text, "1x", 2) == 0) {
        *out = (way){NULL, (int)strtol(text + 2, NULL, 10), 1};
        return out->threads > 0;
    }
    const char *const colon = strchr(text, ':');
    if (!colon || colon - text >= NAME) return false;
    (void)snprintf(schedule, NAME, "%.*s", (int)(colon - text), text);
    *out = (way){schedule, 1, (int)strtol(colon + 1, NULL, 10)};
    return out->microbatches > 0;
}

const char *way_text(const way *how) {
    static char text[64];
    if (how->schedule)
        (void)snprintf(text, sizeof text, "2 ranks, %s, m = %d", how->schedule, how->microbatches);
    else
        (void)snprintf(text, sizeof text, "1 rank, %d thread%s", how->threads,
                       how->threads == 1 ? "" : "s");
    return text;
}

/* ---- training ---- */

static sluice_model *make_model(const subject *what) {
    const sluice_gpt_config *const like = &what->config;
    sluice_model *model                 = NULL;
    sluice_model_config config;
    if (what->llama.kv_heads == 0) {
        bench_check(sluice_gpt_model(&model, like, what->length));
        return model;
    }
    bench_check(sluice_model_config_preset(&config, "llama-nano", like->vocabulary));
    sluice__llama own = sluice__llama_own(&config);
    own.positions     = like->positions;
    own.width         = like->width;
    own.layers        = like->layers;
    own.heads         = like->heads;
    own.head_width    = like->width / like->heads;
    own.kv_heads      = what->llama.kv_heads;
    own.hidden        = what->llama.hidden;
    sluice__llama_to_model_config(&config, &own);
    bench_check(sluice_model_from_config(&model, &config, what->length));
    return model;
}

void trained_open(trained *out, const subject *what, const way *how) {
    sluice_schedule_options plan    = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_schedule *schedule       = NULL;
    *out                            = (trained){.what = what, .ranks = how->schedule ? 2 : 1};
    plan.ranks                      = out->ranks;
    plan.microbatches               = how->microbatches;
    options.samples                 = what->samples;
    options.threads                 = how->threads;
    options.blas                    = blas_name;
    out->model                      = make_model(what);
    bench_check(sluice_schedule_generate(&schedule, how->schedule ? how->schedule : "1f1b", &plan));
    bench_check(
        sluice_pipeline_plan_and_open(&out->pipeline, out->model, schedule, NULL, &options));
    sluice_schedule_free(schedule);
    out->flops = step_flops(out->model, what->samples, how->microbatches);
}

void trained_close(trained *it) {
    sluice_pipeline_close(it->pipeline);
    sluice_model_free(it->model);
}

double tokens_per_s(const subject *what, double seconds) {
    return (double)(what->samples * what->length) / seconds;
}

sluice_result trained_step(trained *it) {
    const subject *const what = it->what;
    random_tokens tokens      = {what->length, what->config.vocabulary};
    const sluice_batch batch  = {
         .samples       = what->samples,
         .total_weight  = (double)(what->samples * what->length),
         .parts         = {{"inputs", load_tokens, &tokens}, {"targets", load_tokens, &tokens}},
         .learning_rate = 1e-4};
    sluice_result result = {0};
    bench_check(sluice_pipeline_step(&result, it->pipeline, &batch));
    return result;
}
