/* SPDX-License-Identifier: MIT */
/*
 * error.c -- the one place that keeps errors as CUDA does, and reports an unread one.
 *
 * A call's error stays the thread's last one until take it with cudaGetLastError(); until then the
 * next check sees the failure of another call. Enqueuing work over such an error is a mistake.
 */
#include "internal.h"

#include <string.h>

static __thread cudaError_t last;
static __thread bool saw_broken; /* the thread's device, by a call that was not a library's */
static __thread const char *last_function;
static cudaError_t broken[EMU__DEVICES];

/* clang-format off */
#define ERRORS(X)                                                                                  \
    X(cudaSuccess, "no error")                                                                     \
    X(cudaErrorInvalidValue, "invalid argument")                                                   \
    X(cudaErrorMemoryAllocation, "out of memory")                                                  \
    X(cudaErrorInitializationError, "initialization error")                                        \
    X(cudaErrorInvalidConfiguration, "invalid configuration argument")                             \
    X(cudaErrorInsufficientDriver, "CUDA driver version is insufficient for CUDA runtime version") \
    X(cudaErrorNoDevice, "no CUDA-capable device is detected")                                     \
    X(cudaErrorInvalidDevice, "invalid device ordinal")                                            \
    X(cudaErrorInvalidDeviceFunction, "invalid device function")                                   \
    X(cudaErrorNoKernelImageForDevice, "no kernel image is available for execution on the device") \
    X(cudaErrorInvalidResourceHandle, "invalid resource handle")                                   \
    X(cudaErrorNotReady, "device not ready")                                                       \
    X(cudaErrorIllegalAddress, "an illegal memory access was encountered")                         \
    X(cudaErrorLaunchOutOfResources, "too many resources requested for launch")                    \
    X(cudaErrorLaunchTimeout, "the launch timed out and was terminated")                           \
    X(cudaErrorLaunchFailure, "unspecified launch failure")                                        \
    X(cudaErrorPeerAccessAlreadyEnabled, "peer access is already enabled")                         \
    X(cudaErrorPeerAccessUnsupported, "peer access is not supported between these two devices")    \
    X(cudaErrorHostMemoryAlreadyRegistered,                                                        \
      "part or all of the requested memory range is already mapped")                               \
    X(cudaErrorHostMemoryNotRegistered,                                                            \
      "pointer does not correspond to a registered memory region")                                 \
    X(cudaErrorECCUncorrectable, "uncorrectable ECC error encountered")                            \
    X(cudaErrorNotPermitted, "operation not permitted")                                            \
    X(cudaErrorNotSupported, "operation not supported")                                            \
    X(cudaErrorUnknown, "unknown error")
/* clang-format on */

const char *cudaGetErrorString(cudaError_t code) {
    switch (code) {
#define X(name, text)                                                                              \
    case name:                                                                                     \
        return text;
        ERRORS(X)
#undef X
    default:
        return "an error that the emulation has no text for";
    }
}

const char *cudaGetErrorName(cudaError_t code) {
    switch (code) {
#define X(name, text)                                                                              \
    case name:                                                                                     \
        return #name;
        ERRORS(X)
#undef X
    default:
        return "an error that the emulation has no name for";
    }
}

cudaError_t emu__fail(cudaError_t code, const char *function) {
    if (code != cudaSuccess) {
        last          = code;
        last_function = function;
        saw_broken    = code == emu__broken(emu__device());
    }
    return code;
}

void emu__library_keeps_error(void) {
    last       = cudaSuccess;
    saw_broken = false;
}

void emu__errors_forget(void) {
    memset(broken, 0, sizeof broken);
    emu__library_keeps_error();
}

cudaError_t emu__broken(int device) {
    return device >= 0 && device < EMU__DEVICES ? broken[device] : cudaSuccess;
}

void emu__break(int device, cudaError_t code) {
    broken[device] = code;
    emu__drop_queued(device);
    emu__wake();
}

void emu_break_device(int device, cudaError_t code) {
    emu__lock();
    emu__start();
    emu__break(device, code);
    emu__unlock();
}

/* A host function of a stream may not call CUDA: it could wait for itself. */
int emu__enter_library_from(const char *function, const void *from) {
    emu__lock();
    emu__start();
    emu__unlock();
    if (emu__running_stream())
        emu__report("%s is called from a host function of stream %d", function,
                    emu__running_stream()->number);
    emu__count_call_from(function, from);
    return emu__injected(function, from);
}

cudaError_t emu__enter_any_from(const char *function, const void *from) {
    const int injected = emu__enter_library_from(function, from);
    if (injected != 0) return emu__fail((cudaError_t)injected, function);
    if (!emu__settings.driver) return emu__fail(cudaErrorInsufficientDriver, function);
    return emu__fail(emu__settings.devices == 0 ? cudaErrorNoDevice : cudaSuccess, function);
}

cudaError_t emu__enter_from(const char *function, const void *from) {
    const cudaError_t entered = emu__enter_any_from(function, from);
    return entered != cudaSuccess ? entered : emu__fail(emu__broken(emu__device()), function);
}

bool emu__enter_back_from(const char *function, const void *from, cudaError_t *error) {
    *error = emu__enter_any_from(function, from);
    return emu__settings.driver && emu__settings.devices > 0;
}

void emu__expect_no_error(const char *function, bool launch) {
    if (last == cudaSuccess || (last == cudaErrorNotReady && !launch)) return;
    emu__report("%s is called over an unread %s from %s of the same thread: "
                "take it with cudaGetLastError()",
                function, cudaGetErrorName(last), last_function);
}

/* Injecting a failure here is of no use, and these must work without a device. */
cudaError_t cudaGetLastError(void) {
    const cudaError_t code = cudaPeekAtLastError();
    last                   = cudaSuccess;
    return code;
}

cudaError_t cudaPeekAtLastError(void) {
    const cudaError_t lasting = emu__broken(emu__device());
    return saw_broken && lasting != cudaSuccess ? lasting : last;
}
