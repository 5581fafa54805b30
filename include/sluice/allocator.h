/* SPDX-License-Identifier: MIT */
/* allocator.h -- the one way in which the library allocates host memory. */
#ifndef SLUICE_ALLOCATOR_H
#define SLUICE_ALLOCATOR_H

#include <stddef.h>

#include "sluice/export.h"

/*
 * One function does everything; it is passed the old size, so that it need not store it:
 *   resize(c, NULL, 0, n)   a new block of n bytes, or NULL
 *   resize(c, b, o, n)      b grown or shrunk from o to n; on NULL b is still valid
 *   resize(c, b, o, 0)      b is gone; returns NULL
 * It may be called from any thread.
 */
typedef struct sluice_allocator {
    void *(*resize)(void *context, void *block, size_t old_bytes, size_t new_bytes);
    void *context;
} sluice_allocator;

/*
 * Use `allocator` for every host allocation of this process; NULL restores malloc.
 * Call it before any other function, or while no sluice object exists. Device arenas
 * (the memory plan's bytes) do not pass through it.
 */
SLUICE_API void sluice_allocator_set(const sluice_allocator *allocator);

/* Free a text that was returned through a `char **` output parameter. NULL is fine. */
SLUICE_API void sluice_text_free(char *text);

#endif
