/* SPDX-License-Identifier: MIT */
/*
 * nccl.c -- the one place for communicators: joining, queries, and how they end.
 */
#include "communicator.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ncclComm *emu__communicators;
static emu__clique *cliques;
static int last_number, last_id;
static long owner[EMU__DEVICES]; /* the thread whose calls a device's are; 0: none yet */
static __thread char last_error[256];

ncclResult_t emu__nccl_fail(ncclResult_t code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    return code;
}

/* ---- called by the emulation ---- */

/* A kernel on the device waits for this thread's part, and an allocation would wait for that
 * kernel. */
static const char *is_communicating(void) {
    for (const struct ncclComm *c = emu__communicators; c; c = c->next) {
        if (!c->head || c->clique->aborted) continue;
        for (int r = 0; r < c->clique->ranks; r++)
            if (c->clique->rank[r] && c->clique->rank[r]->device == emu__device())
                return "communication is pending";
    }
    return NULL;
}

static void print_kernel(const struct ncclComm *comm) {
    const emu__kernel *const kernel = comm->head;
    (void)fprintf(stderr, "emulation:   device %d, communicator %d, rank %d: %s", comm->device,
                  comm->number, comm->rank,
                  kernel->state == EMU__QUEUED ? "first in line" : "resident");
    for (int k = 0; k < kernel->count; k++) {
        const emu__call *const call = &kernel->calls[k];
        if (call->over) continue;
        if (call->peer < 0)
            (void)fprintf(stderr, ", gathers %zu", call->count);
        else
            (void)fprintf(stderr, ", %s %zu %s rank %d", call->from ? "sends" : "receives",
                          call->count, call->from ? "to" : "from", call->peer);
    }
    (void)fprintf(stderr, "\n");
}

static void print_all(void) {
    for (const struct ncclComm *c = emu__communicators; c; c = c->next)
        if (c->head) print_kernel(c);
}

static void expect_none(void) {
    if (emu__communicators)
        emu__report("emu_restart: communicator %d still exists", emu__communicators->number);
}

__attribute__((constructor)) static void stand_on(void) {
    emu__forbidden_by_library = is_communicating;
    emu__library_report       = print_all;
    emu__library_restart      = expect_none;
}

int emu_communicators(void) {
    int count = 0;
    emu__lock();
    for (const struct ncclComm *c = emu__communicators; c; c = c->next) count++;
    emu__unlock();
    return count;
}

void emu_lose_communicators(int device, int code) {
    emu__lock();
    for (struct ncclComm *c = emu__communicators; c; c = c->next) {
        if (c->device != device) continue;
        c->lost = true;
        for (int r = 0; r < c->clique->ranks; r++)
            if (c->clique->rank[r] && c->clique->rank[r] != c)
                c->clique->rank[r]->error = (ncclResult_t)code;
    }
    emu__wake();
    emu__unlock();
}

void emu_lose_pair(int device, int other, int code) {
    emu__lock();
    for (struct ncclComm *c = emu__communicators; c; c = c->next) {
        const emu__clique *const clique = c->clique;
        if (clique->ranks != 2 || (c->device != device && c->device != other)) continue;
        const struct ncclComm *const peer = clique->rank[1 - c->rank];
        if (!peer || (peer->device != device && peer->device != other)) continue;
        c->lost  = true;
        c->error = (ncclResult_t)code;
    }
    emu__wake();
    emu__unlock();
}

/* ---- who may call ---- */

static void expect_thread(int device, const char *function) {
    const long me = syscall(SYS_gettid);
    if (owner[device] == 0) owner[device] = me;
    if (owner[device] != me)
        emu__report("%s: a second thread calls NCCL for device %d", function, device);
}

static void expect_living(const struct ncclComm *comm, const char *function) {
    const struct ncclComm *c = emu__communicators;
    while (c && c != comm) c = c->next;
    if (!c)
        emu__report("%s: %p is not a communicator, or was destroyed", function, (const void *)comm);
    expect_thread(comm->device, function);
}

static bool all_joined(void *comm) {
    const emu__clique *const clique = ((struct ncclComm *)comm)->clique;
    return clique->joined == clique->ranks;
}

