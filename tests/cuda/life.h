/* SPDX-License-Identifier: MIT */
/* life.h -- which places of the program call what, how often, in a story without failures. */
#ifndef SLUICE_TESTS_CUDA_LIFE_H
#define SLUICE_TESTS_CUDA_LIFE_H

#include "story.h"

enum { LIFE_PLACES = 256 };

typedef struct life_place {
    emu_site site;
    long before[STORY_END + 1]; /* calls when each phase began */
} life_place;

typedef struct life {
    life_place list[LIFE_PLACES];
    int count;
    ending end;
    int requests; /* for host memory */
} life;

void life_tell(life *out, const story *s);
long life_calls(const life_place *at, int phase); /* in that phase */
/* Somebody looks whether something is over: how often depends on time. */
bool life_is_look(const emu_site *site);
/* It enqueues work: a kernel, a product, a copy. */
bool life_is_work(const emu_site *site);
/* What failed before has left nothing behind that changes a life: the same calls, the same bits. */
void life_expect_same(const life *usual, const story *s);

#endif
