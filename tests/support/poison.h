/* SPDX-License-Identifier: MIT */
/* poison.h -- bytes of arenas that no later instruction reads before it writes them, full of NaN:
 * with them the bits of a step must stay the same. One pipeline at a time. */
#ifndef SLUICE_TESTS_POISON_H
#define SLUICE_TESTS_POISON_H

#include "runtime/executor/executor.h"

enum { POISON_RANKS = 16 };

/* What a pipeline of a test watches its steps with. */
void poison_the_dead(sluice__rank *rank, const sluice_instruction *at);

/* The pipeline is gone; fails if one of its ranks was not watched. */
void poison_end(int ranks);

#endif
