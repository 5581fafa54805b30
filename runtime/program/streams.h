/* SPDX-License-Identifier: MIT */
/* streams.h -- transfers run beside compute: which compute instruction a post must come after. */
#ifndef SLUICE_PROGRAM_STREAMS_H
#define SLUICE_PROGRAM_STREAMS_H

#include "runtime/program/ranges.h"
#include "sluice/program.h"

/* A rank's list as far as it has been looked at. Start from SLUICE__STREAMS_INIT; free
 * `touched.list` with sluice__free(). */
typedef struct sluice__streams {
    sluice__ranges touched; /* by which compute instruction, last */
    int last;               /* compute instruction; -1 */
} sluice__streams;
#define SLUICE__STREAMS_INIT                                                                       \
    { {0}, -1 }

/*
 * Instruction n is next. Of a post, `*after` gets the last compute instruction that touched its
 * bytes, -1 if none did; gradients of ties are written by many: the last of all. E_HOST_MEMORY.
 */
sluice_status sluice__streams_next(sluice__streams *streams, const sluice_instruction *at, int n,
                                   int *after);

#endif
