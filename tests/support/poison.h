/* SPDX-License-Identifier: MIT */
/* poison.h -- fills bytes of arenas that no later instruction reads before writing them with NaN;
 * the bits of a step must not change. One pipeline at a time. */
#ifndef SLUICE_TESTS_POISON_H
#define SLUICE_TESTS_POISON_H

#include "runtime/executor/executor.h"

enum { POISON_RANKS = 16 };

/* The hook through which a test's pipeline is watched. */
void poison_the_dead(sluice__rank *rank, const sluice_instruction *at);

/* Called after the pipeline is closed; fails if one of its ranks was not watched. */
void poison_end(int ranks);

#endif
