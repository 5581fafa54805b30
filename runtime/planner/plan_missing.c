/* SPDX-License-Identifier: MIT */
/* plan_missing.c -- where no plan fits: which rank is short by how much in the one that comes
 * closest, and what would fit, each planned before it is said. */
#include <math.h>
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/planner/plan_space.h"

enum { WORDS = 128, MAX_RANKS = 256, FEW_SIMULATIONS = 60, FEW_NODES = 300 };

typedef struct closest {
    sluice__plan_configuration of; /* as it began */
    bool is_known;
    sluice_split *split;
    double excess; /* bytes beyond a limit, estimated */
    size_t *bytes; /* [ranks]: of its plan */
} closest;

/* ---- the plan that comes closest ---- */

static sluice_status look_at(closest *best, const sluice__plan_space *space,
                             sluice__plan_configuration *c, sluice_partition_result *found) {
    bool is_there;
    SLUICE__TRY(sluice__plan_prepare(&is_there, space, c));
    if (!is_there) return SLUICE_OK;
    sluice_partition partition = c->problem.partition;
    partition.objective        = SLUICE_OBJECTIVE_EXCESS;
    partition.memory_limits    = c->problem.limits;
    partition.max_nodes        = FEW_NODES;
    SLUICE__TRY(sluice_partition_solve(found, &partition));
    if (found->value >= best->excess) return SLUICE_OK;
    best->excess   = found->value;
    best->is_known = true;
    *best->split   = found->split;
    return SLUICE_OK;
}

/* All stages recompute, as nothing fits with fewer. */
static sluice_status find_closest(closest *best, const sluice__plan_space *space) {
    sluice_partition_result *found;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&found, 1, sizeof *found));
    for (int k = 0; status == SLUICE_OK && k < space->count; k++) {
        if (space->list[k]->recompute != 0) continue;
        const sluice__plan_configuration began = sluice__plan_full(space->list[k]);
        sluice__plan_configuration full        = began;
        const double before                    = best->excess;
        status                                 = look_at(best, space, &full, found);
        if (best->excess < before) best->of = began;
        sluice__plan_close(&full);
    }
    sluice__free(found);
    return status;
}

/* The bytes of its plan; a plan that fits nevertheless fails nothing but the search's patience. */
static sluice_status plan_closest(bool *fits, closest *best, sluice__plan_space *space) {
    sluice__plan_configuration again = best->of;
    sluice_plan_choice choice        = {0};
    bool is_there;
    sluice_status status = sluice__plan_prepare(&is_there, space, &again);
    if (status == SLUICE_OK) {
        *again.split = *best->split;
        status       = sluice__plan_try(&choice, fits, best->bytes, space, &again);
    }
    sluice__plan_choice_free(&choice);
    sluice__plan_close(&again);
    return status;
}

/* ---- what would fit ---- */

static size_t limit_of(const sluice__plan_space *space, int rank) {
    return sluice__plan_limit(&space->options, rank);
}

static bool are_limits_equal(const sluice__plan_space *space) {
    for (int r = 1; r < space->ranks; r++)
        if (limit_of(space, r) != limit_of(space, 0)) return false;
    return true;
}

static sluice_plan_search_options options_of(const sluice__plan_space *space) {
    sluice_plan_search_options options = space->options;
    options.runners_up                 = 0;
    options.effort                     = FEW_SIMULATIONS;
    options.progress                   = NULL;
    return options;
}

static sluice_status begin_next(sluice__text *hint) {
    return hint->bytes ? sluice__text_add(hint, ", or ") : SLUICE_OK;
}

static sluice_status try_more_microbatches(sluice__text *hint, const sluice__plan_space *space) {
    sluice_plan_search_options options = options_of(space);
    char words[WORDS];
    bool fits = false;
    if (options.microbatches == 0) return SLUICE_OK;
    options.microbatches = 0;
    SLUICE__TRY(sluice__plan_is_possible(&fits, words, sizeof words, &options));
    if (!fits) return SLUICE_OK;
    SLUICE__TRY(begin_next(hint));
    return sluice__text_add(hint, "another number of micro-batches (%s)", words);
}

static sluice_status try_smaller_batches(sluice__text *hint, const sluice__plan_space *space) {
    sluice_plan_search_options options = options_of(space);
    char words[WORDS];
    bool fits            = false;
    options.microbatches = 0;
    while (!fits && options.batch > 1) {
        options.batch /= 2;
        SLUICE__TRY(sluice__plan_is_possible(&fits, words, sizeof words, &options));
    }
    if (!fits) return SLUICE_OK;
    SLUICE__TRY(begin_next(hint));
    return sluice__text_add(hint, "a batch of %lld (%s)", (long long)options.batch, words);
}

