/* SPDX-License-Identifier: MIT */
/* planted_nccl.c -- programs of two GPUs, a thread each, that misuse NCCL: orders that do not
 * match, sizes, threads, and calls that are not allowed while kernels wait for each other. */
#include <pthread.h>

#include <nccl.h>

#include "planted.h"

/* ---- two ranks, two communicators between them ---- */

typedef struct side {
    rig *r;
    int device, other;
    ncclComm_t a, b;
    pthread_barrier_t *both; /* threads reach a point */
    ncclUniqueId *ids;
    void (*body)(struct side *at);
    bool blocks, aborts; /* communicators that reach it; the body has ended them */
    bool is_cold;        /* the second is not warmed up */
} side;

static void settle(ncclComm_t comm) {
    ncclResult_t state = ncclInProgress;
    while (state == ncclInProgress) child_ok(ncclCommGetAsyncError(comm, &state));
    child_ok(state);
}

static void ended(ncclResult_t result) {
    if (result != ncclInProgress) child_ok(result);
}

static ncclComm_t join(const side *at, const ncclUniqueId *id) {
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclComm_t comm     = NULL;
    config.blocking     = at->blocks;
    ended(ncclCommInitRankConfig(&comm, 2, *id, at->device, &config));
    settle(comm);
    return comm;
}

static void send(const side *at, ncclComm_t comm, const float *from, cudaStream_t stream) {
    ended(ncclSend(from, RIG_COUNT, ncclFloat32, at->other, comm, stream));
}

static void receive(const side *at, ncclComm_t comm, float *to, cudaStream_t stream) {
    ended(ncclRecv(to, RIG_COUNT, ncclFloat32, at->other, comm, stream));
}

/* Both directions of an edge are connected before the program begins. */
static void warm(const side *at, ncclComm_t comm) {
    child_ok(ncclGroupStart());
    send(at, comm, at->r->x[at->device], at->r->copies[at->device]);
    receive(at, comm, at->r->y[at->device], at->r->copies[at->device]);
    ended(ncclGroupEnd());
    settle(comm);
    child_ok(cudaStreamSynchronize(at->r->copies[at->device]));
}

static void *run_side(void *argument) {
    side *const at = argument;
    child_ok(cudaSetDevice(at->device));
    at->a = join(at, &at->ids[0]);
    at->b = join(at, &at->ids[1]);
    warm(at, at->a);
    if (!at->is_cold) warm(at, at->b);
    (void)pthread_barrier_wait(at->both);
    at->body(at);
    child_ok(cudaStreamSynchronize(at->r->compute[at->device]));
    child_ok(cudaStreamSynchronize(at->r->copies[at->device]));
    for (int k = 0; k < 2 && !at->aborts; k++) {
        ncclComm_t comm = k ? at->b : at->a;
        ended(ncclCommFinalize(comm));
        settle(comm);
        child_ok(ncclCommDestroy(comm));
    }
    return NULL;
}

static bool is_cold;

static int run_both(void (*body)(side *at), bool blocks, bool aborts) {
    rig r = rig_new();
    ncclUniqueId ids[2];
    pthread_barrier_t both;
    pthread_t threads[2];
    side sides[2];
    child_ok(ncclGetUniqueId(&ids[0]));
    child_ok(ncclGetUniqueId(&ids[1]));
    child_ok(pthread_barrier_init(&both, NULL, 2));
    for (int d = 0; d < 2; d++) {
        sides[d] = (side){&r, d, !d, NULL, NULL, &both, ids, body, blocks, aborts, is_cold};
        child_ok(pthread_create(&threads[d], NULL, run_side, &sides[d]));
    }
    for (int d = 0; d < 2; d++) child_ok(pthread_join(threads[d], NULL));
    child_ok(cudaSetDevice(0));
    if (emu_communicators() != 0) return CHILD_WRONG;
    return rig_finish(&r);
}

/* ---- order ---- */

