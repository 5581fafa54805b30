/* SPDX-License-Identifier: MIT */
/* verify_lists.c -- what can be checked about lists of instructions without running them. */
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/verify/verify.h"

unsigned sluice__done_by(sluice_instruction_kind kind) {
    switch (kind) {
    case SLUICE_INSTRUCTION_FORWARD:
        return SLUICE__DID_F;
    case SLUICE_INSTRUCTION_BACKWARD:
        return SLUICE__DID_I | SLUICE__DID_W;
    case SLUICE_INSTRUCTION_BACKWARD_INPUT:
        return SLUICE__DID_I;
    case SLUICE_INSTRUCTION_BACKWARD_WEIGHT:
        return SLUICE__DID_W;
    case SLUICE_INSTRUCTION_RECOMPUTE:
        return SLUICE__DID_AGAIN;
    default:
        return 0;
    }
}

/* ---- every instruction by itself ---- */

static sluice_status check_wait(const sluice_instruction *list, int n, int r) {
    const sluice_instruction *wait = &list[n];
    if (wait->post < 0 || wait->post >= n || !sluice__is_post(&list[wait->post]))
        return sluice__fail(SLUICE_E_SCHEDULE,
                            "instruction %d of rank %d waits for instruction %d, which is not an "
                            "earlier post",
                            n, r, wait->post);
    const sluice_instruction *post = &list[wait->post];
    if (wait->peer == post->peer && wait->transfer == post->transfer &&
        wait->sends == post->sends && wait->edge == post->edge && wait->stage == post->stage &&
        wait->microbatch == post->microbatch)
        return SLUICE_OK;
    char posted[SLUICE__WORDS], waited[SLUICE__WORDS];
    sluice__describe_instruction(posted, sizeof posted, post);
    sluice__describe_instruction(waited, sizeof waited, wait);
    return sluice__fail(SLUICE_E_SCHEDULE,
                        "instruction %d of rank %d waits for %s, but its post is %s", n, r, waited,
                        posted);
}

static sluice_status check_compute(const sluice__verifier *v, unsigned char *done, int r,
                                   const sluice_instruction *at) {
    const sluice_program *program = v->program;
    const bool is_here =
        at->stage >= 0 && at->stage < program->stages && program->stage_rank[at->stage] == r;
    const bool is_one   = at->microbatch >= 0 && at->microbatch < program->microbatches;
    const unsigned bits = sluice__done_by(at->kind);
    unsigned char *all =
        is_here && is_one
            ? &done[(size_t)at->stage * (size_t)program->microbatches + (size_t)at->microbatch]
            : NULL;
    if (all && !(*all & bits)) {
        *all = (unsigned char)(*all | bits);
        return SLUICE_OK;
    }
    char words[SLUICE__WORDS];
    sluice__describe_instruction(words, sizeof words, at);
    if (!is_here)
        return sluice__fail(SLUICE_E_SCHEDULE, "%s is on rank %d, which does not have stage %d",
                            words, r, at->stage);
    if (!is_one)
        return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d: micro-batches are 0 to %d", words, r,
                            program->microbatches - 1);
    return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d is done twice", words, r);
}

static sluice_status wrong_ranks(const sluice__verifier *v, int r, const sluice_instruction *at) {
    const sluice__edges *edges         = &v->program->edges;
    const sluice__channel_key *through = &edges->channels[edges->list[at->edge].channel];
    char words[SLUICE__WORDS];
    sluice__describe_instruction(words, sizeof words, at);
    return sluice__fail(
        SLUICE_E_SCHEDULE, "%s of rank %d %s rank %d, but its edge goes from rank %d to rank %d",
        words, r, at->sends ? "goes to" : "comes from", at->peer, through->from, through->to);
}

static sluice_status wrong_stage(const sluice__verifier *v, int r, const sluice_instruction *at) {
    const sluice_edge *edge = &v->program->edges.list[at->edge].is;
    char words[SLUICE__WORDS];
    sluice__describe_instruction(words, sizeof words, at);
    return sluice__fail(
        SLUICE_E_SCHEDULE, "%s of rank %d does not fit its edge, a %s from stage %d to stage %d",
        words, r, sluice_payload_name(edge->payload), edge->producer, edge->consumer);
}

