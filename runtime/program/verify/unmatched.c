/* SPDX-License-Identifier: MIT */
/* unmatched.c -- names the sends that nobody receives, and the receives that nobody sends. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/verify/verify.h"

/* The first posts of a queue that are alone; NULL: none. */
typedef struct alone {
    const sluice_instruction *send, *receive;
} alone;

static const sluice_instruction *post_of(const sluice__verifier *v, const sluice__queue *queue,
                                         int k, bool sends) {
    const sluice_transfer_times *times = &v->machine.transfers.times[queue->first + k];
    const int at                       = sends ? times->sender_at : times->receiver_at;
    return at < 0 ? NULL : &v->lists[sends ? queue->from : queue->to][at];
}

/* In a table of an edge's micro-batches, behind an entry for a tie, whose number is -1. -1: the
 * post is none over that edge, or of no such micro-batch. */
static int index_of(const sluice_instruction *post, int edge, int m) {
    const bool counts =
        post && post->edge == edge && post->microbatch >= -1 && post->microbatch < m;
    return counts ? post->microbatch + 1 : -1;
}

/* Find the first posts over `edge` whose micro-batch the other side does not post. */
static sluice_status find_alone(alone *found, const sluice__verifier *v, const sluice__queue *queue,
                                int edge) {
    const int m = v->program->microbatches, count = sluice__queue_length(queue);
    const size_t side = (size_t)m + 1;
    bool *has; /* [sends][side] */
    SLUICE__TRY(sluice__alloc(&has, 2 * side, sizeof *has));
    for (int k = 0; k < 2 * count; k++) {
        const int index = index_of(post_of(v, queue, k / 2, k % 2), edge, m);
        if (index >= 0) has[(k % 2 ? side : 0) + (size_t)index] = true;
    }
    for (int k = 0; k < 2 * count; k++) {
        const sluice_instruction *post = post_of(v, queue, k / 2, k % 2);
        const int index                = index_of(post, edge, m);
        if (index < 0 || has[(k % 2 ? 0 : side) + (size_t)index]) continue;
        const sluice_instruction **const first = k % 2 ? &found->send : &found->receive;
        if (!*first) *first = post;
    }
    sluice__free(has);
    return SLUICE_OK;
}

sluice_status sluice__name_unmatched(const sluice__verifier *v, const sluice__queue *queue,
                                     int edge) {
    alone found = {0};
    char sent[SLUICE__WORDS], received[SLUICE__WORDS];
    SLUICE__TRY(find_alone(&found, v, queue, edge));
    if (found.send) sluice__describe_instruction(sent, sizeof sent, found.send);
    if (found.receive) sluice__describe_instruction(received, sizeof received, found.receive);
    if (found.send && found.receive)
        return sluice__fail(SLUICE_E_SCHEDULE,
                            "%s of rank %d has no send on rank %d, and %s of rank %d, which nobody "
                            "takes, has no receive on rank %d",
                            received, queue->to, queue->from, sent, queue->from, queue->to);
    if (found.send)
        return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d has no receive on rank %d", sent,
                            queue->from, queue->to);
    if (found.receive)
        return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d has no send on rank %d", received,
                            queue->to, queue->from);
    return SLUICE_OK;
}
