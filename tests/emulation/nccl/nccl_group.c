/* SPDX-License-Identifier: MIT */
/*
 * nccl_group.c -- the one place where calls become kernels and are launched.
 *
 * The first use of an edge, in each direction, connects it: launching waits until the partner does
 * the same. A non-blocking communicator is in progress meanwhile, and sometimes longer; its kernel
 * enters its stream only afterwards, behind any work that was enqueued there in between.
 */
#include "communicator.h"

#include <stdlib.h>
#include <string.h>

static __thread struct {
    int depth;
    emu__batch batch;
    struct ncclComm *aborted[EMU__CALLS];
    int aborted_count;
    ncclResult_t failed; /* the first call that did */
} group;

/* ---- connecting ---- */

static emu__edge *edge_of(struct ncclComm *comm, const emu__call *call) {
    return call->peer < 0 ? &comm->gathers
           : call->from   ? &comm->sends[call->peer]
                          : &comm->gets[call->peer];
}

static void want(emu__kernel *kernel) {
    for (int k = 0; k < kernel->count; k++) {
        emu__edge *const edge = edge_of(kernel->comm, &kernel->calls[k]);
        if (*edge == EMU__UNUSED) *edge = EMU__WANTED;
    }
}

/* The partner's side of the same edge; NULL: the partner is gone. */
static emu__edge *other_side(const struct ncclComm *comm, const emu__call *call, int peer) {
    struct ncclComm *const other = comm->clique->rank[peer];
    if (!other) return NULL;
    return call->peer < 0 ? &other->gathers
           : call->from   ? &other->gets[comm->rank]
                          : &other->sends[comm->rank];
}

/* Connecting allocates, and so may wait for everything that the device has begun. */
static void expect_quiet(const struct ncclComm *comm) {
    for (const struct ncclComm *c = emu__communicators; c; c = c->next)
        if (c->device == comm->device && c->head && !c->clique->aborted)
            emu__report("NCCL connects ranks of communicator %d while communication is pending on "
                        "device %d: warm edges before",
                        comm->number, comm->device);
}

/* Connect both sides at once, if all partners of the call are ready. */
static void try_edge(struct ncclComm *comm, const emu__call *call) {
    const int first = call->peer < 0 ? 0 : call->peer;
    const int last  = call->peer < 0 ? comm->clique->ranks - 1 : call->peer;
    for (int q = first; q <= last; q++) {
        const emu__edge *const edge = other_side(comm, call, q);
        if (!edge || *edge == EMU__UNUSED) return;
    }
    for (int q = first; q <= last; q++) {
        expect_quiet(comm->clique->rank[q]);
        *other_side(comm, call, q) = EMU__CONNECTED;
    }
    expect_quiet(comm);
    *edge_of(comm, call) = EMU__CONNECTED;
}

static bool is_connected(const emu__kernel *kernel) {
    bool all = true;
    for (int k = 0; k < kernel->count; k++) {
        const emu__edge *const edge = edge_of(kernel->comm, &kernel->calls[k]);
        if (*edge == EMU__WANTED) try_edge(kernel->comm, &kernel->calls[k]);
        all = all && *edge == EMU__CONNECTED;
    }
    return all;
}

static bool can_launch(void *argument) {
    const emu__batch *const batch = argument;
    for (int k = 0; k < batch->count; k++)
        if (batch->kernels[k]->comm->aborted) return true;
    for (int k = 0; k < batch->count; k++)
        if (!is_connected(batch->kernels[k])) return false;
    return true;
}

/* ---- launching ---- */

static void launch(emu__batch *batch) {
    for (int k = 0; k < batch->count; k++) {
        const struct CUstream_st *const stream = batch->kernels[k]->stream;
        if (stream->enqueued != batch->enqueued[k])
            emu__report("NCCL: work was put on stream %d before the group that it held was out of "
                        "ncclInProgress",
                        stream->number);
    }
    for (int k = 0; k < batch->count; k++) {
        batch->kernels[k]->comm->batch = NULL;
        emu__launch(batch->kernels[k]);
    }
    emu__wake();
}

void emu__go_on(struct ncclComm *comm) {
    emu__batch *const batch = comm->batch;
    if (!batch || !can_launch(batch) || batch->looks-- > 0) return;
    launch(batch);
    free(batch);
}

static bool blocks(const emu__batch *batch) {
    const bool first = batch->kernels[0]->comm->blocking;
    for (int k = 1; k < batch->count; k++)
        if (batch->kernels[k]->comm->blocking != first)
            emu__report("ncclGroupEnd: blocking and non-blocking communicators in one group");
    return first;
}

/* Launch the calls that the thread has collected. */
static ncclResult_t issue(void) {
    emu__batch *const batch = emu__need(sizeof *batch);
    *batch                  = group.batch;
    group.batch.count       = 0;
    emu__lock();
    for (int k = 0; k < batch->count; k++) {
        want(batch->kernels[k]);
        batch->enqueued[k] = batch->kernels[k]->stream->enqueued;
    }
    emu__wake();
    const bool waits = blocks(batch);
    if (waits) {
        emu__wait(can_launch, batch, "ncclGroupEnd: the first use of an edge connects it");
        launch(batch);
        free(batch);
    } else {
        batch->looks = (int)(emu__random(&batch->kernels[0]->comm->random) % 3);
        for (int k = 0; k < batch->count; k++) batch->kernels[k]->comm->batch = batch;
    }
    emu__unlock();
    return waits ? ncclSuccess : ncclInProgress;
}

