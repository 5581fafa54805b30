/* SPDX-License-Identifier: MIT */
/* states.c -- the list of a run's state, its entries by name, and its counters. */
#include <assert.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/executor/executor.h"

/* ---- the list ---- */

static bool is_first(const sluice_pipeline *pipeline, int use) {
    return sluice_model_use(pipeline->model, use)->first == use;
}

/* An upper bound: all pieces for each use, with their optimizer state, and every layer's state. */
static size_t max_count(const sluice_pipeline *pipeline) {
    const size_t uses   = (size_t)sluice_model_use_count(pipeline->model);
    const size_t layers = (size_t)sluice_model_layer_count(pipeline->model);
    return uses * SLUICE_PARAMETER_PIECES * (size_t)(1 + pipeline->program->options.states) +
           layers * SLUICE_LAYER_STATES;
}

static sluice__state *add(sluice__states *states, sluice_state_kind kind, int first, int index) {
    sluice__state *const state = &states->list[states->count++];
    *state                     = (sluice__state){.first = first, .index = index};
    state->is.kind             = kind;
    return state;
}

/* One of a parameter's tensors, of elements of `type`. */
static sluice__state *add_tensor(sluice__states *states, const sluice_pipeline *pipeline,
                                 sluice_state_kind kind, int use, int index,
                                 const sluice_parameter_tensor *tensor, sluice_type type) {
    sluice__state *const state = add(states, kind, use, index);
    state->offset              = (size_t)tensor->first * sluice_type_bytes(type);
    state->is.name             = tensor->name;
    state->is.shape            = tensor->shape;
    state->is.shape.type       = type;
    state->is.rank             = sluice__use_rank(pipeline->program, use);
    return state;
}

static void add_parameter(sluice__states *states, const sluice_pipeline *pipeline, int use) {
    const sluice_parameter_use *const it = sluice_model_use(pipeline->model, use);
    for (int k = 0; k < sluice_parameter_tensor_count(it); k++) {
        const sluice_parameter_tensor tensor = sluice_parameter_tensor_at(it, k);
        (void)add_tensor(states, pipeline, SLUICE_STATE_PARAMETER, use, 0, &tensor,
                         tensor.shape.type);
    }
}

static sluice_status add_optimizer_state(sluice__states *states, const sluice_pipeline *pipeline,
                                         int use, int index) {
    const sluice_optimizer_kind *const kind = pipeline->options.optimizer;
    const sluice_parameter_use *const it    = sluice_model_use(pipeline->model, use);
    for (int k = 0; k < sluice_parameter_tensor_count(it); k++) {
        const sluice_parameter_tensor tensor = sluice_parameter_tensor_at(it, k);
        sluice__state *const state = add_tensor(states, pipeline, SLUICE_STATE_OPTIMIZER, use,
                                                index, &tensor, kind->states[index].type);
        sluice__text name          = {0};
        SLUICE__TRY(
            sluice__text_add(&name, "%s.%s/%s", kind->name, kind->states[index].name, tensor.name));
        state->is.name = state->owned = name.bytes;
    }
    return SLUICE_OK;
}

/* State that lasts as long as a sequence is not listed. */
static sluice_status add_layer_state(sluice__states *states, const sluice_pipeline *pipeline,
                                     int layer, int index) {
    const sluice_layer_state *const it = sluice__layer_state(pipeline->program, layer, index);
    sluice__text name                  = {0};
    if (it->lifetime != SLUICE_LIFETIME_RUN) return SLUICE_OK;
    sluice__state *const state = add(states, SLUICE_STATE_LAYER, layer, index);
    state->is.shape            = it->shape;
    state->is.rank             = sluice__layer_rank(pipeline->program, layer);
    SLUICE__TRY(sluice__text_add(&name, "state/%s.%s",
                                 sluice_model_layer_name(pipeline->model, layer), it->name));
    state->is.name = state->owned = name.bytes;
    return SLUICE_OK;
}

/* A layer "a" with state "b.c" and one "a.b" with state "c" would share a name. */
static sluice_status check_names(const sluice__states *states) {
    for (int k = 0; k < states->count; k++)
        for (int j = 0; states->list[k].is.kind == SLUICE_STATE_LAYER && j < k; j++)
            if (strcmp(states->list[j].is.name, states->list[k].is.name) == 0)
                return sluice__fail(SLUICE_E_ARGUMENT, "two layers have a state called '%s'",
                                    states->list[k].is.name);
    return SLUICE_OK;
}

