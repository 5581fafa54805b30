/* SPDX-License-Identifier: MIT */
/*
 * copy.c -- the one place that copies and fills memory, in a stream's order.
 *
 * Pinned memory is read and written when the stream reaches the copy. Host memory that is not
 * pinned is read and written before the call returns.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

struct copy {
    char *to;
    const char *from; /* `staged`, if that is not NULL */
    char *staged;
    size_t bytes;
    int value;
    bool lies; /* the last byte arrives changed */
};

static void run_copy(void *argument) {
    const struct copy *const copy = argument;
    if (!copy->staged) emu__reads(copy->from, copy->bytes);
    emu__writes(copy->to, copy->bytes);
    if (copy->to != copy->from)
        memset(copy->to, 0xFF, copy->bytes); /* reading too early gives NaNs */
    memcpy(copy->to, copy->from, copy->bytes);
    if (copy->lies) copy->to[copy->bytes - 1] ^= 0x40;
}

static void run_fill(void *argument) {
    const struct copy *const copy = argument;
    emu__writes(copy->to, copy->bytes);
    memset(copy->to, copy->value, copy->bytes);
}

static void release_copy(void *argument) {
    free(((struct copy *)argument)->staged);
    free(argument);
}

/* ---- checks of a copy ---- */

static int device_of(const void *pointer) {
    const emu__allocation *const a = emu__find(pointer);
    return a ? a->device : -1;
}

static bool kind_fits(enum cudaMemcpyKind kind, bool to_device, bool from_device) {
    switch (kind) {
    case cudaMemcpyHostToHost:
        return !to_device && !from_device;
    case cudaMemcpyHostToDevice:
        return to_device && !from_device;
    case cudaMemcpyDeviceToHost:
        return !to_device && from_device;
    case cudaMemcpyDeviceToDevice:
        return to_device && from_device;
    case cudaMemcpyDefault:
        return true;
    default:
        return false;
    }
}

/* A host address in no live allocation may be in a freed one, or on a guard page. */
static void expect_host_range(const void *from, size_t bytes, const char *what) {
    char text[192];
    for (int end = 0; end < 2; end++) {
        const char *const at = (const char *)from + (end ? bytes - 1 : 0);
        if (strncmp(emu__describe(at, text, sizeof text), "no ", 3) != 0)
            emu__report("%s: %zu bytes at %p reach %s", what, bytes, from, text);
    }
}

static void expect_side(const void *side, size_t bytes, const char *what) {
    if (emu__find(side))
        emu__expect_range(side, bytes, -1, what);
    else
        expect_host_range(side, bytes, what);
}

static void expect_copy(const void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                        const char *function) {
    expect_side(to, bytes, function);
    expect_side(from, bytes, function);
    if (!kind_fits(kind, device_of(to) >= 0, device_of(from) >= 0)) {
        char to_text[192], from_text[192];
        emu__report("%s: kind %d does not fit to (%s) and from (%s)", function, (int)kind,
                    emu__describe(to, to_text, sizeof to_text),
                    emu__describe(from, from_text, sizeof from_text));
    }
    if (to != from && (const char *)to < (const char *)from + bytes &&
        (const char *)from < (const char *)to + bytes)
        emu__report("%s: the %zu bytes from %p and to %p overlap", function, bytes, from, to);
}

/* ---- the API ---- */

/* Either side may be on another device than the stream. */
static unsigned devices_of(const void *to, const void *from) {
    const int target = device_of(to), source = device_of(from);
    return (target >= 0 ? 1U << target : 0) | (source >= 0 ? 1U << source : 0);
}

static struct copy *new_copy(void *to, const void *from, size_t bytes) {
    struct copy *const copy = emu__need(sizeof *copy);
    *copy                   = (struct copy){.to = to, .from = from, .bytes = bytes};
    if (emu__find(from)) return copy;
    emu__count("pageable copy");
    copy->staged = emu__need(bytes);
    emu__host_touches(from, bytes, false);
    memcpy(copy->staged, from, bytes);
    copy->from = copy->staged;
    return copy;
}

/* Between two devices, and how: by the device of the stream if it reaches the other, else through
 * the driver's memory, for which it makes the host wait. */
typedef enum way { NOT_BETWEEN, PEERS, DRIVER } way;

static way way_of(const void *to, const void *from, int device) {
    const int target = device_of(to), source = device_of(from);
    if (target < 0 || source < 0 || target == source) return NOT_BETWEEN;
    return emu__reaches(device, target) && emu__reaches(device, source) ? PEERS : DRIVER;
}

static cudaError_t enqueue_copy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                                cudaStream_t stream, const char *function) {
    emu__expect_no_error(function, false);
    emu__lock();
    emu__expect_stream(stream, function);
    if (bytes > 0) {
        expect_copy(to, from, bytes, kind, function);
        const bool pageable_target = emu__find(to) == NULL;
        const way by               = way_of(to, from, stream->device);
        struct copy *const copy    = new_copy(to, from, bytes);
        emu__operation queued      = {.kind     = EMU__WORK,
                                      .what     = function,
                                      .run      = run_copy,
                                      .argument = copy,
                                      .release  = release_copy,
                                      .also     = devices_of(to, from)};
        copy->lies                 = by == PEERS && emu__settings.peers == EMU_PEERS_LIE;
        if (by == PEERS && emu__settings.peers == EMU_PEERS_HANG) emu__hang(&queued);
        emu__enqueue(stream, &queued);
        if (by == DRIVER) {
            emu__count("copy through the driver");
            emu__wait(emu__stream_idle, stream,
                      "cudaMemcpyAsync between devices that are no peers");
        }
        if (pageable_target) {
            emu__count("pageable copy");
            emu__wait(emu__stream_idle, stream, "cudaMemcpyAsync to memory that is not pinned");
            emu__rely_on_stream(stream);
        }
    }
    const cudaError_t code = emu__broken(stream->device);
    emu__unlock();
    return emu__fail(code, function);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream) {
    EMU__ENTER();
    return enqueue_copy(to, from, bytes, kind, stream, __func__);
}

cudaError_t cudaMemcpyPeerAsync(void *to, int to_device, const void *from, int from_device,
                                size_t bytes, cudaStream_t stream) {
    EMU__ENTER();
    emu__lock();
    emu__expect_range(to, bytes, to_device, "cudaMemcpyPeerAsync, to");
    emu__expect_range(from, bytes, from_device, "cudaMemcpyPeerAsync, from");
    emu__unlock();
    return enqueue_copy(to, from, bytes, cudaMemcpyDeviceToDevice, stream, __func__);
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream) {
    EMU__ENTER();
    emu__lock();
    emu__expect_range(to, bytes, -1, __func__);
    const int device = device_of(to);
    emu__unlock();
    if (device >= 0 && device != emu__device())
        return emu__fail(cudaErrorInvalidResourceHandle, __func__);
    if (bytes == 0) return cudaSuccess;
    struct copy *const copy = emu__need(sizeof *copy);
    *copy                   = (struct copy){.to = to, .bytes = bytes, .value = value};
    return emu__work(stream, __func__, run_fill, copy, release_copy);
}
