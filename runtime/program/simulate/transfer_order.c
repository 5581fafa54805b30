/* SPDX-License-Identifier: MIT */
/* transfer_order.c -- a simulation's transfers by begin: those of each channel are sorted already,
 * so channels are merged. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/simulate/simulator.h"

/* A heap of queues by their next transfers, the earliest on top. */
typedef struct merge {
    const sluice_transfer_times *times;
    int *next; /* per queue: its first transfer that is not merged yet */
    int *heap; /* queues */
    int count;
} merge;

/* Transfers of ties, after the drain, come after everything else, in any queue. */
static bool is_before(const merge *queues, int a, int b) {
    const sluice_transfer_times *x = &queues->times[queues->next[a]];
    const sluice_transfer_times *y = &queues->times[queues->next[b]];
    const bool x_is_last           = x->payload == SLUICE_PAYLOAD_TIE,
               y_is_last           = y->payload == SLUICE_PAYLOAD_TIE;
    if (x_is_last != y_is_last) return y_is_last;
    if (x->begin != y->begin) return x->begin < y->begin;
    return a < b;
}

static void sink(merge *queues, int at) {
    for (int child; (child = 2 * at + 1) < queues->count; at = child) {
        if (child + 1 < queues->count &&
            is_before(queues, queues->heap[child + 1], queues->heap[child]))
            child++;
        if (!is_before(queues, queues->heap[child], queues->heap[at])) return;
        const int held      = queues->heap[at];
        queues->heap[at]    = queues->heap[child];
        queues->heap[child] = held;
    }
}

/* `order[k]` gets the index of the k-th transfer. */
static sluice_status find_order(int *order, const sluice__transfers *all) {
    merge queues         = {.times = all->times};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&queues.next, (size_t)all->queue_count, sizeof *queues.next));
    SLUICE__TRY_OUT(sluice__alloc(&queues.heap, (size_t)all->queue_count, sizeof *queues.heap));
    for (int q = 0; q < all->queue_count; q++) {
        queues.next[q]              = all->queues[q].first;
        queues.heap[queues.count++] = q;
    }
    for (int at = queues.count / 2 - 1; at >= 0; at--) sink(&queues, at);
    for (int k = 0; queues.count > 0; k++) {
        const int q                = queues.heap[0];
        const sluice__queue *queue = &all->queues[q];
        order[k]                   = queues.next[q]++;
        if (queues.next[q] == queue->first + queue->sends)
            queues.heap[0] = queues.heap[--queues.count];
        sink(&queues, 0);
    }
out:
    sluice__free(queues.next);
    sluice__free(queues.heap);
    return status;
}

/* Permute the transfers in place; `order` is overwritten. */
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
