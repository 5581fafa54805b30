/* SPDX-License-Identifier: MIT */
/* rig.h -- setup of the planted bugs' programs: two devices with two streams and a few blocks
 * each. */
#ifndef SLUICE_TESTS_EMULATION_RIG_H
#define SLUICE_TESTS_EMULATION_RIG_H

#include "emu.h"
#include "kernels.h"
#include "tests/support/child.h"

enum { RIG_COUNT = 500, RIG_BYTES = RIG_COUNT * (int)sizeof(float) };

typedef struct rig {
    cudaStream_t compute[2], copies[2]; /* of each device */
    cudaEvent_t event[2][4];            /* of each device: computed, copied, read, spare */
    float *x[2], *y[2], *z[2];          /* RIG_BYTES on each device */
    float *host;                        /* RIG_BYTES, pinned */
} rig;

static inline void *rig_memory(int device, size_t bytes) {
    void *block = NULL;
    child_ok(cudaSetDevice(device));
    child_ok(cudaMalloc(&block, bytes));
    return block;
}

static inline rig rig_new(void) {
    rig r;
    void *host = NULL;
    for (int d = 0; d < 2; d++) {
        child_ok(cudaSetDevice(d));
        child_ok(cudaStreamCreateWithPriority(&r.compute[d], cudaStreamNonBlocking, 0));
        child_ok(cudaStreamCreateWithPriority(&r.copies[d], cudaStreamNonBlocking, -5));
        for (int e = 0; e < 4; e++)
            child_ok(cudaEventCreateWithFlags(&r.event[d][e], cudaEventDisableTiming));
        r.x[d] = rig_memory(d, RIG_BYTES);
        r.y[d] = rig_memory(d, RIG_BYTES);
        r.z[d] = rig_memory(d, RIG_BYTES);
    }
    child_ok(cudaMallocHost(&host, RIG_BYTES));
    r.host = host;
    child_ok(cudaSetDevice(0));
    return r;
}

/* Let the devices copy to each other without the host waiting for it. */
static inline void rig_meet(void) {
    for (int d = 1; d >= 0; d--) {
        child_ok(cudaSetDevice(d));
        child_ok(cudaDeviceEnablePeerAccess(1 - d, 0));
    }
}

/* Release everything, so that the margins of each allocation are checked once more. */
static inline void rig_free(rig *r) {
    for (int d = 0; d < 2; d++) {
        child_ok(cudaSetDevice(d));
        child_ok(cudaStreamSynchronize(r->compute[d]));
        child_ok(cudaStreamSynchronize(r->copies[d]));
        child_ok(cudaFree(r->x[d]));
        child_ok(cudaFree(r->y[d]));
        child_ok(cudaFree(r->z[d]));
        for (int e = 0; e < 4; e++) child_ok(cudaEventDestroy(r->event[d][e]));
        child_ok(cudaStreamDestroy(r->compute[d]));
        child_ok(cudaStreamDestroy(r->copies[d]));
    }
    child_ok(cudaFreeHost(r->host));
}

/* Whether a device's block holds `expected` everywhere, once `stream` is done. */
static inline int rig_holds(const float *block, float expected, cudaStream_t stream) {
    static float got[RIG_COUNT];
    child_ok(cudaMemcpyAsync(got, block, RIG_BYTES, cudaMemcpyDeviceToHost, stream));
    for (int i = 0; i < RIG_COUNT; i++)
        if (!(got[i] == expected)) {
            (void)fprintf(stderr, "element %d is %g, not %g\n", i, (double)got[i],
                          (double)expected);
            return CHILD_WRONG;
        }
    return CHILD_RIGHT;
}

static inline int rig_finish(rig *r) {
    rig_free(r);
    return CHILD_RIGHT;
}

#endif