/* A post's edge has an end on its rank, and the post's fields agree with the edge. */
static sluice_status check_edge(const sluice__verifier *v, int r, int n) {
    const sluice_instruction *at = &v->lists[r][n];
    const sluice__edges *edges   = &v->program->edges;
    if (at->edge < 0 || at->edge >= edges->count || edges->list[at->edge].channel < 0)
        return sluice__fail(
            SLUICE_E_SCHEDULE,
            "instruction %d of rank %d posts edge %d, which does not join two ranks", n, r,
            at->edge);
    const sluice__edge *edge           = &edges->list[at->edge];
    const sluice__channel_key *through = &edges->channels[edge->channel];
    if (r != (at->sends ? through->from : through->to) ||
        at->peer != (at->sends ? through->to : through->from))
        return wrong_ranks(v, r, at);
    if (at->stage != (at->sends ? edge->is.producer : edge->is.consumer) ||
        at->payload != edge->is.payload)
        return wrong_stage(v, r, at);
    return SLUICE_OK;
}

static sluice_status check_row(const sluice__verifier *v, int r, int n) {
    const sluice_instruction *at     = &v->lists[r][n];
    const sluice__rank_program *mine = &v->program->rank[r];
    if (sluice__has_row(mine, at)) return SLUICE_OK;
    return sluice__fail(SLUICE_E_SCHEDULE,
                        "instruction %d of rank %d has row %d of slots, which does not exist", n, r,
                        at->row);
}

static sluice_status check_instruction(const sluice__verifier *v, unsigned char *done, int r,
                                       int n) {
    const sluice_instruction *at = &v->lists[r][n];
    const int p                  = v->program->ranks;
    SLUICE__TRY(check_row(v, r, n));
    if (sluice__is_compute(at)) return check_compute(v, done, r, at);
    if (at->kind == SLUICE_INSTRUCTION_WAIT) return check_wait(v->lists[r], n, r);
    if (sluice__is_post(at) && (at->peer < 0 || at->peer >= p || at->peer == r))
        return sluice__fail(SLUICE_E_SCHEDULE, "instruction %d of rank %d has peer %d of %d", n, r,
                            at->peer, p);
    if (sluice__is_post(at) && at->sends != (at->kind == SLUICE_INSTRUCTION_POST_SEND))
        return sluice__fail(SLUICE_E_SCHEDULE, "instruction %d of rank %d is a %s that %s", n, r,
                            sluice_instruction_name(at->kind), at->sends ? "sends" : "receives");
    return sluice__is_post(at) ? check_edge(v, r, n) : SLUICE_OK;
}

static sluice_status check_complete(const sluice_program *program, const unsigned char *done) {
    for (int s = 0; s < program->stages; s++)
        for (int i = 0; i < program->microbatches; i++) {
            const unsigned did  = done[(size_t)s * (size_t)program->microbatches + (size_t)i];
            const char *missing = !(did & SLUICE__DID_F)                      ? "F"
                                  : program->trains && !(did & SLUICE__DID_I) ? "B (or I)"
                                  : program->trains && !(did & SLUICE__DID_W) ? "W"
                                                                              : NULL;
            if (missing)
                return sluice__fail(SLUICE_E_SCHEDULE,
                                    "stage %d of rank %d never does %s of micro-batch %d", s,
                                    program->stage_rank[s], missing, i);
        }
    return SLUICE_OK;
}

sluice_status sluice__check_lists(const sluice__verifier *v) {
    unsigned char *done;
    SLUICE__TRY(sluice__alloc(&done, (size_t)v->program->stages * (size_t)v->program->microbatches,
                              sizeof *done));
    sluice_status status = SLUICE_OK;
    for (int r = 0; r < v->program->ranks; r++)
        for (int n = 0; n < v->counts[r]; n++) SLUICE__TRY_OUT(check_instruction(v, done, r, n));
    status = check_complete(v->program, done);
out:
    sluice__free(done);
    return status;
}

