/* SPDX-License-Identifier: MIT */
/* planted_order.c -- programs without a necessary wait or barrier: their results depend on
 * timing. */
#include "planted.h"

/* ---- order: device 0 computes, a copy takes the result to device 1, which adds it up ---- */

static enum {
    NO_BUG,
    NO_COMPUTE_WAIT,
    NO_RECEIVE_WAIT,
    SENT_SLOT_REUSED,
    RECEIVED_SLOT_REUSED
} bug;

static void maybe_wait(cudaStream_t stream, cudaEvent_t event, bool wait) {
    if (wait) child_ok(cudaStreamWaitEvent(stream, event, 0));
}

static void send_one(const rig *r, int i) {
    cudaEvent_t computed = r->event[0][0], copied = r->event[0][1], read = r->event[1][2];
    child_ok(cudaSetDevice(0));
    maybe_wait(r->compute[0], copied, bug != SENT_SLOT_REUSED); /* y may still be in transit */
    child_ok(launch_fill(r->y[0], (float)(i + 1), RIG_COUNT, r->compute[0]));
    child_ok(cudaEventRecord(computed, r->compute[0]));
    maybe_wait(r->copies[0], computed, bug != NO_COMPUTE_WAIT);
    maybe_wait(r->copies[0], read, bug != RECEIVED_SLOT_REUSED); /* x may still be read */
    child_ok(cudaMemcpyPeerAsync(r->x[1], 1, r->y[0], 0, RIG_BYTES, r->copies[0]));
    child_ok(cudaEventRecord(copied, r->copies[0]));
    child_ok(cudaSetDevice(1));
    maybe_wait(r->compute[1], copied, bug != NO_RECEIVE_WAIT);
    child_ok(launch_add(r->z[1], r->z[1], r->x[1], RIG_COUNT, r->compute[1]));
    child_ok(cudaEventRecord(read, r->compute[1]));
}

static int pipeline(void) {
    enum { TIMES = 6 };
    rig r = rig_new();
    rig_meet();
    child_ok(cudaSetDevice(1));
    child_ok(cudaMemsetAsync(r.z[1], 0, RIG_BYTES, r.compute[1]));
    for (int i = 0; i < TIMES; i++) send_one(&r, i);
    const int sum    = TIMES * (TIMES + 1) / 2;
    const int result = rig_holds(r.z[1], (float)sum, r.compute[1]);
    rig_free(&r);
    return result;
}

int planted_missing_compute_wait(void) {
    bug = planted ? NO_COMPUTE_WAIT : NO_BUG;
    return pipeline();
}
int planted_missing_receive_wait(void) {
    bug = planted ? NO_RECEIVE_WAIT : NO_BUG;
    return pipeline();
}
int planted_sent_slot_reused(void) {
    bug = planted ? SENT_SLOT_REUSED : NO_BUG;
    return pipeline();
}
int planted_received_slot_reused(void) {
    bug = planted ? RECEIVED_SLOT_REUSED : NO_BUG;
    return pipeline();
}

/* A wait that is issued before its record waits for nothing, or for the record before. */
int planted_wait_before_record(void) {
    rig r      = rig_new();
    int result = CHILD_RIGHT;
    for (int i = 1; i <= 4 && result == CHILD_RIGHT; i++) {
        if (planted) child_ok(cudaStreamWaitEvent(r.copies[0], r.event[0][0], 0));
        child_ok(launch_fill(r.y[0], (float)i, RIG_COUNT, r.compute[0]));
        child_ok(cudaEventRecord(r.event[0][0], r.compute[0]));
        if (!planted) child_ok(cudaStreamWaitEvent(r.copies[0], r.event[0][0], 0));
        child_ok(cudaMemcpyAsync(r.x[0], r.y[0], RIG_BYTES, cudaMemcpyDeviceToDevice, r.copies[0]));
        result = rig_holds(r.x[0], (float)i, r.copies[0]);
    }
    rig_free(&r);
    return result;
}

/* Pinned memory is read when the stream reaches the copy, not when it is enqueued. */
int planted_pinned_source_changed(void) {
    rig r = rig_new();
    for (int i = 0; i < RIG_COUNT; i++) r.host[i] = 1;
    child_ok(cudaMemcpyAsync(r.x[0], r.host, RIG_BYTES, cudaMemcpyHostToDevice, r.copies[0]));
    child_ok(cudaEventRecord(r.event[0][1], r.copies[0]));
    if (!planted) child_ok(cudaEventSynchronize(r.event[0][1]));
    for (int i = 0; i < RIG_COUNT; i++) r.host[i] = 2;
    const int result = rig_holds(r.x[0], 1, r.copies[0]);
    rig_free(&r);
    return result;
}

int planted_pinned_target_read_early(void) {
    rig r     = rig_new();
    int wrong = 0;
    for (int i = 0; i < RIG_COUNT; i++) r.host[i] = 0;
    child_ok(launch_fill(r.x[0], 4, RIG_COUNT, r.compute[0]));
    child_ok(cudaMemcpyAsync(r.host, r.x[0], RIG_BYTES, cudaMemcpyDeviceToHost, r.compute[0]));
    if (!planted) child_ok(cudaStreamSynchronize(r.compute[0]));
    for (int i = 0; i < RIG_COUNT; i++) wrong += !(r.host[i] == 4);
    rig_free(&r);
    return wrong ? CHILD_WRONG : CHILD_RIGHT;
}

int planted_missing_barrier(void) {
    rig r = rig_new();
    float x[256], y[256];
    int wrong = 0;
    for (int i = 0; i < 256; i++) x[i] = (float)i;
    child_ok(cudaMemcpyAsync(r.x[0], x, sizeof x, cudaMemcpyHostToDevice, r.compute[0]));
    child_ok(
        (planted ? launch_reverse_no_barrier : launch_reverse)(r.y[0], r.x[0], 256, r.compute[0]));
    child_ok(cudaMemcpyAsync(y, r.y[0], sizeof y, cudaMemcpyDeviceToHost, r.compute[0]));
    for (int i = 0; i < 256; i++) wrong += !(y[i] == (float)(i ^ 63)); /* reversed within its 64 */
    rig_free(&r);
    return wrong ? CHILD_WRONG : CHILD_RIGHT;
}

/* Right for nearly all threads in one order: the mistake must show in another. The ends of the
 * circle are not compared, so that this order alone is right. */
static int neighbour(int by) {
    rig r = rig_new();
    float x[64], y[64];
    int wrong = 0;
    for (int i = 0; i < 64; i++) x[i] = (float)i;
    child_ok(cudaMemcpyAsync(r.x[0], x, sizeof x, cudaMemcpyHostToDevice, r.compute[0]));
    child_ok((planted ? launch_neighbour_no_barrier : launch_neighbour)(r.y[0], r.x[0], by,
                                                                        r.compute[0]));
    child_ok(cudaMemcpyAsync(y, r.y[0], sizeof y, cudaMemcpyDeviceToHost, r.compute[0]));
    for (int i = 1; i < 63; i++) wrong += !(y[i] == (float)(i + by));
    rig_free(&r);
    return wrong ? CHILD_WRONG : CHILD_RIGHT;
}
int planted_barrier_missed_backward(void) {
    return neighbour(-1);
}
int planted_barrier_missed_forward(void) {
    return neighbour(1);
}
