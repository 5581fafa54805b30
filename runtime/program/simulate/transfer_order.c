/* SPDX-License-Identifier: MIT */
/* transfer_order.c -- a simulation's transfers by begin: those of each channel are sorted already,
 * so channels are merged. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/simulate/simulator.h"

/* A queue with its next transfer's begin: the heap compares these alone, and not transfers that lie
 * far apart. */
typedef struct head {
    double begin;
    bool is_last; /* of ties, after the drain: after everything else, in any queue */
    int queue;
} head;

/* A heap of queues by their next transfers, the earliest on top. */
typedef struct merge {
    const sluice_transfer_times *times;
    int *next; /* per queue: its first transfer that is not merged yet */
    head *heap;
    int count;
} merge;

static bool is_before(const head *a, const head *b) {
    if (a->is_last != b->is_last) return b->is_last;
    if (a->begin != b->begin) return a->begin < b->begin;
    return a->queue < b->queue;
}

static head head_of(const merge *queues, int q) {
    const sluice_transfer_times *next = &queues->times[queues->next[q]];
    return (head){next->begin, next->payload == SLUICE_PAYLOAD_TIE, q};
}

static void sink(merge *queues, int at) {
    const head held = queues->heap[at];
    for (int child; (child = 2 * at + 1) < queues->count; at = child) {
        if (child + 1 < queues->count && is_before(&queues->heap[child + 1], &queues->heap[child]))
            child++;
        if (!is_before(&queues->heap[child], &held)) break;
        queues->heap[at] = queues->heap[child];
    }
    queues->heap[at] = held;
}

/* `order[k]` gets the index of the k-th transfer. */
static sluice_status find_order(int *order, const sluice__transfers *all) {
    merge queues         = {.times = all->times};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&queues.next, (size_t)all->queue_count, sizeof *queues.next));
    SLUICE__TRY_OUT(sluice__alloc(&queues.heap, (size_t)all->queue_count, sizeof *queues.heap));
    for (int q = 0; q < all->queue_count; q++) {
        queues.next[q]              = all->queues[q].first;
        queues.heap[queues.count++] = head_of(&queues, q);
    }
    for (int at = queues.count / 2 - 1; at >= 0; at--) sink(&queues, at);
    for (int k = 0; queues.count > 0; k++) {
        const int q                = queues.heap[0].queue;
        const sluice__queue *queue = &all->queues[q];
        order[k]                   = queues.next[q]++;
        if (queues.next[q] < queue->first + queue->sends)
            queues.heap[0] = head_of(&queues, q);
        else if (--queues.count > 0)
            queues.heap[0] = queues.heap[queues.count];
        if (queues.count > 0) sink(&queues, 0);
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
