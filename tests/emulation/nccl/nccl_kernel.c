/* SPDX-License-Identifier: MIT */
/*
 * nccl_kernel.c -- the one place where transfers happen: only when both ends are resident.
 *
 * A kernel is two operations of its stream. The first is ready when everything issued earlier on
 * the communicator is over and the device has a free slot; it fills the receive buffers with NaNs,
 * and meets the partners that are resident. The second is ready when all its calls are over. While
 * it waits it occupies its slot, as a spinning kernel does.
 */
#include "communicator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int slots_used[EMU__DEVICES]; /* slots in use (locked) */

size_t emu__type_bytes(ncclDataType_t type) {
    static const size_t bytes[] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2, 1, 1};
    return (size_t)type < sizeof bytes / sizeof *bytes ? bytes[type] : 0;
}

static size_t bytes_of(const emu__call *call) {
    return call->count * emu__type_bytes(call->type);
}

static bool is_gather(const emu__kernel *kernel) {
    return kernel->calls[0].peer < 0;
}

/* ---- data ---- */

static void end_if_over(emu__kernel *kernel) {
    for (int k = 0; k < kernel->count; k++)
        if (!kernel->calls[k].over) return;
    kernel->state = EMU__OVER;
}

/* The kernel of `comm` that is resident on its device now; NULL if there is none. */
static emu__kernel *resident(const struct ncclComm *comm) {
    return comm && comm->head && comm->head->state == EMU__RESIDENT && !comm->aborted ? comm->head
                                                                                      : NULL;
}

/* The receiver is ordered after what its sender did before sending, and not the other way round.
 * `by` is the one whose stream this runs in. */
static void tell(const emu__kernel *by, emu__kernel *receiver, emu__kernel *sender) {
    if (by == sender)
        emu__give_too(&receiver->arrived);
    else
        emu__rely_on(&sender->sends);
}

static void move(emu__kernel *kernel, emu__kernel *other, emu__call *mine, emu__call *theirs) {
    emu__call *const send = mine->from ? mine : theirs, *const get = mine->from ? theirs : mine;
    if (send->count != get->count || send->type != get->type)
        emu__report("NCCL: between devices %d and %d a send of %zu elements of type %d meets a "
                    "receive of %zu of type %d",
                    kernel->comm->device, kernel->comm->clique->rank[mine->peer]->device,
                    send->count, (int)send->type, get->count, (int)get->type);
    memcpy(get->to, send->from, bytes_of(send));
    tell(kernel, send == mine ? other : kernel, send == mine ? kernel : other);
    send->over = get->over = true;
}

/* Calls between two ranks run in order: the first that is not over meets the first of theirs. */
static void meet_peer(emu__kernel *kernel, emu__call *mine) {
    const struct ncclComm *const comm = kernel->comm;
    emu__kernel *const other          = resident(comm->clique->rank[mine->peer]);
    for (int k = 0; other && !mine->over && !is_gather(other) && k < other->count; k++) {
        emu__call *const theirs = &other->calls[k];
        if (theirs->over || theirs == mine || theirs->peer != comm->rank ||
            !theirs->from == !mine->from)
            continue;
        move(kernel, other, mine, theirs);
        end_if_over(other);
    }
}

static void gather_into(const emu__clique *clique, const emu__call *into) {
    for (int q = 0; q < clique->ranks; q++) {
        const emu__call *const part = &clique->rank[q]->head->calls[0];
        char *const to              = (char *)into->to + (size_t)q * bytes_of(into);
        if (part->count != into->count || part->type != into->type)
            emu__report("NCCL: ranks gather %zu elements of type %d and %zu of type %d",
                        part->count, (int)part->type, into->count, (int)into->type);
        if (to != part->from) memcpy(to, part->from, bytes_of(part));
    }
}

static void meet_all(const emu__kernel *last) {
    const emu__clique *const clique = last->comm->clique;
    for (int r = 0; r < clique->ranks; r++) {
        const emu__kernel *const there = resident(clique->rank[r]);
        if (!there || !is_gather(there)) return;
    }
    for (int r = 0; r < clique->ranks; r++) gather_into(clique, &clique->rank[r]->head->calls[0]);
    for (int r = 0; r < clique->ranks; r++) emu__rely_on(&clique->rank[r]->head->sends);
    for (int r = 0; r < clique->ranks; r++) emu__give_too(&clique->rank[r]->head->arrived);
    for (int r = 0; r < clique->ranks; r++) {
        clique->rank[r]->head->calls[0].over = true;
        end_if_over(clique->rank[r]->head);
    }
}

