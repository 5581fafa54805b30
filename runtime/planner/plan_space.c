/* SPDX-License-Identifier: MIT */
/* plan_space.c -- the configurations of a search for a plan, each with a first bound. */
#include "runtime/planner/plan_space.h"

#include <math.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

enum { ALL_RANKS_TO = 8 };

/* What no split and no schedule change: seconds of a micro-batch on the fastest ranks. */
typedef struct work {
    double all, largest_layer, chain, overlap;
} work;

/* ---- configurations ---- */

static sluice_status add(sluice__plan_space *space, const sluice__plan_configuration *what) {
    if ((space->count & (space->count - 1)) == 0)
        SLUICE__TRY(sluice__grow(&space->list, space->count ? 2 * (size_t)space->count : 1,
                                 sizeof *space->list));
    sluice__plan_configuration *made;
    SLUICE__TRY(sluice__alloc(&made, 1, sizeof *made));
    *made                       = *what;
    space->list[space->count++] = made;
    return SLUICE_OK;
}

int sluice__plan_stages(const sluice__plan_configuration *configuration) {
    return configuration->ranks * configuration->chunks;
}

/* Sets of stages that recompute: all of them of few stages, of many the first so many. */
static int64_t count_sets(const sluice__plan_space *space, int stages) {
    if (!space->has_limits || stages < 1) return 1;
    return stages <= SLUICE__PLAN_FEW_STAGES ? (int64_t)1 << stages : stages + 1;
}

static sluice__plan_configuration as_it_began(const sluice__plan_configuration *configuration) {
    return (sluice__plan_configuration){.schedule     = configuration->schedule,
                                        .ranks        = configuration->ranks,
                                        .chunks       = configuration->chunks,
                                        .microbatches = configuration->microbatches,
                                        .slack        = configuration->slack,
                                        .bound        = configuration->first_bound,
                                        .first_bound  = configuration->first_bound};
}

sluice__plan_configuration sluice__plan_full(const sluice__plan_configuration *configuration) {
    sluice__plan_configuration full = as_it_began(configuration);
    const int stages                = sluice__plan_stages(configuration);
    full.recompute =
        stages <= SLUICE__PLAN_FEW_STAGES ? ((uint64_t)1 << stages) - 1 : (uint64_t)stages;
    return full;
}

sluice__plan_configuration sluice__plan_again(const sluice__plan_configuration *configuration) {
    sluice__plan_configuration again = as_it_began(configuration);
    again.recompute                  = configuration->recompute;
    return again;
}

sluice_status sluice__plan_add_children(sluice__plan_space *space,
                                        sluice__plan_configuration *configuration) {
    const int stages = sluice__plan_stages(configuration);
    if (configuration->has_children || !space->has_limits) return SLUICE_OK;
    configuration->has_children      = true;
    sluice__plan_configuration child = as_it_began(configuration);
    const uint64_t set               = configuration->recompute;
    if (stages > SLUICE__PLAN_FEW_STAGES) {
        child.recompute = set + 1;
        return set < (uint64_t)stages ? add(space, &child) : SLUICE_OK;
    }
    for (int s = 0; s < stages; s++) { /* each set once: stages are added in ascending order */
        if ((set >> s) != 0) continue;
        child.recompute = set | (uint64_t)1 << s;
        SLUICE__TRY(add(space, &child));
    }
    return SLUICE_OK;
}

/* ---- enumeration ---- */

static bool is_too_large(const sluice__plan_space *space,
                         const sluice__plan_configuration *configuration) {
    const int stages = sluice__plan_stages(configuration);
    return stages > space->layers || stages > SLUICE_MAX_STAGES ||
           (int64_t)stages * configuration->microbatches * 3 > SLUICE__PLAN_MAX_ACTIONS;
}

static sluice_status add_one(sluice__plan_space *space, sluice__plan_configuration *configuration,
                             const work *w) {
    const double m = configuration->microbatches;
    if (is_too_large(space, configuration)) return SLUICE_OK;
    configuration->bound =
        w->overlap * fmax(m * fmax(w->all / configuration->ranks, w->largest_layer), w->chain);
    configuration->first_bound = configuration->bound;
    space->all += count_sets(space, sluice__plan_stages(configuration));
    return add(space, configuration);
}

static sluice_status add_slacks(sluice__plan_space *space,
                                sluice__plan_configuration *configuration,
                                const sluice_schedule_description *about, const work *w) {
    static const double slacks[] = {1, 1.5, 2};
    configuration->slack         = 0;
    if (!about->takes_slack || configuration->ranks == 1) return add_one(space, configuration, w);
    for (size_t k = 0; k < sizeof slacks / sizeof *slacks; k++) {
        configuration->slack = slacks[k];
        SLUICE__TRY(add_one(space, configuration, w));
    }
    return SLUICE_OK;
}

