/* SPDX-License-Identifier: MIT */
/* damage.h -- copies of a program's lists to damage, for tests of the verifier. */
#ifndef SLUICE_TESTS_DAMAGE_H
#define SLUICE_TESTS_DAMAGE_H

#include "tests/support/schedule_tools.h"

enum { MAX_RANKS = 16 };

typedef struct copy {
    sluice_program *program;
    sluice_instruction *lists[MAX_RANKS];
    int counts[MAX_RANKS];
} copy;

copy copy_of(sluice_program *program);

void free_copy(copy *made);

sluice_status verify_copy(const copy *made, sluice_queues queues);

/* The slot of instruction n in a role, and another one for this instruction alone. */
sluice_slot slot_of(const copy *in, int r, int n, sluice_role role);
void put_slot(copy *in, int r, int n, sluice_role role, sluice_slot slot);

/* Position in rank r's list of the first instruction like this one. */
int find_instruction(const copy *in, int r, sluice_instruction_kind kind, int stage,
                     int microbatch);

/* The post of `stage`'s send (or receive) of `payload`. */
int find_post(const copy *in, int r, bool sends, sluice_payload payload, int stage, int microbatch);

/* The wait for the post at n. */
int find_wait(const copy *in, int r, int post);

/* Remove instruction n; the others still refer to the same instructions. */
void cut_out(copy *from, int r, int n);

/* Swap two instructions unchanged. */
void swap_instructions(copy *in, int r, int a, int b);

/* Move instruction `from` to `to`; all still refer to the same instructions. */
void move_instruction(copy *in, int r, int from, int to);

#endif
