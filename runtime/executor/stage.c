/* SPDX-License-Identifier: MIT */
/* stage.c -- F, B, I and W of a stage: its layers' actions, one after another. */
#include "runtime/executor/stage.h"

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/executor/calls.h"
#include "runtime/executor/device_times.h"
#include "runtime/executor/failure.h"
#include "runtime/executor/load.h"
#include "runtime/executor/look.h"
#include "runtime/executor/report.h"

/* One instruction of a stage while its layers run. */
typedef struct stage_run {
    sluice__rank *rank;
    const sluice_instruction *at;
    const sluice__layout *layout;
    const sluice__stage_calls *calls;
    int64_t samples;
} stage_run;

/* Whether this run, or this instruction of it, does what was done before. */
static bool is_repeated(const stage_run *run) {
    const sluice__run *pass = &run->rank->pipeline->run;
    return run->calls->mode == SLUICE__RECOMPUTE || (pass->step > 0 && !pass->updates);
}

/* A bound call with what this run and this micro-batch say. */
static sluice_layer_call complete(const stage_run *run, const sluice__call *bound,
                                  bool first_write) {
    const sluice_pipeline *pipeline = run->rank->pipeline;
    const sluice__run *pass         = &pipeline->run;
    const size_t losses             = pass->program->rank[run->rank->index].losses;
    const int64_t first             = pass->first_sample[run->at->microbatch];
    sluice_layer_call call          = bound->with;
    call.input_shape.dims[0]        = run->samples;
    call.training                   = pass->step > 0;
    call.repeated                   = is_repeated(run);
    call.first_write                = first_write;
    call.position                   = pass->generates ? pass->position + first : 0;
    call.loss                       = (double *)(run->rank->arena + losses) + run->at->microbatch;
    call.total_weight               = pass->batch.total_weight;
    call.random = (sluice_random_key){pipeline->options.seed, pass->step, first};
    return call;
}

static sluice_status run_layer(const stage_run *run, const sluice__call *bound, bool first_write) {
    const sluice_pipeline *pipeline = run->rank->pipeline;
    const bool training             = pipeline->run.step > 0;
    if (bound->is_empty || (training && bound->is_empty_in_training)) return SLUICE_OK;
    if (atomic_load(&pipeline->failed)) return sluice__stopped();
    const sluice_layer_call call = complete(run, bound, first_write);
    return bound->action(&call);
}

static sluice_status run_forward(const stage_run *run, int l) {
    const sluice__call *const bound = &run->calls->first[l];
    SLUICE__TRY(run_layer(run, bound, run->at->first_input));
    if (!run->rank->pipeline->run.looks) return SLUICE_OK;
    const sluice_layer_call call = complete(run, bound, false);
    return sluice__look_at(run->rank, run->layout->first + l, &call);
}

/* W of a layer inside a B, whose other part is I. */
static sluice_status run_weight_inside(const stage_run *run, int l) {
    const double begin = sluice__now();
    SLUICE__TRY(sluice__clock_part(run->rank, run->at, run->layout->first + l, false));
    SLUICE__TRY(run_layer(run, &run->calls->weight[l], run->at->first_weight));
    SLUICE__TRY(sluice__clock_part(run->rank, run->at, run->layout->first + l, true));
    run->rank->report->weight_s += sluice__now() - begin;
    return SLUICE_OK;
}

sluice_status sluice__run_stage(sluice__rank *rank, const sluice_instruction *at) {
    const sluice__run *pass    = &rank->pipeline->run;
    const int64_t *const first = &pass->first_sample[at->microbatch];
    const stage_run run = {rank, at, &pass->program->layouts[at->stage], sluice__calls_of(rank, at),
                           first[1] - first[0]};
    const sluice__mode mode = run.calls->mode;
    const int last          = run.layout->count - 1;
    if (mode <= SLUICE__RECOMPUTE) {
        if (mode != SLUICE__RECOMPUTE) SLUICE__TRY(sluice__load_parts(rank, at));
        for (int l = 0; l <= last; l++) SLUICE__TRY(run_forward(&run, l));
        return SLUICE_OK;
    }
    for (int l = last; l >= 0; l--) {
        const bool is_weight = mode == SLUICE__BACKWARD_WEIGHT;
        SLUICE__TRY(
            run_layer(&run, &run.calls->first[l], is_weight ? at->first_weight : at->first_input));
        if (mode == SLUICE__BACKWARD) SLUICE__TRY(run_weight_inside(&run, l));
    }
    return SLUICE_OK;
}