sluice_status sluice__states_make(sluice__states *states, const sluice_pipeline *pipeline) {
    const int uses = sluice_model_use_count(pipeline->model);
    SLUICE__TRY(sluice__alloc(&states->list, max_count(pipeline), sizeof *states->list));
    for (int u = 0; u < uses; u++)
        if (is_first(pipeline, u)) add_parameter(states, pipeline, u);
    for (int u = 0; u < uses; u++)
        for (int k = 0; is_first(pipeline, u) && k < pipeline->program->options.states; k++)
            SLUICE__TRY(add_optimizer_state(states, pipeline, u, k));
    for (int l = 0; l < sluice_model_layer_count(pipeline->model); l++)
        for (int k = 0; k < sluice__layer_state_count(pipeline->program, l); k++)
            SLUICE__TRY(add_layer_state(states, pipeline, l, k));
    return check_names(states);
}

void sluice__states_free(sluice__states *states) {
    for (int k = 0; k < states->count; k++) sluice__free(states->list[k].owned);
    sluice__free(states->list);
    sluice__exchanges_free(states->left);
}

int sluice_pipeline_state_count(const sluice_pipeline *pipeline) {
    return pipeline->states.count;
}

sluice_state sluice_pipeline_state_at(const sluice_pipeline *pipeline, int index) {
    assert(0 <= index && index < pipeline->states.count);
    return pipeline->states.list[index].is;
}

/* ---- by name ---- */

static const sluice__state *find(const sluice_pipeline *pipeline, const char *name) {
    const sluice__states *const states = &pipeline->states;
    for (int k = 0; k < states->count; k++)
        if (strcmp(states->list[k].is.name, name) == 0) return &states->list[k];
    return NULL;
}

static sluice_status find_state(const sluice__state **out, const sluice_pipeline *pipeline,
                                const char *name, size_t bytes) {
    const sluice__state *const state = find(pipeline, name);
    SLUICE__TRY(sluice__states_have_values(pipeline));
    if (!state) return sluice__fail(SLUICE_E_ARGUMENT, "there is no state '%s'", name);
    const size_t all = sluice_shape_bytes(&state->is.shape);
    if (all != bytes)
        return sluice__fail(SLUICE_E_ARGUMENT, "state '%s' has %zu bytes, not %zu", name, all,
                            bytes);
    *out = state;
    return SLUICE_OK;
}

sluice_status sluice_pipeline_read_state(void *out, size_t bytes, sluice_pipeline *pipeline,
                                         const char *name) {
    const sluice__state *state = NULL;
    SLUICE__TRY(find_state(&state, pipeline, name, bytes));
    return sluice__state_move(pipeline, state, out, NULL);
}

sluice_status sluice_pipeline_write_state(sluice_pipeline *pipeline, const char *name,
                                          const void *values, size_t bytes) {
    const sluice__state *state = NULL;
    SLUICE__TRY(find_state(&state, pipeline, name, bytes));
    return sluice__state_move(pipeline, state, NULL, values);
}

static sluice_status move_parameter(sluice_pipeline *pipeline, const char *name, int64_t count,
                                    float *to, const float *from) {
    const sluice__state *const state = find(pipeline, name);
    SLUICE__TRY(sluice__states_have_values(pipeline));
    if (!state || state->is.kind != SLUICE_STATE_PARAMETER)
        return sluice__fail(SLUICE_E_ARGUMENT, "there is no parameter '%s'", name);
    const int64_t all = sluice_shape_count(&state->is.shape);
    if (all != count)
        return sluice__fail(SLUICE_E_ARGUMENT, "parameter '%s' has %lld elements, not %lld", name,
                            (long long)all, (long long)count);
    return sluice__state_move(pipeline, state, to, from);
}

sluice_status sluice_pipeline_read_parameter(float *values, int64_t count,
                                             sluice_pipeline *pipeline, const char *name) {
    return move_parameter(pipeline, name, count, values, NULL);
}

sluice_status sluice_pipeline_write_parameter(sluice_pipeline *pipeline, const char *name,
                                              const float *values, int64_t count) {
    return move_parameter(pipeline, name, count, NULL, values);
}

/* ---- counters ---- */

sluice_counters sluice_pipeline_counters(const sluice_pipeline *pipeline) {
    return (sluice_counters){pipeline->steps, pipeline->updates, pipeline->options.seed};
}

sluice_status sluice_pipeline_set_counters(sluice_pipeline *pipeline,
                                           const sluice_counters *counters) {
    if (atomic_load(&pipeline->failed)) return sluice__fail_again(&pipeline->kept);
    if (counters->updates < 0 || counters->updates > counters->steps)
        return sluice__fail(SLUICE_E_ARGUMENT, "%lld updates in %lld steps",
                            (long long)counters->updates, (long long)counters->steps);
    pipeline->steps        = counters->steps;
    pipeline->updates      = counters->updates;
    pipeline->options.seed = counters->seed;
    return SLUICE_OK;
}
