/* SPDX-License-Identifier: MIT */
/*
 * busy_ranks.c -- ranks that all run the whole model at the same time, layer by layer.
 *
 * The first micro-batch of a step does not count: it stores gradients where later ones add to them.
 * A rank that has made its steps goes on until all have.
 */
#include "runtime/measure/busy_ranks.h"

#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"

enum { MICROBATCHES = 3, COUNTED = MICROBATCHES - 1 };

/* ---- times ---- */

sluice_status sluice__times_make(sluice__times *out, int layers, int ranks, int steps) {
    const size_t updates = (size_t)ranks * (size_t)steps, count = COUNTED * updates;
    sluice__times times = {.count = (int)count, .updates = (int)updates};
    SLUICE__TRY(sluice__alloc(&times.actions, (size_t)layers * SLUICE__TIMES * count,
                              sizeof *times.actions));
    const sluice_status status = sluice__alloc(&times.update, updates, sizeof *times.update);
    *out                       = times;
    return status;
}

void sluice__times_free(sluice__times *times) {
    sluice__free(times->actions);
    sluice__free(times->update);
    *times = (sluice__times){0};
}

double *sluice__times_of(const sluice__times *times, int layer, int action) {
    return times->actions + ((size_t)layer * SLUICE__TIMES + (size_t)action) * (size_t)times->count;
}

/* ---- the schedule: one rank, a stage per layer ---- */

/* All F of a micro-batch, then I and W of each layer from the last to the first. */
static void list_actions(sluice_action *to, int layers) {
    for (int i = 0; i < MICROBATCHES; i++) {
        for (int l = 0; l < layers; l++) *to++ = (sluice_action){SLUICE_ACTION_F, l, i, 0};
        for (int l = layers - 1; l >= 0; l--) {
            *to++ = (sluice_action){SLUICE_ACTION_I, l, i, 0};
            *to++ = (sluice_action){SLUICE_ACTION_W, l, i, 0};
        }
    }
}

static sluice_status make_schedule(sluice_schedule **out, int layers) {
    const int count = 3 * MICROBATCHES * layers;
    sluice_action *list;
    SLUICE__TRY(sluice__alloc(&list, (size_t)count, sizeof *list));
    list_actions(list, layers);
    const sluice_action *const lists[] = {list};
    const sluice_status status =
        sluice_schedule_from_lists(out, "layer by layer", lists, &count, 1);
    sluice__free(list);
    return status;
}

static sluice_status make_split(sluice_split **out, int layers) {
    SLUICE__TRY(sluice__alloc(out, 1, sizeof **out));
    (*out)->stages = layers;
    for (int l = 0; l <= layers; l++) (*out)->first[l] = l;
    return SLUICE_OK;
}

/* ---- open ---- */

static sluice_pipeline_options settings_of(const sluice_profile_options *options, int64_t samples,
                                           const bool *recompute) {
    sluice_pipeline_options settings = SLUICE_PIPELINE_OPTIONS_INIT;
    settings.samples                 = MICROBATCHES * samples;
    settings.device                  = options->device;
    settings.threads                 = options->threads;
    settings.ranks_per_device        = options->ranks_per_device;
    settings.precision               = options->precision;
    settings.optimizer               = options->optimizer;
    settings.optimizer_config        = options->optimizer_config;
    settings.recompute               = recompute;
    settings.blas                    = options->blas;
    return settings;
}

static sluice_status open_ranks(sluice__busy_ranks *all, sluice_plan *plan,
                                const sluice_pipeline_options *settings) {
    for (int r = 0; r < all->count; r++) {
        const sluice__parts parts = {.first_rank = r, .all_ranks = all->count};
        all->rank[r].all          = all;
        all->rank[r].index        = r;
        SLUICE__TRY(sluice__pipeline_open(&all->rank[r].pipeline, plan, settings, &parts));
    }
    return SLUICE_OK;
}

