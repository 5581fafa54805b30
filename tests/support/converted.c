/* SPDX-License-Identifier: MIT */
/* converted.c -- tensors of one type as those of another, and back. */
#include "tests/support/converted.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/convert.h"
#include "runtime/base/error.h"

static converted_take *take = malloc;
static converted_give *give = free;

void tensors_come_from(converted_take *taker, converted_give *giver) {
    take = taker;
    give = giver;
}

void tensors_release(void *block) {
    give(block);
}

/* Where arrays begin in a block, or an element behind that; some kernels are for such ones alone.
 */
enum { ALIGNED = 16 };

/* The same tensor given twice (y == residual) gets one array; else the next of the block. */
static void *find_array(const converted_tensor *list, const converted_tensor *of, char **next,
                        sluice_type to, sluice_type from) {
    for (const converted_tensor *t = list; t < of; t++)
        if (t->given == of->given) return t->converted;
    void *const array  = *next;
    const size_t bytes = (size_t)of->count * sluice_type_bytes(to);
    *next += (bytes + ALIGNED - 1) / ALIGNED * ALIGNED;
    sluice__convert(array, to, of->given, from, of->count);
    return array;
}

void *tensors_convert(converted_tensor *list, int count, sluice_type to, sluice_type from) {
    const size_t element = sluice_type_bytes(to);
    size_t elements      = 0;
    for (int k = 0; k < count; k++) elements += (size_t)list[k].count;
    char *const block = take(elements * element + (size_t)(count + 1) * ALIGNED), *next = block;
    if (!block) {
        (void)sluice__fail(SLUICE_E_HOST_MEMORY, "no memory for a test's tensors");
        return NULL;
    }
    if (elements % 2 != 0) next += element; /* an operation takes any address */
    for (converted_tensor *t = list; t < list + count; t++) {
        memcpy(&t->given, t->field, sizeof t->given);
        if (!t->given) continue;
        t->converted = find_array(list, t, &next, to, from);
        memcpy(t->field, &t->converted, sizeof t->converted);
    }
    return block;
}

void tensors_convert_back(const converted_tensor *list, int count, sluice_type to,
                          sluice_type from) {
    for (const converted_tensor *t = list; t < list + count; t++)
        if (t->given && t->is_written) sluice__convert(t->given, to, t->converted, from, t->count);
}