void emu__expect_communicator(struct ncclComm *comm, const char *function) {
    expect_living(comm, function);
    if (comm->batch || comm->finalizing || !all_joined(comm))
        emu__report("%s: communicator %d is in progress: ask ncclCommGetAsyncError() until it is "
                    "not",
                    function, comm->number);
}

/* Count a call and check its thread; leave with the failure injected into it. */
#define ENTER(comm)                                                                                \
    do {                                                                                           \
        const int injected_ = emu__enter_library(__func__);                                        \
        if (injected_) return emu__nccl_fail((ncclResult_t)injected_, "injected");                 \
        if (!(comm)) return emu__nccl_fail(ncclInvalidArgument, "no communicator");                \
    } while (0)

/* ---- joining ---- */

ncclResult_t ncclGetVersion(int *version) {
    (void)emu_settings_now();
    *version = emu__settings.nccl;
    return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId *id) {
    const int injected = emu__enter_library(__func__);
    if (injected) return emu__nccl_fail((ncclResult_t)injected, "injected");
    memset(id, 0, sizeof *id);
    emu__lock();
    (void)snprintf(id->internal, sizeof id->internal, "emulated %d", ++last_id);
    emu__unlock();
    return ncclSuccess;
}

static emu__clique *clique_for(const ncclUniqueId *id, int ranks) {
    emu__clique *clique = cliques;
    while (clique && memcmp(&clique->id, id, sizeof *id) != 0) clique = clique->next;
    if (clique) return clique;
    clique         = emu__need(sizeof *clique);
    clique->id     = *id;
    clique->ranks  = ranks;
    clique->next   = cliques;
    return cliques = clique;
}

static ncclResult_t refuse(const emu__clique *clique, int ranks, int rank) {
    if (clique->ranks != ranks || clique->ever[rank])
        return emu__nccl_fail(ncclInvalidUsage, "rank %d of %d has joined already", rank,
                              clique->ranks);
    for (int r = 0; r < ranks; r++)
        if (clique->rank[r] && clique->rank[r]->device == emu__device())
            return emu__nccl_fail(ncclInvalidUsage,
                                  "Duplicate GPU detected: ranks %d and %d are both on device %d",
                                  r, rank, emu__device());
    return ncclSuccess;
}

static struct ncclComm *new_communicator(emu__clique *clique, int rank, bool blocking) {
    struct ncclComm *const comm = emu__need(sizeof *comm);
    comm->clique                = clique;
    comm->number                = ++last_number;
    comm->rank                  = rank;
    comm->device                = emu__device();
    comm->blocking              = blocking;
    comm->random                = emu__seed((uint64_t)comm->number);
    comm->next                  = emu__communicators;
    emu__communicators          = comm;
    clique->rank[rank]          = comm;
    clique->ever[rank]          = true;
    clique->joined++;
    clique->living++;
    emu__live("communicator", 1);
    emu__wake();
    return comm;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t *out, int ranks, ncclUniqueId id, int rank,
                                    ncclConfig_t *config) {
    static const ncclConfig_t usual = NCCL_CONFIG_INITIALIZER;
    ENTER(out);
    if (ranks < 1 || ranks > EMU__RANKS || rank < 0 || rank >= ranks)
        return emu__nccl_fail(ncclInvalidArgument, "rank %d of %d", rank, ranks);
    if (config && config->magic != usual.magic)
        return emu__nccl_fail(ncclInvalidArgument, "the configuration was not initialized");
    emu__lock();
    expect_thread(emu__device(), __func__);
    emu__clique *const clique  = clique_for(&id, ranks);
    const ncclResult_t refused = refuse(clique, ranks, rank);
    if (refused == ncclSuccess)
        *out = new_communicator(clique, rank, !config || config->blocking != 0);
    if (refused == ncclSuccess && (*out)->blocking) emu__wait(all_joined, *out, __func__);
    const bool done = refused == ncclSuccess && (*out)->blocking;
    emu__unlock();
    return refused != ncclSuccess ? refused : done ? ncclSuccess : ncclInProgress;
}

/* ---- queries ---- */

