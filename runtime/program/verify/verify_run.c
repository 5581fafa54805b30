/* SPDX-License-Identifier: MIT */
/* verify_run.c -- one instruction on the verifier's machine: its inputs must be there, by name. */
#include "runtime/base/error.h"
#include "runtime/program/verify/verify.h"

/* ---- compute ---- */

/* F comes before everything else of its micro-batch, I before W. */
static sluice_status check_order(const sluice__verifier *v, int r, const sluice_instruction *at) {
    unsigned char *done =
        &v->done[(size_t)at->stage * (size_t)v->program->microbatches + (size_t)at->microbatch];
    const unsigned bits = sluice__done_by(at->kind);
    const char *before  = !(bits & SLUICE__DID_F) && !(*done & SLUICE__DID_F) ? "F"
                          : bits == SLUICE__DID_W && !(*done & SLUICE__DID_I) ? "I"
                                                                              : NULL;
    if (before) {
        char words[SLUICE__WORDS];
        sluice__describe_instruction(words, sizeof words, at);
        return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d comes before %d%s%d", words, r,
                            at->stage, before, at->microbatch);
    }
    *done = (unsigned char)(*done | bits);
    return SLUICE_OK;
}

/* The step's first write of a gradient stores, and only that one. */
static sluice_status check_first(const sluice__verifier *v, int r, const sluice_instruction *at) {
    const unsigned bits = sluice__done_by(at->kind);
    const bool flags[2] = {at->first_input, at->first_weight};
    for (int weight = 0; weight < 2; weight++) {
        if (!(bits & (unsigned)(weight ? SLUICE__DID_W : SLUICE__DID_I))) continue;
        bool *stored = &v->stored[2 * at->stage + weight];
        if (flags[weight] == *stored) {
            char words[SLUICE__WORDS];
            sluice__describe_instruction(words, sizeof words, at);
            return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d %s", words, r,
                                *stored ? "stores its gradient over those accumulated before"
                                        : "accumulates onto a gradient that nothing has stored");
        }
        *stored = true;
    }
    if (bits & SLUICE__DID_W) v->weights_left[r]--;
    return SLUICE_OK;
}

static sluice_slot slot_of(const sluice__verifier *v, int r, const sluice_instruction *at, int k) {
    return sluice__slot(&v->program->rank[r], at, k);
}

static sluice_role role_of(const sluice__verifier *v, const sluice_instruction *at, int k) {
    return sluice__slot_key_of(&v->program->edges, at->stage, k).role;
}

/* A stage input that no edge carries is loaded by the F that reads it. */
static bool is_loaded(const sluice__verifier *v, const sluice_instruction *at, int k) {
    return k == SLUICE_ROLE_INPUT && at->kind == SLUICE_INSTRUCTION_FORWARD &&
           sluice__edge_count(&v->program->edges, SLUICE_ROLE_INPUT, at->stage) == 0;
}

static sluice_status too_small(const sluice__verifier *v, int r, const sluice_instruction *at,
                               int k, size_t needed) {
    char words[SLUICE__WORDS];
    sluice__describe_instruction(words, sizeof words, at);
    return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d has %zu bytes for role %d, needs %zu",
                        words, r, slot_of(v, r, at, k).bytes, (int)role_of(v, at, k), needed);
}

static sluice_status check_inputs(const sluice__verifier *v, int r, const sluice_instruction *at) {
    const int slots = sluice__slots_of_stage(&v->program->edges, at->stage);
    for (int k = 0; k < slots; k++) {
        const sluice_role role = role_of(v, at, k);
        const size_t needed    = sluice__slot_bytes(v->program, at, k);
        const sluice_slot slot = slot_of(v, r, at, k);
        if (slot.bytes < needed) return too_small(v, r, at, k, needed);
        if (needed == 0 || role == SLUICE_ROLE_SCRATCH || is_loaded(v, at, k) ||
            !sluice__role_is_read(at->kind, role))
            continue;
        const sluice__label holds = sluice__label_of(&v->program->edges, at, k);
        SLUICE__TRY(sluice__read_label(&v->memory[r], &slot, &holds, v->machine.ranks[r].at, true));
    }
    return SLUICE_OK;
}

static sluice_status run_compute(sluice__verifier *v, int r, const sluice_instruction *at) {
    const int n              = v->machine.ranks[r].at;
    const int slots          = sluice__slots_of_stage(&v->program->edges, at->stage);
    sluice__labelled *memory = &v->memory[r];
    SLUICE__TRY(check_order(v, r, at));
    SLUICE__TRY(check_first(v, r, at));
    SLUICE__TRY(check_inputs(v, r, at));
    for (int k = 0; k < slots; k++) {
        const sluice_role role = role_of(v, at, k);
        const sluice_slot slot = slot_of(v, r, at, k);
        if (slot.bytes > 0 && (role == SLUICE_ROLE_SCRATCH || is_loaded(v, at, k) ||
                               sluice__role_is_written(at->kind, role)))
            SLUICE__TRY(sluice__write_label(memory, &slot, n, k));
    }
    /* What this instruction writes must not overlap what it reads, its scratch, or each other. */
    for (int k = 0; k < slots; k++) {
        const sluice_slot slot = slot_of(v, r, at, k);
        if (slot.bytes == 0) continue;
        const sluice__label holds = sluice__label_of(&v->program->edges, at, k);
        SLUICE__TRY(sluice__read_label(memory, &slot, &holds, n, true));
    }
    return SLUICE_OK;
}

