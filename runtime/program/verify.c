/* SPDX-License-Identifier: MIT */
/*
 * verify.c -- the proof that a program can run and means what its schedule means.
 *
 * First the links: the k-th send of a directed link must carry what its k-th receive expects. Then
 * an abstract machine runs every rank's list under strict rendezvous. Its memory holds names, not
 * numbers: each range of bytes is labelled with what was written there, and whoever reads must find
 * the label that it needs, whole. Order across stages follows from that: F of a stage can only find
 * its input after F of the stage before has made it and a transfer has brought it.
 */
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/internal.h"
#include "runtime/program/ranges.h"

enum { WORDS = 96 };

/* What bytes hold. Values below SLUICE_ROLES are a stage's own buffers, by role. */
enum { HOLDS_ACTIVATION = SLUICE_ROLES, HOLDS_GRADIENT, HOLDS_TIE };

typedef struct label {
    int what, stage, microbatch;
} label;

/* Bytes are marked with who wrote them as what: instruction * SLUICE_ROLES + role. A receive's are
 * marked by its post until the wait for it marks them again: until then nobody may read them. */
typedef struct machine_rank {
    int at; /* next instruction */
    sluice__ranges written;
} machine_rank;

typedef struct machine {
    const sluice_program *program;
    const sluice_instruction *const *lists;
    const int *counts;
    machine_rank *ranks;
    int *sent, *received;  /* posts so far of each directed link, [from * p + to] */
    unsigned char *done;   /* [stage][microbatch], bits DID_x */
    int *weights_left;     /* per rank: W (or B) still to come before its gradients are whole */
    bool *stored;          /* [2 * stage + weight]: the step's first write has happened */
} machine;

enum { DID_F = 1, DID_I = 2, DID_W = 4, DID_AGAIN = 8 };

static void describe(char words[WORDS], const sluice_instruction *instruction) {
    sluice__describe_instruction(words, WORDS, instruction);
}

static bool is_post(const sluice_instruction *instruction) {
    return instruction->kind == SLUICE_INSTRUCTION_POST_SEND ||
           instruction->kind == SLUICE_INSTRUCTION_POST_RECEIVE;
}

static const sluice_slot *post_slot(const sluice_instruction *post) {
    return &post->slots[post->sends ? SLUICE_ROLE_INPUT : SLUICE_ROLE_OUTPUT];
}

/* ---- the links ---- */

/* The next post of `rank` from `*at` on that sends to (or receives from) `peer`; NULL: none. */
static const sluice_instruction *next_post(const machine *m, int rank, int *at, bool sends,
                                           int peer) {
    while (*at < m->counts[rank]) {
        const sluice_instruction *post = &m->lists[rank][(*at)++];
        if (is_post(post) && post->sends == sends && post->peer == peer) return post;
    }
    return NULL;
}

static bool posts_match(const sluice_instruction *send, const sluice_instruction *receive) {
    return send->payload == receive->payload && send->producer == receive->producer &&
           send->microbatch == receive->microbatch &&
           post_slot(send)->bytes == post_slot(receive)->bytes;
}

static sluice_status check_link(const machine *m, int from, int to) {
    int sender = 0, receiver = 0;
    for (int k = 0;; k++) {
        const sluice_instruction *send    = next_post(m, from, &sender, true, to);
        const sluice_instruction *receive = next_post(m, to, &receiver, false, from);
        if (!send && !receive) return SLUICE_OK;
        char sent[WORDS] = "", received[WORDS] = "";
        if (send) describe(sent, send);
        if (receive) describe(received, receive);
        if (!receive)
            return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d has no receive on rank %d", sent,
                                from, to);
        if (!send)
            return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d has no send on rank %d", received,
                                to, from);
        if (!posts_match(send, receive))
            return sluice__fail(SLUICE_E_SCHEDULE,
                                "transfer %d from rank %d to rank %d: the send is %s (%zu bytes), "
                                "the receive is %s (%zu bytes)",
                                k, from, to, sent, post_slot(send)->bytes, received,
                                post_slot(receive)->bytes);
        if (send->transfer != k || receive->transfer != k)
            return sluice__fail(SLUICE_E_SCHEDULE, "%s is numbered %d and %s %d, but they are %d",
                                sent, send->transfer, received, receive->transfer, k);
    }
}

