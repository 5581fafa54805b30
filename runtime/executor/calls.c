/* SPDX-License-Identifier: MIT */
/* calls.c -- layers' calls, bound when the pipeline is opened. */
#include "runtime/executor/calls.h"

#include <assert.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/instruction.h"

typedef enum action { ACTION_F, ACTION_I, ACTION_W } action;

/* What every call of a layer on this rank shares. */
typedef struct layer_tables {
    const void *parameters[SLUICE_LAYER_PARAMETERS];
    float *gradients[SLUICE_LAYER_PARAMETERS];
    void *states[SLUICE_LAYER_STATES];
} layer_tables;

/* Of one program. */
typedef struct program_calls {
    sluice__stage_calls *sets;
    int count, capacity;
    int *of; /* per instruction: its set; -1 */
} program_calls;

struct sluice__calls {
    layer_tables *layers;    /* [layers of the model]; those of other ranks stay empty */
    program_calls *programs; /* [programs of the plan] */
};

/* ---- which function ---- */

static const sluice_layer_variant *find_variant(const sluice_layer_kind *kind, const char *device) {
    for (const sluice_layer_variant *at = kind->variants; at && at->device; at++)
        if (strcmp(at->device, device) == 0) return at;
    return NULL;
}

bool sluice__has_code(const sluice_layer_kind *kind, const char *device) {
    return kind->forward || find_variant(kind, device);
}

static sluice_layer_action *find_action(const sluice_layer_kind *kind, const char *device,
                                        action which) {
    const sluice_layer_variant *const variant = find_variant(kind, device);
    switch (which) {
    case ACTION_F:
        return variant ? variant->forward : kind->forward;
    case ACTION_I:
        return variant ? variant->backward_input : kind->backward_input;
    default:
        return variant ? variant->backward_weight : kind->backward_weight;
    }
}

/* ---- sets ---- */

static int find_set(const program_calls *calls, const int *row, int stage, sluice__mode mode) {
    for (int k = calls->count - 1; k >= 0; k--) /* the newest is the likeliest */
        if (calls->sets[k].row == row && calls->sets[k].stage == stage &&
            calls->sets[k].mode == mode)
            return k;
    return -1;
}

static sluice_status add_set(program_calls *calls, const sluice_program *program,
                             const sluice__rank_program *mine, const int *row, int stage,
                             sluice__mode mode) {
    const size_t layers = (size_t)program->layouts[stage].count;
    if (calls->count == calls->capacity) {
        const int capacity = calls->capacity > 0 ? 2 * calls->capacity : 16;
        SLUICE__TRY(sluice__grow(&calls->sets, (size_t)capacity, sizeof *calls->sets));
        calls->capacity = capacity;
    }
    sluice__stage_calls *const set = &calls->sets[calls->count++];
    *set = (sluice__stage_calls){mine->slots, row, stage, mode, NULL, NULL};
    SLUICE__TRY(sluice__alloc(&set->first, layers, sizeof *set->first));
    return mode == SLUICE__BACKWARD ? sluice__alloc(&set->weight, layers, sizeof *set->weight)
                                    : SLUICE_OK;
}

static sluice_status index_program(program_calls *calls, const sluice_program *program, int rank) {
    const sluice__rank_program *const mine = &program->rank[rank];
    SLUICE__TRY(sluice__alloc(&calls->of, (size_t)mine->count, sizeof *calls->of));
    for (int n = 0; n < mine->count; n++) {
        const sluice_instruction *const at = &mine->list[n];
        calls->of[n]                       = -1;
        if (!sluice__is_compute(at)) continue;
        const sluice__mode mode = sluice__mode_of(at, program->trains);
        const int *row          = mine->rows + at->row;
        calls->of[n]            = find_set(calls, row, at->stage, mode);
        if (calls->of[n] >= 0) continue;
        SLUICE__TRY(add_set(calls, program, mine, row, at->stage, mode));
        calls->of[n] = calls->count - 1;
    }
    return SLUICE_OK;
}

sluice_status sluice__calls_make(sluice__rank *rank) {
    const sluice_plan *const plan = rank->pipeline->plan;
    const size_t layers           = (size_t)sluice_model_layer_count(plan->model);
    SLUICE__TRY(sluice__alloc(&rank->calls, 1, sizeof *rank->calls));
    SLUICE__TRY(sluice__alloc(&rank->calls->layers, layers, sizeof(layer_tables)));
    SLUICE__TRY(sluice__alloc(&rank->calls->programs, (size_t)plan->count, sizeof(program_calls)));
    for (int k = 0; k < plan->count; k++)
        SLUICE__TRY(index_program(&rank->calls->programs[k], plan->programs[k], rank->index));
    return SLUICE_OK;
}

static void free_program(program_calls *calls) {
    for (int k = 0; k < calls->count; k++) {
        sluice__free(calls->sets[k].first);
        sluice__free(calls->sets[k].weight);
    }
    sluice__free(calls->sets);
    sluice__free(calls->of);
}

void sluice__calls_free(sluice__rank *rank) {
    if (!rank->calls) return;
    for (int k = 0; rank->calls->programs && k < rank->pipeline->plan->count; k++)
        free_program(&rank->calls->programs[k]);
    sluice__free(rank->calls->programs);
    sluice__free(rank->calls->layers);
    sluice__free(rank->calls);
    rank->calls = NULL;
}

/* ---- addresses ---- */

