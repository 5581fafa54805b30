/* SPDX-License-Identifier: MIT */
/*
 * outstanding.c -- how many sends to a peer may be outstanding, so that none holds up its rank.
 *
 * A send ends when its receive is posted, which may be much later: what comes around to a rank's
 * next chunk is received when that chunk begins. Meanwhile its sender goes on to its next block,
 * before which it waits only for sends whose receives are posted by then (F, I and W take 1,
 * transfers nothing), in the order in which they were posted. Two may be outstanding in any case.
 */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/lower/wiring.h"

typedef struct releases {
    const sluice__edges *edges;
    int ranks;
    int *first;        /* [channel]: index of its first transfer below */
    int64_t *received; /* per transfer: when its receive is posted */

    /* of one rank, while its sends are processed */
    int *sends;    /* posts that send, by peer */
    int *peer;     /* [peer]: index of its first */
    int *released; /* [peer]: how many of them have ended by now */
} releases;

static int transfer_of(const releases *all, const sluice__post *post) {
    return all->first[all->edges->list[post->edge].channel] + post->transfer;
}

static sluice_status count_sends(releases *all, const sluice__rank_links *ranks) {
    const size_t channels = (size_t)all->edges->channel_count, p = (size_t)all->ranks;
    int max = 0;
    SLUICE__TRY(sluice__alloc(&all->first, channels + 1, sizeof *all->first));
    for (int r = 0; r < all->ranks; r++) {
        if (ranks[r].post_count > max) max = ranks[r].post_count;
        for (int k = 0; k < ranks[r].post_count; k++)
            if (ranks[r].posts[k].sends)
                all->first[all->edges->list[ranks[r].posts[k].edge].channel + 1]++;
    }
    for (size_t c = 0; c < channels; c++) all->first[c + 1] += all->first[c];
    SLUICE__TRY(sluice__alloc(&all->sends, (size_t)max, sizeof *all->sends));
    SLUICE__TRY(sluice__alloc(&all->peer, p + 1, sizeof *all->peer));
    SLUICE__TRY(sluice__alloc(&all->released, p, sizeof *all->released));
    SLUICE__TRY(sluice__alloc(&all->received, (size_t)all->first[channels], sizeof(int64_t)));
    for (int t = 0; t < all->first[channels]; t++) all->received[t] = INT64_MAX;
    return SLUICE_OK;
}

static void note_receives(releases *all, const sluice__rank_links *rank, const int64_t *ends) {
    for (int k = 0; k < rank->post_count; k++) {
        const sluice__post *const post = &rank->posts[k];
        const int channel              = all->edges->list[post->edge].channel;
        if (post->sends || transfer_of(all, post) >= all->first[channel + 1])
            continue; /* a receive without a send, which verification reports */
        all->received[transfer_of(all, post)] = post->at > 0 ? ends[post->at - 1] : 0;
    }
}

/* Sort the rank's sends by peer, in the order in which they are posted. */
static void order_sends(releases *all, sluice__rank_links *rank) {
    for (int q = 0; q <= all->ranks; q++) all->peer[q] = 0;
    for (int k = 0; k < rank->post_count; k++)
        if (rank->posts[k].sends) rank->posts[k].order = all->peer[rank->posts[k].peer + 1]++;
    for (int q = 0; q < all->ranks; q++) all->peer[q + 1] += all->peer[q];
    for (int k = 0; k < rank->post_count; k++) {
        const sluice__post *post = &rank->posts[k];
        if (post->sends) all->sends[all->peer[post->peer] + post->order] = k;
    }
}

static int64_t begin_of(const sluice__rank_links *rank, int b, const int64_t *ends) {
    int64_t begin = ends[b];
    for (int k = 0; k < rank->blocks[b].count; k++)
        begin -= sluice__unit_time(rank->actions[rank->blocks[b].first + k].kind);
    return begin;
}

static void release_sends(releases *all, sluice__rank_links *rank, const int64_t *ends) {
    order_sends(all, rank);
    for (int q = 0; q < all->ranks; q++) all->released[q] = 0;
    for (int k = 0; k < rank->post_count; k++) {
        sluice__post *const post = &rank->posts[k];
        if (!post->sends) continue;
        const int *sends    = &all->sends[all->peer[post->peer]];
        int *const released = &all->released[post->peer];
        const int64_t begin = begin_of(rank, post->block, ends);
        while (*released <= post->order - SLUICE__MIN_OUTSTANDING &&
               all->received[transfer_of(all, &rank->posts[sends[*released]])] <= begin)
            ++*released;
        post->released = *released;
    }
}

sluice_status sluice__release_sends(sluice__rank_links *ranks, const sluice__wiring *wiring) {
    const int p          = wiring->ranks;
    releases all         = {.edges = wiring->edges, .ranks = p};
    int64_t **ends       = NULL;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&ends, (size_t)p, sizeof *ends));
    SLUICE__TRY_OUT(sluice__unit_times(ends, wiring, ranks));
    SLUICE__TRY_OUT(count_sends(&all, ranks));
    for (int r = 0; r < p; r++) note_receives(&all, &ranks[r], ends[r]);
    for (int r = 0; r < p; r++) release_sends(&all, &ranks[r], ends[r]);
out:
    for (int r = 0; ends && r < p; r++) sluice__free(ends[r]);
    sluice__free(ends);
    sluice__free(all.first);
    sluice__free(all.received);
    sluice__free(all.sends);
    sluice__free(all.peer);
    sluice__free(all.released);
    return status;
}
