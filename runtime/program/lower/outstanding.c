/* SPDX-License-Identifier: MIT */
/*
 * outstanding.c -- when a rank waits for what it has sent.
 *
 * A send ends when its receive has been posted and the transfer is done; until the wait for it, its
 * buffer is occupied. An early wait saves bytes, and costs time if the send has not ended by then.
 *
 *   by evidence   before the first block that cannot begin earlier than that (evidence.c): costs no
 *                 time, whatever actions take
 *   by time       before the first block that begins later, under given costs; but two sends to a
 *                 peer may be outstanding in any case, since no cost is exact
 *   by number     when so many more have been sent to the peer, if the caller has said how many
 *
 * A schedule that only runs forward has no answers, so that no send would be waited for before the
 * end: there times decide in which F takes 1.
 */
#include <math.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/bisect.h"
#include "runtime/program/lower/block_times.h"

enum { MIN_OUTSTANDING = 2 };

/* The sends of one rank by peer, in the order in which they are posted. */
typedef struct sends {
    sluice__rank_links *links;
    int *posts; /* of `links` */
    int *peer;  /* [peers + 1]: index of its first */
} sends;

static sluice_status order_sends(sends *out, sluice__rank_links *links, int peers) {
    int *next            = NULL;
    sluice_status status = SLUICE_OK;
    out->links           = links;
    SLUICE__TRY_OUT(sluice__alloc(&out->posts, (size_t)links->post_count, sizeof *out->posts));
    SLUICE__TRY_OUT(sluice__alloc(&out->peer, (size_t)peers + 1, sizeof *out->peer));
    SLUICE__TRY_OUT(sluice__alloc(&next, (size_t)peers, sizeof *next));
    for (int k = 0; k < links->post_count; k++)
        if (links->posts[k].sends) out->peer[links->posts[k].peer + 1]++;
    for (int q = 0; q < peers; q++) out->peer[q + 1] += out->peer[q];
    for (int q = 0; q < peers; q++) next[q] = out->peer[q];
    for (int k = 0; k < links->post_count; k++)
        if (links->posts[k].sends) out->posts[next[links->posts[k].peer]++] = k;
out:
    sluice__free(next);
    return status;
}

/* The block after which the k-th of `all`'s sends is posted; after the last if `peer` does not get
 * so many. */
static int block_of_send(const sends *all, int peer, int k) {
    if (k >= all->peer[peer + 1]) return all->links->block_count;
    return all->links->posts[all->posts[k]].at - 1;
}

/* Wait for a send before `block`, or before the first one after it is posted. */
static void end_before(sluice__post *send, int block) {
    if (block < send->at) block = send->at;
    if (block < send->until) send->until = block;
}

static void end_by_time(const sends *all, const sluice__wiring *wiring,
                        const sluice__block_times *times, int r) {
    for (int q = 0; q < wiring->ranks; q++)
        for (int k = all->peer[q]; k < all->peer[q + 1]; k++) {
            sluice__post *const send = &all->links->posts[all->posts[k]];
            const double end = *sluice__arrival(times, wiring, send->edge, send->microbatch);
            const int few    = block_of_send(all, q, k + MIN_OUTSTANDING);
            const int first =
                sluice__first_later(times->rank[r].begin, all->links->block_count, end, true);
            end_before(send, isinf(end) || first < few ? few : first);
        }
}

static void end_by_number(const sends *all, int peers, int outstanding) {
    for (int q = 0; q < peers; q++)
        for (int k = all->peer[q]; k < all->peer[q + 1]; k++)
            end_before(&all->links->posts[all->posts[k]], block_of_send(all, q, k + outstanding));
}

static sluice_status end_rank(sluice__rank_links *links, int r, const sluice__wiring *wiring,
                              const sluice__block_times *times, int outstanding) {
    sends all            = {0};
    sluice_status status = SLUICE_OK;
    for (int k = 0; k < links->post_count; k++) links->posts[k].until = links->block_count;
    SLUICE__TRY(sluice__end_sends_by_evidence(links, r, wiring));
    if (!times && outstanding == 0) return SLUICE_OK;
    SLUICE__TRY_OUT(order_sends(&all, links, wiring->ranks));
    if (times) end_by_time(&all, wiring, times, r);
    if (outstanding > 0) end_by_number(&all, wiring->ranks, outstanding);
out:
    sluice__free(all.posts);
    sluice__free(all.peer);
    return status;
}

sluice_status sluice__end_sends(sluice__rank_links *ranks, const sluice__wiring *wiring,
                                const sluice__block_times *times, int outstanding) {
    for (int r = 0; r < wiring->ranks; r++)
        SLUICE__TRY(end_rank(&ranks[r], r, wiring, times, outstanding));
    return SLUICE_OK;
}
