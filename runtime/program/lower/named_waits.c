/* SPDX-License-Identifier: MIT */
/* named_waits.c -- where a schedule itself says when a rank waits for its sends. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/lower/wiring.h"

/* In `wiring->sent`: the index of the first post of each send, or one of these. */
enum { NOT_SENT = -1, WAITED = -2 };

sluice_status sluice__sent_make(int **out, const sluice__wiring *wiring) {
    const size_t count = 2 * (size_t)wiring->stages * (size_t)wiring->microbatches;
    SLUICE__TRY(sluice__alloc(out, count, sizeof **out));
    for (size_t k = 0; k < count; k++) (*out)[k] = NOT_SENT;
    return SLUICE_OK;
}

static bool is_backward(sluice_action_kind kind) {
    return kind == SLUICE_ACTION_SEND_B || kind == SLUICE_ACTION_WAIT_SEND_B;
}

static int *sent_of(const sluice__wiring *wiring, const sluice_action *action) {
    return &wiring->sent[sluice__wiring_at(wiring, is_backward(action->kind), action->stage,
                                           action->microbatch)];
}

void sluice__note_send(const sluice__wiring *wiring, const sluice_action *action, int first) {
    *sent_of(wiring, action) = first;
}

/* Whether a post is part of the send that a wait names. */
static bool is_of(const sluice__wiring *wiring, const sluice__post *post,
                  const sluice_action *wait) {
    return post->sends && post->stage == wait->stage && post->microbatch == wait->microbatch &&
           sluice__is_backward(wiring->edges->list[post->edge].is.payload) ==
               is_backward(wait->kind);
}

static sluice_status add_wait(sluice__rank_links *rank, const sluice__named_wait *wait) {
    if (rank->wait_count == rank->wait_capacity) {
        const int capacity = rank->wait_capacity ? 2 * rank->wait_capacity : 64;
        SLUICE__TRY(sluice__grow(&rank->waits, (size_t)capacity, sizeof *rank->waits));
        rank->wait_capacity = capacity;
    }
    rank->waits[rank->wait_count++]     = *wait;
    rank->posts[wait->post].waits_named = true;
    return SLUICE_OK;
}

static sluice_status refuse(const sluice_action *action, int r, const char *why) {
    return sluice__fail(SLUICE_E_SCHEDULE, "%d%s%d of rank %d %s %dSEND_%s%d", action->stage,
                        sluice_action_name(action->kind), action->microbatch, r, why, action->stage,
                        is_backward(action->kind) ? "B" : "F", action->microbatch);
}

sluice_status sluice__name_wait(sluice__rank_links *rank, int r, const sluice__wiring *wiring,
                                const sluice_action *action, int block) {
    const int posted = rank->post_count;
    int *const first = sent_of(wiring, action);
    if (*first == NOT_SENT) return refuse(action, r, "does not follow");
    if (*first == WAITED) return refuse(action, r, "waits a second time for");
    /* A send over several edges has several posts, one between stages of one rank has none. */
    for (int k = *first; k < posted && is_of(wiring, &rank->posts[k], action); k++)
        SLUICE__TRY(add_wait(rank, &(sluice__named_wait){k, block, posted}));
    *first = WAITED;
    return SLUICE_OK;
}
