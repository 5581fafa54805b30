/* SPDX-License-Identifier: MIT */
/*
 * evidence.c -- from when on a send is certain to have ended, whatever actions and transfers take.
 *
 * A send has ended when the block that uses what it carries has begun. Its rank knows that from
 *
 *   an answer    anything that the same peer produced in that block or later
 *   the chain    what was made of it by then: the same micro-batch at a later stage of this rank
 *
 *      rank 0:   F0 -- send --+                  +--> F4      chain: 4 stages in a loop of 4 ranks
 *      rank 1:                +--> F1 --> ...  --+
 *
 * Waiting for a send only then never delays its rank.
 */
#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/lower/wiring.h"

/* When block `at` of this rank begins, block `reached` of the peer has begun. */
typedef struct evidence {
    int peer, at, reached;
} evidence;

typedef struct search {
    const sluice__rank_links *links;
    const sluice__wiring *wiring;
    int rank;
    evidence *list; /* by peer, then `at`; `reached` ascending too */
    int count;
    bool *flows;     /* [stage] */
    int *next_stage; /* [edge]: the stage of this rank that the chain comes to next; -1: none */
} search;

/* ---- the chain ---- */

/* Whether what reached stages in `flows` flows on to stage t. */
static bool flows_to(const search *all, int t, bool backward) {
    const sluice__edges *edges = all->wiring->edges;
    const sluice_role role     = backward ? SLUICE_ROLE_OUTPUT_GRADIENT : SLUICE_ROLE_INPUT;
    const int count            = sluice__edge_count(edges, role, t);
    for (int k = 0; k < count; k++)
        if (all->flows[edges->list[sluice__edge_of(edges, role, t, k)].is.producer]) return true;
    return false;
}

static int find_next_stage(const search *all, const sluice_edge *edge) {
    const bool backward = sluice__is_backward(edge->payload);
    const int step = backward ? -1 : 1, stages = all->wiring->stages;
    for (int s = 0; s < stages; s++) all->flows[s] = s == edge->consumer;
    for (int t = edge->consumer + step; 0 <= t && t < stages; t += step) {
        all->flows[t] = flows_to(all, t, backward);
        if (all->flows[t] && sluice_schedule_stage_rank(all->wiring->schedule, t) == all->rank)
            return t;
    }
    return -1;
}

static sluice_status find_next_stages(search *all) {
    const sluice__edges *edges = all->wiring->edges;
    const size_t crossing      = 2 * (size_t)edges->activations;
    SLUICE__TRY(sluice__alloc(&all->flows, (size_t)all->wiring->stages, sizeof *all->flows));
    SLUICE__TRY(sluice__alloc(&all->next_stage, crossing, sizeof *all->next_stage));
    for (size_t e = 0; e < crossing; e++) {
        const int channel  = edges->list[e].channel;
        const bool leaves  = channel >= 0 && edges->channels[channel].from == all->rank;
        all->next_stage[e] = leaves ? find_next_stage(all, &edges->list[e].is) : -1;
    }
    return SLUICE_OK;
}

/* ---- the list ---- */

/* The block that produces (of a receive) or uses (of a send) at the other end of a post. */
static int other_block(const search *all, const sluice__post *post) {
    const sluice_edge *edge = &all->wiring->edges->list[post->edge].is;
    return *sluice__block_of(all->wiring, sluice__is_backward(edge->payload),
                             post->sends ? edge->consumer : edge->producer, post->microbatch);
}

/* The block of this rank at which the chain of a send comes by again; -1: it does not. */
static int chain_block(const search *all, const sluice__post *send) {
    const sluice_edge *edge = &all->wiring->edges->list[send->edge].is;
    const int next          = all->next_stage[send->edge];
    return next < 0 ? -1
                    : *sluice__block_of(all->wiring, sluice__is_backward(edge->payload), next,
                                        send->microbatch);
}

static int compare(const void *left, const void *right) {
    const evidence *a = left, *b = right;
    if (a->peer != b->peer) return a->peer < b->peer ? -1 : 1;
    if (a->at != b->at) return a->at < b->at ? -1 : 1;
    return a->reached < b->reached ? -1 : a->reached > b->reached;
}

static sluice_status collect(search *all) {
    const sluice__rank_links *links = all->links;
    SLUICE__TRY(sluice__alloc(&all->list, (size_t)links->post_count, sizeof *all->list));
    for (int k = 0; k < links->post_count; k++) {
        const sluice__post *post = &links->posts[k];
        const int at             = post->sends ? chain_block(all, post) : post->block;
        if (at >= 0) all->list[all->count++] = (evidence){post->peer, at, other_block(all, post)};
    }
    if (all->count > 0) qsort(all->list, (size_t)all->count, sizeof *all->list, compare);
    for (int k = 1; k < all->count; k++) { /* what was known earlier is known later */
        const evidence *before = &all->list[k - 1];
        if (before->peer == all->list[k].peer && before->reached > all->list[k].reached)
            all->list[k].reached = before->reached;
    }
    return SLUICE_OK;
}

/* The first block of this rank at which `peer` is known to have begun its block `reached`. */
static int find_first(const search *all, int peer, int reached) {
    int low = 0, high = all->count;
    while (low < high) {
        const int middle   = low + (high - low) / 2;
        const evidence *at = &all->list[middle];
        if (at->peer < peer || (at->peer == peer && at->reached < reached))
            low = middle + 1;
        else
            high = middle;
    }
    const bool found = low < all->count && all->list[low].peer == peer;
    return found ? all->list[low].at : all->links->block_count;
}

sluice_status sluice__end_sends_by_evidence(sluice__rank_links *rank, int r,
                                            const sluice__wiring *wiring) {
    search all           = {.links = rank, .wiring = wiring, .rank = r};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(find_next_stages(&all));
    SLUICE__TRY_OUT(collect(&all));
    for (int k = 0; k < rank->post_count; k++) {
        sluice__post *const post = &rank->posts[k];
        if (!post->sends) continue;
        const int known = find_first(&all, post->peer, other_block(&all, post));
        if (known < post->until) post->until = known;
    }
out:
    sluice__free(all.flows);
    sluice__free(all.next_stage);
    sluice__free(all.list);
    return status;
}