static void bind_layer(sluice__rank *rank, int layer) {
    const sluice_pipeline *const pipeline = rank->pipeline;
    const sluice_program *const program   = pipeline->program;
    layer_tables *const tables            = &rank->calls->layers[layer];
    const int first = pipeline->first_use[layer], count = pipeline->first_use[layer + 1] - first;
    for (int k = 0; k < count; k++) {
        tables->parameters[k] = rank->arena + program->use_values[first + k];
        if (program->options.inference) continue;
        tables->gradients[k] = (float *)(rank->arena + program->use_gradients[first + k]);
    }
    for (int k = 0; k < sluice__layer_state_count(program, layer); k++)
        tables->states[k] = rank->arena + program->layer_states[layer * SLUICE_LAYER_STATES + k];
}

/* Where a tensor is; NULL if these instructions do not have it. */
static void *find(const sluice__rank *rank, const sluice__stage_calls *set,
                  const sluice__spot *spot) {
    if (!spot->present) return NULL;
    const sluice_slot slot = set->slots[set->row[spot->role]];
    return slot.bytes > 0 ? rank->arena + slot.offset + spot->offset : NULL;
}

static void bind_tables(sluice__call *call, const sluice__rank *rank,
                        const sluice__stage_calls *set, const sluice__layer_spots *spots) {
    for (int k = 0; k < SLUICE_LAYER_SAVED; k++) call->saved[k] = find(rank, set, &spots->saved[k]);
    for (int k = 0; k < SLUICE_LAYER_STASH; k++) call->stash[k] = find(rank, set, &spots->stash[k]);
    for (int k = 0; k < SLUICE_LAYER_BATCH; k++) call->batch[k] = find(rank, set, &spots->batch[k]);
}

/* `scratch`: the one of this action among the layer's spots. */
static void bind_call(sluice__call *call, sluice__rank *rank, const sluice__stage_calls *set,
                      const sluice__layout *layout, int l, action which,
                      const sluice__spot *scratch) {
    const sluice_pipeline *const pipeline       = rank->pipeline;
    const sluice__layer_spots *const spots      = &layout->spots[set->mode][l];
    const sluice_layer_description *const layer = &layout->descriptions[l];
    const int index                             = layout->first + l;
    const layer_tables *const tables            = &rank->calls->layers[index];
    const sluice_layer_kind *const kind         = sluice_model_layer_kind(pipeline->model, index);
    call->action                                = find_action(kind, pipeline->ops->name, which);
    call->is_empty                              = which == ACTION_W && layer->weight_is_empty;
    call->is_empty_in_training                  = which == ACTION_F && layer->forward_is_empty;
    bind_tables(call, rank, set, spots);
    call->with = (sluice_layer_call){
        .ops        = pipeline->ops,
        .operations = pipeline->operations,
        .stream     = rank->stream,
        .config     = sluice_model_layer_config(pipeline->model, index),
        .name       = sluice_model_layer_name(pipeline->model, index),
        .input_shape =
            sluice_model_layer_input(pipeline->model, index, 1, pipeline->operations->precision),
        .precision       = pipeline->operations->precision,
        .input           = find(rank, set, &spots->input),
        .output          = find(rank, set, &spots->output),
        .output_gradient = find(rank, set, &spots->output_gradient),
        .input_gradient  = find(rank, set, &spots->input_gradient),
        .parameters      = tables->parameters,
        .gradients       = tables->gradients,
        .saved           = call->saved,
        .stash           = call->stash,
        .states          = tables->states,
        .scratch         = find(rank, set, scratch),
        .batch           = call->batch,
    };
}

static action action_of(sluice__mode mode) {
    if (mode <= SLUICE__RECOMPUTE) return ACTION_F;
    return mode == SLUICE__BACKWARD_WEIGHT ? ACTION_W : ACTION_I;
}

static void bind_set(sluice__rank *rank, const sluice_program *program, sluice__stage_calls *set) {
    const sluice__layout *const layout = &program->layouts[set->stage];
    for (int l = 0; l < layout->count; l++) {
        const sluice__layer_spots *const spots = &layout->spots[set->mode][l];
        bind_call(&set->first[l], rank, set, layout, l, action_of(set->mode), &spots->scratch);
        if (set->weight)
            bind_call(&set->weight[l], rank, set, layout, l, ACTION_W, &spots->scratch_weight);
    }
}

void sluice__calls_bind(sluice__rank *rank) {
    const sluice_plan *const plan = rank->pipeline->plan;
    for (int l = 0; l < sluice_model_layer_count(plan->model); l++)
        if (sluice__layer_rank(plan->programs[0], l) == rank->index) bind_layer(rank, l);
    for (int p = 0; p < plan->count; p++)
        for (int k = 0; k < rank->calls->programs[p].count; k++)
            bind_set(rank, plan->programs[p], &rank->calls->programs[p].sets[k]);
}

const sluice__stage_calls *sluice__calls_of(const sluice__rank *rank,
                                            const sluice_instruction *at) {
    const sluice_pipeline *const pipeline = rank->pipeline;
    const sluice_program *const program   = pipeline->run.program;
    int p                                 = 0;
    while (pipeline->plan->programs[p] != program) p++;
    const program_calls *const calls = &rank->calls->programs[p];
    const int set                    = calls->of[at - program->rank[rank->index].list];
    assert(set >= 0);
    return &calls->sets[set];
}
