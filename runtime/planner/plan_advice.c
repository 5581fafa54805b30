/* SPDX-License-Identifier: MIT */
/* plan_advice.c -- what would help the best plan: each change is planned and simulated before it
 * is said. */
#include "sluice/plan_advice.h"

#include <math.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/planner/plan_space.h"

/* Simulations, at most: they add up to what plan_advice.h says. */
enum { FOR_LIMITS = 40, FOR_LAYERS = 24, FOR_RANKS = 16 };
enum { MAX_LAYERS_MORE = 3, PLANS = 3, DOUBLINGS = 3 };

static const double min_gain = 0.01, max_loss = 0.03;

static int min_int(int a, int b) {
    return a < b ? a : b;
}

typedef struct advisor {
    const sluice_plan_choice *best; /* and runners-up */
    int plans;
    bool is_limited;
    sluice__plan_space space;             /* options alone */
    sluice_plan_search_options unlimited; /* the same without limits */
    sluice_device_list devices;           /* those of `unlimited` */
    sluice_plan_advice *out;
} advisor;

/* ---- a change ---- */

/* Takes the plan over. */
static sluice_plan_change *add(advisor *a, sluice_plan_change_kind kind, sluice_plan_choice *plan,
                               double gain) {
    sluice_plan_change *change = &a->out->changes[a->out->count++];
    size_t max                 = 0;
    *change = (sluice_plan_change){.kind = kind, .plan = *plan, .gain = gain, .short_rank = -1};
    *plan   = (sluice_plan_choice){0};
    for (int r = 0; r < change->plan.ranks; r++) {
        sluice_plan_rank *rank = &change->plan.rank[r];
        rank->limit            = sluice__plan_limit(&a->space.options, r);
        if (rank->limit == 0 || rank->bytes <= rank->limit) continue;
        change->short_ranks++;
        if (rank->bytes - rank->limit <= max) continue;
        max                = rank->bytes - rank->limit;
        change->short_rank = r;
    }
    return change;
}

static bool is_said(const advisor *a, sluice_plan_change_kind kind) {
    for (int k = 0; k < a->out->count; k++)
        if (a->out->changes[k].kind == kind) return true;
    return false;
}

static bool are_same(const sluice_plan_choice *a, const sluice_plan_choice *b) {
    if (strcmp(a->schedule, b->schedule) != 0 || a->ranks != b->ranks || a->stages != b->stages ||
        a->microbatches != b->microbatches || a->slack != b->slack)
        return false;
    for (int s = 0; s < a->stages; s++)
        if (a->stage[s].first != b->stage[s].first ||
            a->stage[s].recompute != b->stage[s].recompute)
            return false;
    return true;
}

/* ---- one plan more, close to the best ---- */

typedef struct trial {
    sluice__plan_space space;
    sluice__plan_configuration c;
    bool is_there;
    size_t *bytes; /* [ranks] */
} trial;

/* The best plan's configuration and split, with another batch. Start from {0}; release with
 * end_trial(), after a failure too. */
static sluice_status begin_trial(trial *t, const sluice_plan_choice *best,
                                 const sluice_plan_search_options *options, int microbatches) {
    SLUICE__TRY(sluice__plan_take_options(&t->space, options));
    t->c              = sluice__plan_of(best);
    t->c.microbatches = microbatches;
    if ((int64_t)best->stages * microbatches * 3 > SLUICE__PLAN_MAX_ACTIONS) return SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&t->bytes, (size_t)best->ranks, sizeof *t->bytes));
    const sluice_status status = sluice__plan_prepare(&t->is_there, &t->space, &t->c);
    if (status == SLUICE_OK && t->is_there) sluice__plan_take_split(t->c.split, best);
    if (status != SLUICE_E_ARGUMENT) return status;
    t->is_there = false; /* a profile without this size of micro-batches */
    return SLUICE_OK;
}

static void end_trial(trial *t, advisor *a) {
    a->out->simulations += t->space.simulations;
    sluice__plan_close(&t->c);
    sluice__plan_space_free(&t->space);
    sluice__free(t->bytes);
}

/* ---- without limits ---- */

static sluice_status lift_limits(advisor *a) {
    const sluice_device_list *devices = a->space.options.devices;
    a->unlimited                      = a->space.options;
    a->unlimited.memory_limit         = 0;
    if (!devices) return SLUICE_OK;
    a->devices       = *devices;
    a->devices.ranks = NULL;
    SLUICE__TRY(
        sluice__alloc(&a->devices.ranks, (size_t)devices->rank_count, sizeof *a->devices.ranks));
    for (int r = 0; r < devices->rank_count; r++) {
        a->devices.ranks[r]              = devices->ranks[r];
        a->devices.ranks[r].memory_bytes = 0;
    }
    a->unlimited.devices = &a->devices;
    return SLUICE_OK;
}

