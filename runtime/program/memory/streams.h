/* SPDX-License-Identifier: MIT */
/* streams.h -- transfers run concurrently with compute: the compute instruction that each post must
 * follow. */
#ifndef SLUICE_PROGRAM_STREAMS_H
#define SLUICE_PROGRAM_STREAMS_H

#include "runtime/program/memory/ranges.h"
#include "sluice/program.h"

/* State after a prefix of a rank's list. Start from {.slot_count = ..., .last = -1}; free
 * `touched.list` with sluice__free(). */
typedef struct sluice__streams {
    int slot_count;         /* of every instruction */
    int last;               /* the last compute instruction; -1 */
    sluice__ranges touched; /* the last compute instruction at each byte */
} sluice__streams;

/*
 * Process instruction n, the next one. For a post, `*after` gets the last compute instruction that
 * touched its bytes, or -1. What is sent once in a step is written by many: the last one of all.
 * E_HOST_MEMORY.
 */
sluice_status sluice__streams_next(sluice__streams *streams, const sluice_instruction *at, int n,
                                   int *after);

#endif
