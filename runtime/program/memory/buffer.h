/* SPDX-License-Identifier: MIT */
/* buffer.h -- bytes with a lifetime, and where they are placed in the arena. */
#ifndef SLUICE_PROGRAM_BUFFER_H
#define SLUICE_PROGRAM_BUFFER_H

#include <stddef.h>

typedef struct sluice__buffer {
    size_t bytes;
    int begin, end; /* lifetime: first and last tick of use */
    size_t offset;  /* set by sluice__place() */
    int kind;       /* what it holds, to count bytes by kind: below SLUICE_MEMORY_KINDS */
} sluice__buffer;

#endif
