/* SPDX-License-Identifier: MIT */
/* named_schedule.c -- a program as a schedule that names its transfers and its waits for sends. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/compiled.h"

typedef struct naming {
    const sluice_program *program;
    sluice_action *list; /* of one rank */
    int count;
    int *left; /* [stage]: W (or B) still to come; -1: its reduction is named */
    int due;   /* stages that are complete and not named yet */
} naming;

/* IDLE: the wait for a receive, which has no name. */
static sluice_action_kind transfer_kind(const sluice_instruction *at) {
    const bool back = sluice__is_backward((sluice_payload)at->payload);
    if (at->kind == SLUICE_INSTRUCTION_POST_RECEIVE)
        return back ? SLUICE_ACTION_RECV_B : SLUICE_ACTION_RECV_F;
    if (at->kind == SLUICE_INSTRUCTION_POST_SEND)
        return back ? SLUICE_ACTION_SEND_B : SLUICE_ACTION_SEND_F;
    if (!at->sends) return SLUICE_ACTION_IDLE;
    return back ? SLUICE_ACTION_WAIT_SEND_B : SLUICE_ACTION_WAIT_SEND_F;
}

/* Several edges of one stage and micro-batch have one name. */
static bool is_last(const naming *to, sluice_action_kind kind, const sluice_instruction *at) {
    if (to->count == 0) return false;
    const sluice_action *last = &to->list[to->count - 1];
    return last->kind == kind && last->stage == at->stage && last->microbatch == at->microbatch;
}

static void add(naming *to, sluice_action_kind kind, const sluice_instruction *at, int group) {
    to->list[to->count++] = (sluice_action){kind, at->stage, at->microbatch, group};
}

static void add_compute(naming *to, const sluice_instruction *at) {
    add(to, sluice__action_run_by(at->kind), at, at->group);
    if (at->kind == SLUICE_INSTRUCTION_BACKWARD || at->kind == SLUICE_INSTRUCTION_BACKWARD_WEIGHT)
        to->due += --to->left[at->stage] == 0;
}

/* Name the reductions of stages whose gradients are complete. */
static void add_reductions(naming *to) {
    for (int s = 0; s < to->program->stages && to->due > 0; s++) {
        if (to->left[s] != 0) continue;
        to->left[s] = -1;
        to->due--;
        to->list[to->count++] = (sluice_action){SLUICE_ACTION_REDUCE_GRAD, s, -1, 0};
        to->list[to->count++] = (sluice_action){SLUICE_ACTION_WAIT_REDUCE_GRAD, s, -1, 0};
    }
}

static void name_rank(naming *to, int r) {
    const sluice__rank_program *rank = &to->program->rank[r];
    to->count                        = 0;
    for (int n = 0; n < rank->count; n++) {
        const sluice_instruction *at = &rank->list[n];
        const bool computes = sluice__is_compute(at) && at->kind != SLUICE_INSTRUCTION_RECOMPUTE;
        if (at->microbatch < 0) continue; /* ties, norm and update have no names */
        if (!computes || at->group == 0 || to->count == 0 ||
            to->list[to->count - 1].group != at->group)
            add_reductions(to);
        if (computes) add_compute(to, at);
        if (at->peer < 0) continue;
        const sluice_action_kind kind = transfer_kind(at);
        if (kind != SLUICE_ACTION_IDLE && !is_last(to, kind, at)) add(to, kind, at, 0);
    }
    add_reductions(to);
}

static sluice_status name_all(sluice_action **lists, int *counts, naming *to) {
    const sluice_program *program = to->program;
    for (int r = 0; r < program->ranks; r++) {
        const size_t max = (size_t)program->rank[r].count + 2 * (size_t)program->stages;
        SLUICE__TRY(sluice__alloc(&lists[r], max, sizeof *lists[r]));
        to->list = lists[r];
        name_rank(to, r);
        counts[r] = to->count;
    }
    return SLUICE_OK;
}

sluice_status sluice_program_schedule(sluice_schedule **out, const sluice_program *program) {
    const size_t p        = (size_t)program->ranks;
    naming to             = {.program = program};
    sluice_action **lists = NULL;
    int *counts           = NULL;
    sluice_status status  = SLUICE_OK;
    if (program->edges.slot_count > SLUICE_ROLES)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "a stage of the program has several inputs or outputs, and a schedule "
                            "has one name for all of them");
    SLUICE__TRY_OUT(sluice__alloc(&to.left, (size_t)program->stages, sizeof *to.left));
    SLUICE__TRY_OUT(sluice__alloc(&lists, p, sizeof *lists));
    SLUICE__TRY_OUT(sluice__alloc(&counts, p, sizeof *counts));
    for (int s = 0; s < program->stages; s++) to.left[s] = program->microbatches;
    SLUICE__TRY_OUT(name_all(lists, counts, &to));
    status = sluice_schedule_from_lists(out, "named", (const sluice_action *const *)lists, counts,
                                        program->ranks);
out:
    for (size_t r = 0; lists && r < p; r++) sluice__free(lists[r]);
    sluice__free(lists);
    sluice__free(counts);
    sluice__free(to.left);
    return status;
}
