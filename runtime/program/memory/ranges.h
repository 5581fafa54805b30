/* SPDX-License-Identifier: MIT */
/* ranges.h -- which instruction last touched which bytes: disjoint ranges, each with a value. */
#ifndef SLUICE_PROGRAM_RANGES_H
#define SLUICE_PROGRAM_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include "sluice/status.h"

typedef struct sluice__range {
    size_t begin, end; /* bytes begin .. end - 1 */
    int64_t value;
} sluice__range;

/* Start from {0}; free `list` with sluice__free(). */
typedef struct sluice__ranges {
    sluice__range *list; /* ascending, disjoint */
    int count, capacity;
} sluice__ranges;

/* Give bytes begin .. end - 1 the value `value`; ranges across their ends keep the rest.
 * E_HOST_MEMORY. */
sluice_status sluice__ranges_set(sluice__ranges *ranges, size_t begin, size_t end, int64_t value);

/* The first range that ends after `offset`: the one that holds it, or the next; `count` if none. */
int sluice__ranges_at(const sluice__ranges *ranges, size_t offset);

#endif
