/* SPDX-License-Identifier: MIT */
/* labels.c -- what each byte of a rank's memory holds, by name. */
#include "runtime/program/verify/labels.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"

/* ---- labels ---- */

static bool labels_equal(const sluice__label *a, const sluice__label *b) {
    return a->edge == b->edge && a->stage == b->stage && a->role == b->role &&
           a->microbatch == b->microbatch;
}

/* Append which edge it is, if the stage has several in one role. */
static void name_further(char words[SLUICE__WORDS], const sluice__edges *edges,
                         const sluice_edge *edge) {
    const sluice_role role =
        sluice__is_backward(edge->payload) ? SLUICE_ROLE_INPUT_GRADIENT : SLUICE_ROLE_OUTPUT;
    const size_t used = strlen(words);
    if (sluice__edge_count(edges, role, edge->producer) < 2) return;
    snprintf(words + used, SLUICE__WORDS - used, " for stage %d, tensor %d", edge->consumer,
             edge->tensor);
}

static void name_edge(char words[SLUICE__WORDS], const sluice__edges *edges,
                      const sluice__label *holds) {
    const sluice_edge *edge = &edges->list[holds->edge].is;
    if (edge->payload == SLUICE_PAYLOAD_ACTIVATION)
        snprintf(words, SLUICE__WORDS, "the output of %dF%d", edge->producer, holds->microbatch);
    else if (edge->payload == SLUICE_PAYLOAD_GRADIENT)
        snprintf(words, SLUICE__WORDS, "the input gradient of stage %d, micro-batch %d",
                 edge->producer, holds->microbatch);
    else
        snprintf(words, SLUICE__WORDS, "the gradient of tied use %d", edge->tensor);
    if (holds->microbatch >= 0) name_further(words, edges, edge);
}

static void name_label(char words[SLUICE__WORDS], const sluice__edges *edges,
                       const sluice__label *holds) {
    static const char *const own[SLUICE_ROLES] = {[SLUICE_ROLE_SAVED_INPUT]  = "saved tensors",
                                                  [SLUICE_ROLE_SAVED_WEIGHT] = "saved tensors",
                                                  [SLUICE_ROLE_STASH]   = "tensors from I for W",
                                                  [SLUICE_ROLE_BATCH]   = "parts of the batch",
                                                  [SLUICE_ROLE_SCRATCH] = "scratch"};
    if (holds->edge >= 0)
        name_edge(words, edges, holds);
    else if (holds->role == SLUICE_ROLE_INPUT)
        snprintf(words, SLUICE__WORDS, "the inputs of micro-batch %d", holds->microbatch);
    else
        snprintf(words, SLUICE__WORDS, "the %s of stage %d, micro-batch %d", own[holds->role],
                 holds->stage, holds->microbatch);
}

sluice__label sluice__label_of(const sluice__edges *edges, const sluice_instruction *at, int k) {
    const sluice__slot_key key = sluice__slot_key_of(edges, at->stage, k);
    if (key.edge >= 0) return sluice__label_of_edge(key.edge, at->microbatch);
    return (sluice__label){-1, at->stage, key.role, at->microbatch};
}

sluice__label sluice__label_of_edge(int edge, int microbatch) {
    return (sluice__label){edge, 0, SLUICE_ROLE_INPUT, microbatch};
}

/* The label that a mark stands for. */
static sluice__label label_of_mark(const sluice__labelled *memory, int64_t mark) {
    const int slots                  = memory->program->edges.slot_count;
    const sluice_instruction *writer = &memory->list[mark / slots];
    if (writer->peer >= 0) return sluice__label_of_edge(writer->edge, writer->microbatch);
    return sluice__label_of(&memory->program->edges, writer, (int)(mark % slots));
}

/* ---- memory ---- */

sluice_status sluice__write_label(sluice__labelled *memory, const sluice_slot *slot, int writer,
                                  int k) {
    if (slot->offset < memory->begin || slot->bytes > memory->end ||
        slot->offset > memory->end - slot->bytes) {
        char words[SLUICE__WORDS];
        sluice__describe_instruction(words, sizeof words, &memory->list[writer]);
        return sluice__fail(SLUICE_E_SCHEDULE,
                            "%s of rank %d writes bytes %zu..%zu, outside its transient %zu..%zu",
                            words, memory->rank, slot->offset, slot->offset + slot->bytes,
                            memory->begin, memory->end);
    }
    return sluice__ranges_set(&memory->written, slot->offset, slot->offset + slot->bytes,
                              (int64_t)writer * memory->program->edges.slot_count + k);
}

/* The error of a read that fails: what the bytes hold instead. */
static sluice_status missing(const sluice__labelled *memory, const sluice_slot *slot,
                             const sluice__label *needs, int reader) {
    const sluice__ranges *written = &memory->written;
    char reads[SLUICE__WORDS], name[SLUICE__WORDS], writes[SLUICE__WORDS];
    sluice__describe_instruction(reads, sizeof reads, &memory->list[reader]);
    name_label(name, &memory->program->edges, needs);
    for (int k = sluice__ranges_at(written, slot->offset);
         k < written->count && written->list[k].begin < slot->offset + slot->bytes; k++) {
        const int64_t mark        = written->list[k].value;
        const sluice__label found = label_of_mark(memory, mark);
        if (labels_equal(&found, needs)) continue; /* the part that is intact */
        sluice__describe_instruction(writes, sizeof writes,
                                     &memory->list[mark / memory->program->edges.slot_count]);
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
    if (!arrived || memory->list[mark / memory->program->edges.slot_count].kind !=
                        SLUICE_INSTRUCTION_POST_RECEIVE)
        return SLUICE_OK;
    char reads[SLUICE__WORDS], name[SLUICE__WORDS];
    sluice__describe_instruction(reads, sizeof reads, &memory->list[reader]);
    name_label(name, &memory->program->edges, needs);
    return sluice__fail(SLUICE_E_SCHEDULE, "%s of rank %d reads %s before the wait for its receive",
                        reads, memory->rank, name);
}
