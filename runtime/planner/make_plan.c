/* SPDX-License-Identifier: MIT */
/* make_plan.c -- a plan: the programs of a run over one region, or the reason why it is refused. */
#include <assert.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/planner/planner.h"
#include "runtime/program/compiled.h"

/* ---- checks ---- */

static sluice_status take_options(sluice_plan_options *out, const sluice_plan_options *options) {
    if (options->size == 0 || options->size > sizeof *out) {
        sluice__fail(SLUICE_E_ARGUMENT, "plan options of %zu bytes are not known", options->size);
        return sluice__hint(SLUICE_E_ARGUMENT, "start from SLUICE_PLAN_OPTIONS_INIT");
    }
    memcpy(out, options, options->size);
    for (int k = 0; k < out->forward_count; k++)
        if (out->forwards[k].microbatches < 1 || out->forwards[k].samples < 1)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "program '%s' has %d micro-batches of %lld samples; it needs at "
                                "least 1 of 1",
                                out->forwards[k].name, out->forwards[k].microbatches,
                                (long long)out->forwards[k].samples);
    return SLUICE_OK;
}

static sluice_status check(const sluice_model *model, const sluice_schedule *schedule,
                           bool inference) {
    const int layers  = sluice_model_layer_count(model);
    const bool trains = sluice_schedule_trains(schedule);
    if (inference && trains)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "schedule '%s' has backward actions, and the plan is for inference",
                            sluice_schedule_name(schedule));
    if (!sluice_model_is_complete(model) ||
        (!inference && sluice_model_weight_per_sample(model) == 0))
        return sluice__fail(SLUICE_E_ARGUMENT, "the model of %d layers does not end with a loss%s",
                            layers, inference ? " or logits" : "");
    if (trains || inference) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT, "schedule '%s' has no backward actions",
                        sluice_schedule_name(schedule));
}

/* Refuse arenas that exceed the limit, with remedies that were planned. */
static sluice_status check_limit(const sluice_plan *plan, const sluice_schedule *schedule,
                                 const sluice_plan_options *options) {
    const size_t limit = options->memory_limit;
    for (int r = 0; limit > 0 && r < plan->ranks; r++) {
        const size_t needed = sluice_plan_arena(plan, r);
        if (needed <= limit) continue;
        char all[32], max[32], missing[32], remedies[400];
        sluice__fail(SLUICE_E_DEVICE_MEMORY,
                     "rank %d needs %s, which is %s more than the limit of %s per rank", r,
                     sluice__bytes_text(all, needed), sluice__bytes_text(missing, needed - limit),
                     sluice__bytes_text(max, limit));
        const sluice_error refusal = *sluice_last_error();
        sluice__describe_remedies(remedies, sizeof remedies, plan->model, schedule, options);
        sluice__fail_again(&refusal);
        return sluice__hint(SLUICE_E_DEVICE_MEMORY, "%s", remedies);
    }
    return SLUICE_OK;
}

/* ---- programs ---- */

/* The program of the caller's schedule. */
static sluice_status compile_first(sluice_plan *plan, const sluice_schedule *schedule,
                                   const sluice_split *split, const sluice_plan_options *options) {
    sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_split *even              = NULL;
    sluice_status status            = SLUICE_OK;
    settings.samples                = options->samples;
    settings.precision              = options->precision;
    settings.working_bytes          = options->working_bytes;
    settings.states                 = options->states;
    settings.queues                 = options->queues;
    settings.recompute              = options->recompute;
    settings.costs                  = options->costs;
    settings.outstanding            = options->outstanding;
    settings.inference              = options->inference;
    if (!split) {
        SLUICE__TRY(sluice__alloc(&even, 1, sizeof *even));
        SLUICE__TRY_OUT(sluice_split_from_model(even, plan->model, sluice_schedule_stages(schedule),
                                                options->samples,
                                                sluice_schedule_microbatches(schedule)));
        split = even;
    }
    status = sluice_program_compile(&plan->programs[0], schedule, plan->model, split, &settings);
    if (status == SLUICE_E_SCHEDULE && options->queues == SLUICE_QUEUES_PER_RANK)
        (void)sluice__hint(status, "it may run with a queue for each channel: --transport local");
out:
    sluice__free(even);
    return status;
}

#ifndef NDEBUG
static bool values_agree(const sluice__value *a, const sluice__value *b) {
    return a->use == b->use && a->master == b->master && a->working == b->working &&
           a->gradient == b->gradient && memcmp(a->states, b->states, sizeof a->states) == 0;
}

/* Every program of a plan has parameters and state at the offsets of the first. */
static bool regions_agree(const sluice_program *a, const sluice_program *b) {
    const int layers = sluice_model_layer_count(a->model);
    if (memcmp(a->layer_states, b->layer_states,
               (size_t)layers * SLUICE_LAYER_STATES * sizeof *a->layer_states) != 0)
        return false;
    for (int r = 0; r < a->ranks; r++) {
        const sluice__rank_program *x = &a->rank[r], *y = &b->rank[r];
        if (x->value_count != y->value_count) return false;
        for (int k = 0; k < x->value_count; k++)
            if (!values_agree(&x->values[k], &y->values[k])) return false;
    }
    return true;
}
#endif

