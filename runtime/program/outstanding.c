/* SPDX-License-Identifier: MIT */
/*
 * outstanding.c -- how many sends of a link may be on their way, so that none holds its rank up.
 *
 * A send ends when its receive is posted, which may be long after: what goes round to a rank's next
 * chunk is asked for when that chunk begins. Its sender goes on to its next block meanwhile, and
 * before that waits only for sends whose receives are posted by then (F, I and W take 1, transfers
 * nothing). Two may be outstanding in any case.
 */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/links.h"

enum { LEAST = 2 };

typedef struct releases {
    int p;
    int *first;        /* [from * p + to]: index of the link's first transfer below */
    int64_t *received; /* per transfer: when its receive is posted */
    int *released;     /* [from * p + to]: so many of its sends have ended by now */
} releases;

static sluice_status make_room(releases *all, const sluice__rank_links *ranks) {
    const size_t links = (size_t)all->p * (size_t)all->p;
    SLUICE__TRY(sluice__alloc(&all->first, links + 1, sizeof *all->first));
    SLUICE__TRY(sluice__alloc(&all->released, links, sizeof *all->released));
    for (int r = 0; r < all->p; r++)
        for (int k = 0; k < ranks[r].post_count; k++)
            if (ranks[r].posts[k].sends)
                all->first[(size_t)r * (size_t)all->p + (size_t)ranks[r].posts[k].peer + 1]++;
    for (size_t l = 0; l < links; l++) all->first[l + 1] += all->first[l];
    SLUICE__TRY(sluice__alloc(&all->received, (size_t)all->first[links], sizeof *all->received));
    for (int t = 0; t < all->first[links]; t++) all->received[t] = INT64_MAX;
    return SLUICE_OK;
}

static void note_receives(releases *all, const sluice__rank_links *rank, int to,
                          const int64_t *ends) {
    for (int k = 0; k < rank->post_count; k++) {
        const sluice__post *const post = &rank->posts[k];
        const size_t link              = (size_t)post->peer * (size_t)all->p + (size_t)to;
        if (post->sends || all->first[link] + post->transfer >= all->first[link + 1])
            continue; /* a receive without a send: verification says so */
        all->received[all->first[link] + post->transfer] = post->at > 0 ? ends[post->at - 1] : 0;
    }
}

static int64_t begin_of(const sluice__rank_links *rank, int b, const int64_t *ends) {
    int64_t begin = ends[b];
    for (int k = 0; k < rank->blocks[b].count; k++)
        begin -= rank->actions[rank->blocks[b].first + k].kind == SLUICE_ACTION_B ? 2 : 1;
    return begin;
}

static void release_sends(releases *all, sluice__rank_links *rank, int from, const int64_t *ends) {
    for (int k = 0; k < rank->post_count; k++) {
        sluice__post *const post = &rank->posts[k];
        if (!post->sends) continue;
        const size_t link       = (size_t)from * (size_t)all->p + (size_t)post->peer;
        const int64_t *received = &all->received[all->first[link]];
        int *const released     = &all->released[link];
        const int64_t begin     = begin_of(rank, post->block, ends);
        while (*released <= post->transfer - LEAST && received[*released] <= begin) ++*released;
        post->released = *released;
    }
}

sluice_status sluice__release_sends(sluice__rank_links *ranks, const sluice_schedule *schedule,
                                    const sluice__places *places) {
    releases all         = {.p = sluice_schedule_ranks(schedule)};
    int64_t **ends       = NULL;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&ends, (size_t)all.p, sizeof *ends));
    SLUICE__TRY_OUT(sluice__unit_times(ends, schedule, ranks, places));
    SLUICE__TRY_OUT(make_room(&all, ranks));
    for (int r = 0; r < all.p; r++) note_receives(&all, &ranks[r], r, ends[r]);
    for (int r = 0; r < all.p; r++) release_sends(&all, &ranks[r], r, ends[r]);
out:
    for (int r = 0; ends && r < all.p; r++) sluice__free(ends[r]);
    sluice__free(ends);
    sluice__free(all.first);
    sluice__free(all.received);
    sluice__free(all.released);
    return status;
}