static sluice_status check_posts(const machine *m) {
    const int p = m->program->ranks;
    for (int r = 0; r < p; r++)
        for (int n = 0; n < m->counts[r]; n++) {
            const sluice_instruction *at = &m->lists[r][n];
            if (is_post(at) && (at->peer < 0 || at->peer >= p || at->peer == r))
                return sluice__fail(SLUICE_E_SCHEDULE, "instruction %d of rank %d has peer %d of %d",
                                    n, r, at->peer, p);
            if (at->kind == SLUICE_INSTRUCTION_WAIT &&
                (at->post < 0 || at->post >= n || !is_post(&m->lists[r][at->post])))
                return sluice__fail(SLUICE_E_SCHEDULE,
                                    "instruction %d of rank %d waits for instruction %d, "
                                    "which is no post before it",
                                    n, r, at->post);
        }
    return SLUICE_OK;
}

/* Only pairs of ranks that post to each other: most of p * p do not. */
static sluice_status check_links(const machine *m) {
    const int p      = m->program->ranks;
    bool *linked     = NULL;
    SLUICE__TRY(sluice__alloc(&linked, (size_t)p * (size_t)p, sizeof *linked));
    for (int r = 0; r < p; r++)
        for (int n = 0; n < m->counts[r]; n++) {
            const sluice_instruction *at = &m->lists[r][n];
            if (is_post(at)) linked[at->sends ? r * p + at->peer : at->peer * p + r] = true;
        }
    sluice_status status = SLUICE_OK;
    for (int k = 0; k < p * p && status == SLUICE_OK; k++)
        if (linked[k]) status = check_link(m, k / p, k % p);
    sluice__free(linked);
    return status;
}

/* ---- memory of names ---- */

static bool labels_equal(const label *a, const label *b) {
    return a->what == b->what && a->stage == b->stage && a->microbatch == b->microbatch;
}

static void name_label(char words[WORDS], const label *holds) {
    static const char *const own[SLUICE_ROLES] = {
        [SLUICE_ROLE_SAVED_INPUT] = "saved tensors", [SLUICE_ROLE_SAVED_WEIGHT] = "saved tensors",
        [SLUICE_ROLE_HANDED] = "tensors from I for W", [SLUICE_ROLE_TARGETS] = "targets"};
    if (holds->what == HOLDS_ACTIVATION && holds->stage < 0)
        snprintf(words, WORDS, "the inputs of micro-batch %d", holds->microbatch);
    else if (holds->what == HOLDS_ACTIVATION)
        snprintf(words, WORDS, "the output of %dF%d", holds->stage, holds->microbatch);
    else if (holds->what == HOLDS_GRADIENT)
        snprintf(words, WORDS, "the input gradient of stage %d, micro-batch %d", holds->stage,
                 holds->microbatch);
    else if (holds->what == HOLDS_TIE)
        snprintf(words, WORDS, "the gradient of tied use %d", holds->stage);
    else
        snprintf(words, WORDS, "the %s of stage %d, micro-batch %d", own[holds->what],
                 holds->stage, holds->microbatch);
}

static label label_of(const sluice_instruction *at, sluice_role role) {
    switch (role) {
    case SLUICE_ROLE_INPUT: return (label){HOLDS_ACTIVATION, at->stage - 1, at->microbatch};
    case SLUICE_ROLE_OUTPUT: return (label){HOLDS_ACTIVATION, at->stage, at->microbatch};
    case SLUICE_ROLE_OUTPUT_GRADIENT:
        return (label){HOLDS_GRADIENT, at->stage + 1, at->microbatch};
    case SLUICE_ROLE_INPUT_GRADIENT: return (label){HOLDS_GRADIENT, at->stage, at->microbatch};
    default: return (label){(int)role, at->stage, at->microbatch};
    }
}

