/* SPDX-License-Identifier: MIT */
/*
 * communicator.h -- what the files of the emulated libnccl share. "Locked" means under emu__lock().
 *
 *   nccl.c          communicators: joined, queried, finalized, aborted
 *   nccl_group.c    calls become kernels, one for each communicator of a group, and are launched
 *   nccl_kernel.c   kernels meet their partners: strict rendezvous, nothing is buffered
 */
#ifndef SLUICE_TESTS_EMULATION_COMMUNICATOR_H
#define SLUICE_TESTS_EMULATION_COMMUNICATOR_H

#include <nccl.h>

#include "internal.h"

enum { EMU__RANKS = EMU__DEVICES, EMU__CALLS = 16 };

typedef struct emu__kernel emu__kernel;

/* The ranks that joined by one identity. */
typedef struct emu__clique {
    struct emu__clique *next;
    ncclUniqueId id;
    int ranks, joined, living;
    struct ncclComm *rank[EMU__RANKS]; /* NULL: not joined yet, or gone */
    bool ever[EMU__RANKS];             /* has joined */
    bool aborted;                      /* by some rank */
} emu__clique;

/* A group on its way into streams, or a single call. */
typedef struct emu__batch {
    emu__kernel *kernels[EMU__CALLS]; /* one for each communicator, in the order of their calls */
    uint64_t enqueued[EMU__CALLS];    /* operations in their streams when the group ended */
    int count;
    int looks; /* polls that will find it in progress, in addition to those before it is connected
                */
} emu__batch;

/* State of an edge: its first use connects it permanently. */
typedef enum emu__edge { EMU__UNUSED, EMU__WANTED, EMU__CONNECTED } emu__edge;

struct ncclComm {
    struct ncclComm *next; /* all communicators that exist, newest first */
    emu__clique *clique;
    int number, rank, device, channels;
    bool blocking, aborted, lost, finalizing;
    ncclResult_t error;                            /* reported when queried; ncclSuccess: none */
    emu__batch *batch;                             /* in progress, or NULL */
    emu__kernel *head, *tail;                      /* launched and not over, in issue order */
    emu__edge sends[EMU__RANKS], gets[EMU__RANKS]; /* to and from each */
    emu__edge gathers;
    uint64_t random;
};

typedef struct emu__call {
    const void *from; /* of a send and of all-gather */
    void *to;         /* of a receive and of all-gather */
    size_t count;
    ncclDataType_t type;
    int peer; /* -1: all-gather */
    bool over;
} emu__call;

struct emu__kernel {
    emu__kernel *next; /* of the communicator */
    struct ncclComm *comm;
    cudaStream_t stream;
    emu__call calls[EMU__CALLS];
    int count;
    enum { EMU__QUEUED, EMU__CLAIMED, EMU__RESIDENT, EMU__OVER } state;
    bool held; /* it is resident on its device */
    /* Its stream's promise to receiving partners that its data is ready; and theirs to it. */
    emu__promise sends, arrived;
};

/* ---- nccl.c ---- */
extern struct ncclComm *emu__communicators; /* (locked) */
ncclResult_t emu__nccl_fail(ncclResult_t code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Count a call, and check that the communicator exists, has nothing in progress and is used by its
 * device's thread. Returns the failure injected into the call, or 0. (locked) */
void emu__expect_communicator(struct ncclComm *comm, const char *function);
/* Abort the communicators in `list` together; locked before and after. */
void emu__abort_all(struct ncclComm *const *list, int count);

/* ---- nccl_group.c ---- */
/* Inside a group of this thread: the communicator is aborted with the group's others. */
bool emu__abort_later(struct ncclComm *comm);
void emu__go_on(struct ncclComm *comm); /* called when it is queried (locked) */

/* ---- nccl_kernel.c ---- */
size_t emu__type_bytes(ncclDataType_t type);
void emu__launch(emu__kernel *kernel); /* into its stream (locked) */

#endif
