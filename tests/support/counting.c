/* SPDX-License-Identifier: MIT */
/* counting.c -- the allocator that counts. */
#include "tests/support/counting.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "sluice/allocator.h"

static atomic_int allocations;
static atomic_llong bytes_now, bytes_peak;

static void *count_and_resize(void *context, void *block, size_t old_bytes, size_t new_bytes) {
    (void)context;
    const long long grown = (long long)new_bytes - (long long)old_bytes;
    const long long now   = atomic_fetch_add(&bytes_now, grown) + grown;
    long long peak        = atomic_load(&bytes_peak);
    while (now > peak && !atomic_compare_exchange_weak(&bytes_peak, &peak, now)) {
    }
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

long long counted_bytes(void) {
    return atomic_load(&bytes_now);
}

long long begin_counted_peak(void) {
    const long long now = atomic_load(&bytes_now);
    atomic_store(&bytes_peak, now);
    return now;
}

long long counted_peak(void) {
    return atomic_load(&bytes_peak);
}
