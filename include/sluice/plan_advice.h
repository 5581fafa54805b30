/* SPDX-License-Identifier: MIT */
/*
 * plan_advice.h -- what would help the best plan of a search: more memory, more layers on a rank
 * that idles, a larger batch in the bytes that are left, or fewer ranks. Each was planned.
 */
#ifndef SLUICE_PLAN_ADVICE_H
#define SLUICE_PLAN_ADVICE_H

#include "sluice/plan_search.h"

typedef enum sluice_plan_change_kind {
    SLUICE_PLAN_CHANGE_LIMITS, /* what the search finds without the limits */
    SLUICE_PLAN_CHANGE_LAYERS, /* more layers on the rank that idles most, whatever the limits */
    SLUICE_PLAN_CHANGE_BATCH,  /* a larger batch that fits, with its schedule or a runner-up's */
    SLUICE_PLAN_CHANGE_RANKS,  /* fewer ranks, which are nearly as fast */
    SLUICE_PLAN_CHANGE_KINDS
} sluice_plan_change_kind;

typedef struct sluice_plan_change {
    sluice_plan_change_kind kind;
    sluice_plan_choice plan; /* as simulated; its ranks have the limits that there are */
    double gain;     /* LIMITS, LAYERS: the share of the step that it saves; BATCH: by how much
                      * samples per second grow; RANKS: the share of its step that the ranks
                      * which it leaves out save */
    int short_rank;  /* the one whose limit forbids it by most; -1: it fits */
    int short_ranks; /* that limits forbid it on */
    /* LAYERS */
    int rank;    /* which idles most, in the best plan */
    double idle; /* its share of the step */
    int layers;  /* more than there */
} sluice_plan_change;

typedef struct sluice_plan_advice {
    sluice_plan_change changes[SLUICE_PLAN_CHANGE_KINDS]; /* one of a kind at most, in its order */
    int count;
    int simulations; /* besides those of the search: at most 98, whatever its effort */
} sluice_plan_advice;

/*
 * Look for changes to the best plan of `result`, which the search with `options` found. What gains
 * less than 1 % is not said, and fewer ranks only if a step takes at most 3 % longer. Limits that
 * forbade nothing are not lifted. E_ARGUMENT, E_HOST_MEMORY. Release with
 * sluice_plan_advice_free().
 */
SLUICE_API sluice_status sluice_plan_advise(sluice_plan_advice **out,
                                            const sluice_plan_result *result,
                                            const sluice_plan_search_options *options);
SLUICE_API void sluice_plan_advice_free(sluice_plan_advice *advice); /* NULL is fine */

#endif
