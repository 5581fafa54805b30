/* SPDX-License-Identifier: MIT */
/* planted_memory.c -- programs that access memory they may not, and kernels whose threads do not
 * meet. */
#include "planted.h"

/* ---- memory ---- */

int planted_past_end(void) {
    rig r = rig_new();
    child_ok(launch_past_end(r.x[0], planted ? RIG_COUNT : RIG_COUNT - 1, r.compute[0]));
    return rig_finish(&r);
}
int planted_before_start(void) {
    rig r = rig_new();
    child_ok(launch_before_start(r.x[0] + !planted, r.compute[0]));
    return rig_finish(&r);
}
int planted_far_read(void) {
    rig r = rig_new();
    child_ok(launch_far_read(r.y[0], r.x[0], planted ? 512 : 499, r.compute[0]));
    return rig_finish(&r);
}
int planted_shared_past_end(void) {
    rig r = rig_new();
    child_ok(launch_shared_past_end(r.x[0], planted ? 8 : 7, r.compute[0]));
    return rig_finish(&r);
}
int planted_dynamic_past_end(void) {
    rig r = rig_new();
    child_ok(launch_dynamic_past_end(r.x[0], planted ? 8 : 7, r.compute[0]));
    return rig_finish(&r);
}
int planted_stack_overflow(void) {
    rig r = rig_new();
    child_ok(planted ? launch_deep(r.x[0], r.compute[0]) : launch_fill(r.x[0], 1, 1, r.compute[0]));
    return rig_finish(&r);
}

int planted_kernel_uses_freed(void) {
    rig r          = rig_new();
    float *const m = rig_memory(0, RIG_BYTES);
    if (planted) child_ok(cudaFree(m));
    child_ok(launch_fill(m, 1, RIG_COUNT, r.compute[0]));
    if (!planted) child_ok(cudaFree(m));
    return rig_finish(&r);
}
int planted_copy_uses_freed(void) {
    rig r          = rig_new();
    float *const m = rig_memory(0, RIG_BYTES);
    if (planted) child_ok(cudaFree(m));
    child_ok(cudaMemcpyAsync(m, r.x[0], RIG_BYTES, cudaMemcpyDeviceToDevice, r.compute[0]));
    if (!planted) child_ok(cudaFree(m));
    return rig_finish(&r);
}
/* Freeing pinned memory is not promised to wait for a copy into it. */
int planted_pinned_freed_early(void) {
    rig r      = rig_new();
    void *more = NULL;
    child_ok(cudaMallocHost(&more, RIG_BYTES));
    for (int i = 0; i < 20; i++) child_ok(launch_fill(r.x[0], 1, RIG_COUNT, r.compute[0]));
    child_ok(cudaMemcpyAsync(more, r.x[0], RIG_BYTES, cudaMemcpyDeviceToHost, r.compute[0]));
    if (!planted) child_ok(cudaStreamSynchronize(r.compute[0]));
    child_ok(cudaFreeHost(more));
    return rig_finish(&r);
}

/* Work has finished: its memory must not stay accessible. */
static rig rig_worked(void) {
    rig r = rig_new();
    child_ok(launch_fill(r.x[0], 1, RIG_COUNT, r.compute[0]));
    child_ok(cudaStreamSynchronize(r.compute[0]));
    return r;
}

int planted_host_writes_device(void) {
    rig r = rig_worked();
    if (planted)
        r.x[0][3] = 1;
    else
        r.host[3] = 1;
    return rig_finish(&r);
}
int planted_host_reads_device(void) {
    rig r                          = rig_worked();
    const volatile float *const at = planted ? r.x[0] : r.host;
    (void)at[0];
    return rig_finish(&r);
}

int planted_copy_past_end(void) {
    rig r = rig_new();
    child_ok(cudaMemcpyAsync(r.x[0], r.y[0], RIG_BYTES + (planted ? 4 : 0),
                             cudaMemcpyDeviceToDevice, r.compute[0]));
    return rig_finish(&r);
}
int planted_copy_overlaps(void) {
    rig r = rig_new();
    child_ok(cudaMemcpyAsync(r.x[0], r.x[0] + 10, planted ? 44 : 40, cudaMemcpyDeviceToDevice,
                             r.compute[0]));
    return rig_finish(&r);
}
int planted_copy_of_wrong_kind(void) {
    rig r = rig_new();
    child_ok(cudaMemcpyAsync(r.x[0], r.y[0], RIG_BYTES,
                             planted ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToDevice,
                             r.compute[0]));
    return rig_finish(&r);
}

/* ---- kernels whose threads do not meet ---- */

int planted_divergent_barrier(void) {
    rig r = rig_new();
    child_ok(planted ? launch_divergent_barrier(r.x[0], r.compute[0])
                     : launch_fill(r.x[0], 1, 32, r.compute[0]));
    return rig_finish(&r);
}
int planted_two_barriers(void) {
    rig r = rig_new();
    child_ok(planted ? launch_two_barriers(r.x[0], r.compute[0])
                     : launch_fill(r.x[0], 1, 32, r.compute[0]));
    return rig_finish(&r);
}
int planted_early_return(void) {
    rig r = rig_new();
    child_ok(planted ? launch_early_return(r.x[0], r.compute[0])
                     : launch_fill(r.x[0], 1, 32, r.compute[0]));
    return rig_finish(&r);
}
int planted_wrong_mask(void) {
    rig r = rig_new();
    child_ok(planted ? launch_wrong_mask(r.x[0], r.compute[0])
                     : launch_fill(r.x[0], 1, 32, r.compute[0]));
    return rig_finish(&r);
}
int planted_shuffle_outside(void) {
    rig r = rig_new();
    child_ok(planted ? launch_shuffle_outside(r.x[0], r.compute[0])
                     : launch_fill(r.x[0], 1, 32, r.compute[0]));
    return rig_finish(&r);
}