static label label_of_post(const sluice_instruction *post) {
    const int what = post->payload == SLUICE_PAYLOAD_ACTIVATION ? HOLDS_ACTIVATION
                     : post->payload == SLUICE_PAYLOAD_GRADIENT ? HOLDS_GRADIENT
                                                                : HOLDS_TIE;
    return (label){what, post->producer, post->microbatch};
}

/* What a mark says. */
static label label_of_mark(const machine *m, int r, int64_t mark) {
    const sluice_instruction *writer = &m->lists[r][mark / SLUICE_ROLES];
    if (writer->peer >= 0) return label_of_post(writer);
    return label_of(writer, (sluice_role)(mark % SLUICE_ROLES));
}

/* Instruction `writer` of rank r fills the slot. */
static sluice_status write_bytes(machine *m, int r, const sluice_slot *slot, int writer,
                                 sluice_role role) {
    const sluice__rank_program *plan = &m->program->rank[r];
    const size_t permanent           = plan->bytes.arena - plan->bytes.transient;
    if (slot->offset < permanent || slot->offset + slot->bytes > plan->bytes.arena) {
        char words[WORDS];
        describe(words, &m->lists[r][writer]);
        return sluice__fail(SLUICE_E_SCHEDULE,
                            "%s of rank %d writes bytes %zu..%zu, outside its transient %zu..%zu",
                            words, r, slot->offset, slot->offset + slot->bytes, permanent,
                            plan->bytes.arena);
    }
    return sluice__ranges_set(&m->ranks[r].written, slot->offset, slot->offset + slot->bytes,
                              (int64_t)writer * SLUICE_ROLES + (int64_t)role);
}

/* The failure of a read: what is in those bytes instead. */
static sluice_status missing(const machine *m, int r, const sluice_slot *slot, const label *needs) {
    const sluice__ranges *written = &m->ranks[r].written;
    char reader[WORDS], name[WORDS], writer[WORDS];
    describe(reader, &m->lists[r][m->ranks[r].at]);
    name_label(name, needs);
    for (int k = sluice__ranges_at(written, slot->offset);
         k < written->count && written->list[k].begin < slot->offset + slot->bytes; k++) {
        const int64_t mark = written->list[k].value;
        const label found  = label_of_mark(m, r, mark);
        if (labels_equal(&found, needs)) continue; /* the part that is still whole */
        describe(writer, &m->lists[r][mark / SLUICE_ROLES]);
        return sluice__fail(SLUICE_E_SCHEDULE,
                            "%s of rank %d needs %s at byte %zu, which %s has overwritten", reader, r,
                            name, slot->offset, writer);
    }
    return sluice__fail(SLUICE_E_SCHEDULE,
                        "%s of rank %d needs %s at byte %zu, where nothing was written", reader, r,
                        name, slot->offset);
}

/* The slot must hold what `needs` says, whole; if `arrived`, it may not be on its way. */
static sluice_status read_bytes(const machine *m, int r, const sluice_slot *slot,
                                const label *needs, bool arrived) {
    const sluice__ranges *written = &m->ranks[r].written;
    const int k                   = sluice__ranges_at(written, slot->offset);
    if (k == written->count || written->list[k].begin != slot->offset ||
        written->list[k].end - slot->offset < slot->bytes)
        return missing(m, r, slot, needs);
    const int64_t mark = written->list[k].value;
    const label found  = label_of_mark(m, r, mark);
    if (!labels_equal(&found, needs)) return missing(m, r, slot, needs);
    if (!arrived || m->lists[r][mark / SLUICE_ROLES].kind != SLUICE_INSTRUCTION_POST_RECEIVE)
        return SLUICE_OK;
    char reader[WORDS], name[WORDS];
    describe(reader, &m->lists[r][m->ranks[r].at]);
    name_label(name, needs);
    return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d reads %s before its receive was waited for",
                        reader, r, name);
}

/* ---- compute ---- */