static sluice_status plan_and_open(sluice__busy_ranks *all, int64_t samples) {
    const int layers          = sluice_model_layer_count(all->model);
    sluice_schedule *schedule = NULL;
    sluice_split *split       = NULL;
    sluice_plan *plan         = NULL;
    bool *recompute           = NULL;
    sluice_status status      = SLUICE_OK;
    SLUICE__TRY_OUT(make_schedule(&schedule, layers));
    SLUICE__TRY_OUT(make_split(&split, layers));
    SLUICE__TRY_OUT(sluice__alloc(&recompute, (size_t)layers, sizeof *recompute));
    for (int l = 0; l < layers; l++) recompute[l] = all->recomputes;
    const sluice_pipeline_options settings = settings_of(all->options, samples, recompute);
    SLUICE__TRY_OUT(sluice_pipeline_plan(&plan, all->model, schedule, split, &settings));
    SLUICE__TRY_OUT(open_ranks(all, plan, &settings));
out:
    sluice_plan_free(plan);
    sluice__free(recompute);
    sluice__free(split);
    sluice_schedule_free(schedule);
    return status;
}

/* ---- the batch ---- */

/* `context`: the bytes of a sample. */
static sluice_status load_zeros(void *context, void *to, int64_t first, int64_t samples) {
    const size_t *const bytes = context;
    (void)first;
    memset(to, 0, (size_t)samples * *bytes);
    return SLUICE_OK;
}

/* The caller's parts; zeros, which are valid tokens, where there are none. */
static void make_batch(sluice__busy_ranks *all, int64_t samples) {
    const int64_t count = MICROBATCHES * samples;
    const int64_t terms = sluice_model_weight_per_sample(all->model);
    all->batch =
        (sluice_batch){.samples = count, .total_weight = (double)(count * (terms > 0 ? terms : 1))};
    if (all->options->parts) {
        for (int k = 0; k < SLUICE_BATCH_PARTS && all->options->parts[k].name; k++)
            all->batch.parts[k] = all->options->parts[k];
        return;
    }
    for (int k = 0; k < sluice_model_batch_count(all->model); k++) {
        const sluice_batch_read *const read = sluice_model_batch(all->model, k);
        all->part_bytes[k]                  = sluice_shape_bytes(&read->shape);
        all->batch.parts[k] = (sluice_batch_part){read->name, load_zeros, &all->part_bytes[k]};
    }
}

sluice_status sluice__busy_ranks_open(sluice__busy_ranks *out, const sluice_model *model,
                                      const sluice_profile_options *options, int64_t samples,
                                      bool recomputes) {
    *out = (sluice__busy_ranks){
        .count = options->ranks, .options = options, .model = model, .recomputes = recomputes};
    SLUICE__TRY(sluice__alloc(&out->rank, (size_t)out->count, sizeof *out->rank));
    pthread_mutex_init(&out->lock, NULL);
    sluice__condition_init(&out->changed);
    make_batch(out, samples);
    return plan_and_open(out, samples);
}

void sluice__busy_ranks_close(sluice__busy_ranks *all) {
    if (!all->rank) return;
    for (int r = 0; r < all->count; r++) sluice_pipeline_close(all->rank[r].pipeline);
    pthread_mutex_destroy(&all->lock);
    pthread_cond_destroy(&all->changed);
    sluice__free(all->rank);
    all->rank = NULL;
}

/* ---- threads ---- */

void sluice__busy_rank_fail(sluice__busy_rank *rank) {
    rank->error = *sluice_last_error();
    atomic_store(&rank->all->failed, true);
}

static void *run_thread(void *argument) {
    sluice__busy_rank *const rank = argument;
    rank->all->task(rank);
    pthread_mutex_lock(&rank->all->lock);
    rank->all->left++;
    pthread_cond_signal(&rank->all->changed);
    pthread_mutex_unlock(&rank->all->lock);
    return NULL;
}

static int start_threads(sluice__busy_ranks *all) {
    for (int r = 0; r < all->count; r++) {
        const int error = pthread_create(&all->rank[r].thread, NULL, run_thread, &all->rank[r]);
        if (error == 0) continue;
        sluice__fail(SLUICE_E_HOST_MEMORY, "cannot start a thread for rank %d: %s", r,
                     strerror(error));
        sluice__busy_rank_fail(&all->rank[r]);
        return r;
    }
    return all->count;
}

