/* SPDX-License-Identifier: MIT */
/*
 * even.c -- the one place that makes the loads of a split even where ranks have several stages,
 * without making the most expensive rank more expensive: a search stops when it can not get less
 * there, and leaves the others as they are.
 *
 * Runs of neighbouring boundaries move by a layer as long as the sum of squares becomes smaller.
 */
#include <math.h>

#include "partition/chain.h"
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

enum { MAX_RUN = 8, MAX_ROUNDS = 100 };
static const double noticeable = 1e-12;

typedef struct evening {
    const sluice__chain *chain;
    int *first;
    double value;            /* that no load may exceed */
    double *loads, *changed; /* [ranks]; with a change, -1 where it changes nothing */
} evening;

/* What the sum of squares changes by; INFINITY if a load becomes too large. */
static double change_of(const evening *at, int from, int to) {
    const sluice__chain *chain = at->chain;
    double change              = 0;
    for (int s = from - 1; s <= to; s++) at->changed[chain->stage_rank[s]] = -1;
    for (int s = from - 1; s <= to; s++) {
        const int r = chain->stage_rank[s];
        sluice__span spans[SLUICE__MAX_CHUNKS];
        if (at->changed[r] >= 0) continue;
        sluice__spans_of(spans, chain, r, at->first);
        at->changed[r] = sluice__rank_value(chain, r, spans);
        if (at->changed[r] > at->value) return INFINITY;
        change += at->changed[r] * at->changed[r] - at->loads[r] * at->loads[r];
    }
    return change;
}

static bool try_move(const evening *at, int from, int to, int shift) {
    const int *rank = at->chain->stage_rank;
    if (!sluice__shift_begins(at->first, at->chain, from, to, shift)) return false;
    if (change_of(at, from, to) < -noticeable * at->value * at->value) {
        for (int s = from - 1; s <= to; s++) at->loads[rank[s]] = at->changed[rank[s]];
        return true;
    }
    for (int s = from; s <= to; s++) at->first[s] -= shift;
    return false;
}

static bool improve(const evening *at) {
    bool improved = false;
    for (int from = 1; from < at->chain->stages; from++)
        for (int to = from; to < at->chain->stages && to < from + MAX_RUN; to++)
            for (int shift = -1; shift <= 1; shift += 2)
                if (try_move(at, from, to, shift)) improved = true;
    return improved;
}

sluice_status sluice__even_out(int *first, const sluice__chain *chain) {
    evening at           = {.chain = chain, .first = first};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&at.loads, (size_t)chain->ranks, sizeof(double)));
    SLUICE__TRY_OUT(sluice__alloc(&at.changed, (size_t)chain->ranks, sizeof(double)));
    at.value = sluice__split_value(chain, at.loads, first);
    for (int round = 0; round < MAX_ROUNDS && isfinite(at.value); round++)
        if (!improve(&at)) break;
out:
    sluice__free(at.loads);
    sluice__free(at.changed);
    return status;
}
