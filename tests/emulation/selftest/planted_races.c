/* SPDX-License-Identifier: MIT */
/* planted_races.c -- programs without a necessary wait, whose results are mostly right all the
 * same. */
#include "multiply.h"
#include "planted.h"

static void wait_for(cudaStream_t stream, cudaEvent_t event, cudaStream_t recorded) {
    child_ok(cudaEventRecord(event, recorded));
    if (!planted) child_ok(cudaStreamWaitEvent(stream, event, 0));
}

/* y of device 0 is in transit to device 1; what is written into it must wait until it has
 * arrived. */
int planted_sent_slot_received_into(void) {
    rig r = rig_new();
    rig_meet();
    int result = CHILD_RIGHT;
    child_ok(cudaSetDevice(1));
    child_ok(launch_fill(r.z[1], 9, RIG_COUNT, r.compute[1]));
    child_ok(cudaStreamSynchronize(r.compute[1]));
    for (int i = 1; i <= 4 && result == CHILD_RIGHT; i++) {
        child_ok(cudaSetDevice(0));
        child_ok(cudaStreamWaitEvent(r.compute[0], r.event[1][1], 0));
        child_ok(launch_fill(r.y[0], (float)i, RIG_COUNT, r.compute[0]));
        child_ok(cudaEventRecord(r.event[0][0], r.compute[0]));
        child_ok(cudaStreamWaitEvent(r.copies[0], r.event[0][0], 0));
        child_ok(cudaStreamWaitEvent(r.copies[1], r.event[0][0], 0));
        child_ok(cudaMemcpyPeerAsync(r.x[1], 1, r.y[0], 0, RIG_BYTES, r.copies[0]));
        wait_for(r.copies[1], r.event[0][1], r.copies[0]);
        child_ok(cudaSetDevice(1));
        child_ok(cudaMemcpyPeerAsync(r.y[0], 0, r.z[1], 1, RIG_BYTES, r.copies[1]));
        child_ok(cudaEventRecord(r.event[1][1], r.copies[1]));
        result = rig_holds(r.x[1], (float)i, r.copies[0]);
    }
    child_ok(cudaStreamSynchronize(r.copies[1])); /* cudaFree() waits for one device alone */
    rig_free(&r);
    return result;
}

static void multiply_four(const rig *r, cudaStream_t stream) {
    cublasLtHandle_t handle = NULL;
    multiplication p        = multiplication_of(16, 16, 4);
    p.lda                   = 20;
    child_ok(cublasLtCreate(&handle));
    child_ok(multiply(handle, &p, r->x[0], r->y[0], r->z[0], stream));
    child_ok(cublasLtDestroy(handle));
}

/* A factor is made on one stream, the last of four fills, and multiplied on another, which has
 * nothing else to do: too early at nearly every seed. */
int planted_product_too_early(void) {
    rig r = rig_new();
    float z[256];
    int wrong = 0;
    child_ok(launch_fill(r.y[0], 1, RIG_COUNT, r.copies[0]));
    child_ok(cudaStreamSynchronize(r.copies[0]));
    for (int i = 0; i < 4; i++)
        child_ok(launch_fill(r.x[0], (float)(i - 1), RIG_COUNT, r.compute[0]));
    wait_for(r.copies[0], r.event[0][0], r.compute[0]);
    multiply_four(&r, r.copies[0]);
    child_ok(cudaMemcpyAsync(z, r.z[0], sizeof z, cudaMemcpyDeviceToHost, r.copies[0]));
    for (int i = 0; i < 256; i++) wrong += !(z[i] == 8);
    rig_free(&r);
    return wrong ? CHILD_WRONG : CHILD_RIGHT;
}

int planted_operand_overwritten(void) {
    rig r = rig_new();
    child_ok(launch_fill(r.y[0], 1, RIG_COUNT, r.compute[0]));
    child_ok(launch_fill(r.x[0], 2, RIG_COUNT, r.compute[0]));
    child_ok(cudaStreamSynchronize(r.compute[0]));
    multiply_four(&r, r.compute[0]);
    wait_for(r.copies[0], r.event[0][0], r.compute[0]);
    child_ok(cudaMemsetAsync(r.x[0], 0, RIG_BYTES, r.copies[0]));
    return rig_finish(&r);
}

/* Long enough here, but not guaranteed. */
int planted_slept_instead_of_waiting(void) {
    rig r = rig_new();
    child_ok(launch_fill(r.x[0], 4, RIG_COUNT, r.compute[0]));
    child_ok(cudaMemcpyAsync(r.host, r.x[0], RIG_BYTES, cudaMemcpyDeviceToHost, r.compute[0]));
    (void)usleep(20000);
    if (!planted) child_ok(cudaStreamSynchronize(r.compute[0]));
    const volatile float *const at = r.host;
    for (int i = 0; i < RIG_COUNT; i++) (void)at[i];
    return rig_finish(&r);
}

static float added_up;
static void add_up(void *numbers) {
    const float *const at = numbers;
    for (int i = 0; i < RIG_COUNT; i++) added_up += at[i];
}
/* The input of a host function is changed after that was enqueued. */
int planted_host_function_races(void) {
    rig r = rig_new();
    for (int i = 0; i < RIG_COUNT; i++) r.host[i] = 1;
    child_ok(cudaLaunchHostFunc(r.compute[0], add_up, r.host));
    if (!planted) child_ok(cudaStreamSynchronize(r.compute[0]));
    for (int i = 0; i < RIG_COUNT; i++) r.host[i] = 2;
    return rig_finish(&r);
}