static void drop_calls(void) {
    for (int k = 0; k < group.batch.count; k++) free(group.batch.kernels[k]);
    group.batch.count = 0;
}

/* ---- groups ---- */

static void enter_group(void) {
    if (group.depth++ == 0) group.failed = ncclSuccess;
}

static ncclResult_t leave_group(void) {
    if (--group.depth > 0) return ncclSuccess;
    if (group.aborted_count > 0) {
        emu__lock();
        emu__abort_all(group.aborted, group.aborted_count);
        emu__unlock();
        group.aborted_count = 0;
    }
    if (group.failed != ncclSuccess) drop_calls();
    if (group.failed != ncclSuccess || group.batch.count == 0) return group.failed;
    return issue();
}

ncclResult_t ncclGroupStart(void) {
    const int injected = emu__enter_library(__func__);
    if (injected) return emu__nccl_fail((ncclResult_t)injected, "injected");
    enter_group();
    return ncclSuccess;
}

/* Leaves the group even if a failure is injected. */
ncclResult_t ncclGroupEnd(void) {
    const int injected = emu__enter_library(__func__);
    if (group.depth == 0)
        return emu__nccl_fail(ncclInvalidUsage, "ncclGroupEnd without its ncclGroupStart");
    if (injected) group.failed = emu__nccl_fail((ncclResult_t)injected, "injected");
    return leave_group();
}

bool emu__abort_later(struct ncclComm *comm) {
    if (group.depth == 0) return false;
    group.aborted[group.aborted_count++] = comm;
    return true;
}

/* ---- calls ---- */

static emu__kernel *kernel_for(struct ncclComm *comm, cudaStream_t stream) {
    emu__batch *const batch = &group.batch;
    for (int k = 0; k < batch->count; k++) {
        if (batch->kernels[k]->comm != comm) continue;
        if (batch->kernels[k]->stream != stream)
            emu__report("NCCL: a group has calls of one communicator on two streams");
        return batch->kernels[k];
    }
    if (batch->count == EMU__CALLS)
        emu__report("NCCL: more than %d kernels in a group", EMU__CALLS);
    emu__kernel *const kernel             = emu__need(sizeof *kernel);
    kernel->comm                          = comm;
    kernel->stream                        = stream;
    return batch->kernels[batch->count++] = kernel;
}

static void expect_memory(const struct ncclComm *comm, const emu__call *call, const char *name) {
    const size_t bytes = call->count * emu__type_bytes(call->type);
    const size_t times = call->peer < 0 ? (size_t)comm->clique->ranks : 1;
    if (call->from) emu__expect_range(call->from, bytes, comm->device, name);
    if (call->to) emu__expect_range(call->to, bytes * times, comm->device, name);
}

static ncclResult_t add(struct ncclComm *comm, cudaStream_t stream, const emu__call *call,
                        const char *name) {
    const int injected = emu__enter_library(name);
    if (injected) return group.failed = emu__nccl_fail((ncclResult_t)injected, "injected");
    if (!comm || call->peer >= comm->clique->ranks || emu__type_bytes(call->type) == 0)
        return group.failed = emu__nccl_fail(ncclInvalidArgument, "%s: no such peer or type", name);
    emu__lock();
    emu__expect_communicator(comm, name);
    emu__expect_stream(stream, name);
    if (stream->device != comm->device)
        emu__report("%s: stream %d is of device %d, the communicator of device %d", name,
                    stream->number, stream->device, comm->device);
    expect_memory(comm, call, name);
    emu__unlock();
    emu__kernel *const kernel = kernel_for(comm, stream);
    if (kernel->count == EMU__CALLS ||
        (kernel->count > 0 && (call->peer < 0 || kernel->calls[0].peer < 0)))
        emu__report("%s: too much for one group", name);
    kernel->calls[kernel->count++] = *call;
    return ncclSuccess;
}

/* A call outside a group is a group of one. */
static ncclResult_t call(struct ncclComm *comm, cudaStream_t stream, const emu__call *what,
                         const char *name) {
    enter_group();
    const ncclResult_t added = add(comm, stream, what, name);
    const ncclResult_t left  = leave_group();
    return added != ncclSuccess ? added : left;
}

ncclResult_t ncclSend(const void *from, size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
    return call(comm, stream,
                &(emu__call){.from = from, .count = count, .type = type, .peer = peer}, __func__);
}

ncclResult_t ncclRecv(void *to, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
    return call(comm, stream, &(emu__call){.to = to, .count = count, .type = type, .peer = peer},
                __func__);
}

ncclResult_t ncclAllGather(const void *from, void *to, size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream) {
    return call(comm, stream,
                &(emu__call){.from = from, .to = to, .count = count, .type = type, .peer = -1},
                __func__);
}