static unsigned bits_of(sluice_instruction_kind kind) {
    switch (kind) {
    case SLUICE_INSTRUCTION_FORWARD: return DID_F;
    case SLUICE_INSTRUCTION_BACKWARD: return DID_I | DID_W;
    case SLUICE_INSTRUCTION_BACKWARD_INPUT: return DID_I;
    case SLUICE_INSTRUCTION_BACKWARD_WEIGHT: return DID_W;
    case SLUICE_INSTRUCTION_RECOMPUTE: return DID_AGAIN;
    default: return 0;
    }
}

/* Right stage, micro-batch in range, once, and after what must come before. */
static sluice_status check_compute(machine *m, int r, const sluice_instruction *at) {
    const sluice_program *program = m->program;
    char words[WORDS];
    describe(words, at);
    if (at->stage < 0 || at->stage >= program->stages || program->stage_rank[at->stage] != r)
        return sluice__fail(SLUICE_E_SCHEDULE, "%s is on rank %d, which does not have stage %d",
                            words, r, at->stage);
    if (at->microbatch < 0 || at->microbatch >= program->microbatches)
        return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d: micro-batches are 0 to %d", words, r,
                            program->microbatches - 1);
    unsigned char *done = &m->done[(size_t)at->stage * (size_t)program->microbatches +
                                   (size_t)at->microbatch];
    const unsigned bits = bits_of(at->kind);
    if (*done & bits)
        return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d was done already", words, r);
    if (!(bits & DID_F) && !(*done & DID_F))
        return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d comes before %dF%d", words, r,
                            at->stage, at->microbatch);
    if (bits == DID_W && !(*done & DID_I))
        return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d comes before %dI%d", words, r,
                            at->stage, at->microbatch);
    *done = (unsigned char)(*done | bits);
    return SLUICE_OK;
}

/* The step's first write of a gradient stores, and only that one. */
static sluice_status check_first(machine *m, int r, const sluice_instruction *at) {
    const unsigned bits = bits_of(at->kind);
    const bool flags[2] = {at->first_input, at->first_weight};
    for (int weight = 0; weight < 2; weight++) {
        if (!(bits & (weight ? DID_W : DID_I))) continue;
        bool *stored = &m->stored[2 * at->stage + weight];
        if (flags[weight] == *stored) {
            char words[WORDS];
            describe(words, at);
            return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d %s", words, r,
                                *stored ? "stores its gradient over those accumulated before"
                                        : "accumulates onto a gradient that nothing has stored");
        }
        *stored = true;
    }
    if (bits & DID_W) m->weights_left[r]--;
    return SLUICE_OK;
}

static sluice_status run_compute(machine *m, int r, const sluice_instruction *at) {
    SLUICE__TRY(check_compute(m, r, at));
    SLUICE__TRY(check_first(m, r, at));
    const bool loads = at->kind == SLUICE_INSTRUCTION_FORWARD && at->stage == 0;
    for (int role = 0; role < SLUICE_ROLES; role++) {
        const sluice_slot *slot = &at->slots[role];
        const size_t needed     = sluice__slot_bytes(m->program, at, (sluice_role)role);
        const label holds       = label_of(at, (sluice_role)role);
        if (slot->bytes < needed) {
            char words[WORDS];
            describe(words, at);
            return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d has %zu bytes for role %d, needs %zu",
                                words, r, slot->bytes, role, needed);
        }
        if (needed == 0 || role == SLUICE_ROLE_SCRATCH) continue;
        if (sluice__role_is_read(at->kind, (sluice_role)role) &&
            !(loads && role == SLUICE_ROLE_INPUT))
            SLUICE__TRY(read_bytes(m, r, slot, &holds, true));
    }
    for (int role = 0; role < SLUICE_ROLES; role++) {
        const sluice_slot *slot = &at->slots[role];
        if (slot->bytes == 0) continue;
        if (role == SLUICE_ROLE_SCRATCH || sluice__role_is_written(at->kind, (sluice_role)role) ||
            (loads && role == SLUICE_ROLE_INPUT))
            SLUICE__TRY(write_bytes(m, r, slot, m->ranks[r].at, (sluice_role)role));
    }
    /* What this instruction itself writes must not lie over what it reads. */
    for (int role = 0; role < SLUICE_ROLES; role++) {
        const label holds = label_of(at, (sluice_role)role);
        if (at->slots[role].bytes > 0 && role != SLUICE_ROLE_SCRATCH)
            SLUICE__TRY(read_bytes(m, r, &at->slots[role], &holds, true));
    }
    return SLUICE_OK;
}

