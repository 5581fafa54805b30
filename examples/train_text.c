/* SPDX-License-Identifier: MIT */
/* train_text.c -- a GPT learns text files (bytes are tokens) on 2 ranks: `train_text FILE...` */
#include "sluice/sluice.h"
#include <stdio.h>

enum { LENGTH = 32, SAMPLES = 8, STEPS = 40 };

typedef struct parts {
    sluice_corpus *corpus;
    sluice_model *model;
    sluice_schedule *schedule;
    sluice_pipeline *pipeline;
    sluice_run *run;
} parts;

static bool make(parts *p, const char *const *paths, int count) {
    sluice_schedule_options plan     = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_pipeline_options settings = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_run_options how           = SLUICE_RUN_OPTIONS_INIT;
    sluice_model_config config;
    plan.ranks         = 2;
    plan.microbatches  = 4;
    settings.samples   = SAMPLES;
    how.steps          = STEPS;
    how.evaluate_every = 20;
    how.learning_rate  = (sluice_learning_rate){3e-3, 3e-4, 4, STEPS, SLUICE_DECAY_COSINE};
    return !sluice_corpus_open(&p->corpus, paths, count, LENGTH) &&
           !sluice_model_config_preset(&config, "gpt-nano", sluice_corpus_vocabulary(p->corpus)) &&
           !sluice_model_from_config(&p->model, &config, LENGTH) &&
           !sluice_schedule_generate(&p->schedule, "1f1b", &plan) &&
           !sluice_pipeline_plan_and_open(&p->pipeline, p->model, p->schedule, NULL, &settings) &&
           !sluice_run_open(&p->run, p->pipeline, p->model, p->corpus, &how);
}

static bool train(sluice_run *run, double *before, double *after) {
    sluice_run_result step;
    if (sluice_run_evaluate(before, run)) return false;
    printf("held-out loss %.3f\n", *before);
    while (!sluice_run_is_done(run)) {
        if (sluice_run_step(&step, run)) return false;
        if (!sluice_run_evaluates(run)) continue;
        if (sluice_run_evaluate(after, run)) return false;
        printf("step %d: loss %.3f, held-out %.3f\n", (int)step.step, step.result.loss, *after);
    }
    return true;
}

int main(int argc, char **argv) {
    parts p       = {0};
    double before = 0, after = 0;
    const bool good =
        make(&p, (const char *const *)argv + 1, argc - 1) && train(p.run, &before, &after);
    if (!good) printf("%s\n", sluice_last_error()->what);
    sluice_run_close(p.run);
    sluice_pipeline_close(p.pipeline);
    sluice_schedule_free(p.schedule);
    sluice_model_free(p.model);
    sluice_corpus_close(p.corpus);
    return !good || after >= before;
}
