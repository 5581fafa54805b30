/* SPDX-License-Identifier: MIT */
/* parameters.c -- a rank's memory: its arena, and the initial values of what stays in it. */
#include "runtime/executor/parameters.h"

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/executor/calls.h"
#include "runtime/executor/choose.h"
#include "runtime/executor/device_times.h"
#include "runtime/executor/events.h"
#include "runtime/executor/load.h"
#include "runtime/executor/report.h"
#include "runtime/executor/update.h"

/* Elements whose initial values are made at once: 4 MiB. */
enum { PART = 1 << 20 };

/* After the master come the values that layers read. */
sluice_status sluice__store_working(sluice__rank *rank, const sluice__value *value) {
    if (value->working_bytes == 0) return SLUICE_OK;
    return rank->pipeline->operations->store_working(
        rank->stream, &(sluice_store_working){
                          .working = rank->arena + value->working,
                          .master  = (const float *)(rank->arena + value->master),
                          .count   = value->count,
                      });
}

static sluice_status upload_part(sluice__rank *rank, const sluice__value *value, float *part,
                                 int64_t at, int64_t count) {
    const sluice_pipeline *pipeline = rank->pipeline;
    const int first                 = sluice_model_use(pipeline->model, value->use)->first;
    sluice_parameter_initialize_part(part, sluice_model_use(pipeline->model, first),
                                     pipeline->options.seed, at, count);
    SLUICE__TRY(pipeline->ops->upload(rank->stream, (float *)(rank->arena + value->master) + at,
                                      part, (size_t)count * sizeof *part));
    SLUICE__TRY(sluice__drain(rank));
    sluice__progress(&rank->pipeline->deadline);
    return SLUICE_OK;
}

/* Part by part, so that no parameter is in host memory twice. */
static sluice_status upload_initial(sluice__rank *rank, const sluice__value *value) {
    const int64_t elements = value->count < PART ? value->count : PART;
    sluice_status status   = SLUICE_OK;
    float *part            = NULL;
    SLUICE__TRY(sluice__alloc(&part, (size_t)elements, sizeof *part));
    for (int64_t at = 0; at < value->count && status == SLUICE_OK; at += elements) {
        const int64_t rest = value->count - at;
        status             = upload_part(rank, value, part, at, rest < elements ? rest : elements);
    }
    sluice__free(part);
    return status;
}

static sluice_status initialize_value(sluice__rank *rank, const sluice__value *value) {
    const sluice_pipeline *pipeline = rank->pipeline;
    const sluice_device_ops *ops    = pipeline->ops;
    const size_t bytes              = sluice__master_bytes(value);
    if (!ops->computes) return SLUICE_OK; /* a virtual device holds none */
    SLUICE__TRY(pipeline->options.zero_parameters
                    ? ops->zero(rank->stream, rank->arena + value->master, bytes)
                    : upload_initial(rank, value));
    SLUICE__TRY(sluice__store_working(rank, value));
    for (int k = 0; k < pipeline->program->options.states; k++)
        SLUICE__TRY(ops->zero(rank->stream, rank->arena + value->states[k], bytes));
    SLUICE__TRY(sluice__drain(rank));
    sluice__progress(&rank->pipeline->deadline);
    return SLUICE_OK;
}

static sluice_status zero_layer_states(sluice__rank *rank) {
    const sluice_pipeline *pipeline = rank->pipeline;
    const sluice_program *program   = pipeline->program;
    if (!pipeline->ops->computes) return SLUICE_OK;
    for (int l = 0; l < sluice_model_layer_count(pipeline->model); l++) {
        if (sluice__layer_rank(program, l) != rank->index) continue;
        for (int k = 0; k < sluice__layer_state_count(program, l); k++)
            SLUICE__TRY(pipeline->ops->zero(
                rank->stream, rank->arena + program->layer_states[l * SLUICE_LAYER_STATES + k],
                sluice_shape_bytes(&sluice__layer_state(program, l, k)->shape)));
    }
    return sluice__drain(rank);
}

static sluice_status take_arena(sluice__rank *rank) {
    void *arena = NULL;
    SLUICE__TRY(rank->pipeline->ops->arena_alloc(&arena, rank->device, rank->arena_bytes));
    rank->arena = arena;
    sluice__progress(&rank->pipeline->deadline);
    return SLUICE_OK;
}

static sluice_status make_streams(sluice__rank *rank) {
    const sluice_device_ops *const ops = rank->pipeline->ops;
    SLUICE__TRY(ops->stream_create(&rank->stream, rank->device, SLUICE_STREAM_COMPUTE));
    sluice__progress(&rank->pipeline->deadline);
    SLUICE__TRY(ops->stream_create(&rank->transfers, rank->device, SLUICE_STREAM_TRANSFERS));
    return sluice__events_make(rank);
}

sluice_status sluice__allocate_rank(sluice__rank *rank, void *unused) {
    (void)unused;
    const sluice_pipeline *pipeline = rank->pipeline;
    const size_t count              = (size_t)pipeline->program->rank[rank->index].count;
    rank->arena_bytes               = sluice_plan_arena(pipeline->plan, rank->index);
    SLUICE__TRY(make_streams(rank));
    SLUICE__TRY(take_arena(rank));
    SLUICE__TRY(sluice__tensors_make(rank));
    sluice__tensors_bind(rank);
    SLUICE__TRY(sluice__calls_make(rank));
    sluice__calls_bind(rank);
    SLUICE__TRY(sluice__loads_make(rank));
    SLUICE__TRY(sluice__choice_make(rank));
    SLUICE__TRY(sluice__report_make(rank));
    return sluice__clock_make(rank, (int)count);
}

/* A new arena, so that nothing of the warm-up is left in it. */
static sluice_status renew_arena(sluice__rank *rank) {
    rank->pipeline->ops->arena_free(rank->device, rank->arena, rank->arena_bytes);
    rank->arena = NULL;
    SLUICE__TRY(take_arena(rank));
    sluice__tensors_bind(rank);
    sluice__calls_bind(rank);
    return SLUICE_OK;
}

sluice_status sluice__initialize_rank(sluice__rank *rank, void *unused) {
    (void)unused;
    const sluice_pipeline *pipeline  = rank->pipeline;
    const sluice__rank_program *mine = &pipeline->program->rank[rank->index];
    if (pipeline->ops->asynchronous) SLUICE__TRY(renew_arena(rank));
    for (int k = 0; k < mine->value_count; k++)
        SLUICE__TRY(initialize_value(rank, &mine->values[k]));
    return zero_layer_states(rank);
}
