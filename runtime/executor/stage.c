/* SPDX-License-Identifier: MIT */
/* stage.c -- F, B, I and W of a stage: its layers' actions, one after another. */
#include "runtime/executor/stage.h"

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
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
    sluice__mode mode;
    int64_t samples;
} stage_run;

typedef enum action { ACTION_F, ACTION_I, ACTION_W } action;

/* The pointers that a call needs beside the call itself. */
typedef struct call_tables {
    const void *parameters[SLUICE_LAYER_PARAMETERS];
    float *gradients[SLUICE_LAYER_PARAMETERS];
    void *saved[SLUICE_LAYER_SAVED];
    void *stash[SLUICE_LAYER_STASH];
    const void *batch[SLUICE_LAYER_BATCH];
    void *states[SLUICE_LAYER_STATES];
} call_tables;

/* Where a tensor is; NULL if this instruction does not have it. */
static void *find(const stage_run *run, const sluice__spot *spot) {
    if (!spot->present || run->at->slots[spot->role].bytes == 0) return NULL;
    return run->rank->arena + run->at->slots[spot->role].offset + spot->offset;
}

static void bind_parameters(const stage_run *run, int layer, call_tables *tables) {
    const sluice_pipeline *pipeline = run->rank->pipeline;
    const int first = pipeline->first_use[layer], count = pipeline->first_use[layer + 1] - first;
    for (int k = 0; k < count; k++) {
        tables->parameters[k] = run->rank->arena + pipeline->program->use_values[first + k];
        tables->gradients[k] =
            (float *)(run->rank->arena + pipeline->program->use_gradients[first + k]);
    }
}

static void bind_states(const stage_run *run, int l, call_tables *tables) {
    const sluice_program *program = run->rank->pipeline->program;
    const int layer               = run->layout->first + l;
    for (int k = 0; k < run->layout->descriptions[l].state_count; k++)
        tables->states[k] =
            run->rank->arena + program->layer_states[layer * SLUICE_LAYER_STATES + k];
}

/* Whether this run, or this instruction of it, does what was done before. */
static bool is_repeated(const stage_run *run) {
    const sluice__run *pass = &run->rank->pipeline->run;
    return run->mode == SLUICE__RECOMPUTE || (pass->step > 0 && !pass->updates);
}

static sluice_layer_call bind_call(const stage_run *run, int l, action which, call_tables *tables) {
    sluice_pipeline *pipeline        = run->rank->pipeline;
    const sluice__run *pass          = &pipeline->run;
    const int layer                  = run->layout->first + l;
    const sluice__layer_spots *spots = &run->layout->spots[run->mode][l];
    const bool inside_b              = run->mode == SLUICE__BACKWARD && which == ACTION_W;
    bind_parameters(run, layer, tables);
    bind_states(run, l, tables);
    for (int k = 0; k < SLUICE_LAYER_SAVED; k++) tables->saved[k] = find(run, &spots->saved[k]);
    for (int k = 0; k < SLUICE_LAYER_STASH; k++) tables->stash[k] = find(run, &spots->stash[k]);
    for (int k = 0; k < SLUICE_LAYER_BATCH; k++) tables->batch[k] = find(run, &spots->batch[k]);
    const sluice_precision precision = pipeline->options.precision;
    const size_t losses              = pass->program->rank[run->rank->index].losses;
    return (sluice_layer_call){
        .ops         = pipeline->ops,
        .operations  = pipeline->operations,
        .stream      = run->rank->stream,
        .config      = sluice_model_layer_config(pipeline->model, layer),
        .name        = sluice_model_layer_name(pipeline->model, layer),
        .input_shape = sluice_model_layer_input(pipeline->model, layer, run->samples, precision),
        .precision   = precision,
        .training    = pass->step > 0,
        .input       = find(run, &spots->input),
        .output      = find(run, &spots->output),
        .output_gradient = find(run, &spots->output_gradient),
        .input_gradient  = find(run, &spots->input_gradient),
        .parameters      = tables->parameters,
        .gradients       = tables->gradients,
        .saved           = tables->saved,
        .stash           = tables->stash,
        .states          = tables->states,
        .repeated        = is_repeated(run),
        .scratch         = find(run, inside_b ? &spots->scratch_weight : &spots->scratch),
        .first_write     = which == ACTION_W ? run->at->first_weight : run->at->first_input,
        .batch           = tables->batch,
        .loss            = (double *)(run->rank->arena + losses) + run->at->microbatch,
        .total_weight    = pass->batch.total_weight,
        .random = {pipeline->options.seed, pass->step, pass->first_sample[run->at->microbatch]},
    };
}

