/* SPDX-License-Identifier: MIT */
/* device.c -- the one place that knows which devices exist, and which can access each other's
 * memory. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

static __thread int current;
static bool peers[EMU__DEVICES][EMU__DEVICES]; /* [from][to], enabled */
static bool contexts[EMU__DEVICES];

int emu__device(void) {
    return current;
}

void emu__use_device(int device) {
    current = device;
}

static bool exists(int device) {
    return device >= 0 && device < emu__settings.devices;
}

bool emu__reaches(int from, int to) {
    return from == to || peers[from][to];
}

void emu__devices_forget(void) {
    memset(peers, 0, sizeof peers);
    memset(contexts, 0, sizeof contexts);
}

void emu__make_context(void) {
    __atomic_store_n(&contexts[current], true, __ATOMIC_RELAXED);
}

bool emu_has_context(int device) {
    return exists(device) && __atomic_load_n(&contexts[device], __ATOMIC_RELAXED);
}

cudaError_t cudaGetDeviceCount(int *count) {
    const cudaError_t entered = emu__enter_any(__func__);
    if (entered == cudaErrorNoDevice) *count = 0; /* an old driver leaves it unchanged */
    if (entered == cudaSuccess) *count = emu__settings.devices;
    return entered;
}

cudaError_t cudaSetDevice(int device) {
    const cudaError_t entered = emu__enter_any(__func__);
    if (entered != cudaSuccess) return entered;
    if (!exists(device)) return emu__fail(cudaErrorInvalidDevice, __func__);
    current = device;
    emu__make_context();
    return emu__fail(emu__broken(device), __func__);
}

cudaError_t cudaGetDevice(int *device) {
    const cudaError_t entered = emu__enter_any(__func__);
    if (entered == cudaSuccess) *device = current;
    return entered;
}

cudaError_t cudaInitDevice(int device, unsigned device_flags, unsigned flags) {
    EMU__ENTER();
    (void)device_flags;
    (void)flags;
    return exists(device) ? cudaSuccess : emu__fail(cudaErrorInvalidDevice, __func__);
}

cudaError_t cudaDriverGetVersion(int *version) {
    *version = emu__settings.driver ? CUDART_VERSION : 0;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = CUDART_VERSION;
    return cudaSuccess;
}

/* The properties of an H100 that a program may ask for, except that there are four
 * multiprocessors. */
struct property {
    enum cudaDeviceAttr attribute;
    int value;
};
static const struct property properties[] = {
    {cudaDevAttrMaxThreadsPerBlock, 1024},
    {cudaDevAttrMaxBlockDimX, 1024},
    {cudaDevAttrMaxBlockDimY, 1024},
    {cudaDevAttrMaxBlockDimZ, 64},
    {cudaDevAttrMaxGridDimX, 2147483647},
    {cudaDevAttrMaxGridDimY, 65535},
    {cudaDevAttrMaxGridDimZ, 65535},
    {cudaDevAttrMaxSharedMemoryPerBlock, 49152},
    {cudaDevAttrWarpSize, 32},
    {cudaDevAttrMultiProcessorCount, 4},
    {cudaDevAttrComputeCapabilityMinor, 0},
    {cudaDevAttrAsyncEngineCount, 3},
    {cudaDevAttrUnifiedAddressing, 1},
    {cudaDevAttrConcurrentKernels, 1},
    {cudaDevAttrClockRate, 1980000},
    {cudaDevAttrMemoryClockRate, 2619000},
    {cudaDevAttrGlobalMemoryBusWidth, 5120},
    {cudaDevAttrL2CacheSize, 52428800},
    {cudaDevAttrPciBusId, 1},
    {cudaDevAttrPciDeviceId, 0},
    {cudaDevAttrPciDomainId, 0},
    {cudaDevAttrStreamPrioritiesSupported, 1},
};

/* In bytes. sm_120 has less than sm_90, as all cards for workstations. */
int emu__shared_max(void) {
    enum { KIB = 1024 };
    switch (emu__settings.major) {
    case 8:
        return 163 * KIB;
    case 9:
    case 10:
        return 227 * KIB;
    default:
        return 99 * KIB;
    }
}

