/* SPDX-License-Identifier: MIT */
/* buffer.h -- bytes with a lifetime, and where they are placed in the arena. */
#ifndef SLUICE_BASE_BUFFER_H
#define SLUICE_BASE_BUFFER_H

#include <stddef.h>

enum { SLUICE__BUFFER_KINDS = 16 };

typedef struct sluice__buffer {
    size_t bytes;
    int begin, end; /* lifetime: first and last tick of use */
    size_t offset;  /* set by sluice__place() */
    int kind;       /* what it holds, to count bytes by kind: below SLUICE__BUFFER_KINDS */
} sluice__buffer;

#endif