/* 1F1B between two stages: each sends its result, then receives. */
static void exchange(side *at) {
    cudaStream_t stream = at->r->copies[at->device];
    if (!planted) child_ok(ncclGroupStart());
    send(at, at->a, at->r->x[at->device], stream);
    receive(at, at->a, at->r->y[at->device], stream);
    if (!planted) child_ok(ncclGroupEnd());
}
int planted_own_order(void) {
    return run_both(exchange, true, false);
}

/* Two communicators on one stream: each GPU begins with the one that the other ends with. */
static void cross(side *at) {
    const bool turned   = planted && at->device == 1;
    cudaStream_t stream = at->r->copies[at->device];
    for (int k = 0; k < 2; k++) {
        const bool first = (k == 0) != turned;
        if (at->device == 0)
            send(at, first ? at->a : at->b, at->r->x[0], stream);
        else
            receive(at, first ? at->a : at->b, first ? at->r->x[1] : at->r->y[1], stream);
    }
}
int planted_opposite_orders(void) {
    return run_both(cross, true, false);
}

/* Whatever streams they are on, kernels of one communicator run one after another. */
static void spread(side *at) {
    if (!planted) child_ok(ncclGroupStart());
    receive(at, at->a, at->r->y[at->device], at->r->copies[at->device]);
    send(at, at->a, at->r->x[at->device],
         planted ? at->r->compute[at->device] : at->r->copies[at->device]);
    if (!planted) child_ok(ncclGroupEnd());
}
int planted_two_streams(void) {
    return run_both(spread, true, false);
}

/* ---- sizes and threads ---- */

static void send_less(side *at) {
    cudaStream_t stream = at->r->copies[at->device];
    if (at->device == 0)
        ended(ncclSend(at->r->x[0], planted ? RIG_COUNT - 1 : RIG_COUNT, ncclFloat32, 1, at->a,
                       stream));
    else
        receive(at, at->a, at->r->y[1], stream);
}
int planted_count_mismatch(void) {
    return run_both(send_less, true, false);
}

static void *send_elsewhere(void *argument) {
    const side *const at = argument;
    child_ok(cudaSetDevice(at->device));
    send(at, at->a, at->r->x[0], at->r->copies[0]);
    return NULL;
}
static void help(side *at) {
    pthread_t helper;
    if (at->device == 1) {
        receive(at, at->a, at->r->y[1], at->r->copies[1]);
    } else if (planted) {
        child_ok(pthread_create(&helper, NULL, send_elsewhere, at));
        child_ok(pthread_join(helper, NULL));
    } else {
        (void)send_elsewhere(at);
    }
}
int planted_second_thread(void) {
    return run_both(help, true, false);
}

/* ---- while kernels wait ---- */

/* An allocation may wait for the GPU, and the GPU for a partner that comes later. */
static void allocate(side *at) {
    void *more = NULL;
    if (at->device == 0) {
        if (!planted) more = rig_memory(0, RIG_BYTES);
        receive(at, at->a, at->r->y[0], at->r->copies[0]);
        if (planted) more = rig_memory(0, RIG_BYTES);
    }
    (void)pthread_barrier_wait(at->both);
    if (at->device == 1) send(at, at->a, at->r->x[1], at->r->copies[1]);
    child_ok(cudaStreamSynchronize(at->r->copies[at->device]));
    (void)pthread_barrier_wait(at->both);
    if (more) child_ok(cudaFree(more));
}
int planted_allocation_while_communicating(void) {
    return run_both(allocate, true, false);
}

static void dawdle(void *argument) {
    (void)argument;
    (void)usleep(20000);
}

