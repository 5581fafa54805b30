/* SPDX-License-Identifier: MIT */
/* step.c -- step and evaluate: the caller's side of a run. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/executor/account.h"
#include "runtime/executor/choose.h"
#include "runtime/executor/executor.h"
#include "runtime/executor/load.h"
#include "runtime/executor/nonfinite.h"
#include "runtime/executor/pass.h"
#include "runtime/executor/rank_loop.h"
#include "runtime/executor/report.h"

/* ---- step ---- */

static sluice_status take_batch(sluice_pipeline *pipeline, const sluice_batch *batch) {
    if (atomic_load(&pipeline->failed)) return sluice__fail_again(&pipeline->kept);
    SLUICE__TRY(sluice__find_parts(pipeline, batch));
    return sluice__check_number("the batch's total weight", batch->total_weight, 1e-300, 1e300);
}

/* Whether rank r had begun its update when it stopped. */
static bool had_begun_update(const sluice_pipeline *pipeline, int r) {
    const sluice__rank_program *mine = &pipeline->program->rank[r];
    const int at                     = atomic_load(&pipeline->positions[r].at);
    for (int n = 0; n < mine->count && n <= at; n++)
        if (mine->list[n].kind == SLUICE_INSTRUCTION_UPDATE) return true;
    return false;
}

/* A failed step leaves all parameters unchanged, or its error says so. */
static sluice_status report_updates(sluice_pipeline *pipeline, sluice_status status) {
    sluice_error full = *sluice_last_error();
    bool any          = false;
    for (int r = 0; r < pipeline->ranks; r++) any = any || had_begun_update(pipeline, r);
    if (!any) return status;
    const size_t used = strlen(full.what);
    (void)snprintf(full.what + used, sizeof full.what - used,
                   "; some parameters may be updated already");
    pipeline->kept = full;
    return sluice__fail_again(&full);
}

static sluice_status refuse_inference(const sluice_pipeline *pipeline) {
    if (!pipeline->options.inference) return SLUICE_OK;
    sluice__fail(SLUICE_E_ARGUMENT, "the pipeline is for inference: it has no gradients and no "
                                    "optimizer state, and cannot train");
    return sluice__hint(SLUICE_E_ARGUMENT, "plan with a schedule that trains, without `inference`");
}

sluice_status sluice_pipeline_step(sluice_result *result, sluice_pipeline *pipeline,
                                   const sluice_batch *batch) {
    const sluice_program *program = pipeline->program;
    SLUICE__TRY(refuse_inference(pipeline));
    SLUICE__TRY(take_batch(pipeline, batch));
    SLUICE__TRY(sluice__check_number("the learning rate", batch->learning_rate, 0, 1e300));
    if (batch->samples != program->options.samples)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "the minibatch has %lld samples, and the pipeline is for %lld",
                            (long long)batch->samples, (long long)program->options.samples);
    memcpy(pipeline->run.first_sample, program->first_sample,
           ((size_t)program->microbatches + 1) * sizeof(int64_t));
    const sluice__run how = {
        .batch = *batch, .step = pipeline->steps + 1, .timed = true, .updates = true};
    const sluice_status status = sluice__carry_out(pipeline, program, &how, sluice__run_rank);
    if (status != SLUICE_OK) return report_updates(pipeline, status);
    sluice_result measured = {.seconds = sluice__now() - pipeline->run.start};
    sluice__account(pipeline, &measured);
    pipeline->steps++;
    const sluice__report *const report = sluice__report_of(pipeline, 0);
    if (!isfinite(report->loss) || !isfinite(report->norm))
        return sluice__explain_nonfinite(pipeline, batch);
    pipeline->updates++;
    measured.loss = report->loss;
    measured.norm = report->norm;
    *result       = measured;
    return SLUICE_OK;
}

/* ---- evaluate ---- */

/* `how` has the batch; the sum of its losses goes to `*loss`. */
static sluice_status go_forward(double *loss, sluice_pipeline *pipeline, const sluice_program *by,
                                const sluice__run *how) {
    const sluice_batch *batch = &how->batch;
    const int m               = by->microbatches;
    const int64_t largest     = sluice_program_samples(by, 0);
    SLUICE__TRY(take_batch(pipeline, batch));
    double sum = 0;
    for (int64_t first = 0; first < batch->samples;) {
        for (int i = 0; i <= m; i++) {
            const int64_t at              = first + i * largest;
            pipeline->run.first_sample[i] = at < batch->samples ? at : batch->samples;
        }
        SLUICE__TRY(sluice__carry_out(pipeline, by, how, sluice__run_rank));
        for (int i = 0; i < m; i++) sum += sluice__report_losses(pipeline, pipeline->loss_rank)[i];
        first = pipeline->run.first_sample[m];
    }
    *loss = sum;
    return SLUICE_OK;
}

sluice_status sluice__evaluate(double *loss, sluice_pipeline *pipeline, const sluice_program *by,
                               const sluice_batch *batch) {
    return go_forward(loss, pipeline, by, &(sluice__run){.batch = *batch});
}

sluice_status sluice_pipeline_evaluate(double *loss, sluice_pipeline *pipeline,
                                       const sluice_batch *batch) {
    if (sluice_model_weight_per_sample(pipeline->model) == 0)
        return sluice__fail(SLUICE_E_ARGUMENT, "the model generates, and has no loss to evaluate");
    return sluice__evaluate(loss, pipeline, pipeline->forward, batch);
}

sluice_status sluice_pipeline_forward(int32_t *token, sluice_pipeline *pipeline, int program,
                                      const sluice_batch *batch, int64_t position,
                                      const sluice_chooser *chooser) {
    const sluice_plan *const plan = pipeline->plan;
    const int first               = sluice__plan_evaluation(plan);
    double none                   = 0;
    if (program < first || program >= plan->count)
        return sluice__fail(SLUICE_E_ARGUMENT, "the plan's programs %d to %d go forward, not %d",
                            first, plan->count - 1, program);
    SLUICE__TRY(sluice__check_choice(pipeline, batch, chooser));
    if (sluice_model_weight_per_sample(pipeline->model) > 0)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "the model ends with a loss, which is to be evaluated");
    if (position < 0 || batch->samples > INT64_MAX - position)
        return sluice__fail(SLUICE_E_ARGUMENT, "%lld samples from position %lld on do not exist",
                            (long long)batch->samples, (long long)position);
    sluice__run how = {.batch = *batch, .generates = true, .position = position};
    if (chooser) how.chooser = *chooser;
    SLUICE__TRY(go_forward(&none, pipeline, plan->programs[program], &how));
    if (chooser) *token = (int32_t)sluice__report_of(pipeline, pipeline->loss_rank)->token;
    return SLUICE_OK;
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