static sluice_status compile_forwards(sluice_plan *plan, const sluice_plan_options *options) {
    const sluice_program *const first = plan->programs[0];
    const int own                     = sluice__plan_evaluation(plan) + 1;
    if (!options->inference)
        SLUICE__TRY(sluice__compile_forward(&plan->programs[SLUICE_PLAN_EVALUATION], first,
                                            plan->names[SLUICE_PLAN_EVALUATION],
                                            first->microbatches, sluice_program_samples(first, 0)));
    for (int k = 0; k < options->forward_count; k++) {
        const sluice_plan_forward *const forward = &options->forwards[k];
        SLUICE__TRY(sluice__compile_forward(&plan->programs[own + k], first, plan->names[own + k],
                                            forward->microbatches, forward->samples));
    }
    for (int k = 1; k < plan->count; k++) assert(regions_agree(first, plan->programs[k]));
    return SLUICE_OK;
}

static sluice_status name_programs(sluice_plan *plan, const sluice_plan_options *options) {
    const size_t count = (size_t)plan->count;
    SLUICE__TRY(sluice__alloc(&plan->programs, count, sizeof(sluice_program *)));
    SLUICE__TRY(sluice__alloc(&plan->names, count, sizeof(char *)));
    int own = 0;
    if (!options->inference) SLUICE__TRY(sluice__copy_text(&plan->names[own++], "step"));
    SLUICE__TRY(sluice__copy_text(&plan->names[own++], "evaluation"));
    for (int k = 0; k < options->forward_count; k++)
        SLUICE__TRY(sluice__copy_text(&plan->names[own + k], options->forwards[k].name));
    return SLUICE_OK;
}

/* ---- make and free ---- */

sluice_status sluice_plan_make(sluice_plan **out, const sluice_model *model,
                               const sluice_schedule *schedule, const sluice_split *split,
                               const sluice_plan_options *options) {
    sluice_plan_options settings = SLUICE_PLAN_OPTIONS_INIT;
    sluice_plan *plan            = NULL;
    sluice_status status         = SLUICE_OK;
    SLUICE__TRY(take_options(&settings, options));
    if (settings.inference) settings.states = 0;
    SLUICE__TRY(check(model, schedule, settings.inference));
    SLUICE__TRY(sluice__alloc(&plan, 1, sizeof *plan));
    atomic_init(&plan->holders, 1);
    plan->model   = model;
    plan->options = settings;
    plan->ranks   = sluice_schedule_ranks(schedule);
    plan->count   = sluice__plan_evaluation(plan) + 1 + settings.forward_count;
    SLUICE__TRY_OUT(name_programs(plan, &settings));
    SLUICE__TRY_OUT(compile_first(plan, schedule, split, &settings));
    SLUICE__TRY_OUT(compile_forwards(plan, &settings));
    SLUICE__TRY_OUT(check_limit(plan, schedule, &settings));
    plan->options.recompute = NULL; /* the caller may free these */
    plan->options.forwards  = NULL;
    plan->options.costs     = NULL;
    *out                    = plan;
    plan                    = NULL;
out:
    sluice_plan_free(plan);
    return status;
}

void sluice__plan_hold(sluice_plan *plan) {
    atomic_fetch_add(&plan->holders, 1);
}

void sluice_plan_free(sluice_plan *plan) {
    if (!plan || atomic_fetch_sub(&plan->holders, 1) > 1) return;
    for (int k = 0; k < plan->count; k++) {
        if (plan->programs) sluice_program_free(plan->programs[k]);
        if (plan->names) sluice__free(plan->names[k]);
    }
    sluice__free(plan->programs);
    sluice__free(plan->names);
    sluice__free(plan);
}

/* ---- queries ---- */

int sluice_plan_program_count(const sluice_plan *plan) {
    return plan->count;
}

const sluice_program *sluice_plan_program(const sluice_plan *plan, int index) {
    assert(0 <= index && index < plan->count);
    return plan->programs[index];
}

const char *sluice_plan_program_name(const sluice_plan *plan, int index) {
    assert(0 <= index && index < plan->count);
    return plan->names[index];
}

const sluice_model *sluice_plan_model(const sluice_plan *plan) {
    return plan->model;
}

size_t sluice_plan_host_bytes(const sluice_plan *plan) {
    return plan->options.host_bytes;
}

size_t sluice_plan_arena(const sluice_plan *plan, int rank) {
    size_t largest = 0;
    for (int k = 0; k < plan->count; k++) {
        const size_t bytes = plan->programs[k]->rank[rank].bytes.arena;
        if (bytes > largest) largest = bytes;
    }
    return largest;
}

static size_t layer_bytes(const sluice_program *program, int layer) {
    size_t bytes = 0;
    for (int k = 0; k < sluice__layer_state_count(program, layer); k++) {
        const sluice_layer_state *const state = sluice__layer_state(program, layer, k);
        if (state->lifetime == SLUICE_LIFETIME_RUN) bytes += sluice_shape_bytes(&state->shape);
    }
    return bytes;
}

/* As the pipeline lists the state of a run: executor/states.c. */
size_t sluice_plan_save_bytes(const sluice_plan *plan, int rank) {
    const sluice_program *const step = plan->programs[0];
    size_t bytes                     = 0;
    for (int u = 0; u < sluice_model_use_count(plan->model); u++) {
        const sluice_parameter_use *const use = sluice_model_use(plan->model, u);
        if (use->first == u && sluice__use_rank(step, u) == rank)
            bytes += (size_t)(1 + step->options.states) * sluice_shape_bytes(&use->parameter.shape);
    }
    for (int l = 0; l < sluice_model_layer_count(plan->model); l++)
        if (sluice__layer_rank(step, l) == rank) bytes += layer_bytes(step, l);
    return bytes;
}
