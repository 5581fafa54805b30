/* SPDX-License-Identifier: MIT */
/* planted_calls.c -- programs that misuse CUDA: unread errors, the wrong device, a step that
 * waits. */
#include "multiply.h"
#include "planted.h"

/* ---- errors and devices ---- */

/* An impossible launch whose error is not read: the next check gets the blame. */
int planted_forgotten_error(void) {
    rig r                    = rig_new();
    const cudaError_t failed = launch_copy(r.y[0], r.x[0], RIG_COUNT, 2048, 0, r.compute[0]);
    if (failed != cudaErrorInvalidConfiguration) return CHILD_CALL_FAILED;
    if (!planted) (void)cudaGetLastError();
    child_ok(launch_fill(r.y[0], 1, RIG_COUNT, r.compute[0]));
    return rig_finish(&r);
}

/* A broken device reports this at every later call: here the last one is the first that is
 * checked. */
int planted_broken_device(void) {
    rig r = rig_new();
    child_ok(launch_fill(r.y[0], 1, RIG_COUNT, r.compute[0]));
    if (planted) emu_break_device(0, cudaErrorIllegalAddress);
    (void)cudaMemsetAsync(r.y[0], 0, RIG_BYTES, r.compute[0]);
    child_ok(cudaStreamSynchronize(r.compute[0]));
    return rig_finish(&r);
}

int planted_wrong_device_launch(void) {
    rig r = rig_new();
    child_ok(cudaSetDevice(planted ? 1 : 0));
    child_ok(launch_fill(r.x[0], 1, RIG_COUNT, r.compute[0]));
    return rig_finish(&r);
}
int planted_wrong_device_launch_unchecked(void) {
    rig r = rig_new();
    child_ok(cudaSetDevice(planted ? 1 : 0));
    const cudaError_t ignored = launch_fill(r.x[0], 1, RIG_COUNT, r.compute[0]);
    (void)ignored;
    child_ok(cudaEventRecord(r.event[0][0], r.compute[0]));
    return rig_finish(&r);
}
/* Memory allocated while another device was current: it is on that device. */
int planted_wrong_device_memory(void) {
    rig r          = rig_new();
    float *const m = rig_memory(planted ? 0 : 1, RIG_BYTES);
    child_ok(cudaSetDevice(1));
    child_ok(launch_fill(m, 1, RIG_COUNT, r.compute[1]));
    child_ok(cudaStreamSynchronize(r.compute[1]));
    child_ok(cudaFree(m));
    return rig_finish(&r);
}
int planted_wrong_device_copy(void) {
    rig r = rig_new();
    child_ok(cudaMemcpyPeerAsync(r.x[1], planted ? 0 : 1, r.y[0], 0, RIG_BYTES, r.copies[0]));
    return rig_finish(&r);
}
/* One product of the rig's blocks, the subject of the mistake. */
static int product_of(const multiplication *p, int device, int offset) {
    rig r                   = rig_new();
    cublasLtHandle_t handle = NULL;
    child_ok(cublasLtCreate(&handle));
    child_ok(cudaSetDevice(device));
    child_ok(multiply(handle, p, r.x[0] + offset, r.y[0], r.z[0], r.compute[0]));
    child_ok(cublasLtDestroy(handle));
    return rig_finish(&r);
}
int planted_wrong_device_product(void) {
    const multiplication p = multiplication_of(4, 4, 4);
    return product_of(&p, planted ? 1 : 0, 0);
}
int planted_shared_workspace(void) {
    rig r                   = rig_new();
    cublasLtHandle_t handle = NULL;
    char *const memory      = rig_memory(0, 8192);
    multiplication p        = multiplication_of(4, 4, 4);
    p.workspace             = memory;
    p.workspace_bytes       = 4096;
    child_ok(cublasLtCreate(&handle));
    child_ok(multiply(handle, &p, r.x[0], r.y[0], r.z[0], r.compute[0]));
    p.workspace = memory + (planted ? 2048 : 4096);
    child_ok(cudaStreamSynchronize(r.compute[0]));
    child_ok(multiply(handle, &p, r.x[0], r.y[0], r.z[0], r.copies[0]));
    child_ok(cudaStreamSynchronize(r.copies[0]));
    child_ok(cublasLtDestroy(handle));
    child_ok(cudaFree(memory));
    return rig_finish(&r);
}
int planted_product_past_end(void) {
    const multiplication p = multiplication_of(20, planted ? 26 : 25, 4);
    return product_of(&p, 0, 0);
}
int planted_split_product(void) {
    multiplication p = multiplication_of(4, 4, 4);
    p.reduction      = planted ? CUBLASLT_REDUCTION_SCHEME_MASK : CUBLASLT_REDUCTION_SCHEME_NONE;
    return product_of(&p, 0, 0);
}
int planted_unaligned_product(void) {
    multiplication p = multiplication_of(4, 4, 4);
    p.alignment      = 16;
    return product_of(&p, 0, planted ? 1 : 4);
}
int planted_foreign_algorithm(void) {
    multiplication p = multiplication_of(4, 4, 4);
    p.chosen_for     = planted ? 5 : 4;
    return product_of(&p, 0, 0);
}

