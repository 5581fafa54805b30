/* SPDX-License-Identifier: MIT */
/* faulty.h -- an allocator that fails its n-th request and counts what is alive. */
#ifndef SLUICE_TESTS_FAULTY_H
#define SLUICE_TESTS_FAULTY_H

#include "tests/support.h"

typedef struct faulty {
    int requests, fail_at, alive;
} faulty;

static inline void *resize(void *context, void *block, size_t old_bytes, size_t new_bytes) {
    faulty *const f = context;
    (void)old_bytes;
    if (new_bytes == 0) {
        f->alive -= block != NULL;
        free(block);
        return NULL;
    }
    if (f->requests++ == f->fail_at) return NULL;
    f->alive += block == NULL;
    return realloc(block, new_bytes);
}

#endif
