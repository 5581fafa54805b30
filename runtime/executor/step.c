/* SPDX-License-Identifier: MIT */
/* step.c -- step and evaluate: the caller's side of a run. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/executor/internal.h"

sluice_status sluice__check_number(const char *name, double value, double low, double high) {
    if (value >= low && value <= high) return SLUICE_OK; /* false for NaN */
    return sluice__fail(SLUICE_E_ARGUMENT, "%s is %g; it must be from %g to %g", name, value, low,
                        high);
}

/* ---- step ---- */

static sluice_status check_batch(const sluice_pipeline *pipeline, const sluice_batch *batch) {
    if (atomic_load(&pipeline->failed)) return sluice__fail_again(&pipeline->kept);
    SLUICE__TRY(sluice__find_parts(pipeline->model, batch, NULL));
    return sluice__check_number("the batch's total weight", batch->total_weight, 1e-300, 1e300);
}

sluice_status sluice__carry_out(sluice_pipeline *pipeline, const sluice_program *program,
                                const sluice__run *how, sluice__task *task) {
    sluice__run *run         = &pipeline->run;
    int64_t *first_sample    = run->first_sample;
    sluice_batch_part *parts = run->parts;
    *run                     = *how;
    run->first_sample        = first_sample;
    run->parts               = parts;
    run->program             = program;
    run->start               = sluice__now();
    SLUICE__TRY(sluice__find_parts(pipeline->model, &how->batch, parts));
    run->bad_microbatch = run->bad_use = -1;
    pipeline->transport_ops->begin(pipeline->transport);
    const sluice_status status = sluice__workers_do(pipeline, task, NULL);
    if (status != SLUICE_OK) return status; /* a rank may still be inside it */
    run->program = NULL;
    for (int r = 0; r < pipeline->ranks; r++) atomic_store(&pipeline->rank[r].at, -1);
    return SLUICE_OK;
}

/* Whether rank r had begun to update when it stopped. */
static bool had_begun_update(const sluice_pipeline *pipeline, int r) {
    const sluice__rank_program *mine = &pipeline->program->rank[r];
    const int at                     = atomic_load(&pipeline->rank[r].at);
    for (int n = 0; n < mine->count && n <= at; n++)
        if (mine->list[n].kind == SLUICE_INSTRUCTION_UPDATE) return true;
    return false;
}

/* A step that failed changes no parameter, or says so. */
static sluice_status tell_of_updates(sluice_pipeline *pipeline, sluice_status status) {
    sluice_error told = *sluice_last_error();
    bool any          = false;
    for (int r = 0; r < pipeline->ranks; r++) any = any || had_begun_update(pipeline, r);
    if (!any) return status;
    const size_t used = strlen(told.what);
    (void)snprintf(told.what + used, sizeof told.what - used,
                   "; some parameters may be updated already");
    pipeline->kept = told;
    return sluice__fail_again(&told);
}

sluice_status sluice_pipeline_step(sluice_pipeline *pipeline, const sluice_batch *batch,
                                   sluice_result *result) {
    const sluice_program *program = pipeline->program;
    SLUICE__TRY(check_batch(pipeline, batch));
    SLUICE__TRY(sluice__check_number("the learning rate", batch->learning_rate, 0, 1e300));
    if (batch->samples != program->options.samples)
        return sluice__fail(SLUICE_E_ARGUMENT, "a minibatch of %lld samples in a pipeline for %lld",
                            (long long)batch->samples, (long long)program->options.samples);
    memcpy(pipeline->run.first_sample, program->first_sample,
           ((size_t)program->microbatches + 1) * sizeof(int64_t));
    const sluice__run how = {
        .batch = *batch, .step = pipeline->steps + 1, .timed = true, .updates = true};
    const sluice_status status = sluice__carry_out(pipeline, program, &how, sluice__run_rank);
    if (status != SLUICE_OK) return tell_of_updates(pipeline, status);
    sluice_result measured = {.seconds = sluice__now() - pipeline->run.start};
    sluice__account(pipeline, &measured);
    pipeline->steps++;
    if (!isfinite(pipeline->run.loss) || !isfinite(pipeline->run.norm))
        return sluice__explain_nonfinite(pipeline, batch);
    pipeline->updates++;
    measured.loss = pipeline->run.loss;
    measured.norm = pipeline->run.norm;
    *result       = measured;
    return SLUICE_OK;
}

/* ---- evaluate ---- */

static sluice_status evaluate_task(sluice__rank *rank, void *unused) {
    const sluice_pipeline *pipeline  = rank->pipeline;
    const sluice_program *program    = pipeline->run.program;
    const sluice__rank_program *mine = &program->rank[rank->index];
    SLUICE__TRY(sluice__run_rank(rank, unused));
    if (rank->index != pipeline->loss_rank) return SLUICE_OK;
    SLUICE__TRY(pipeline->ops->download(rank->stream, rank->mine, rank->arena + mine->losses,
                                        (size_t)program->microbatches * sizeof(double)));
    return sluice__drain(rank);
}

sluice_status sluice__evaluate(double *loss, sluice_pipeline *pipeline, const sluice_program *by,
                               const sluice_batch *batch) {
    const int m        = by->microbatches;
    const int64_t most = sluice_program_samples(by, 0);
    SLUICE__TRY(check_batch(pipeline, batch));
    double sum = 0;
    for (int64_t first = 0; first < batch->samples;) {
        for (int i = 0; i <= m; i++) {
            const int64_t at              = first + i * most;
            pipeline->run.first_sample[i] = at < batch->samples ? at : batch->samples;
        }
        const sluice__run how = {.batch = *batch};
        SLUICE__TRY(sluice__carry_out(pipeline, by, &how, evaluate_task));
        for (int i = 0; i < m; i++) sum += pipeline->rank[pipeline->loss_rank].mine[i];
        first = pipeline->run.first_sample[m];
    }
    *loss = sum;
    return SLUICE_OK;
}

sluice_status sluice_pipeline_evaluate(sluice_pipeline *pipeline, const sluice_batch *batch,
                                       double *loss) {
    return sluice__evaluate(loss, pipeline, pipeline->forward, batch);
}

/* ---- what can be asked ---- */

const sluice_program *sluice_pipeline_program(const sluice_pipeline *pipeline) {
    return pipeline->program;
}

int sluice_pipeline_threads(const sluice_pipeline *pipeline) {
    return pipeline->threads;
}
const char *sluice_pipeline_device(const sluice_pipeline *pipeline) {
    return pipeline->ops->name;
}
