/* SPDX-License-Identifier: MIT */
/* counting.h -- an allocator that counts its calls, for "nothing is allocated in an operation". */
#ifndef SLUICE_TESTS_COUNTING_H
#define SLUICE_TESTS_COUNTING_H

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

static void count_allocations(void) {
    static const sluice_allocator counting = {count_and_resize, NULL};
    sluice_set_allocator(&counting);
}

#endif
