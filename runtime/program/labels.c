/* SPDX-License-Identifier: MIT */
/* labels.c -- what each byte of a rank's memory holds, by name. */
#include "runtime/program/labels.h"

#include <stdio.h>

#include "runtime/base/error.h"

enum { WORDS = 96 };

static void describe(char words[WORDS], const sluice_instruction *instruction) {
    sluice__describe_instruction(words, WORDS, instruction);
}

/* ---- labels ---- */

static bool labels_equal(const sluice__label *a, const sluice__label *b) {
    return a->what == b->what && a->stage == b->stage && a->microbatch == b->microbatch;
}

static void name_label(char words[WORDS], const sluice__label *holds) {
    static const char *const own[SLUICE_ROLES] = {[SLUICE_ROLE_SAVED_INPUT]  = "saved tensors",
                                                  [SLUICE_ROLE_SAVED_WEIGHT] = "saved tensors",
                                                  [SLUICE_ROLE_HANDED] = "tensors from I for W",
                                                  [SLUICE_ROLE_BATCH]  = "parts of the batch"};
    if (holds->what == SLUICE__HOLDS_ACTIVATION && holds->stage < 0)
        snprintf(words, WORDS, "the inputs of micro-batch %d", holds->microbatch);
    else if (holds->what == SLUICE__HOLDS_ACTIVATION)
        snprintf(words, WORDS, "the output of %dF%d", holds->stage, holds->microbatch);
    else if (holds->what == SLUICE__HOLDS_GRADIENT)
        snprintf(words, WORDS, "the input gradient of stage %d, micro-batch %d", holds->stage,
                 holds->microbatch);
    else if (holds->what == SLUICE__HOLDS_TIE)
        snprintf(words, WORDS, "the gradient of tied use %d", holds->stage);
    else
        snprintf(words, WORDS, "the %s of stage %d, micro-batch %d", own[holds->what], holds->stage,
                 holds->microbatch);
}

sluice__label sluice__label_of(const sluice_instruction *at, sluice_role role) {
    const int stage = at->stage, i = at->microbatch;
    switch (role) {
    case SLUICE_ROLE_INPUT:
        return (sluice__label){SLUICE__HOLDS_ACTIVATION, stage - 1, i};
    case SLUICE_ROLE_OUTPUT:
        return (sluice__label){SLUICE__HOLDS_ACTIVATION, stage, i};
    case SLUICE_ROLE_OUTPUT_GRADIENT:
        return (sluice__label){SLUICE__HOLDS_GRADIENT, stage + 1, i};
    case SLUICE_ROLE_INPUT_GRADIENT:
        return (sluice__label){SLUICE__HOLDS_GRADIENT, stage, i};
    default:
        return (sluice__label){(int)role, stage, i};
    }
}

sluice__label sluice__label_of_post(const sluice_instruction *post) {
    const int what = post->payload == SLUICE_PAYLOAD_ACTIVATION ? SLUICE__HOLDS_ACTIVATION
                     : post->payload == SLUICE_PAYLOAD_GRADIENT ? SLUICE__HOLDS_GRADIENT
                                                                : SLUICE__HOLDS_TIE;
    return (sluice__label){what, sluice__producer_of(post), post->microbatch};
}

/* What a mark says. */
static sluice__label label_of_mark(const sluice__labelled *memory, int64_t mark) {
    const sluice_instruction *writer = &memory->list[mark / SLUICE_ROLES];
    if (writer->peer >= 0) return sluice__label_of_post(writer);
    return sluice__label_of(writer, (sluice_role)(mark % SLUICE_ROLES));
}

/* ---- memory ---- */

sluice_status sluice__write_label(sluice__labelled *memory, const sluice_slot *slot, int writer,
                                  sluice_role role) {
    if (slot->offset < memory->begin || slot->bytes > memory->end ||
        slot->offset > memory->end - slot->bytes) {
        char words[WORDS];
        describe(words, &memory->list[writer]);
        return sluice__fail(SLUICE_E_SCHEDULE,
                            "%s of rank %d writes bytes %zu..%zu, outside its transient %zu..%zu",
                            words, memory->rank, slot->offset, slot->offset + slot->bytes,
                            memory->begin, memory->end);
    }
    return sluice__ranges_set(&memory->written, slot->offset, slot->offset + slot->bytes,
                              (int64_t)writer * SLUICE_ROLES + (int64_t)role);
}

/* The failure of a read: what is in those bytes instead. */
static sluice_status missing(const sluice__labelled *memory, const sluice_slot *slot,
                             const sluice__label *needs, int reader) {
    const sluice__ranges *written = &memory->written;
    char reads[WORDS], name[WORDS], writes[WORDS];
    describe(reads, &memory->list[reader]);
    name_label(name, needs);
    for (int k = sluice__ranges_at(written, slot->offset);
         k < written->count && written->list[k].begin < slot->offset + slot->bytes; k++) {
        const int64_t mark        = written->list[k].value;
        const sluice__label found = label_of_mark(memory, mark);
        if (labels_equal(&found, needs)) continue; /* the part that is still whole */
        describe(writes, &memory->list[mark / SLUICE_ROLES]);
        return sluice__fail(SLUICE_E_SCHEDULE,
                            "%s of rank %d needs %s at byte %zu, which %s has overwritten", reads,
                            memory->rank, name, slot->offset, writes);
    }
    return sluice__fail(SLUICE_E_SCHEDULE,
                        "%s of rank %d needs %s at byte %zu, where nothing was written", reads,
                        memory->rank, name, slot->offset);
}

sluice_status sluice__read_label(const sluice__labelled *memory, const sluice_slot *slot,
                                 const sluice__label *needs, int reader, bool arrived) {
    const sluice__ranges *written = &memory->written;
    const int k                   = sluice__ranges_at(written, slot->offset);
    if (k == written->count || written->list[k].begin != slot->offset ||
        written->list[k].end - slot->offset < slot->bytes)
        return missing(memory, slot, needs, reader);
    const int64_t mark        = written->list[k].value;
    const sluice__label found = label_of_mark(memory, mark);
    if (!labels_equal(&found, needs)) return missing(memory, slot, needs, reader);
    if (!arrived || memory->list[mark / SLUICE_ROLES].kind != SLUICE_INSTRUCTION_POST_RECEIVE)
        return SLUICE_OK;
    char reads[WORDS], name[WORDS];
    describe(reads, &memory->list[reader]);
    name_label(name, needs);
    return sluice__fail(SLUICE_E_SCHEDULE,
                        "%s of rank %d reads %s before its receive was waited for", reads,
                        memory->rank, name);
}
