/* SPDX-License-Identifier: MIT */
/* pass_check.c -- whether the output of a pass is well-formed. The verifier proves what it means.
 */
#include "runtime/program/pass_check.h"

#include "runtime/program/lower/lowered.h"

static bool is_below(int value, int count) {
    return value >= 0 && value < count;
}

/* One instruction, the n-th of its list. */
static bool is_sound(const sluice_program *program, const sluice_instruction *list, int n) {
    const sluice_instruction *at = &list[n];
    if (at->after >= n || !is_below(at->stage, program->stages)) return false;
    if (sluice__is_compute(at)) return is_below(at->microbatch, program->microbatches);
    if (at->kind == SLUICE_INSTRUCTION_WAIT && (at->post < 0 || !sluice__is_post(&list[at->post])))
        return false;
    if (!sluice__is_post(at) && at->kind != SLUICE_INSTRUCTION_WAIT) return true;
    return is_below(at->edge, program->edges.count) && is_below(at->peer, program->ranks) &&
           program->edges.list[at->edge].channel >= 0 && at->transfer >= 0;
}

bool sluice__lowered_check(const sluice_program *program, const sluice__lowered *lowered) {
    for (int n = 0; n < lowered->count; n++)
        if (!is_sound(program, lowered->list, n)) return false;
    for (int k = 0; k < lowered->use_count; k++) {
        const sluice__use *use = &lowered->uses[k];
        if (!is_below(use->instruction, lowered->count) || use->buffer >= lowered->buffer_count ||
            !is_below(use->slot, program->edges.slot_count) ||
            (k > 0 && use->instruction < use[-1].instruction))
            return false;
        if (use->buffer < 0) continue;
        const sluice__buffer *buffer = &lowered->buffers[use->buffer];
        if (use->instruction < buffer->begin || use->instruction > buffer->end ||
            use->bytes > buffer->bytes)
            return false;
    }
    return true;
}

static bool fits(const sluice_slot *slot, size_t arena) {
    return slot->bytes == 0 || (slot->bytes <= arena && slot->offset <= arena - slot->bytes);
}

bool sluice__program_check(const sluice_program *program, int rank) {
    const sluice__rank_program *mine  = &program->rank[rank];
    const sluice_program_bytes *bytes = &mine->bytes;
    if (bytes->transient > bytes->arena || bytes->live > bytes->arena) return false;
    for (int n = 0; n < mine->count; n++) {
        const sluice_instruction *at = &mine->list[n];
        if (!is_sound(program, mine->list, n) || !sluice__has_row(mine, at)) return false;
        for (int k = 0; k < program->edges.slot_count; k++) {
            const sluice_slot slot = sluice__slot(mine, at, k);
            if (!fits(&slot, bytes->arena)) return false;
        }
    }
    return true;
}
