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

/* Depth first: stage `s` ends before layer first[s + 1], which grows until its rank has too much.
 */
static sluice_status look_at_all(proof *p) {
    const sluice__chain *chain = &p->chain;
    int *first                 = p->split->first;
    first[0] = first[1] = 0;
    for (int s = 0; s >= 0 && !is_over(p);) {
        const sluice__span span = {first[s], ++first[s + 1]};
        p->nodes++;
        if (span.end > chain->highest[s + 1] ||
            sluice__stage_floor(chain, s, span) >= p->below) { /* grows with the span */
            s--;
            continue;
        }
        if (span.end < chain->lowest[s + 1] ||
            sluice__rank_value(chain, chain->stage_rank[s], &span) >= p->below)
            continue;
        if (s + 1 == chain->stages)
            SLUICE__TRY(look_at(p));
        else
            first[++s + 1] = span.end;
    }
    return SLUICE_OK;
}

static sluice_status run(proof *p, const sluice_partition *partition) {
    SLUICE__TRY(sluice__chain_make(&p->chain, partition, false));
    if (!p->chain.has_one_each) {
        p->plans = MAX_PLANS + 1; /* too many to look at */
        return SLUICE_OK;
    }
    return look_at_all(p);
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
