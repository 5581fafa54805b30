/* SPDX-License-Identifier: MIT */
/* streams.c -- which compute instruction last touched the bytes of a post. */
#include "runtime/program/memory/streams.h"

#include "runtime/base/error.h"
#include "runtime/program/instruction.h"

/* Record that compute instruction `n` touches its slots. */
static sluice_status note_compute(sluice__streams *streams, const sluice_instruction *at, int n) {
    for (int k = 0; k < streams->rank->width; k++) {
        const sluice_slot slot = sluice__slot(streams->rank, at, k);
        if (slot.bytes > 0)
            SLUICE__TRY(
                sluice__ranges_set(&streams->touched, slot.offset, slot.offset + slot.bytes, n));
    }
    return SLUICE_OK;
}

static int last_touch(const sluice__ranges *touched, const sluice_slot *slot) {
    int64_t last = -1;
    for (int k = sluice__ranges_at(touched, slot->offset);
         /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): k is 0 or more, so count is, too */
         k < touched->count && touched->list[k].begin < slot->offset + slot->bytes; k++)
        if (touched->list[k].value > last) last = touched->list[k].value;
    return (int)last;
}

sluice_status sluice__streams_next(sluice__streams *streams, const sluice_instruction *at, int n,
                                   int *after) {
    *after = -1;
    if (sluice__is_compute(at)) {
        streams->last = n;
        return note_compute(streams, at, n);
    }
    if (!sluice__is_post(at)) return SLUICE_OK;
    const bool of_step     = at->sends && at->microbatch < 0;
    const sluice_slot slot = sluice__post_slot(streams->rank, at);
    *after                 = of_step ? streams->last : last_touch(&streams->touched, &slot);
    return SLUICE_OK;
}