static sluice_status advise_limits(advisor *a) {
    sluice_plan_search_options options = a->unlimited;
    sluice_plan_choice plan            = {0};
    if (!a->is_limited) return SLUICE_OK;
    options.effort = min_int(options.effort, FOR_LIMITS);
    SLUICE__TRY(sluice__plan_search_below(&plan, &a->out->simulations, &options,
                                          (1 - min_gain) * a->best->step, true));
    if (plan.ranks > 0)
        (void)add(a, SLUICE_PLAN_CHANGE_LIMITS, &plan, 1 - plan.step / a->best->step);
    return SLUICE_OK;
}

/* ---- the rank that idles most ---- */

static double idle_of(const sluice_plan_choice *plan, int rank) {
    return 1 - (plan->rank[rank].busy + plan->rank[rank].update) / plan->step;
}

static int idlest(const sluice_plan_choice *plan) {
    int rank = 0;
    for (int r = 1; r < plan->ranks; r++)
        if (idle_of(plan, r) > idle_of(plan, rank)) rank = r;
    return rank;
}

/* Move the cut before stage `cut` so that the stage on `rank` gains so many layers. */
static bool move_cut(sluice_split *split, const sluice_plan_choice *best, int rank, int cut,
                     int layers) {
    const bool is_after = best->stage[cut - 1].rank == rank;
    if (is_after == (best->stage[cut].rank == rank)) return false;
    sluice__plan_take_split(split, best);
    split->first[cut] += is_after ? layers : -layers;
    return split->first[cut - 1] < split->first[cut] && split->first[cut] < split->first[cut + 1];
}

typedef struct gain {
    sluice_plan_choice plan; /* 0 ranks: none so far */
    int layers;
} gain;

static sluice_status try_cut(gain *found, trial *t, const sluice_plan_choice *best, int rank,
                             int cut) {
    for (int k = 1; k <= MAX_LAYERS_MORE && t->space.simulations < FOR_LAYERS; k++) {
        sluice_plan_choice plan = {0};
        bool fits               = false;
        if (!move_cut(t->c.split, best, rank, cut, k)) return SLUICE_OK;
        SLUICE__TRY(sluice__plan_try(&plan, &fits, t->bytes, &t->space, &t->c));
        if (plan.step < (found->plan.ranks ? found->plan.step : (1 - min_gain) * best->step)) {
            sluice__plan_choice_free(&found->plan);
            *found = (gain){plan, k};
        } else {
            sluice__plan_choice_free(&plan);
        }
    }
    return SLUICE_OK;
}

/* The change that limits are lifted for is not said twice. */
static void say_layers(advisor *a, gain *found, int rank) {
    if (found->plan.ranks == 0) return;
    if (a->out->count > 0 && are_same(&a->out->changes[0].plan, &found->plan)) return;
    sluice_plan_change *change =
        add(a, SLUICE_PLAN_CHANGE_LAYERS, &found->plan, 1 - found->plan.step / a->best->step);
    change->rank   = rank;
    change->idle   = idle_of(a->best, rank);
    change->layers = found->layers;
}

static sluice_status advise_layers(advisor *a) {
    const int rank       = idlest(a->best);
    trial t              = {0};
    gain found           = {0};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(begin_trial(&t, a->best, &a->unlimited, a->best->microbatches));
    for (int cut = 1; t.is_there && cut < a->best->stages; cut++)
        SLUICE__TRY_OUT(try_cut(&found, &t, a->best, rank, cut));
    say_layers(a, &found, rank);
out:
    sluice__plan_choice_free(&found.plan);
    end_trial(&t, a);
    return status;
}

/* ---- the bytes that are left ---- */

static double samples_per_s(const sluice_plan_choice *plan) {
    return (double)(plan->microbatch * plan->microbatches) / plan->step;
}

/* With the split that the plan has; `out` stays as it is if that does not fit. */
static sluice_status try_batch(sluice_plan_choice *out, advisor *a, const sluice_plan_choice *plan,
                               int64_t batch, int microbatches) {
    sluice_plan_search_options options = a->space.options;
    trial t                            = {0};
    bool fits                          = false;
    sluice_status status               = SLUICE_OK;
    options.batch                      = batch;
    options.microbatches               = 0;
    SLUICE__TRY_OUT(begin_trial(&t, plan, &options, microbatches));
    if (t.is_there) status = sluice__plan_try(out, &fits, t.bytes, &t.space, &t.c);
out:
    end_trial(&t, a);
    return status;
}

