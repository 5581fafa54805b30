/* SPDX-License-Identifier: MIT */
/* streams.h -- transfers run beside compute: which compute instruction a post must come after. */
#ifndef SLUICE_PROGRAM_STREAMS_H
#define SLUICE_PROGRAM_STREAMS_H

#include "runtime/program/memory/ranges.h"
#include "sluice/program.h"

/* A rank's list as far as it has been looked at. Start from {.slot_count = ..., .last = -1}; free
 * `touched.list` with sluice__free(). */
typedef struct sluice__streams {
    int slot_count;         /* of every instruction */
    int last;               /* compute instruction; -1 */
    sluice__ranges touched; /* by which compute instruction, last */
} sluice__streams;

/*
 * Instruction n is next. Of a post, `*after` gets the last compute instruction that touched its
 * bytes, -1 if none did; what is sent once in a step is written by many: the last of all.
 * E_HOST_MEMORY.
 */
sluice_status sluice__streams_next(sluice__streams *streams, const sluice_instruction *at, int n,
                                   int *after);

#endif