/* ---- the first operation ---- */

/* (locked) */
static bool may_begin(void *argument) {
    const emu__kernel *const kernel   = argument;
    const struct ncclComm *const comm = kernel->comm;
    const int limit                   = emu__settings.resident;
    if (comm->aborted) return true;
    return !comm->lost && comm->head == kernel && (limit == 0 || slots_used[comm->device] < limit);
}

/* (locked) */
static void claim(void *argument) {
    emu__kernel *const kernel = argument;
    kernel->state             = EMU__CLAIMED;
    kernel->held              = true;
    slots_used[kernel->comm->device]++;
}

/* Report its reads and writes for its stream, from begin to end. */
static void touch(const emu__kernel *kernel) {
    for (int k = 0; k < kernel->count; k++) {
        const emu__call *const call = &kernel->calls[k];
        const size_t parts          = call->peer < 0 ? (size_t)kernel->comm->clique->ranks : 1;
        if (call->from) emu__reads(call->from, bytes_of(call));
        if (call->to) emu__writes(call->to, parts * bytes_of(call));
    }
}

/* Receive buffers may change at any time from now on; a block that all-gather sends in place may
 * not. */
static void spoil(const emu__kernel *kernel) {
    for (int k = 0; k < kernel->count; k++) {
        const emu__call *const call = &kernel->calls[k];
        const size_t bytes          = bytes_of(call);
        for (int q = 0; call->to && q < (call->peer < 0 ? kernel->comm->clique->ranks : 1); q++) {
            char *const part = (char *)call->to + (size_t)q * bytes;
            if (part != call->from) memset(part, 0xFF, bytes);
        }
    }
}

static void begin(void *argument) {
    emu__kernel *const kernel = argument;
    emu__lock();
    const bool aborted = kernel->comm->aborted;
    emu__unlock();
    if (!aborted) {
        spoil(kernel);
        touch(kernel);
    }
    emu__give(&kernel->sends);
    emu__lock();
    kernel->state = EMU__RESIDENT;
    if (kernel->comm->aborted) {
        /* it ends at once */
    } else if (is_gather(kernel)) {
        meet_all(kernel);
    } else {
        for (int k = 0; k < kernel->count; k++) meet_peer(kernel, &kernel->calls[k]);
        end_if_over(kernel);
    }
    emu__unlock();
}

/* ---- the second ---- */

static bool is_over(void *argument) {
    const emu__kernel *const kernel = argument;
    return kernel->state == EMU__OVER || kernel->comm->aborted;
}

static void end(void *argument) {
    emu__kernel *const kernel = argument;
    emu__rely_on(&kernel->arrived);
    if (!kernel->comm->aborted) touch(kernel);
}

/* Called also when the device failed under it. (locked) */
static void retire(void *argument) {
    emu__kernel *const kernel   = argument;
    struct ncclComm *const comm = kernel->comm;
    emu__kernel **at            = &comm->head;
    if (kernel->held) slots_used[comm->device]--;
    while (*at != kernel) at = &(*at)->next;
    *at        = kernel->next;
    comm->tail = NULL;
    for (emu__kernel *k = comm->head; k; k = k->next) comm->tail = k;
    free(kernel);
}

/* ---- both ---- */

static unsigned devices_of(const emu__clique *clique) {
    unsigned bits = 0;
    for (int r = 0; r < clique->ranks; r++)
        if (clique->rank[r]) bits |= 1U << clique->rank[r]->device;
    return bits;
}

void emu__launch(emu__kernel *kernel) {
    struct ncclComm *const comm = kernel->comm;
    if (comm->tail)
        comm->tail->next = kernel;
    else
        comm->head = kernel;
    comm->tail = kernel;
    emu__count("nccl kernel");
    emu__enqueue(kernel->stream, &(emu__operation){.kind     = EMU__WORK,
                                                   .what     = "NCCL's kernel",
                                                   .run      = begin,
                                                   .ready    = may_begin,
                                                   .begin    = claim,
                                                   .argument = kernel,
                                                   .also     = devices_of(comm->clique)});
    emu__enqueue(kernel->stream, &(emu__operation){.kind     = EMU__WORK,
                                                   .what     = "the end of NCCL's kernel",
                                                   .run      = end,
                                                   .ready    = is_over,
                                                   .argument = kernel,
                                                   .release  = retire});
}
