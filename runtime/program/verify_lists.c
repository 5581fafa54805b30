/* SPDX-License-Identifier: MIT */
/* verify_lists.c -- what can be told of lists of instructions without running them. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/verify.h"

enum { WORDS = 96 };

static void describe(char words[WORDS], const sluice_instruction *instruction) {
    sluice__describe_instruction(words, WORDS, instruction);
}

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
                            "instruction %d of rank %d waits for instruction %d, which is no post "
                            "before it",
                            n, r, wait->post);
    const sluice_instruction *post = &list[wait->post];
    if (wait->peer == post->peer && wait->transfer == post->transfer &&
        wait->sends == post->sends && wait->payload == post->payload &&
        wait->stage == post->stage && wait->microbatch == post->microbatch)
        return SLUICE_OK;
    char posted[WORDS], waited[WORDS];
    describe(posted, post);
    describe(waited, wait);
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
    char words[WORDS];
    describe(words, at);
    if (!is_here)
        return sluice__fail(SLUICE_E_SCHEDULE, "%s is on rank %d, which does not have stage %d",
                            words, r, at->stage);
    if (!is_one)
        return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d: micro-batches are 0 to %d", words, r,
                            program->microbatches - 1);
    return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d is done twice", words, r);
}

static sluice_status check_instruction(const sluice__verifier *v, unsigned char *done, int r,
                                       int n) {
    const sluice_instruction *at = &v->lists[r][n];
    const int p                  = v->program->ranks;
    if (sluice__is_compute(at)) return check_compute(v, done, r, at);
    if (at->kind == SLUICE_INSTRUCTION_WAIT) return check_wait(v->lists[r], n, r);
    if (sluice__is_post(at) && (at->peer < 0 || at->peer >= p || at->peer == r))
        return sluice__fail(SLUICE_E_SCHEDULE, "instruction %d of rank %d has peer %d of %d", n, r,
                            at->peer, p);
    if (sluice__is_post(at) && at->sends != (at->kind == SLUICE_INSTRUCTION_POST_SEND))
        return sluice__fail(SLUICE_E_SCHEDULE, "instruction %d of rank %d is a %s that %s", n, r,
                            sluice_instruction_name(at->kind), at->sends ? "sends" : "receives");
    return SLUICE_OK;
}

static sluice_status check_complete(const sluice_program *program, const unsigned char *done) {
    for (int s = 0; s < program->stages; s++)
        for (int i = 0; i < program->microbatches; i++) {
            const unsigned did = done[(size_t)s * (size_t)program->microbatches + (size_t)i];
            const char *lacks  = !(did & SLUICE__DID_F)                      ? "F"
                                 : program->trains && !(did & SLUICE__DID_I) ? "B (or I)"
                                 : program->trains && !(did & SLUICE__DID_W) ? "W"
                                                                             : NULL;
            if (lacks)
                return sluice__fail(SLUICE_E_SCHEDULE,
                                    "stage %d of rank %d never does %s of micro-batch %d", s,
                                    program->stage_rank[s], lacks, i);
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

static const sluice_slot *post_slot(const sluice_instruction *post) {
    return &post->slots[post->sends ? SLUICE_ROLE_INPUT : SLUICE_ROLE_OUTPUT];
}

static bool posts_match(const sluice_instruction *send, const sluice_instruction *receive) {
    return send->payload == receive->payload &&
           sluice__producer_of(send) == sluice__producer_of(receive) &&
           send->microbatch == receive->microbatch &&
           post_slot(send)->bytes == post_slot(receive)->bytes;
}

/* The k-th transfer of `link`. */
static sluice_status check_transfer(const sluice__verifier *v, const sluice__link *link, int k) {
    const int t                       = link->first + k;
    const int send_at                 = v->machine.transfers.send_at[t];
    const int receive_at              = v->machine.transfers.receive_at[t];
    const sluice_instruction *send    = send_at < 0 ? NULL : &v->lists[link->from][send_at];
    const sluice_instruction *receive = receive_at < 0 ? NULL : &v->lists[link->to][receive_at];
    if (send && receive && posts_match(send, receive) && send->transfer == k &&
        receive->transfer == k)
        return SLUICE_OK;
    char sent[WORDS] = "", received[WORDS] = "";
    if (send) describe(sent, send);
    if (receive) describe(received, receive);
    if (!receive)
        return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d has no receive on rank %d", sent,
                            link->from, link->to);
    if (!send)
        return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d has no send on rank %d", received,
                            link->to, link->from);
    if (!posts_match(send, receive))
        return sluice__fail(SLUICE_E_SCHEDULE,
                            "transfer %d from rank %d to rank %d: the send is %s (%zu bytes), the "
                            "receive is %s (%zu bytes)",
                            k, link->from, link->to, sent, post_slot(send)->bytes, received,
                            post_slot(receive)->bytes);
    return sluice__fail(SLUICE_E_SCHEDULE, "%s is numbered %d and %s %d, but they are %d", sent,
                        send->transfer, received, receive->transfer, k);
}

sluice_status sluice__check_transfers(const sluice__verifier *v) {
    const sluice__transfers *all = &v->machine.transfers;
    for (int l = 0; l < all->link_count; l++) {
        const sluice__link *link = &all->links[l];
        const int count          = link->sends > link->receives ? link->sends : link->receives;
        for (int k = 0; k < count; k++) SLUICE__TRY(check_transfer(v, link, k));
    }
    return SLUICE_OK;
}

/* ---- every post is waited for, or its bytes could be used while they travel ---- */

static sluice_status check_rank_waits(const sluice_instruction *list, int count, int r,
                                      bool *waited) {
    for (int n = 0; n < count; n++) waited[n] = false;
    for (int n = 0; n < count; n++)
        if (list[n].kind == SLUICE_INSTRUCTION_WAIT) waited[list[n].post] = true;
    for (int n = 0; n < count; n++) {
        if (!sluice__is_post(&list[n]) || waited[n]) continue;
        char words[WORDS];
        describe(words, &list[n]);
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
