/* SPDX-License-Identifier: MIT */
/* counting.c -- the allocator that counts. */
#include "tests/support/counting.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "sluice/allocator.h"

static atomic_int allocations; /* calls so far, from any thread */

static void *count_and_resize(void *context, void *block, size_t old_bytes, size_t new_bytes) {
    (void)context, (void)old_bytes;
    (void)atomic_fetch_add(&allocations, 1);
    if (new_bytes > 0) return realloc(block, new_bytes);
    free(block);
    return NULL;
}

void count_allocations(void) {
    static const sluice_allocator counting = {count_and_resize, NULL};
    sluice_allocator_set(&counting);
}

int counted_allocations(void) {
    return atomic_load(&allocations);
}
