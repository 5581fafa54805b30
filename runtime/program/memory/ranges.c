/* SPDX-License-Identifier: MIT */
/* ranges.c -- a sorted array: programs use the same few ranges again and again, so most changes
 * find their range and replace its value. */
#include "runtime/program/memory/ranges.h"

#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

int sluice__ranges_at(const sluice__ranges *ranges, size_t offset) {
    int low = 0, high = ranges->count;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (ranges->list[middle].end > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Replace `removed` ranges at `at` by `added` new ones. */
static sluice_status splice(sluice__ranges *ranges, int at, int removed, const sluice__range *with,
                            int added) {
    const int count = ranges->count - removed + added;
    if (count > ranges->capacity) {
        const int capacity = 2 * count;
        SLUICE__TRY(sluice__grow(&ranges->list, (size_t)capacity, sizeof *ranges->list));
        ranges->capacity = capacity;
    }
    if (added != removed)
        memmove(ranges->list + at + added, ranges->list + at + removed,
                (size_t)(ranges->count - at - removed) * sizeof *ranges->list);
    memcpy(ranges->list + at, with, (size_t)added * sizeof *with);
    ranges->count = count;
    return SLUICE_OK;
}

sluice_status sluice__ranges_set(sluice__ranges *ranges, size_t begin, size_t end, int64_t value) {
    const int at = sluice__ranges_at(ranges, begin);
    if (at < ranges->count && ranges->list[at].begin == begin && ranges->list[at].end == end) {
        ranges->list[at].value = value;
        return SLUICE_OK;
    }
    int after = at;
    while (after < ranges->count && ranges->list[after].begin < end) after++;
    sluice__range with[3];
    int added = 0;
    if (after > at && ranges->list[at].begin < begin)
        with[added++] = (sluice__range){ranges->list[at].begin, begin, ranges->list[at].value};
    with[added++] = (sluice__range){begin, end, value};
    if (after > at && ranges->list[after - 1].end > end)
        with[added++] =
            (sluice__range){end, ranges->list[after - 1].end, ranges->list[after - 1].value};
    return splice(ranges, at, after - at, with, added);
}