/* ---- transfers, and the end of the step ---- */

static sluice_status run_post(machine *m, int r, const sluice_instruction *at) {
    const int p       = m->program->ranks;
    const label holds = label_of_post(at);
    if (!at->sends) {
        m->received[at->peer * p + r]++;
        return write_bytes(m, r, post_slot(at), m->ranks[r].at, SLUICE_ROLE_OUTPUT);
    }
    m->sent[r * p + at->peer]++;
    if (holds.what != HOLDS_TIE) return read_bytes(m, r, post_slot(at), &holds, true);
    if (m->weights_left[r] == 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_SCHEDULE, "rank %d sends a tied gradient with %d W to come", r,
                        m->weights_left[r]);
}

static bool transfer_is_complete(const machine *m, int r, const sluice_instruction *post) {
    const int p    = m->program->ranks;
    const int link = post->sends ? r * p + post->peer : post->peer * p + r;
    return post->transfer < m->sent[link] && post->transfer < m->received[link];
}

static sluice_status end_wait(machine *m, int r, const sluice_instruction *post) {
    const label holds = label_of_post(post);
    if (post->sends && holds.what == HOLDS_TIE) return SLUICE_OK; /* permanent bytes */
    SLUICE__TRY(read_bytes(m, r, post_slot(post), &holds, post->sends));
    if (post->sends) return SLUICE_OK;
    return write_bytes(m, r, post_slot(post), m->ranks[r].at, SLUICE_ROLE_OUTPUT);
}

/* Every gradient that a tie sums is there. */
static sluice_status check_tie(machine *m, int r, const sluice_instruction *at) {
    const sluice__rank_program *rank = &m->program->rank[r];
    const size_t permanent           = rank->bytes.arena - rank->bytes.transient;
    for (int t = 0; t < rank->tie_count; t++) {
        const sluice__tie *tie = &rank->ties[t];
        if (tie->first != at->tie) continue;
        for (int k = 0; k < tie->terms; k++) {
            const sluice_slot slot = {tie->offsets[k], 1};
            const label needs      = {HOLDS_TIE, tie->uses[k], -1};
            if (slot.offset >= permanent) SLUICE__TRY(read_bytes(m, r, &slot, &needs, true));
        }
        return SLUICE_OK;
    }
    return sluice__fail(SLUICE_E_SCHEDULE, "rank %d has no tied parameter %d to reduce", r, at->tie);
}

static sluice_status check_whole(const machine *m, int r, const sluice_instruction *at) {
    if (m->weights_left[r] == 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_SCHEDULE, "the %s of rank %d comes with %d W (or B) still to do",
                        sluice_instruction_name(at->kind), r, m->weights_left[r]);
}

/* One instruction of rank r; `*blocked` if it cannot be done yet. */
static sluice_status run_one(machine *m, int r, bool *blocked) {
    const sluice_instruction *at = &m->lists[r][m->ranks[r].at];
    switch (at->kind) {
    case SLUICE_INSTRUCTION_POST_SEND:
    case SLUICE_INSTRUCTION_POST_RECEIVE: return run_post(m, r, at);
    case SLUICE_INSTRUCTION_WAIT: {
        const sluice_instruction *post = &m->lists[r][at->post];
        *blocked                       = !transfer_is_complete(m, r, post);
        return *blocked ? SLUICE_OK : end_wait(m, r, post);
    }
    case SLUICE_INSTRUCTION_TIE_REDUCE:
        SLUICE__TRY(check_whole(m, r, at));
        return check_tie(m, r, at);
    case SLUICE_INSTRUCTION_NORM:
    case SLUICE_INSTRUCTION_UPDATE: return check_whole(m, r, at);
    default: return run_compute(m, r, at);
    }
}