/* The layer's function for this device, or for every device. */
static sluice_layer_action *find_action(const sluice_layer_kind *kind, const char *device,
                                        action which) {
    for (const sluice_layer_variant *variant = kind->variants; variant && variant->device;
         variant++) {
        const char *a = variant->device, *b = device;
        while (*a && *a == *b) a++, b++;
        if (*a != *b) continue;
        return which == ACTION_F   ? variant->forward
               : which == ACTION_I ? variant->backward_input
                                   : variant->backward_weight;
    }
    return which == ACTION_F   ? kind->forward
           : which == ACTION_I ? kind->backward_input
                               : kind->backward_weight;
}

static sluice_status run_layer(const stage_run *run, int l, action which) {
    const sluice_pipeline *pipeline       = run->rank->pipeline;
    const sluice_layer_description *layer = &run->layout->descriptions[l];
    const bool training                   = pipeline->run.step > 0;
    if (which == ACTION_F && training && layer->forward_is_empty) return SLUICE_OK;
    if (which == ACTION_W && layer->weight_is_empty) return SLUICE_OK;
    if (atomic_load(&pipeline->failed)) return sluice__stopped();
    const sluice_layer_kind *kind =
        sluice_model_layer_kind(pipeline->model, run->layout->first + l);
    call_tables tables           = {0};
    const sluice_layer_call call = bind_call(run, l, which, &tables);
    SLUICE__TRY(find_action(kind, pipeline->ops->name, which)(&call));
    return pipeline->run.looks && which == ACTION_F
               ? sluice__look_at(run->rank, run->layout->first + l, &call)
               : SLUICE_OK;
}

/* W of a layer inside a B, whose other part is I. */
static sluice_status run_weight_inside(const stage_run *run, int l) {
    const double begin = sluice__now();
    SLUICE__TRY(sluice__clock_part(run->rank, run->at, run->layout->first + l, false));
    SLUICE__TRY(run_layer(run, l, ACTION_W));
    SLUICE__TRY(sluice__clock_part(run->rank, run->at, run->layout->first + l, true));
    run->rank->report->weight_s += sluice__now() - begin;
    return SLUICE_OK;
}

sluice_status sluice__run_stage(sluice__rank *rank, const sluice_instruction *at) {
    const sluice__run *pass = &rank->pipeline->run;
    const stage_run run     = {
            rank, at, &pass->program->layouts[at->stage], sluice__mode_of(at, pass->program->trains),
            pass->first_sample[at->microbatch + 1] - pass->first_sample[at->microbatch]};
    const int last = run.layout->count - 1;
    if (run.mode <= SLUICE__RECOMPUTE) {
        if (run.mode != SLUICE__RECOMPUTE) SLUICE__TRY(sluice__load_parts(rank, at));
        for (int l = 0; l <= last; l++) SLUICE__TRY(run_layer(&run, l, ACTION_F));
        return SLUICE_OK;
    }
    for (int l = last; l >= 0; l--) {
        if (at->kind != SLUICE_INSTRUCTION_BACKWARD_WEIGHT)
            SLUICE__TRY(run_layer(&run, l, ACTION_I));
        if (at->kind == SLUICE_INSTRUCTION_BACKWARD)
            SLUICE__TRY(run_weight_inside(&run, l));
        else if (at->kind == SLUICE_INSTRUCTION_BACKWARD_WEIGHT)
            SLUICE__TRY(run_layer(&run, l, ACTION_W));
    }
    return SLUICE_OK;
}