/* Double the batch as long as that fits and gains something: `found` gets what is better. */
static sluice_status double_batch(sluice_plan_choice *found, advisor *a,
                                  const sluice_plan_choice *plan, bool larger) {
    double rate = fmax(samples_per_s(a->best), found->ranks ? samples_per_s(found) : 0);
    for (int k = 1; k <= DOUBLINGS; k++) {
        sluice_plan_choice next = {0};
        SLUICE__TRY(try_batch(&next, a, plan, a->space.options.batch << k,
                              plan->microbatches << (larger ? 0 : k)));
        if (next.ranks == 0 || samples_per_s(&next) < (1 + min_gain) * rate) {
            sluice__plan_choice_free(&next);
            return SLUICE_OK;
        }
        sluice__plan_choice_free(found);
        *found = next;
        rate   = samples_per_s(found);
    }
    return SLUICE_OK;
}

/* A runner-up may have more bytes left than the best. */
static sluice_status advise_batch(advisor *a) {
    sluice_plan_choice found = {0};
    sluice_status status     = SLUICE_OK;
    if (!a->space.has_limits) return SLUICE_OK;
    for (int k = 0; k < a->plans && found.ranks == 0; k++) {
        SLUICE__TRY_OUT(double_batch(&found, a, &a->best[k], false));
        SLUICE__TRY_OUT(double_batch(&found, a, &a->best[k], true));
    }
    if (found.ranks > 0)
        (void)add(a, SLUICE_PLAN_CHANGE_BATCH, &found,
                  samples_per_s(&found) / samples_per_s(a->best) - 1);
out:
    sluice__plan_choice_free(&found);
    return status;
}

/* ---- fewer ranks ---- */

/* On at most so many of the first ranks, with as many micro-batches as the best plan. */
static sluice_status try_ranks(sluice_plan_choice *plan, advisor *a, int ranks, int effort) {
    sluice_plan_search_options options = a->space.options;
    sluice_device_list devices;
    options.ranks        = ranks;
    options.microbatches = a->best->microbatches;
    options.max_chunks   = a->best->chunks;
    options.effort       = min_int(options.effort, effort);
    if (options.devices) {
        devices            = *options.devices;
        devices.rank_count = ranks;
        options.devices    = &devices;
    }
    return sluice__plan_search_below(plan, &a->out->simulations, &options,
                                     (1 + max_loss) * a->best->step, false);
}

/* The fewest that are nearly as fast, by bisection. Where limits cost time, the memory of every
 * rank is needed. */
static sluice_status advise_ranks(advisor *a) {
    sluice_plan_choice found = {0};
    const int before         = a->out->simulations;
    sluice_status status     = SLUICE_OK;
    int low = 1, high = a->best->ranks - 1;
    if (is_said(a, SLUICE_PLAN_CHANGE_LIMITS)) return SLUICE_OK;
    while (low <= high) {
        sluice_plan_choice plan = {0};
        const int ranks = (low + high) / 2, left = FOR_RANKS - (a->out->simulations - before);
        if (left < 1) break;
        SLUICE__TRY_OUT(try_ranks(&plan, a, ranks, left));
        if (plan.ranks == 0) {
            low = ranks + 1;
            continue;
        }
        sluice__plan_choice_free(&found);
        found = plan;
        high  = plan.ranks - 1;
    }
    if (found.ranks > 0)
        (void)add(a, SLUICE_PLAN_CHANGE_RANKS, &found, 1 - a->best->step / found.step);
out:
    sluice__plan_choice_free(&found);
    return status;
}

/* ---- all ---- */

static sluice_status advise(advisor *a, const sluice_plan_search_options *options) {
    SLUICE__TRY(sluice__plan_take_options(&a->space, options));
    a->space.options.progress   = NULL;
    a->space.options.runners_up = 0;
    SLUICE__TRY(lift_limits(a));
    SLUICE__TRY(advise_limits(a));
    SLUICE__TRY(advise_layers(a));
    SLUICE__TRY(advise_batch(a));
    return advise_ranks(a);
}

sluice_status sluice_plan_advise(sluice_plan_advice **out, const sluice_plan_result *result,
                                 const sluice_plan_search_options *options) {
    advisor a = {.best       = result->choices,
                 .plans      = min_int(result->count, PLANS),
                 .is_limited = result->is_limited};
    SLUICE__TRY(sluice__alloc(&a.out, 1, sizeof *a.out));
    const sluice_status status = advise(&a, options);
    sluice__free(a.devices.ranks);
    if (status == SLUICE_OK)
        *out = a.out;
    else
        sluice_plan_advice_free(a.out);
    return status;
}

void sluice_plan_advice_free(sluice_plan_advice *advice) {
    if (!advice) return;
    for (int k = 0; k < advice->count; k++) sluice__plan_choice_free(&advice->changes[k].plan);
    sluice__free(advice);
}
