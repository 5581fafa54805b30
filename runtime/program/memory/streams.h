/* SPDX-License-Identifier: MIT */
/* streams.h -- transfers run concurrently with compute: the compute instruction that each post must
 * follow. */
#ifndef SLUICE_PROGRAM_STREAMS_H
#define SLUICE_PROGRAM_STREAMS_H

#include "runtime/program/compiled.h"
#include "runtime/program/memory/ranges.h"

/* State after a prefix of a rank's list. Start from {.rank = ..., .last = -1}; free `touched.list`
 * with sluice__free(). */
typedef struct sluice__streams {
    const sluice__rank_program *rank; /* whose slots the list has */
    int last;                         /* the last compute instruction; -1 */
    sluice__ranges touched;           /* the last compute instruction at each byte */
} sluice__streams;

/*
 * Process instruction n, the next one. For a post, `*after` gets the last compute instruction that
 * touched its bytes, or -1. What is sent once in a step is written by many: the last one of all.
 * E_HOST_MEMORY.
 */
sluice_status sluice__streams_next(sluice__streams *streams, const sluice_instruction *at, int n,
                                   int *after);

#endif
