/* SPDX-License-Identifier: MIT */
/* instruction.h -- the one place that classifies instructions (compute, post) and names them. */
#ifndef SLUICE_PROGRAM_INSTRUCTION_H
#define SLUICE_PROGRAM_INSTRUCTION_H

#include "sluice/program.h"

/* F, B, I, W and recompute. */
static inline bool sluice__is_compute(const sluice_instruction *at) {
    return at->kind <= SLUICE_INSTRUCTION_RECOMPUTE;
}

static inline bool sluice__is_post(const sluice_instruction *at) {
    return at->kind == SLUICE_INSTRUCTION_POST_SEND || at->kind == SLUICE_INSTRUCTION_POST_RECEIVE;
}

/* The instruction that runs an action that computes; the action that a compute instruction runs. */
sluice_instruction_kind sluice__compute_kind(sluice_action_kind kind);
sluice_action_kind sluice__action_run_by(sluice_instruction_kind kind);

/* Bytes that the description of any instruction fits into. */
enum { SLUICE__WORDS = 96 };

/* "1RECV_F3", "the send of a tied gradient to rank 0": an instruction, written as in the text form
 * of schedules. */
void sluice__describe_instruction(char *out, size_t bytes, const sluice_instruction *instruction);

#endif
