/* SPDX-License-Identifier: MIT */
/* plan_search.c -- the search for a plan: always the configuration with the smallest bound next,
 * until no bound is below what was found. */
#include "sluice/plan_search.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/planner/plan_space.h"

enum { SPLITS_PER_EFFORT = 50 };
static const double rounding = 1e-12, as_fast = 1e-9;

typedef struct search {
    sluice__plan_space space;
    sluice_plan_choice *kept; /* the best first */
    int count, capacity;
    size_t *bytes;      /* [ranks] */
    int moves;          /* simulations of moved cuts */
    bool is_best_split; /* no split of any configuration is better than the best */
    bool any;           /* one that fits is enough */
    double below;       /* only a step that takes less is kept; 0: any */
} search;

/* ---- what is kept ---- */

static bool are_alike(const sluice_plan_choice *a, const sluice__plan_configuration *b) {
    return strcmp(a->schedule, b->schedule) == 0 && a->ranks == b->ranks &&
           a->microbatches == b->microbatches;
}

/* Only the best of those that are alike is kept. */
static int find_alike(const search *s, const sluice__plan_configuration *c) {
    for (int k = 0; k < s->count; k++)
        if (are_alike(&s->kept[k], c)) return k;
    return -1;
}

/* A configuration that does not take less changes nothing. */
static double step_to_beat(const search *s, const sluice__plan_configuration *c) {
    const int alike = find_alike(s, c);
    if (alike >= 0) return s->kept[alike].step;
    if (s->count == s->capacity) return s->kept[s->count - 1].step;
    return s->below > 0 ? s->below : INFINITY;
}

static void drop(search *s, int at) {
    sluice__plan_choice_free(&s->kept[at]);
    memmove(&s->kept[at], &s->kept[at + 1], (size_t)(--s->count - at) * sizeof *s->kept);
}

/* Takes the choice over. */
static void keep(search *s, sluice_plan_choice *choice, const sluice__plan_configuration *c) {
    const int alike = find_alike(s, c);
    if (choice->step >= step_to_beat(s, c)) {
        sluice__plan_choice_free(choice);
        return;
    }
    if (alike >= 0) drop(s, alike);
    if (s->count == s->capacity) drop(s, s->count - 1);
    int at = s->count++;
    for (; at > 0 && s->kept[at - 1].step > choice->step; at--) s->kept[at] = s->kept[at - 1];
    s->kept[at] = *choice;
}

/* ---- the loop ---- */

static sluice__plan_configuration *find_next(const search *s) {
    sluice__plan_configuration *next = NULL;
    for (int k = 0; k < s->space.count; k++) {
        sluice__plan_configuration *c = s->space.list[k];
        if (c->state != SLUICE__PLAN_CLOSED && (!next || c->bound < next->bound)) next = c;
    }
    return next;
}

static sluice_status simulate(search *s, sluice__plan_configuration *c) {
    const sluice_plan_search_options *o = &s->space.options;
    sluice_plan_choice choice           = {0};
    bool fits                           = false;
    SLUICE__TRY(sluice__plan_try(&choice, &fits, s->bytes, &s->space, c));
    if (fits) {
        keep(s, &choice, c);
        sluice__plan_close(c);
    } else {
        SLUICE__TRY(sluice__plan_split_again(&s->space, c, s->bytes));
    }
    if (o->progress)
        o->progress(o->context, s->space.simulations, o->effort, s->count ? s->kept[0].step : 0);
    return SLUICE_OK;
}

static sluice_status go_on_with(search *s, sluice__plan_configuration *c) {
    const bool is_worse = c->bound >= step_to_beat(s, c) * (1 - rounding);
    if (is_worse && !s->space.options.exhaustive) {
        sluice__plan_close(c);
        return SLUICE_OK;
    }
    return c->state == SLUICE__PLAN_BOUND ? sluice__plan_split(&s->space, c) : simulate(s, c);
}

static sluice_status look(search *s) {
    for (;;) {
        sluice__plan_configuration *next = find_next(s);
        if (!next || (s->any && s->count > 0)) return SLUICE_OK;
        if (next->state == SLUICE__PLAN_SPLIT && s->space.simulations >= s->space.options.effort)
            return SLUICE_OK;
        SLUICE__TRY(go_on_with(s, next));
    }
}

/* ---- moved cuts ---- */

size_t sluice_plan_choice_bytes(const sluice_plan_choice *choice) {
    size_t max = 0;
    for (int r = 0; r < choice->ranks; r++)
        if (choice->rank[r].bytes > max) max = choice->rank[r].bytes;
    return max;
}

/* Of plans that are as fast the one in less memory. */
static bool is_better(const sluice_plan_choice *a, const sluice_plan_choice *b) {
    if (fabs(a->step - b->step) > as_fast * b->step) return a->step < b->step;
    return sluice_plan_choice_bytes(a) < sluice_plan_choice_bytes(b);
}

static void sort(search *s) {
    for (int k = 1; k < s->count; k++)
        for (int j = k; j > 0 && is_better(&s->kept[j], &s->kept[j - 1]); j--) {
            const sluice_plan_choice choice = s->kept[j];
            s->kept[j]                      = s->kept[j - 1];
            s->kept[j - 1]                  = choice;
        }
}