/* More of the same. */
static sluice_status try_more_ranks(sluice__text *hint, const sluice__plan_space *space) {
    sluice_plan_search_options options = options_of(space);
    char words[WORDS];
    bool fits = false;
    if (!are_limits_equal(space) || (options.devices && options.devices->link_count > 0))
        return SLUICE_OK;
    options.memory_limit = limit_of(space, 0);
    options.devices      = NULL;
    options.ranks        = space->ranks;
    if (!options.model && !options.profile) return SLUICE_OK;
    while (!fits && options.ranks < space->layers && options.ranks < MAX_RANKS) {
        options.ranks *= 2;
        if (options.ranks > space->layers) options.ranks = space->layers;
        SLUICE__TRY(sluice__plan_is_possible(&fits, words, sizeof words, &options));
    }
    if (!fits) return SLUICE_OK;
    SLUICE__TRY(begin_next(hint));
    return sluice__text_add(hint, "more ranks (%s)", words);
}

/* With so much memory the plan that comes closest fits. */
static sluice_status name_limits(sluice__text *hint, const closest *best,
                                 const sluice__plan_space *space) {
    size_t largest = 0;
    char size[32];
    for (int r = 0; r < best->of.ranks; r++)
        if (best->bytes[r] > limit_of(space, r) && best->bytes[r] > largest)
            largest = best->bytes[r];
    SLUICE__TRY(begin_next(hint));
    return sluice__text_add(hint, "%s of memory for each rank that is short",
                            sluice__bytes_text(size, largest));
}

static sluice_status find_changes(sluice__text *hint, const closest *best,
                                  const sluice__plan_space *space) {
    if (space->options.brief) return name_limits(hint, best, space);
    SLUICE__TRY(try_more_microbatches(hint, space));
    SLUICE__TRY(try_smaller_batches(hint, space));
    SLUICE__TRY(try_more_ranks(hint, space));
    return name_limits(hint, best, space);
}

/* ---- the sentence ---- */

static int short_rank(const closest *best, const sluice__plan_space *space) {
    int rank   = 0;
    size_t max = 0;
    for (int r = 0; r < best->of.ranks; r++) {
        const size_t limit = limit_of(space, r);
        if (limit == 0 || best->bytes[r] <= limit || best->bytes[r] - limit <= max) continue;
        max  = best->bytes[r] - limit;
        rank = r;
    }
    return rank;
}

static sluice_status say(const closest *best, const sluice__plan_space *space) {
    const sluice__plan_configuration *c = &best->of;
    const int rank                      = short_rank(best, space);
    char needed[32], limit[32], missing[32];
    sluice__text hint          = {0};
    const sluice_status status = find_changes(&hint, best, space);
    if (status != SLUICE_OK) {
        sluice__free(hint.bytes);
        return status;
    }
    sluice__fail(SLUICE_E_DEVICE_MEMORY,
                 "no plan fits: in the one that comes closest (%s on %d rank%s, %d "
                 "micro-batch%s, recomputing all stages) rank %d needs %s, which is %s more than "
                 "its limit of %s",
                 c->schedule, c->ranks, c->ranks == 1 ? "" : "s", c->microbatches,
                 c->microbatches == 1 ? "" : "es", rank,
                 sluice__bytes_text(needed, best->bytes[rank]),
                 sluice__bytes_text(missing, best->bytes[rank] - limit_of(space, rank)),
                 sluice__bytes_text(limit, limit_of(space, rank)));
    sluice__hint(SLUICE_E_DEVICE_MEMORY, "these fit: %s", hint.bytes);
    sluice__free(hint.bytes);
    return SLUICE_E_DEVICE_MEMORY;
}

static sluice_status say_effort(const sluice__plan_space *space) {
    return sluice__hint(
        sluice__fail(SLUICE_E_DEVICE_MEMORY, "no plan that fits was found in %d simulations",
                     space->simulations),
        space->options.brief ? "sluice plan --effort can look longer" : "allow more effort");
}

sluice_status sluice__plan_say_what_is_missing(sluice__plan_space *space) {
    closest best         = {.excess = INFINITY};
    sluice_status status = SLUICE_OK;
    bool fits            = false;
    for (int k = 0; k < space->count; k++)
        if (space->list[k]->state != SLUICE__PLAN_CLOSED) return say_effort(space);
    SLUICE__TRY_OUT(sluice__alloc(&best.split, 1, sizeof *best.split));
    SLUICE__TRY_OUT(sluice__alloc(&best.bytes, (size_t)space->ranks, sizeof *best.bytes));
    SLUICE__TRY_OUT(find_closest(&best, space));
    if (!best.is_known) {
        status = say_effort(space);
        goto out;
    }
    SLUICE__TRY_OUT(plan_closest(&fits, &best, space));
    status = fits ? say_effort(space) : say(&best, space);
out:
    sluice__free(best.split);
    sluice__free(best.bytes);
    return status;
}