static bool all_finalize(void *argument) {
    const struct ncclComm *const comm = argument;
    for (int r = 0; r < comm->clique->ranks; r++) {
        const struct ncclComm *const other = comm->clique->rank[r];
        if (other && (!other->finalizing || other->head)) return false;
    }
    return true;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *state) {
    ENTER(comm);
    emu__lock();
    expect_living(comm, __func__);
    emu__go_on(comm);
    const bool waits =
        !all_joined(comm) || comm->batch || (comm->finalizing && !all_finalize(comm));
    *state = comm->error != ncclSuccess ? comm->error : waits ? ncclInProgress : ncclSuccess;
    if (waits && emu__settings.lazy) (void)emu__step_any();
    emu__unlock();
    if (comm->error != ncclSuccess) (void)emu__nccl_fail(comm->error, "a peer is gone");
    return ncclSuccess;
}

const char *ncclGetLastError(ncclComm_t comm) {
    (void)comm;
    return last_error;
}

const char *ncclGetErrorString(ncclResult_t result) {
    static const char *const texts[] = {"no error",
                                        "unhandled cuda error",
                                        "unhandled system error",
                                        "internal error",
                                        "invalid argument",
                                        "invalid usage",
                                        "remote process exited or there was a network error",
                                        "NCCL operation in progress"};
    return (size_t)result < sizeof texts / sizeof *texts ? texts[result] : "unknown result code";
}

/* ---- finalize and abort ---- */

ncclResult_t ncclCommFinalize(ncclComm_t comm) {
    ENTER(comm);
    emu__lock();
    emu__expect_communicator(comm, __func__);
    comm->finalizing = true;
    emu__wake();
    if (comm->blocking) emu__wait(all_finalize, comm, __func__);
    const bool done = all_finalize(comm);
    emu__unlock();
    return done ? ncclSuccess : ncclInProgress;
}

/* (locked) */
static void take_out(struct ncclComm *comm) {
    struct ncclComm **at      = &emu__communicators;
    emu__clique *const clique = comm->clique;
    while (*at != comm) at = &(*at)->next;
    *at                      = comm->next;
    clique->rank[comm->rank] = NULL;
    emu__live("communicator", -1);
    bool last = true;
    for (const struct ncclComm *c = emu__communicators; c; c = c->next)
        last = last && c->device != comm->device;
    if (last) owner[comm->device] = 0;
    if (--clique->living == 0) {
        emu__clique **link = &cliques;
        while (*link != clique) link = &(*link)->next;
        *link = clique->next;
        free(clique);
    }
    free(comm);
    emu__wake();
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
    ENTER(comm);
    emu__lock();
    expect_living(comm, __func__);
    if (!comm->finalizing || !all_finalize(comm))
        emu__report("%s: communicator %d is not finalized", __func__, comm->number);
    take_out(comm);
    emu__unlock();
    return ncclSuccess;
}

typedef struct aborting {
    struct ncclComm *const *list;
    int count;
} aborting;

static bool all_drained(void *argument) {
    const aborting *const those = argument;
    for (int k = 0; k < those->count; k++)
        if (those->list[k]->head) return false;
    return true;
}

static void drop_batch(struct ncclComm *comm) {
    emu__batch *const batch = comm->batch;
    if (!batch) return;
    for (int k = 0; k < batch->count; k++) {
        batch->kernels[k]->comm->batch = NULL;
        free(batch->kernels[k]);
    }
    free(batch);
}

/* Kernels end, and the call waits until they have: a kernel queued behind another's ends after that
 * one. */
void emu__abort_all(struct ncclComm *const *list, int count) {
    aborting those = {list, count};
    for (int k = 0; k < count; k++) {
        expect_living(list[k], "ncclCommAbort");
        list[k]->aborted         = true;
        list[k]->clique->aborted = true;
        drop_batch(list[k]);
    }
    emu__wake();
    emu__wait(all_drained, &those, "ncclCommAbort");
    for (int k = 0; k < count; k++) take_out(list[k]);
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
    ENTER(comm);
    if (emu__abort_later(comm)) return ncclSuccess;
    emu__lock();
    emu__abort_all(&comm, 1);
    emu__unlock();
    return ncclSuccess;
}