/* The first transfer of an edge allocates while the transfer before it waits for slow work. */
static void connect_late(side *at) {
    const int d = at->device;
    if (d == 1) {
        child_ok(cudaLaunchHostFunc(at->r->compute[1], dawdle, NULL));
        child_ok(cudaEventRecord(at->r->event[1][0], at->r->compute[1]));
        child_ok(cudaStreamWaitEvent(at->r->copies[1], at->r->event[1][0], 0));
        send(at, at->a, at->r->x[1], at->r->copies[1]);
        receive(at, at->b, at->r->y[1], at->r->copies[1]);
    } else {
        receive(at, at->a, at->r->y[0], at->r->copies[0]);
        send(at, at->b, at->r->x[0], at->r->copies[0]);
    }
}
int planted_cold_edge(void) {
    is_cold = planted;
    return run_both(connect_late, true, false);
}

/* A kernel that has not entered the stream yet is overtaken by what its thread enqueues. */
static void hurry(side *at) {
    cudaStream_t stream = at->r->copies[at->device];
    child_ok(ncclGroupStart());
    send(at, at->a, at->r->x[at->device], stream);
    receive(at, at->a, at->r->y[at->device], stream);
    ended(ncclGroupEnd());
    if (!planted) settle(at->a);
    child_ok(cudaEventRecord(at->r->event[at->device][0], stream));
    settle(at->a);
}
int planted_stream_in_progress(void) {
    return run_both(hurry, false, false);
}

/* Two kernels without a partner are queued one behind the other: the second may not be aborted
 * alone first. */
static void give_up(side *at) {
    receive(at, at->a, at->r->y[at->device], at->r->copies[at->device]);
    settle(at->a);
    receive(at, at->b, at->r->z[at->device], at->r->copies[at->device]);
    settle(at->b);
    if (!planted) child_ok(ncclGroupStart());
    child_ok(ncclCommAbort(at->b));
    child_ok(ncclCommAbort(at->a));
    if (!planted) child_ok(ncclGroupEnd());
}
int planted_aborted_one_by_one(void) {
    return run_both(give_up, false, true);
}

/* ---- the streams around a transfer ---- */

static enum { ALL_WAIT, SENT_EARLY, SENT_SLOT_FILLED, RECEIVED_EARLY, READ_EARLY } left_out;

static void wait_for(cudaStream_t stream, cudaEvent_t event, cudaStream_t of, bool waits) {
    child_ok(cudaEventRecord(event, of));
    if (waits) child_ok(cudaStreamWaitEvent(stream, event, 0));
}

/* GPU 0 makes something, sends it and makes the next; GPU 1 still reads what was there before, and
 * reads what has come. */
static void hand_over(side *at) {
    cudaStream_t compute = at->r->compute[at->device], copies = at->r->copies[at->device];
    cudaEvent_t before = at->r->event[at->device][0], after = at->r->event[at->device][1];
    float *const x = at->r->x[at->device], *const z = at->r->z[at->device];
    if (at->device == 0) {
        child_ok(launch_fill(x, 1, RIG_COUNT, compute));
        wait_for(copies, before, compute, left_out != SENT_EARLY);
        send(at, at->a, x, copies);
        wait_for(compute, after, copies, left_out != SENT_SLOT_FILLED);
        child_ok(launch_fill(x, 2, RIG_COUNT, compute));
    } else {
        child_ok(launch_add(z, x, x, RIG_COUNT, compute));
        wait_for(copies, before, compute, left_out != RECEIVED_EARLY);
        receive(at, at->a, x, copies);
        wait_for(compute, after, copies, left_out != READ_EARLY);
        child_ok(launch_add(z, x, x, RIG_COUNT, compute));
    }
}
int planted_sent_early_by_nccl(void) {
    left_out = planted ? SENT_EARLY : ALL_WAIT;
    return run_both(hand_over, true, false);
}
int planted_sent_slot_filled_under_nccl(void) {
    left_out = planted ? SENT_SLOT_FILLED : ALL_WAIT;
    return run_both(hand_over, true, false);
}
int planted_received_early_by_nccl(void) {
    left_out = planted ? RECEIVED_EARLY : ALL_WAIT;
    return run_both(hand_over, true, false);
}
int planted_read_before_nccl(void) {
    left_out = planted ? READ_EARLY : ALL_WAIT;
    return run_both(hand_over, true, false);
}