static bool is_for_training(const char *schedule) {
    return strcmp(schedule, "forward-only") != 0;
}

/* Whether it trains to the same bits as the others that are looked at. */
static bool is_allowed(const sluice__plan_space *space, const char *schedule) {
    sluice_schedule_description about;
    return !space->options.ascending ||
           (sluice_schedule_describe(&about, schedule) == SLUICE_OK && about.ascending);
}

static sluice_status add_schedule(sluice__plan_space *space, const char *name, int ranks,
                                  int microbatches, const work *w) {
    sluice_schedule_description about;
    SLUICE__TRY(sluice_schedule_describe(&about, name));
    const int max = about.max_chunks > 0 ? about.max_chunks : space->options.max_chunks;
    /* one stage per rank is what a schedule of one chunk is for */
    const int min = about.chunks > 1 && about.min_chunks < 2 ? 2 : about.min_chunks;
    for (int v = min; v <= max && v <= space->options.max_chunks; v++) {
        sluice__plan_configuration configuration = {
            .schedule = name, .ranks = ranks, .chunks = v, .microbatches = microbatches};
        SLUICE__TRY(add_slacks(space, &configuration, &about, w));
    }
    return SLUICE_OK;
}

/* 1f1b comes first: among equals the first one is taken. One rank has no use for others. */
static sluice_status add_schedules(sluice__plan_space *space, int ranks, int microbatches,
                                   const work *w) {
    const char *const *names = sluice_schedule_names();
    SLUICE__TRY(add_schedule(space, "1f1b", ranks, microbatches, w));
    for (int k = 0; ranks > 1 && names[k]; k++)
        if (strcmp(names[k], "1f1b") != 0 && is_for_training(names[k]) &&
            is_allowed(space, names[k]))
            SLUICE__TRY(add_schedule(space, names[k], ranks, microbatches, w));
    return SLUICE_OK;
}

/* ---- the work of a micro-batch ---- */

static double min_seconds(const sluice__split_problem *p, int layer, int ranks, bool chain) {
    double min = INFINITY;
    for (int r = 0; r < ranks; r++) {
        const sluice_profile_layer *row = &p->rows[r][layer];
        min = fmin(min, row->forward_s + row->input_s + (chain ? 0 : row->weight_s));
    }
    return min;
}

static work work_of(const sluice__split_problem *p, int ranks) {
    work w = {.overlap = p->profile && p->profile->overlap > 0 ? p->profile->overlap : 1};
    for (int l = 0; l < p->layers; l++) {
        const double seconds = min_seconds(p, l, ranks, false);
        w.all += seconds;
        w.chain += min_seconds(p, l, ranks, true);
        w.largest_layer = fmax(w.largest_layer, seconds);
    }
    return w;
}

/* All numbers of ranks up to 8, then powers of two, and as many as there are. */
static bool is_tried(const sluice__plan_space *space, int ranks) {
    if (ranks < space->options.min_ranks) return false;
    return ranks <= ALL_RANKS_TO || (ranks & (ranks - 1)) == 0 || ranks == space->ranks;
}

static sluice_status add_microbatches(sluice__plan_space *space, const sluice__split_problem *p,
                                      int microbatches) {
    space->layers = p->layers;
    for (int ranks = 1; ranks <= space->ranks; ranks++) {
        if (!is_tried(space, ranks)) continue;
        const work w = work_of(p, ranks);
        SLUICE__TRY(add_schedules(space, ranks, microbatches, &w));
    }
    return SLUICE_OK;
}

/* ---- micro-batches ---- */

static bool has_table(const sluice_profile *profile, int64_t microbatch) {
    if (!profile) return true;
    for (int t = 0; t < profile->table_count; t++)
        if (profile->tables[t].microbatch == microbatch) return true;
    return false;
}

/* Costs of this size, for all ranks. */
static sluice_status look_at_size(sluice__plan_space *space, int microbatches) {
    const sluice_plan_search_options *o = &space->options;
    sluice_schedule_options shape       = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_split_options options        = SLUICE_SPLIT_OPTIONS_INIT;
    sluice__split_problem problem       = {0};
    sluice_schedule *schedule           = NULL;
    sluice_status status                = SLUICE_OK;
    shape.ranks                         = space->ranks;
    options.model                       = o->model;
    options.profile                     = o->profile;
    options.devices                     = o->devices;
    options.microbatch                  = o->batch / microbatches;
    options.device                      = o->device;
    options.threads                     = o->threads;
    options.precision                   = o->precision;
    SLUICE__TRY(sluice_schedule_generate(&schedule, "gpipe", &shape));
    SLUICE__TRY_OUT(sluice__split_problem_make(&problem, schedule, &options));
    space->is_estimate = space->is_estimate || problem.is_estimate;
    status             = add_microbatches(space, &problem, microbatches);
out:
    sluice__split_problem_free(&problem);
    sluice_schedule_free(schedule);
    return status;
}