/* ---- a step's rules, deadlocks, and use after release ---- */

int planted_allocation_in_step(void) {
    rig r = rig_new();
    emu_forbid("a step runs");
    if (planted) (void)rig_memory(0, 4);
    emu_forbid(NULL);
    return rig_finish(&r);
}
int planted_device_wait_in_step(void) {
    rig r = rig_new();
    emu_forbid("a step runs");
    if (planted) child_ok(cudaDeviceSynchronize());
    child_ok(cudaStreamSynchronize(r.compute[0]));
    emu_forbid(NULL);
    return rig_finish(&r);
}

static volatile bool never;
static void wait_for_ever(void *argument) {
    (void)argument;
    while (!never) (void)usleep(1000);
}
static void wait_shortly(void *argument) {
    (void)argument;
    (void)usleep(1000);
}
/* Stream 1 waits for a host function that nothing will end. */
int planted_deadlock(void) {
    rig r = rig_new();
    child_ok(cudaLaunchHostFunc(r.compute[0], planted ? wait_for_ever : wait_shortly, NULL));
    child_ok(cudaEventRecord(r.event[0][0], r.compute[0]));
    child_ok(cudaStreamWaitEvent(r.copies[0], r.event[0][0], 0));
    child_ok(cudaStreamSynchronize(r.copies[0]));
    return rig_finish(&r);
}

static void call_cuda(void *stream) {
    (void)cudaStreamQuery(*(cudaStream_t *)stream);
}
int planted_call_in_host_function(void) {
    rig r = rig_new();
    child_ok(cudaLaunchHostFunc(r.compute[0], planted ? call_cuda : wait_shortly, &r.copies[0]));
    return rig_finish(&r);
}
int planted_default_stream(void) {
    rig r = rig_new();
    child_ok(cudaMemsetAsync(r.x[0], 0, RIG_BYTES, planted ? NULL : r.compute[0]));
    return rig_finish(&r);
}
int planted_destroyed_stream(void) {
    rig r = rig_new();
    cudaStream_t stream;
    child_ok(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    if (planted) child_ok(cudaStreamDestroy(stream));
    child_ok(cudaMemsetAsync(r.x[0], 0, RIG_BYTES, stream));
    child_ok(cudaStreamDestroy(stream));
    return rig_finish(&r);
}
int planted_destroyed_event(void) {
    rig r = rig_new();
    cudaEvent_t event;
    child_ok(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    if (planted) child_ok(cudaEventDestroy(event));
    child_ok(cudaEventRecord(event, r.compute[0]));
    child_ok(cudaEventDestroy(event));
    return rig_finish(&r);
}
