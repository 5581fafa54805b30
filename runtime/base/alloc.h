/* SPDX-License-Identifier: MIT */
/* alloc.h -- host memory inside the library: everything goes through the caller's allocator. */
#ifndef SLUICE_BASE_ALLOC_H
#define SLUICE_BASE_ALLOC_H

#include <stddef.h>

#include "sluice/allocator.h"
#include "sluice/status.h"

/*
 * `*out` gets `count` zeroed elements of `size` bytes (at least one byte). The block knows its
 * own size. E_HOST_MEMORY with the number of bytes.
 */
sluice_status sluice__alloc(void *out, size_t count, size_t size);
/* The block at `*block` (or NULL) grown to `count` elements; new bytes are zero. On failure the
 * old block is still valid. */
sluice_status sluice__grow(void *block, size_t count, size_t size);
/* The same where the block has fewer than `wanted` elements: grown to twice as many, which
 * `*capacity` then says. */
sluice_status sluice__reserve(void *block, size_t *capacity, size_t wanted, size_t size);
void sluice__free(void *block); /* NULL is fine */
sluice_status sluice__copy_text(char **out, const char *text);

#endif
