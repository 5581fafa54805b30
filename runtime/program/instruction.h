/* SPDX-License-Identifier: MIT */
/* instruction.h -- the one place that says what an instruction is: whether it computes or posts,
 * and how it is called. */
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

/* The slot that a post sends from, or receives into. */
static inline const sluice_slot *sluice__post_slot(const sluice_instruction *post) {
    return &post->slots[post->sends ? SLUICE_ROLE_INPUT : SLUICE_ROLE_OUTPUT];
}

/* Enough for the words of any instruction. */
enum { SLUICE__WORDS = 96 };

/* "1RECV_F3", "the send of a tied gradient to rank 0": what an instruction does, in the words of
 * the text form. */
void sluice__describe_instruction(char *out, size_t bytes, const sluice_instruction *instruction);

#endif
