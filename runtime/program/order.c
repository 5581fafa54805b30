/* SPDX-License-Identifier: MIT */
/* order.c -- a simulation's transfers in the order in which they begin: each link's are already, so
 * they are merged. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/simulate.h"

/* Links by their next transfer, the earliest on top. */
typedef struct merge {
    const sluice_transfer_times *times;
    int *next; /* per link: its first transfer not taken yet */
    int *heap; /* links */
    int count;
} merge;

/* Ties come after everything else, on any link. */
static bool is_before(const merge *links, int a, int b) {
    const sluice_transfer_times *x = &links->times[links->next[a]];
    const sluice_transfer_times *y = &links->times[links->next[b]];
    const bool x_is_tie            = x->payload == SLUICE_PAYLOAD_TIE,
               y_is_tie            = y->payload == SLUICE_PAYLOAD_TIE;
    if (x_is_tie != y_is_tie) return y_is_tie;
    if (x->begin != y->begin) return x->begin < y->begin;
    return a < b;
}

static void sink(merge *links, int at) {
    for (int child; (child = 2 * at + 1) < links->count; at = child) {
        if (child + 1 < links->count &&
            is_before(links, links->heap[child + 1], links->heap[child]))
            child++;
        if (!is_before(links, links->heap[child], links->heap[at])) return;
        const int held     = links->heap[at];
        links->heap[at]    = links->heap[child];
        links->heap[child] = held;
    }
}

/* `order[k]` gets the place of the k-th transfer. */
static sluice_status find_order(int *order, const sluice__transfers *all) {
    merge links          = {.times = all->times};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&links.next, (size_t)all->link_count, sizeof *links.next));
    SLUICE__TRY_OUT(sluice__alloc(&links.heap, (size_t)all->link_count, sizeof *links.heap));
    for (int l = 0; l < all->link_count; l++) {
        links.next[l]             = all->links[l].first;
        links.heap[links.count++] = l;
    }
    for (int at = links.count / 2 - 1; at >= 0; at--) sink(&links, at);
    for (int k = 0; links.count > 0; k++) {
        const int l              = links.heap[0];
        const sluice__link *link = &all->links[l];
        order[k]                 = links.next[l]++;
        if (links.next[l] == link->first + link->sends) links.heap[0] = links.heap[--links.count];
        sink(&links, 0);
    }
out:
    sluice__free(links.next);
    sluice__free(links.heap);
    return status;
}

/* Bring the transfers into their order where they are; `order` is used up. */
static void apply_order(sluice_transfer_times *times, int *order, int count) {
    for (int k = 0; k < count; k++) {
        if (order[k] < 0) continue;
        const sluice_transfer_times held = times[k];
        int at                           = k;
        for (;;) {
            const int from = order[at];
            order[at]      = -1;
            if (from == k) break;
            times[at] = times[from];
            at        = from;
        }
        times[at] = held;
    }
}

sluice_status sluice__take_transfers(sluice_simulation *result, sluice__transfers *transfers) {
    int *order;
    SLUICE__TRY(sluice__alloc(&order, (size_t)transfers->count, sizeof *order));
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(find_order(order, transfers));
    apply_order(transfers->times, order, transfers->count);
    result->transfers      = transfers->times;
    result->transfer_count = transfers->count;
    transfers->times       = NULL;
    while (result->transfer_count > 0 &&
           result->transfers[result->transfer_count - 1].payload == SLUICE_PAYLOAD_TIE)
        result->transfer_count--;
out:
    sluice__free(order);
    return status;
}
