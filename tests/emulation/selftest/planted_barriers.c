/* SPDX-License-Identifier: MIT */
/* planted_barriers.c -- kernels without one of their barriers: test kernels, and those of
 * runtime/device/cuda. */
#include "planted.h"

/* The `nth` barrier of a function of lanes.cuh, as emu_skip_barrier() takes it. */
static void skip_barrier_of(const char *function, int nth) {
    char line[256], where[64];
    FILE *const source = fopen(SLUICE_SOURCE "/runtime/device/cuda/lanes.cuh", "r");
    bool inside        = false;
    if (!source) _exit(CHILD_CALL_FAILED);
    for (int number = 1; fgets(line, sizeof line, source); number++) {
        inside = inside || strstr(line, function);
        if (!inside || !strstr(line, "__syncthreads()") || --nth > 0) continue;
        (void)snprintf(where, sizeof where, "lanes.cuh:%d", number);
        emu_skip_barrier(where);
        (void)fclose(source);
        return;
    }
    _exit(CHILD_CALL_FAILED);
}

/* 64 elements of x that are 1, 2, 3, ... */
static rig rig_counted(void) {
    rig r = rig_new();
    float x[64];
    for (int i = 0; i < 64; i++) x[i] = (float)(i + 1);
    child_ok(cudaMemcpyAsync(r.x[0], x, sizeof x, cudaMemcpyHostToDevice, r.compute[0]));
    return r;
}

static int sums_and_maxima(const char *function, int nth) {
    enum { SUM = 3 * 64 * 65 / 2, MAX = 3 * 64 };
    float y[128];
    int wrong = 0;
    rig r     = rig_counted();
    if (planted) skip_barrier_of(function, nth);
    child_ok(launch_sums_and_maxima(r.y[0], r.x[0], r.compute[0]));
    child_ok(cudaMemcpyAsync(y, r.y[0], sizeof y, cudaMemcpyDeviceToHost, r.compute[0]));
    for (int i = 0; i < 128; i++) wrong += !(y[i] == (float)(i % 2 == 0 ? SUM : MAX));
    rig_free(&r);
    return wrong ? CHILD_WRONG : CHILD_RIGHT;
}
int planted_first_barrier_of_sum(void) {
    return sums_and_maxima("T block_sum(", 1);
}
int planted_second_barrier_of_sum(void) {
    return sums_and_maxima("T block_sum(", 2);
}
int planted_first_barrier_of_max(void) {
    return sums_and_maxima("T block_max(", 1);
}
int planted_second_barrier_of_max(void) {
    return sums_and_maxima("T block_max(", 2);
}

int planted_blocks_collide(void) {
    rig r = rig_new();
    child_ok(launch_collide(r.y[0], !planted, r.compute[0]));
    return rig_finish(&r);
}

int planted_shuffle_as_barrier(void) {
    rig r = rig_counted();
    child_ok(launch_swap_in_warp(r.y[0], r.x[0], !planted, r.compute[0]));
    return rig_finish(&r);
}

int planted_warp_barrier_as_barrier(void) {
    float y[64];
    int wrong = 0;
    rig r     = rig_counted();
    child_ok(launch_swap_in_block(r.y[0], r.x[0], !planted, r.compute[0]));
    child_ok(cudaMemcpyAsync(y, r.y[0], sizeof y, cudaMemcpyDeviceToHost, r.compute[0]));
    for (int t = 0; t < 64; t++) wrong += !(y[t] == (float)(64 - t));
    rig_free(&r);
    return wrong ? CHILD_WRONG : CHILD_RIGHT;
}
