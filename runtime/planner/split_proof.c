/* SPDX-License-Identifier: MIT */
/* split_proof.c -- after plans were refused: every split of a smaller value is planned, until one
 * fits or none is left, which proves that the one found is the best that fits. */
#include <string.h>

#include "partition/chain.h"
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/planner/split_problem.h"

enum { MAX_PLANS = 300, MAX_NODES = 200000 };

typedef struct proof {
    const sluice__split_problem *problem;
    sluice__chain chain;
    sluice_split *split; /* being made */
    size_t *bytes;
    double below; /* only values smaller than that */
    int plans, nodes;
    bool is_found;
} proof;

static bool is_over(const proof *p) {
    return p->is_found || p->plans > MAX_PLANS || p->nodes > MAX_NODES;
}

static sluice_status look_at(proof *p) {
    if (++p->plans > MAX_PLANS) return SLUICE_OK;
    SLUICE__TRY(sluice__split_bytes(p->bytes, p->problem, p->split));
    p->is_found = sluice__split_short_rank(p->problem, p->bytes) < 0;
    return SLUICE_OK;
}

/* Stage `s` begins where the one before it ended. */
static sluice_status go_on(proof *p, int s) {
    const int stages = p->chain.stages, begin = p->split->first[s];
    for (int end = begin + 1; end <= p->chain.highest[s + 1] && !is_over(p); end++) {
        const sluice__span span = {begin, end};
        p->nodes++;
        if (end < p->chain.lowest[s + 1]) continue;
        if (sluice__stage_floor(&p->chain, s, span) >= p->below) break; /* grows with the span */
        if (sluice__rank_value(&p->chain, p->chain.stage_rank[s], &span) >= p->below) continue;
        p->split->first[s + 1] = end;
        SLUICE__TRY(s + 1 == stages ? look_at(p) : go_on(p, s + 1));
    }
    return SLUICE_OK;
}

static sluice_status run(proof *p, const sluice_partition *partition) {
    SLUICE__TRY(sluice__chain_make(&p->chain, partition, false));
    if (!p->chain.has_one_each) {
        p->plans = MAX_PLANS + 1; /* too many to look at */
        return SLUICE_OK;
    }
    return go_on(p, 0);
}

sluice_status sluice__split_prove(bool *is_proven, bool *is_found, sluice_split *split,
                                  const sluice__split_problem *problem, double value) {
    sluice_partition partition = problem->partition;
    proof p                    = {.problem = problem, .below = value * (1 - 1e-12)};
    size_t *limits             = NULL;
    sluice_status status       = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&limits, (size_t)problem->ranks, sizeof *limits));
    SLUICE__TRY_OUT(sluice__alloc(&p.bytes, (size_t)problem->ranks, sizeof *p.bytes));
    SLUICE__TRY_OUT(sluice__alloc(&p.split, 1, sizeof *p.split));
    for (int r = 0; r < problem->ranks; r++) limits[r] = sluice__split_allowed(problem->limits[r]);
    partition.memory_limits = limits;
    p.split->stages         = partition.stages;
    SLUICE__TRY_OUT(run(&p, &partition));
    *is_found  = p.is_found;
    *is_proven = !is_over(&p);
    if (p.is_found) *split = *p.split;
out:
    sluice__chain_free(&p.chain);
    sluice__free(limits);
    sluice__free(p.bytes);
    sluice__free(p.split);
    return status;
}