static int property(enum cudaDeviceAttr attribute) {
    if (attribute == cudaDevAttrComputeCapabilityMajor) return emu__settings.major;
    if (attribute == cudaDevAttrMaxSharedMemoryPerBlockOptin) return emu__shared_max();
    if (attribute == cudaDevAttrMaxSharedMemoryPerMultiprocessor) return emu__shared_max() + 1024;
    for (size_t p = 0; p < sizeof properties / sizeof *properties; p++)
        if (properties[p].attribute == attribute) return properties[p].value;
    emu__report("device attribute %d is not emulated: add it to device.c", (int)attribute);
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device) {
    const cudaError_t entered = emu__enter_any(__func__); /* the driver's, of any GPU */
    if (entered != cudaSuccess) return entered;
    if (!exists(device)) return emu__fail(cudaErrorInvalidDevice, __func__);
    *value = property(attribute);
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *out, int device) {
    EMU__ENTER();
    if (!exists(device)) return emu__fail(cudaErrorInvalidDevice, __func__);
    memset(out, 0, sizeof *out);
    (void)snprintf(out->name, sizeof out->name, "emulated GPU %d", device);
    out->totalGlobalMem             = (size_t)emu__settings.memory_mib << 20;
    out->major                      = property(cudaDevAttrComputeCapabilityMajor);
    out->minor                      = property(cudaDevAttrComputeCapabilityMinor);
    out->multiProcessorCount        = property(cudaDevAttrMultiProcessorCount);
    out->warpSize                   = property(cudaDevAttrWarpSize);
    out->maxThreadsPerBlock         = property(cudaDevAttrMaxThreadsPerBlock);
    out->maxThreadsDim[0]           = property(cudaDevAttrMaxBlockDimX);
    out->maxThreadsDim[1]           = property(cudaDevAttrMaxBlockDimY);
    out->maxThreadsDim[2]           = property(cudaDevAttrMaxBlockDimZ);
    out->maxGridSize[0]             = property(cudaDevAttrMaxGridDimX);
    out->maxGridSize[1]             = property(cudaDevAttrMaxGridDimY);
    out->maxGridSize[2]             = property(cudaDevAttrMaxGridDimZ);
    out->sharedMemPerBlock          = (size_t)property(cudaDevAttrMaxSharedMemoryPerBlock);
    out->sharedMemPerBlockOptin     = (size_t)property(cudaDevAttrMaxSharedMemoryPerBlockOptin);
    out->sharedMemPerMultiprocessor = (size_t)property(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
    out->asyncEngineCount           = property(cudaDevAttrAsyncEngineCount);
    out->unifiedAddressing          = property(cudaDevAttrUnifiedAddressing);
    out->concurrentKernels          = property(cudaDevAttrConcurrentKernels);
    out->l2CacheSize                = property(cudaDevAttrL2CacheSize);
    out->memoryBusWidth             = property(cudaDevAttrGlobalMemoryBusWidth);
    out->streamPrioritiesSupported  = property(cudaDevAttrStreamPrioritiesSupported);
    out->pciBusID                   = device + 1;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char *text, int bytes, int device) {
    EMU__ENTER();
    if (!exists(device)) return emu__fail(cudaErrorInvalidDevice, __func__);
    (void)snprintf(text, (size_t)bytes, "0000:%02x:00.0", device + 1);
    return cudaSuccess;
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *lowest, int *highest) {
    EMU__ENTER();
    if (lowest) *lowest = 0;
    if (highest) *highest = -5;
    return cudaSuccess;
}

/* ---- peers ---- */

cudaError_t cudaDeviceCanAccessPeer(int *can, int device, int peer) {
    EMU__ENTER();
    if (!exists(device) || !exists(peer)) return emu__fail(cudaErrorInvalidDevice, __func__);
    *can = device != peer && emu__settings.peers != EMU_NO_PEERS;
    return cudaSuccess;
}

cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags) {
    EMU__ENTER();
    if (flags != 0) return emu__fail(cudaErrorInvalidValue, __func__);
    if (!exists(peer) || peer == current) return emu__fail(cudaErrorInvalidDevice, __func__);
    if (emu__settings.peers == EMU_NO_PEERS)
        return emu__fail(cudaErrorPeerAccessUnsupported, __func__);
    emu__lock();
    const bool already   = peers[current][peer];
    peers[current][peer] = true;
    emu__unlock();
    return already ? emu__fail(cudaErrorPeerAccessAlreadyEnabled, __func__) : cudaSuccess;
}

cudaError_t cudaDeviceDisablePeerAccess(int peer) {
    EMU__ENTER();
    if (!exists(peer)) return emu__fail(cudaErrorInvalidDevice, __func__);
    emu__lock();
    const bool enabled   = peers[current][peer];
    peers[current][peer] = false;
    emu__unlock();
    return enabled ? cudaSuccess : emu__fail(cudaErrorPeerAccessNotEnabled, __func__);
}
