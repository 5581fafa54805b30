/* SPDX-License-Identifier: MIT */
/* damage.c -- copies lists, finds instructions and moves them. */
#include "tests/support/damage.h"

#include "runtime/base/alloc.h"
#include "runtime/program/compiled.h"

copy copy_of(sluice_program *program) {
    copy made = {.program = program};
    for (int r = 0; r < sluice_program_ranks(program); r++) {
        const sluice_instruction *list = sluice_program_list(&made.counts[r], program, r);
        const size_t bytes             = (size_t)made.counts[r] * sizeof *list;
        made.lists[r]                  = malloc(bytes + 4 * sizeof *list); /* space for additions */
        memcpy(made.lists[r], list, bytes);
    }
    return made;
}

void free_copy(copy *made) {
    for (int r = 0; r < sluice_program_ranks(made->program); r++) free(made->lists[r]);
}

sluice_status verify_copy(const copy *made, sluice_queues queues) {
    const sluice_instruction *lists[MAX_RANKS];
    for (int r = 0; r < MAX_RANKS; r++) lists[r] = made->lists[r];
    return sluice_program_verify(made->program, lists, made->counts, queues);
}

/* The index of a new slot of rank r. */
static int add_slot(copy *in, int r, sluice_slot slot) {
    sluice__rank_program *mine = &in->program->rank[r];
    assert_ok(sluice__grow(&mine->slots, (size_t)mine->slot_count + 1, sizeof slot));
    mine->slots[mine->slot_count] = slot;
    return mine->slot_count++;
}

void put_slot(copy *in, int r, int n, sluice_role role, sluice_slot slot) {
    sluice__rank_program *mine = &in->program->rank[r];
    sluice_instruction *at     = &in->lists[r][n];
    const int index = add_slot(in, r, slot), row = mine->row_length, width = mine->width;
    if (!sluice__is_compute(at)) {
        at->row = index;
        return;
    }
    mine->row_length += width;
    assert_ok(sluice__grow(&mine->rows, (size_t)mine->row_length, sizeof *mine->rows));
    memcpy(mine->rows + row, mine->rows + at->row, (size_t)width * sizeof *mine->rows);
    mine->rows[row + (int)role] = index;
    at->row                     = row;
}

sluice_slot slot_of(const copy *in, int r, int n, sluice_role role) {
    return sluice_program_slot(in->program, r, &in->lists[r][n], (int)role);
}

int find_instruction(const copy *in, int r, sluice_instruction_kind kind, int stage,
                     int microbatch) {
    for (int n = 0; n < in->counts[r]; n++)
        if (in->lists[r][n].kind == kind && in->lists[r][n].stage == stage &&
            in->lists[r][n].microbatch == microbatch)
            return n;
    fail_msg("rank %d has no %s of stage %d, micro-batch %d", r, sluice_instruction_name(kind),
             stage, microbatch);
    return -1;
}

int find_post(const copy *in, int r, bool sends, sluice_payload payload, int stage,
              int microbatch) {
    for (int n = 0; n < in->counts[r]; n++) {
        const sluice_instruction *at = &in->lists[r][n];
        if ((at->kind == SLUICE_INSTRUCTION_POST_SEND ||
             at->kind == SLUICE_INSTRUCTION_POST_RECEIVE) &&
            at->sends == sends && at->payload == payload && at->stage == stage &&
            at->microbatch == microbatch)
            return n;
    }
    fail_msg("rank %d has no such post of stage %d, micro-batch %d", r, stage, microbatch);
    return -1;
}

int find_wait(const copy *in, int r, int post) {
    for (int n = post + 1; n < in->counts[r]; n++)
        if (in->lists[r][n].kind == SLUICE_INSTRUCTION_WAIT && in->lists[r][n].post == post)
            return n;
    fail_msg("rank %d does not wait for its instruction %d", r, post);
    return -1;
}

void cut_out(copy *from, int r, int n) {
    sluice_instruction *list = from->lists[r];
    memmove(&list[n], &list[n + 1], (size_t)(from->counts[r] - n - 1) * sizeof *list);
    from->counts[r]--;
    for (int k = 0; k < from->counts[r]; k++) /* or its post */
        if (list[k].after > n) list[k].after--;
}

void swap_instructions(copy *in, int r, int a, int b) {
    const sluice_instruction held = in->lists[r][a];
    in->lists[r][a]               = in->lists[r][b];
    in->lists[r][b]               = held;
}

/* The new value of an index after instruction `from` has moved to `to`. */
static int moved_index(int index, int from, int to) {
    if (index == from) return to;
    if (to < from && index >= to && index < from) return index + 1;
    if (to > from && index > from && index <= to) return index - 1;
    return index;
}

void move_instruction(copy *in, int r, int from, int to) {
    const int step = from < to ? 1 : -1;
    for (int n = from; n != to; n += step) swap_instructions(in, r, n, n + step);
    for (int n = 0; n < in->counts[r]; n++) /* or its post */
        in->lists[r][n].after = moved_index(in->lists[r][n].after, from, to);
}