/* ---- both ends of every transfer ---- */

static size_t bytes_of(const sluice__verifier *v, int r, const sluice_instruction *post) {
    return sluice__post_slot(&v->program->rank[r], post).bytes;
}

/* Each is on the other's peer. */
static bool posts_match(const sluice__verifier *v, const sluice_instruction *send,
                        const sluice_instruction *receive) {
    return send->edge == receive->edge && send->microbatch == receive->microbatch &&
           bytes_of(v, receive->peer, send) == bytes_of(v, send->peer, receive);
}

/* Which channel it is, if there are several between the two ranks. */
static void name_channel(char words[SLUICE__WORDS], const sluice__edges *edges,
                         const sluice__queue *queue) {
    words[0] = '\0';
    for (int c = 0; c < edges->channel_count; c++)
        if (c != queue->channel && edges->channels[c].from == queue->from &&
            edges->channels[c].to == queue->to)
            snprintf(words, SLUICE__WORDS, ", channel %d", edges->channels[queue->channel].index);
}

static sluice_status mismatch(const sluice__verifier *v, const sluice__queue *queue, int k,
                              const sluice_instruction *send, const sluice_instruction *receive) {
    char sent[SLUICE__WORDS], received[SLUICE__WORDS], channel[SLUICE__WORDS];
    sluice__describe_instruction(sent, sizeof sent, send);
    sluice__describe_instruction(received, sizeof received, receive);
    name_channel(channel, &v->program->edges, queue);
    return sluice__fail(SLUICE_E_SCHEDULE,
                        "transfer %d from rank %d to rank %d%s: the send is %s (%zu bytes), the "
                        "receive is %s (%zu bytes)",
                        k, queue->from, queue->to, channel, sent, bytes_of(v, queue->from, send),
                        received, bytes_of(v, queue->to, receive));
}

/* The k-th transfer of `queue`. */
static sluice_status check_transfer(const sluice__verifier *v, const sluice__queue *queue, int k) {
    const int send_at                 = v->machine.transfers.times[queue->first + k].sender_at;
    const int receive_at              = v->machine.transfers.times[queue->first + k].receiver_at;
    const sluice_instruction *send    = send_at < 0 ? NULL : &v->lists[queue->from][send_at];
    const sluice_instruction *receive = receive_at < 0 ? NULL : &v->lists[queue->to][receive_at];
    if (send && receive && posts_match(v, send, receive) && send->transfer == k &&
        receive->transfer == k)
        return SLUICE_OK;
    if (send) SLUICE__TRY(sluice__name_unmatched(v, queue, send->edge));
    if (receive) SLUICE__TRY(sluice__name_unmatched(v, queue, receive->edge));
    char sent[SLUICE__WORDS] = "", received[SLUICE__WORDS] = "";
    if (send) sluice__describe_instruction(sent, sizeof sent, send);
    if (receive) sluice__describe_instruction(received, sizeof received, receive);
    if (!receive)
        return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d has no receive on rank %d", sent,
                            queue->from, queue->to);
    if (!send)
        return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d has no send on rank %d", received,
                            queue->to, queue->from);
    if (!posts_match(v, send, receive)) return mismatch(v, queue, k, send, receive);
    return sluice__fail(SLUICE_E_SCHEDULE,
                        "%s has number %d and %s number %d, but both are number %d", sent,
                        send->transfer, received, receive->transfer, k);
}

/* The rank's next send to `peer` (or receive from it) from instruction `n` on; -1: none. */
static int next_post(const sluice__verifier *v, int r, int n, int peer, bool sends) {
    for (; n < v->counts[r]; n++) {
        const sluice_instruction *at = &v->lists[r][n];
        if (sluice__is_post(at) && at->peer == peer && at->sends == sends) return n;
    }
    return -1;
}

/* With one queue, the sends of a rank to another meet the receives there in order, whatever their
 * channels. */