static bool is_possible(const sluice__plan_space *space, int64_t m) {
    const sluice_plan_search_options *o = &space->options;
    return o->batch % m == 0 && (o->microbatches == 0 || o->microbatches == m) &&
           has_table(o->profile, o->batch / m);
}

static sluice_status say_no_size(const sluice__plan_space *space) {
    const sluice_plan_search_options *o = &space->options;
    if (o->microbatches > 0 && o->batch % o->microbatches != 0)
        return sluice__hint(sluice__fail(SLUICE_E_ARGUMENT,
                                         "a batch of %lld does not divide into %d micro-batches",
                                         (long long)o->batch, o->microbatches),
                            "choose a number that divides it");
    return sluice__hint(sluice__fail(SLUICE_E_ARGUMENT,
                                     "the profile has no table for a size of micro-batches that "
                                     "divides a batch of %lld",
                                     (long long)o->batch),
                        "measure such a size with sluice profile --microbatch, or change the "
                        "batch");
}

/* A device's own profile may lack a size that another one has; all sizes may not be missing. */
static sluice_status add_sizes(sluice__plan_space *space) {
    sluice_status status = SLUICE_OK;
    bool is_tried_one    = false;
    for (int64_t m = 1; m <= space->options.batch && m <= SLUICE__PLAN_MAX_ACTIONS; m++) {
        if (!is_possible(space, m)) continue;
        is_tried_one = true;
        status       = look_at_size(space, (int)m);
        if (status != SLUICE_OK && status != SLUICE_E_ARGUMENT) return status;
    }
    if (!is_tried_one) return say_no_size(space);
    if (space->count > 0) return SLUICE_OK;
    return status != SLUICE_OK
               ? status
               : sluice__fail(SLUICE_E_ARGUMENT,
                              "there is nothing to try: %d layers "
                              "on %d ranks, batch %lld",
                              space->layers, space->ranks, (long long)space->options.batch);
}

/* ---- all ---- */

size_t sluice__plan_limit(const sluice_plan_search_options *options, int rank) {
    const size_t own = options->devices ? options->devices->ranks[rank].memory_bytes : 0;
    return own > 0 ? own : options->memory_limit;
}

sluice_status sluice__plan_take_options(sluice__plan_space *space,
                                        const sluice_plan_search_options *options) {
    sluice_plan_search_options *o = &space->options;
    *o                            = (sluice_plan_search_options)SLUICE_PLAN_SEARCH_OPTIONS_INIT;
    if (options->size == 0 || options->size > sizeof *o)
        return sluice__hint(sluice__fail(SLUICE_E_ARGUMENT,
                                         "options of %zu bytes of a search for a plan are not "
                                         "known",
                                         options->size),
                            "start from SLUICE_PLAN_SEARCH_OPTIONS_INIT");
    memcpy(o, options, options->size);
    if (!o->model && !o->profile)
        return sluice__fail(SLUICE_E_ARGUMENT, "there is neither a model nor a profile to plan");
    space->ranks = o->devices ? o->devices->rank_count : o->ranks;
    if (space->ranks < 1 || space->ranks > SLUICE_MAX_STAGES || o->batch < 1 || o->max_chunks < 1 ||
        o->effort < 1 || o->threads < 0 || o->min_ranks > space->ranks || o->microbatches < 0 ||
        o->runners_up < 0)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "a plan is for 1 to %d ranks, and a batch, chunks and effort of 1 or "
                            "more; these are %d, %lld, %d and %d",
                            SLUICE_MAX_STAGES, space->ranks, (long long)o->batch, o->max_chunks,
                            o->effort);
    space->has_limits = o->memory_limit > 0;
    for (int r = 0; o->devices && r < space->ranks; r++)
        space->has_limits = space->has_limits || o->devices->ranks[r].memory_bytes > 0;
    return SLUICE_OK;
}

sluice_status sluice__plan_space_make(sluice__plan_space *space,
                                      const sluice_plan_search_options *options) {
    SLUICE__TRY(sluice__plan_take_options(space, options));
    return add_sizes(space);
}

void sluice__plan_close(sluice__plan_configuration *configuration) {
    configuration->state = SLUICE__PLAN_CLOSED;
    sluice__split_problem_free(&configuration->problem);
    sluice_schedule_free(configuration->made);
    sluice__free(configuration->recomputes);
    sluice__free(configuration->split);
    configuration->problem    = (sluice__split_problem){0};
    configuration->made       = NULL;
    configuration->recomputes = NULL;
    configuration->split      = NULL;
}

void sluice__plan_space_free(sluice__plan_space *space) {
    for (int k = 0; k < space->count; k++) {
        sluice__plan_close(space->list[k]);
        sluice__free(space->list[k]);
    }
    sluice__free(space->list);
}