static sluice_status name_deadlock(const machine *m) {
    char text[512];
    size_t used = 0;
    for (int r = 0; r < m->program->ranks && used < sizeof text - WORDS; r++) {
        char words[WORDS];
        if (m->ranks[r].at == m->counts[r]) continue;
        describe(words, &m->lists[r][m->ranks[r].at]);
        used += (size_t)snprintf(text + used, sizeof text - used, "%srank %d waits for %s",
                                 used ? "; " : "", r, words);
    }
    return sluice__fail(SLUICE_E_SCHEDULE, "the program stops: %s", text);
}

static sluice_status run(machine *m, bool *deadlock) {
    const int p   = m->program->ranks;
    bool progress = true;
    for (int finished = 0; finished < p && progress;) {
        finished = 0;
        progress = false;
        for (int r = 0; r < p; r++) {
            bool blocked = false;
            while (m->ranks[r].at < m->counts[r] && !blocked) {
                SLUICE__TRY(run_one(m, r, &blocked));
                if (blocked) break;
                m->ranks[r].at++;
                progress = true;
            }
            finished += m->ranks[r].at == m->counts[r];
        }
        if (finished == p) return SLUICE_OK;
    }
    *deadlock = true;
    return name_deadlock(m);
}

static sluice_status check_complete(const machine *m) {
    const sluice_program *program = m->program;
    for (int s = 0; s < program->stages; s++)
        for (int i = 0; i < program->microbatches; i++) {
            const unsigned done = m->done[(size_t)s * (size_t)program->microbatches + (size_t)i];
            const char *lacks   = !(done & DID_F)                      ? "F"
                                  : program->trains && !(done & DID_I) ? "B (or I)"
                                  : program->trains && !(done & DID_W) ? "W"
                                                                       : NULL;
            if (lacks)
                return sluice__fail(SLUICE_E_SCHEDULE, "stage %d never does %s of micro-batch %d", s,
                                    lacks, i);
        }
    return SLUICE_OK;
}

/* ---- all ---- */

static sluice_status prepare(machine *m) {
    const sluice_program *program = m->program;
    const size_t p = (size_t)program->ranks, stages = (size_t)program->stages;
    SLUICE__TRY(sluice__alloc(&m->ranks, p, sizeof *m->ranks));
    SLUICE__TRY(sluice__alloc(&m->sent, p * p, sizeof *m->sent));
    SLUICE__TRY(sluice__alloc(&m->received, p * p, sizeof *m->received));
    SLUICE__TRY(sluice__alloc(&m->done, stages * (size_t)program->microbatches, 1));
    SLUICE__TRY(sluice__alloc(&m->weights_left, p, sizeof *m->weights_left));
    SLUICE__TRY(sluice__alloc(&m->stored, 2 * stages, sizeof *m->stored));
    for (int s = 0; s < program->stages; s++)
        m->weights_left[program->stage_rank[s]] += program->trains ? program->microbatches : 0;
    return SLUICE_OK;
}

sluice_status sluice__verify(const sluice_program *program, const sluice_instruction *const *lists,
                             const int *counts, bool *deadlock) {
    machine m            = {.program = program, .lists = lists, .counts = counts};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(prepare(&m));
    SLUICE__TRY_OUT(check_posts(&m));
    SLUICE__TRY_OUT(check_links(&m));
    SLUICE__TRY_OUT(run(&m, deadlock));
    SLUICE__TRY_OUT(check_complete(&m));
out:
    for (int r = 0; m.ranks && r < program->ranks; r++) sluice__free(m.ranks[r].written.list);
    sluice__free(m.ranks);
    sluice__free(m.sent);
    sluice__free(m.received);
    sluice__free(m.done);
    sluice__free(m.weights_left);
    sluice__free(m.stored);
    return status;
}

sluice_status sluice_program_verify(const sluice_program *program,
                                    const sluice_instruction *const *lists, const int *counts,
                                    sluice_queues queues) {
    bool deadlock = false;
    (void)queues;
    return sluice__verify(program, lists, counts, &deadlock);
}