/* ---- transfers, and the end of the step ---- */

static sluice_status run_post(sluice__verifier *v, int r, const sluice_instruction *at) {
    const int n               = v->machine.ranks[r].at;
    const sluice_slot slot    = sluice__post_slot(&v->program->rank[r], at);
    const sluice__label holds = sluice__label_of_edge(at->edge, at->microbatch);
    if (!at->sends)
        SLUICE__TRY(sluice__write_label(&v->memory[r], &slot, n, SLUICE_ROLE_OUTPUT));
    else if (at->microbatch >= 0)
        SLUICE__TRY(sluice__read_label(&v->memory[r], &slot, &holds, n, true));
    else if (v->weights_left[r] > 0)
        return sluice__fail(SLUICE_E_SCHEDULE, "rank %d sends a tied gradient before %d of its W",
                            r, v->weights_left[r]);
    (void)sluice__machine_post(&v->machine, r, 0);
    return SLUICE_OK;
}

static sluice_status run_wait(sluice__verifier *v, int r, const sluice_instruction *at,
                              bool *blocked) {
    const int n                    = v->machine.ranks[r].at;
    const sluice_instruction *post = &v->lists[r][at->post];
    const sluice_slot slot         = sluice__post_slot(&v->program->rank[r], post);
    const sluice__label holds      = sluice__label_of_edge(post->edge, post->microbatch);
    int transfer;
    *blocked = !sluice__machine_wait(&v->machine, r, &transfer);
    if (*blocked || (post->sends && post->microbatch < 0)) /* permanent bytes */
        return SLUICE_OK;
    SLUICE__TRY(sluice__read_label(&v->memory[r], &slot, &holds, n, post->sends));
    if (post->sends) return SLUICE_OK;
    return sluice__write_label(&v->memory[r], &slot, n, SLUICE_ROLE_OUTPUT);
}

static sluice_status check_whole(const sluice__verifier *v, int r, const sluice_instruction *at) {
    if (v->weights_left[r] == 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_SCHEDULE, "the %s of rank %d comes before %d of its W (or B)",
                        sluice_instruction_name(at->kind), r, v->weights_left[r]);
}

/* All gradients that a tie sums must be there. */
static sluice_status check_terms(const sluice__verifier *v, int r, const sluice__tie *tie) {
    for (int k = 0; k < tie->terms; k++) {
        const sluice_slot slot    = {tie->offsets[k], 1};
        const sluice__label needs = sluice__label_of_edge(tie->edge + k, -1);
        if (slot.offset >= v->memory[r].begin)
            SLUICE__TRY(
                sluice__read_label(&v->memory[r], &slot, &needs, v->machine.ranks[r].at, true));
    }
    return SLUICE_OK;
}

static sluice_status check_tie(const sluice__verifier *v, int r, const sluice_instruction *at) {
    const sluice__rank_program *rank = &v->program->rank[r];
    SLUICE__TRY(check_whole(v, r, at));
    for (int t = 0; t < rank->tie_count; t++)
        if (rank->ties[t].edge == at->edge) return check_terms(v, r, &rank->ties[t]);
    return sluice__fail(SLUICE_E_SCHEDULE, "rank %d has no tied gradients to sum at edge %d", r,
                        at->edge);
}

/* Compute may still use the bytes of a post that is not ordered after it. */
static sluice_status check_streams(const sluice__verifier *v, int r, const sluice_instruction *at) {
    const int n = v->machine.ranks[r].at;
    int after;
    SLUICE__TRY(sluice__streams_next(&v->streams[r], at, n, &after));
    if (after <= at->after && at->after < n) return SLUICE_OK;
    char words[SLUICE__WORDS], touches[SLUICE__WORDS];
    sluice__describe_instruction(words, sizeof words, at);
    if (at->after >= n)
        return sluice__fail(SLUICE_E_SCHEDULE,
                            "%s of rank %d, instruction %d, must come after the end of %d", words,
                            r, n, at->after);
    sluice__describe_instruction(touches, sizeof touches, &v->lists[r][after]);
    return sluice__fail(SLUICE_E_SCHEDULE,
                        "%s of rank %d does not come after the end of %s, which touches its bytes",
                        words, r, touches);
}

sluice_status sluice__verify_step(void *context, int r, bool *blocked) {
    sluice__verifier *v          = context;
    const sluice_instruction *at = &v->lists[r][v->machine.ranks[r].at];
    if (at->kind != SLUICE_INSTRUCTION_WAIT) SLUICE__TRY(check_streams(v, r, at));
    switch (at->kind) {
    case SLUICE_INSTRUCTION_POST_SEND:
    case SLUICE_INSTRUCTION_POST_RECEIVE:
        return run_post(v, r, at);
    case SLUICE_INSTRUCTION_WAIT:
        return run_wait(v, r, at, blocked);
    case SLUICE_INSTRUCTION_TIE_REDUCE:
        return check_tie(v, r, at);
    case SLUICE_INSTRUCTION_NORM:
    case SLUICE_INSTRUCTION_UPDATE:
        return check_whole(v, r, at);
    default:
        return run_compute(v, r, at);
    }
}