static sluice_status check_one_order(const sluice__verifier *v, int from, int to) {
    int send = next_post(v, from, 0, to, true), receive = next_post(v, to, 0, from, false);
    for (int k = 0; send >= 0 && receive >= 0; k++) {
        const sluice_instruction *a = &v->lists[from][send], *b = &v->lists[to][receive];
        if (!posts_match(v, a, b)) {
            char sent[SLUICE__WORDS], received[SLUICE__WORDS];
            sluice__describe_instruction(sent, sizeof sent, a);
            sluice__describe_instruction(received, sizeof received, b);
            return sluice__fail(SLUICE_E_SCHEDULE,
                                "in one queue, transfer %d from rank %d to rank %d is sent as %s "
                                "and received as %s",
                                k, from, to, sent, received);
        }
        send    = next_post(v, from, send + 1, to, true);
        receive = next_post(v, to, receive + 1, from, false);
    }
    return SLUICE_OK;
}

sluice_status sluice__check_transfers(const sluice__verifier *v) {
    const sluice__transfers *all = &v->machine.transfers;
    for (int q = 0; q < all->queue_count; q++) {
        const sluice__queue *queue = &all->queues[q];
        const int count            = sluice__queue_length(queue);
        for (int k = 0; k < count; k++) SLUICE__TRY(check_transfer(v, queue, k));
    }
    return SLUICE_OK;
}

/* Posts that are issued as one must have the same peer: with several peers they would be several
 * kernels, the second of which waits for the first. */
static sluice_status check_groups(const sluice__verifier *v, int r) {
    const sluice_instruction *before = NULL;
    for (int n = 0; n < v->counts[r]; n++) {
        const sluice_instruction *at = &v->lists[r][n];
        if (!sluice__is_post(at)) continue;
        if (before && at->group > 0 && at->group == before->group && at->peer != before->peer) {
            char first[SLUICE__WORDS], second[SLUICE__WORDS];
            sluice__describe_instruction(first, sizeof first, before);
            sluice__describe_instruction(second, sizeof second, at);
            return sluice__fail(SLUICE_E_SCHEDULE,
                                "rank %d issues %s with rank %d and %s with rank %d as one", r,
                                first, before->peer, second, at->peer);
        }
        before = at;
    }
    return SLUICE_OK;
}

/* Orders can differ only where two ranks have several channels. */
sluice_status sluice__check_one_queue(const sluice__verifier *v) {
    const sluice__edges *edges = &v->program->edges;
    for (int r = 0; r < v->program->ranks; r++) SLUICE__TRY(check_groups(v, r));
    for (int c = 0; c < edges->channel_count; c++)
        if (edges->channels[c].index == 1)
            SLUICE__TRY(check_one_order(v, edges->channels[c].from, edges->channels[c].to));
    return SLUICE_OK;
}

/* ---- every post is waited for, else its bytes could be used during the transfer ---- */

static sluice_status check_rank_waits(const sluice_instruction *list, int count, int r,
                                      bool *waited) {
    for (int n = 0; n < count; n++) waited[n] = false;
    for (int n = 0; n < count; n++)
        if (list[n].kind == SLUICE_INSTRUCTION_WAIT) waited[list[n].post] = true;
    for (int n = 0; n < count; n++) {
        if (!sluice__is_post(&list[n]) || waited[n]) continue;
        char words[SLUICE__WORDS];
        sluice__describe_instruction(words, sizeof words, &list[n]);
        return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d is never waited for", words, r);
    }
    return SLUICE_OK;
}

sluice_status sluice__check_waits(const sluice__verifier *v) {
    for (int r = 0; r < v->program->ranks; r++) {
        bool *waited;
        SLUICE__TRY(sluice__alloc(&waited, (size_t)v->counts[r], sizeof *waited));
        const sluice_status status = check_rank_waits(v->lists[r], v->counts[r], r, waited);
        sluice__free(waited);
        SLUICE__TRY(status);
    }
    return SLUICE_OK;
}
