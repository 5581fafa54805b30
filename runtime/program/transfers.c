/* SPDX-License-Identifier: MIT */
/* transfers.c -- which posts of two ranks belong together. */
#include "runtime/program/transfers.h"

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/internal.h"

/* Ranks talk to a few others only, so a list per sender is short. */
sluice__link *sluice__find_link(const sluice__transfers *transfers, int from, int to) {
    for (int l = transfers->first_link[from]; l >= 0; l = transfers->links[l].next)
        if (transfers->links[l].to == to) return &transfers->links[l];
    return NULL;
}

static sluice_status add_link(sluice__link **out, sluice__transfers *transfers, int from, int to) {
    if (transfers->link_count == transfers->link_capacity) {
        const int capacity = transfers->link_capacity ? 2 * transfers->link_capacity : 16;
        SLUICE__TRY(sluice__grow(&transfers->links, (size_t)capacity, sizeof *transfers->links));
        transfers->link_capacity = capacity;
    }
    *out  = &transfers->links[transfers->link_count];
    **out = (sluice__link){.from = from, .to = to, .next = transfers->first_link[from]};
    transfers->first_link[from] = transfers->link_count++;
    return SLUICE_OK;
}

static sluice__link *link_of(const sluice__transfers *transfers, int rank,
                             const sluice_instruction *post) {
    return post->sends ? sluice__find_link(transfers, rank, post->peer)
                       : sluice__find_link(transfers, post->peer, rank);
}

static sluice_status count_posts(sluice__transfers *transfers) {
    for (int r = 0; r < transfers->ranks; r++)
        for (int n = 0; n < transfers->counts[r]; n++) {
            const sluice_instruction *post = &transfers->lists[r][n];
            if (!sluice__is_post(post)) continue;
            sluice__link *link = link_of(transfers, r, post);
            if (!link)
                SLUICE__TRY(add_link(&link, transfers, post->sends ? r : post->peer,
                                     post->sends ? post->peer : r));
            if (post->sends)
                link->sends++;
            else
                link->receives++;
        }
    return SLUICE_OK;
}

/* Every link's transfers stand side by side. */
static sluice_status make_room(sluice__transfers *transfers) {
    for (int l = 0; l < transfers->link_count; l++) {
        sluice__link *link = &transfers->links[l];
        link->first        = transfers->count;
        transfers->count += link->sends > link->receives ? link->sends : link->receives;
        link->sends = link->receives = 0; /* counted again as they are numbered */
    }
    const size_t count = (size_t)transfers->count;
    SLUICE__TRY(sluice__alloc(&transfers->times, count, sizeof *transfers->times));
    SLUICE__TRY(sluice__alloc(&transfers->send_at, count, sizeof *transfers->send_at));
    SLUICE__TRY(sluice__alloc(&transfers->receive_at, count, sizeof *transfers->receive_at));
    for (size_t t = 0; t < count; t++) transfers->send_at[t] = transfers->receive_at[t] = -1;
    return SLUICE_OK;
}

static void number_posts(sluice__transfers *transfers) {
    for (int r = 0; r < transfers->ranks; r++)
        for (int n = 0; n < transfers->counts[r]; n++) {
            const sluice_instruction *post = &transfers->lists[r][n];
            if (!sluice__is_post(post)) continue;
            sluice__link *link = link_of(transfers, r, post);
            if (post->sends)
                transfers->send_at[link->first + link->sends++] = n;
            else
                transfers->receive_at[link->first + link->receives++] = n;
        }
}

/* What each of them is: told by its send, or by its receive where there is none. */
static void describe_transfers(sluice__transfers *transfers) {
    for (int l = 0; l < transfers->link_count; l++) {
        const sluice__link *link = &transfers->links[l];
        const int count          = link->sends > link->receives ? link->sends : link->receives;
        for (int t = link->first; t < link->first + count; t++) {
            const int send = transfers->send_at[t];
            const sluice_instruction *post =
                send >= 0 ? &transfers->lists[link->from][send]
                          : &transfers->lists[link->to][transfers->receive_at[t]];
            transfers->times[t] = (sluice_transfer_times){.from    = link->from,
                                                          .to      = link->to,
                                                          .payload = (sluice_payload)post->payload,
                                                          .stage   = sluice__producer_of(post),
                                                          .microbatch = post->microbatch,
                                                          .sent       = -1,
                                                          .received   = -1,
                                                          .begin      = -1,
                                                          .end        = -1};
        }
    }
}

sluice_status sluice__transfers_make(sluice__transfers *out, int ranks,
                                     const sluice_instruction *const *lists, const int *counts) {
    *out                 = (sluice__transfers){.ranks = ranks, .lists = lists, .counts = counts};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&out->first_link, (size_t)ranks, sizeof *out->first_link));
    for (int r = 0; r < ranks; r++) out->first_link[r] = -1;
    SLUICE__TRY_OUT(count_posts(out));
    SLUICE__TRY_OUT(make_room(out));
    number_posts(out);
    describe_transfers(out);
out:
    if (status != SLUICE_OK) sluice__transfers_free(out);
    return status;
}

void sluice__transfers_free(sluice__transfers *transfers) {
    sluice__free(transfers->first_link);
    sluice__free(transfers->links);
    sluice__free(transfers->times);
    sluice__free(transfers->send_at);
    sluice__free(transfers->receive_at);
    *transfers = (sluice__transfers){0};
}

int sluice__transfer_of(const sluice__transfers *transfers, int rank,
                        const sluice_instruction *at) {
    return link_of(transfers, rank, at)->first + at->transfer;
}

int sluice__post_at(const sluice__transfers *transfers, int t, int rank) {
    return transfers->times[t].from == rank ? transfers->send_at[t] : transfers->receive_at[t];
}
