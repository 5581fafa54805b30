/* SPDX-License-Identifier: MIT */
/*
 * warp.c -- the one place where the lanes of a warp meet: shuffles, votes, __syncwarp, tensor
 * cores.
 *
 * __syncwarp orders the memory accesses of the lanes in its mask. Shuffles and votes exchange
 * values and imply no memory barrier: after a shuffle a lane may not read what another wrote before
 * it.
 */
#include "block.h"

#include <string.h>

static void expect_mask(const struct emu__warp *warp, unsigned lane, unsigned mask,
                        const char *file, int line) {
    if (!(mask >> lane & 1))
        emu__kernel_report("%s:%d: lane %u calls a warp function and is not in its mask 0x%x", file,
                           line, lane, mask);
    if (mask & ~warp->live)
        emu__kernel_report("%s:%d: a warp function's mask 0x%x names lanes that have returned or "
                           "never were (live: 0x%x)",
                           file, line, mask, warp->live);
}

static void expect_same_call(const struct emu__thread *last, const struct emu__thread *other) {
    if (other->mask != last->mask || !emu__is_same_line(other, last))
        emu__kernel_report(
            "threads %u and %u meet at different warp functions or masks: %s:%d (0x%x) "
            "and %s:%d (0x%x)",
            last->seen.number, other->seen.number, last->file, last->line, last->mask, other->file,
            other->line, other->mask);
}

/* Each lane gets a copy, since the others may meet again before it runs. */
static void wake_lanes(struct emu__grid *g, unsigned number, struct emu__thread *last,
                       bool in_order) {
    struct emu__warp *const warp = &g->warp[number];
    struct emu__thread *them[EMU__LANES];
    unsigned count = 0;
    warp->arrived &= ~last->mask;
    memcpy(last->met, warp->values, sizeof last->met);
    for (unsigned l = 0; l < EMU__LANES; l++) {
        struct emu__thread *const other = &g->thread[number * EMU__LANES + l];
        if (!(last->mask >> l & 1)) continue;
        them[count++] = other;
        if (other == last) continue;
        expect_same_call(last, other);
        memcpy(other->met, warp->values, sizeof other->met);
        emu__make_ready(other);
    }
    if (in_order) emu__meet(them, count);
}

/* Leaves `value`, waits for the lanes of `mask`, and returns what each of them left. The last warp
 * of a block may be a partial one and answer to a full mask, as on a GPU. */
static const uint64_t *meet(unsigned mask, uint64_t value, bool in_order, const char *file,
                            int line) {
    struct emu__grid *const g   = emu__grid;
    struct emu__thread *const t = emu__this_thread();
    const unsigned number = t->seen.number / EMU__LANES, lane = t->seen.number % EMU__LANES;
    struct emu__warp *const warp = &g->warp[number];
    t->file                      = file;
    t->line                      = line;
    t->mask                      = mask == ~0U ? emu__lanes_of(g, number) : mask;
    expect_mask(warp, lane, t->mask, file, line);
    warp->values[lane] = value;
    warp->arrived |= 1U << lane;
    if ((warp->arrived & t->mask) == t->mask) {
        wake_lanes(g, number, t, in_order);
    } else {
        t->state = EMU__AT_WARP;
        emu__give_way(t);
    }
    return t->met;
}

uint64_t emu_shuffle(unsigned mask, uint64_t value, unsigned from, const char *file, int line) {
    const uint64_t *const values = meet(mask, value, false, file, line);
    if (!(mask >> from & 1))
        emu__kernel_report("%s:%d: a shuffle reads lane %u, which is not in the mask 0x%x", file,
                           line, from, mask);
    return values[from];
}

void emu_exchange(uint64_t of_lanes[EMU__LANES], uint64_t value, const char *file, int line) {
    memcpy(of_lanes, meet(~0U, value, false, file, line), EMU__LANES * sizeof *of_lanes);
    if (emu__this_thread()->mask != ~0U)
        emu__kernel_report("%s:%d: a warp that is not whole uses tensor cores", file, line);
}

void emu_misuse(const char *what, const char *file, int line) {
    emu__kernel_report("%s:%d: %s", file, line, what);
}

unsigned emu_ballot(unsigned mask, int predicate, const char *file, int line) {
    const uint64_t *const values = meet(mask, predicate != 0, false, file, line);
    const unsigned present       = emu__this_thread()->mask;
    unsigned votes               = 0;
    for (unsigned l = 0; l < EMU__LANES; l++)
        if ((present >> l & 1) && values[l]) votes |= 1U << l;
    return votes;
}

void emu_warp_barrier(unsigned mask, const char *file, int line) {
    if (!emu__skips(file, line)) (void)meet(mask, 0, true, file, line);
}