/* Until `started` threads have ended. */
static void await_threads(sluice__busy_ranks *all, int started,
                          void (*report)(void *context, int steps), void *context) {
    pthread_mutex_lock(&all->lock);
    while (all->left < started) {
        const struct timespec soon = sluice__time_after(0.1);
        (void)pthread_cond_timedwait(&all->changed, &all->lock, &soon);
        if (report) report(context, atomic_load(&all->steps));
    }
    pthread_mutex_unlock(&all->lock);
    for (int r = 0; r < started; r++) (void)pthread_join(all->rank[r].thread, NULL);
}

/* The first rank's failure that is not the consequence of another's. */
static const sluice_error *find_failure(const sluice__busy_ranks *all) {
    const sluice_error *found = NULL;
    for (int r = 0; r < all->count; r++) {
        const sluice_error *const error = &all->rank[r].error;
        if (error->status == SLUICE_OK) continue;
        if (!found || found->status == SLUICE_E_STOPPED) found = error;
    }
    return found;
}

sluice_status sluice__busy_ranks_do(sluice__busy_ranks *all, void (*task)(sluice__busy_rank *rank),
                                    void *argument, void (*report)(void *context, int steps),
                                    void *context) {
    all->task     = task;
    all->argument = argument;
    all->left     = 0;
    atomic_store(&all->steps, 0);
    atomic_store(&all->finished, 0);
    await_threads(all, start_threads(all), report, context);
    const sluice_error *const failure = find_failure(all);
    return failure ? sluice__fail_again(failure) : SLUICE_OK;
}

/* ---- steps ---- */

static int action_of(sluice_instruction_kind kind) {
    switch (kind) {
    case SLUICE_INSTRUCTION_FORWARD:
        return SLUICE__TIMES_F;
    case SLUICE_INSTRUCTION_BACKWARD_INPUT:
        return SLUICE__TIMES_I;
    case SLUICE_INSTRUCTION_BACKWARD_WEIGHT:
        return SLUICE__TIMES_W;
    default:
        return SLUICE__TIMES_RECOMPUTE;
    }
}

/* The times of the rank's step number `step` of those that count. */
static void keep_times(const sluice__busy_rank *rank, const sluice_timeline *timeline, int step,
                       const sluice_result *result) {
    const sluice__busy_ranks *const all = rank->all;
    const int at                        = rank->index * all->options->steps + step;
    const sluice_timeline_rank *const r = &timeline->rank[0];
    for (int n = 0; n < r->span_count; n++) {
        const sluice_timeline_span *const span = &r->spans[n];
        const int action                       = action_of(span->kind);
        const bool is_wanted = all->recomputes == (action == SLUICE__TIMES_RECOMPUTE);
        if (span->microbatch == 0 || !is_wanted) continue;
        double *const times = sluice__times_of(all->times, span->stage, action);
        times[at * COUNTED + span->microbatch - 1] = span->end - span->begin;
    }
    if (!all->recomputes) all->times->update[at] = result->ledger[0].time[SLUICE_LEDGER_UPDATE];
}

/* Step number `step`; negative: a warm-up; after the last that counts: to keep the others busy. */
static sluice_status run_step(const sluice__busy_rank *rank, int step) {
    sluice_result result;
    sluice_timeline *timeline = NULL;
    SLUICE__TRY(sluice_pipeline_step(&result, rank->pipeline, &rank->all->batch));
    if (step < 0 || step >= rank->all->options->steps) return SLUICE_OK;
    SLUICE__TRY(sluice_pipeline_timeline(&timeline, rank->pipeline));
    keep_times(rank, timeline, step, &result);
    sluice_timeline_free(timeline);
    atomic_fetch_add(&rank->all->steps, 1);
    return SLUICE_OK;
}

static void run_steps(sluice__busy_rank *rank) {
    sluice__busy_ranks *const all = rank->all;
    const int steps               = all->options->steps;
    for (int step = -all->options->warm_up; atomic_load(&all->finished) < all->count; step++) {
        if (atomic_load(&all->failed)) return;
        if (run_step(rank, step) != SLUICE_OK) {
            sluice__busy_rank_fail(rank);
            return;
        }
        if (step == steps - 1) atomic_fetch_add(&all->finished, 1);
    }
}

sluice_status sluice__busy_ranks_measure(sluice__times *times, sluice__busy_ranks *all,
                                         void (*report)(void *context, int steps), void *context) {
    all->times = times;
    return sluice__busy_ranks_do(all, run_steps, NULL, report, context);
}