/* A grid of all configurations is one of balanced splits. */
static sluice_status move_cuts(search *s) {
    const int before = s->space.simulations;
    if (s->space.options.exhaustive) return SLUICE_OK;
    for (int k = 0; k < s->count; k++)
        SLUICE__TRY(sluice__plan_move_cuts(&s->kept[k], s->bytes, &s->space));
    s->moves = s->space.simulations - before;
    return SLUICE_OK;
}

/* ---- all splits ---- */

/* The fastest split of a configuration, if it is faster than all that is kept. */
static sluice_status look_at_splits(search *s, int64_t *left,
                                    const sluice__plan_configuration *configuration) {
    sluice_plan_choice best = {.step = s->kept[0].step};
    const sluice_status status =
        sluice__plan_try_all_splits(&best, s->bytes, left, &s->space, configuration);
    if (status == SLUICE_OK && best.rank)
        keep(s, &best, configuration);
    else
        sluice__plan_choice_free(&best);
    return status;
}

/* Until there are no more that could be faster, or too many. */
static sluice_status try_all_splits(search *s) {
    int64_t left     = (int64_t)SPLITS_PER_EFFORT * s->space.options.effort;
    const int before = s->space.simulations;
    if (s->space.options.exhaustive || s->count == 0) return SLUICE_OK;
    for (int k = 0; k < s->space.count && left > 0; k++) {
        const sluice__plan_configuration *const c = s->space.list[k];
        if (c->first_bound < s->kept[0].step * (1 - rounding))
            SLUICE__TRY(look_at_splits(s, &left, c));
    }
    s->moves += s->space.simulations - before;
    sort(s);
    s->is_best_split =
        left > 0 && s->space.simulations < s->space.options.effort && !s->space.has_limits;
    return SLUICE_OK;
}

/* ---- the result ---- */

static sluice_status begin(search *s, const sluice_plan_search_options *options) {
    SLUICE__TRY(sluice__plan_space_make(&s->space, options));
    s->capacity = s->space.options.runners_up + 1;
    SLUICE__TRY(sluice__alloc(&s->kept, (size_t)s->capacity, sizeof *s->kept));
    return sluice__alloc(&s->bytes, (size_t)s->space.ranks, sizeof *s->bytes);
}

static void end(search *s) {
    for (int k = 0; k < s->count; k++) sluice__plan_choice_free(&s->kept[k]);
    sluice__free(s->kept);
    sluice__free(s->bytes);
    sluice__plan_space_free(&s->space);
}

static sluice_status fill(sluice_plan_result **out, search *s) {
    const sluice__plan_configuration *open = find_next(s);
    sluice_plan_result *result;
    SLUICE__TRY(sluice__alloc(&result, 1, sizeof *result));
    *result = (sluice_plan_result){.choices        = s->kept,
                                   .count          = s->count,
                                   .simulations    = s->space.simulations - s->moves,
                                   .moves          = s->moves,
                                   .configurations = s->space.all,
                                   .is_best        = true,
                                   .is_best_split  = s->is_best_split,
                                   .bound          = s->kept[0].step,
                                   .is_estimate    = s->space.is_estimate,
                                   .is_limited     = s->space.is_limited};
    if (open && open->bound < result->bound) {
        result->is_best = false;
        result->bound   = open->bound;
    }
    s->kept  = NULL;
    s->count = 0;
    *out     = result;
    return SLUICE_OK;
}

sluice_status sluice_plan_search(sluice_plan_result **out,
                                 const sluice_plan_search_options *options) {
    search s             = {0};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(begin(&s, options));
    SLUICE__TRY_OUT(look(&s));
    SLUICE__TRY_OUT(move_cuts(&s));
    SLUICE__TRY_OUT(try_all_splits(&s));
    status = s.count > 0 ? fill(out, &s) : sluice__plan_say_what_is_missing(&s.space);
out:
    end(&s);
    return status;
}

sluice_status sluice__plan_is_possible(bool *out, char *words, size_t bytes,
                                       const sluice_plan_search_options *options) {
    search s             = {.any = true};
    sluice_status status = begin(&s, options);
    if (status == SLUICE_OK) status = look(&s);
    *out = s.count > 0;
    if (*out) {
        const sluice_plan_choice *c = &s.kept[0];
        (void)snprintf(words, bytes, "%s on %d rank%s with %d micro-batch%s", c->schedule, c->ranks,
                       c->ranks == 1 ? "" : "s", c->microbatches, c->microbatches == 1 ? "" : "es");
    }
    end(&s);
    return status == SLUICE_E_ARGUMENT ? SLUICE_OK : status;
}

sluice_status sluice__plan_search_below(sluice_plan_choice *out, int *simulations,
                                        const sluice_plan_search_options *options, double below,
                                        bool moves) {
    search s             = {.below = below};
    sluice_status status = begin(&s, options);
    if (status == SLUICE_OK) status = look(&s);
    if (status == SLUICE_OK && moves) status = move_cuts(&s);
    if (status == SLUICE_OK && moves) status = try_all_splits(&s);
    if (status == SLUICE_OK && s.count > 0) {
        *out    = s.kept[0];
        s.count = 0;
    }
    *simulations += s.space.simulations;
    end(&s);
    return status == SLUICE_E_ARGUMENT ? SLUICE_OK : status;
}

void sluice_plan_result_free(sluice_plan_result *result) {
    if (!result) return;
    for (int k = 0; k < result->count; k++) sluice__plan_choice_free(&result->choices[k]);
    sluice__free(result->choices);
    sluice__free(result);
}
