/* SPDX-License-Identifier: MIT */
/*
 * memory.c -- the one place that makes device and pinned memory out of host memory.
 *
 * An allocation ends at a page that cannot be accessed, is filled with 0xFF (a NaN in every float),
 * and its pages are never reused: a byte read too far, too early or too late is a fault or a NaN.
 * Memory of a device is accessible only while work of that device runs.
 */
#include "internal.h"
#include "sanitize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 256, POISON = 0xFF, HOST = -1, CHEAP = 256 * 1024 };

static emu__allocation *allocations; /* newest first */
static emu__allocation *freed;       /* kept so that reports can name it */
static int last_number;
static int running[EMU__DEVICES]; /* operations that may access the device's memory */
static bool open[EMU__DEVICES];

/* ---- lookup ---- */

static emu__allocation *find_any(emu__allocation *list, const void *pointer) {
    const char *const at = pointer;
    for (emu__allocation *a = list; a; a = a->next)
        if (at >= a->map && at < a->map + a->map_bytes) return a;
    return NULL;
}

emu__allocation *emu__find(const void *pointer) {
    const char *const at = pointer;
    for (emu__allocation *a = allocations; a; a = a->next)
        if (at >= a->base && at < a->base + a->bytes) return a;
    return NULL;
}

const char *emu__describe(const void *pointer, char *text, size_t bytes) {
    const emu__allocation *a = find_any(allocations, pointer);
    if (!a) a = find_any(freed, pointer);
    if (!a) {
        (void)snprintf(text, bytes, "no memory of a device");
        return text;
    }
    const long offset       = (long)((const char *)pointer - a->base);
    const bool inside       = offset >= 0 && (size_t)offset < a->bytes;
    const char *const state = a->freed ? ", which is freed" : inside ? "" : ", outside it";
    if (a->device == HOST)
        (void)snprintf(text, bytes, "pinned allocation %d (%zu bytes), offset %ld%s", a->number,
                       a->bytes, offset, state);
    else
        (void)snprintf(text, bytes, "allocation %d of device %d (%zu bytes), offset %ld%s",
                       a->number, a->device, a->bytes, offset, state);
    return text;
}

void emu__expect_range(const void *from, size_t bytes, int device, const char *what) {
    if (bytes == 0) return;
    char text[192];
    const emu__allocation *const a = emu__find(from);
    if (!a || (const char *)from + bytes > a->base + a->bytes)
        emu__report("%s: %zu bytes at %p are not inside one allocation: %s", what, bytes, from,
                    emu__describe(from, text, sizeof text));
    if (device != HOST && a->device != device)
        emu__report("%s: device %d is expected, but this is %s", what, device,
                    emu__describe(from, text, sizeof text));
}

void emu__expect_no_memory(void) {
    char text[192];
    for (const emu__allocation *a = allocations; a; a = a->next)
        if (emu__broken(a->device) == cudaSuccess)
            emu__report("emu_restart: %s is not freed", emu__describe(a->base, text, sizeof text));
}

/* ---- when memory is accessible ---- */

static char *first_page(const emu__allocation *a) {
    return a->map + EMU__PAGE;
}

static char *guard_page(const emu__allocation *a) {
    return a->map + a->map_bytes - EMU__PAGE;
}

static void protect(const emu__allocation *a, int protection) {
    if (mprotect(first_page(a), (size_t)(guard_page(a) - first_page(a)), protection) != 0)
        emu__report("mprotect of allocation %d fails", a->number);
}

/* Large ones, such as a workspace of cuBLAS, stay open: the kernel goes through all of their pages.
 */
static bool is_large(const emu__allocation *a) {
    return a->map_bytes > (size_t)16 << 20;
}

static void protect_device(int device, int protection) {
    for (const emu__allocation *a = allocations; a; a = a->next)
        if (a->device == device && !is_large(a)) protect(a, protection);
}

/* The first byte of a range that is not poison, or the end. */
__attribute__((no_sanitize_address)) static const char *first_written(const char *at,
                                                                      const char *end) {
    while ((size_t)at % sizeof(uint64_t) == 0 && at + sizeof(uint64_t) <= end &&
           *(const uint64_t *)(const void *)at == UINT64_MAX)
        at += sizeof(uint64_t);
    while (at < end && *at == (char)POISON) at++;
    return at;
}

/* Margins of an allocation on its own pages still hold their fill bytes. */
static void expect_margins(const emu__allocation *a, const char *what) {
    const char *at = first_written(first_page(a), a->base);
    if (at < a->base)
        emu__report("%s: a byte %td before allocation %d (device %d, %zu bytes) is overwritten",
                    what, a->base - at, a->number, a->device, a->bytes);
    at = first_written(a->base + a->bytes, guard_page(a));
    if (at < guard_page(a))
        emu__report("%s: byte %td of allocation %d (device %d, %zu bytes) is written", what,
                    at - a->base, a->number, a->device, a->bytes);
}

static size_t taken(int device) {
    size_t bytes = 0;
    for (const emu__allocation *a = allocations; a; a = a->next)
        if (a->device == device) bytes += a->bytes;
    return bytes;
}

static void set_open(int device, bool now) {
    if (open[device] == now) return;
    open[device] = now;
    protect_device(device, now ? PROT_READ | PROT_WRITE : PROT_NONE);
}

/* Closing much memory is slow, so unless it is urgent it is postponed until a host thread goes
 * on. */
void emu__settle_memory(bool all) {
    for (int d = 0; d < emu__settings.devices; d++)
        if (open[d] && running[d] == 0 && (all || taken(d) <= CHEAP)) set_open(d, false);
}

unsigned emu__open_memory(int device, unsigned also) {
    static uint64_t random;
    unsigned opened = 0;
    for (int d = 0; d < emu__settings.devices; d++)
        if (emu__reaches(device, d) || (also >> d & 1)) {
            opened |= 1U << d;
            running[d]++;
        }
    emu__settle_memory(emu__random(&random) % 16 ==
                       0); /* of the others: this work may not access it */
    for (int d = 0; d < emu__settings.devices; d++)
        if (opened >> d & 1) set_open(d, true);
    return opened;
}

void emu__close_memory(unsigned opened, const char *what) {
    for (const emu__allocation *a = allocations; a; a = a->next)
        if (a->device != HOST && (opened >> a->device & 1)) expect_margins(a, what);
    for (int d = 0; d < emu__settings.devices; d++)
        if (opened >> d & 1) running[d]--;
    emu__settle_memory(false);
}

/* ---- allocation ---- */

static size_t rounded(size_t bytes, size_t to) {
    return (bytes + to - 1) / to * to;
}

static emu__allocation *map_new(size_t bytes, int device) {
    const size_t padded = rounded(bytes, ALIGNMENT), pages = rounded(padded, EMU__PAGE);
    const size_t map_bytes = pages + 2 * (size_t)EMU__PAGE;
    char *const map =
        mmap(NULL, map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) return NULL;
    emu__allocation *const a = emu__need(sizeof *a);
    a->map                   = map;
    a->map_bytes             = map_bytes;
    a->base                  = map + EMU__PAGE + pages - padded;
    a->bytes                 = bytes;
    a->device                = device;
    protect(a, PROT_READ | PROT_WRITE);
    memset(first_page(a), POISON, pages);
    emu__poison(first_page(a), (size_t)(a->base - first_page(a)));
    emu__poison(a->base + bytes, padded - bytes);
    return a;
}

static cudaError_t allocate(void **out, size_t bytes, int device, const char *function) {
    if (!out) return emu__fail(cudaErrorInvalidValue, function);
    *out = NULL;
    if (bytes == 0) return cudaSuccess;
    emu__lock();
    const size_t total = (size_t)emu__settings.memory_mib << 20;
    const bool fits    = device == HOST || (bytes <= total && taken(device) <= total - bytes);
    emu__allocation *a = fits ? map_new(bytes, device) : NULL;
    if (a) {
        a->number = ++last_number;
        if (device != HOST && !open[device] && !is_large(a)) protect(a, PROT_NONE);
        a->next     = allocations;
        allocations = a;
        *out        = a->base;
        emu__live(device == HOST ? "pinned allocation" : "device allocation", 1);
    }
    emu__unlock();
    return a ? cudaSuccess : emu__fail(cudaErrorMemoryAllocation, function);
}

cudaError_t cudaMalloc(void **out, size_t bytes) {
    EMU__ENTER_CONTEXT();
    return allocate(out, bytes, emu__device(), __func__);
}

cudaError_t cudaMallocHost(void **out, size_t bytes) {
    EMU__ENTER_CONTEXT();
    return allocate(out, bytes, HOST, __func__);
}

cudaError_t cudaHostAlloc(void **out, size_t bytes, unsigned flags) {
    EMU__ENTER_CONTEXT();
    (void)flags;
    return allocate(out, bytes, HOST, __func__);
}

static void take_out(const emu__allocation *a) {
    emu__allocation **at = &allocations;
    while (*at != a) at = &(*at)->next;
    *at = a->next;
}

/* The pages stay mapped to nothing, so that no later allocation gets them. */
static void release(emu__allocation *a, const char *function) {
    if (a->device != HOST && !open[a->device]) protect(a, PROT_READ | PROT_WRITE);
    expect_margins(a, function);
    emu__unpoison(first_page(a), (size_t)(guard_page(a) - first_page(a)));
    (void)madvise(a->map, a->map_bytes, MADV_DONTNEED);
    protect(a, PROT_NONE);
    take_out(a);
    a->freed = true;
    a->next  = freed;
    freed    = a;
}

static cudaError_t free_one(void *pointer, bool host, const char *function, cudaError_t error) {
    if (!pointer) return error;
    emu__lock();
    emu__allocation *const a = emu__find(pointer);
    const bool right = a && a->base == pointer && !a->registered && host == (a->device == HOST);
    if (right) {
        /* cudaFree waits for the device; for pinned memory CUDA promises nothing. */
        if (!host) emu__wait(emu__device_idle, &a->device, "cudaFree (it waits for the device)");
        if (host) emu__host_touches(a->base, a->bytes, true);
        release(a, function);
        emu__live(host ? "pinned allocation" : "device allocation", -1);
    }
    emu__unlock();
    if (error != cudaSuccess) return error;
    return emu__fail(right ? emu__broken(emu__device()) : cudaErrorInvalidValue, function);
}

cudaError_t cudaFree(void *pointer) {
    cudaError_t error = cudaSuccess;
    return emu__enter_back(__func__, &error) ? free_one(pointer, false, __func__, error) : error;
}

cudaError_t cudaFreeHost(void *pointer) {
    emu__asked_from(__builtin_return_address(0));
    cudaError_t error = cudaSuccess;
    return emu__enter_back(__func__, &error) ? free_one(pointer, true, __func__, error) : error;
}

/* ---- host pages that are pinned in place ---- */

cudaError_t cudaHostRegister(void *pointer, size_t bytes, unsigned flags) {
    EMU__ENTER_CONTEXT();
    (void)flags;
    if (!pointer || bytes == 0) return emu__fail(cudaErrorInvalidValue, __func__);
    emu__lock();
    const bool already = emu__find(pointer) != NULL;
    if (!already) {
        emu__allocation *const a = emu__need(sizeof *a);
        *a                       = (emu__allocation){.next       = allocations,
                                                     .base       = pointer,
                                                     .map        = pointer,
                                                     .bytes      = bytes,
                                                     .map_bytes  = bytes,
                                                     .device     = HOST,
                                                     .number     = ++last_number,
                                                     .registered = true};
        allocations              = a;
    }
    emu__unlock();
    return emu__fail(already ? cudaErrorHostMemoryAlreadyRegistered : cudaSuccess, __func__);
}

cudaError_t cudaHostUnregister(void *pointer) {
    EMU__ENTER();
    emu__lock();
    emu__allocation *const a = emu__find(pointer);
    const bool right         = a && a->registered && a->base == pointer;
    if (right) take_out(a);
    emu__unlock();
    if (right) free(a);
    return emu__fail(right ? cudaSuccess : cudaErrorHostMemoryNotRegistered, __func__);
}

/* ---- queries ---- */

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total) {
    EMU__ENTER_CONTEXT();
    emu__lock();
    *total      = (size_t)emu__settings.memory_mib << 20;
    *free_bytes = *total - taken(emu__device());
    emu__unlock();
    return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *out, const void *pointer) {
    EMU__ENTER();
    emu__lock();
    const emu__allocation *const a = emu__find(pointer);
    const bool device              = a && a->device != HOST;
    *out                           = (struct cudaPointerAttributes){
                                  .type          = !a       ? cudaMemoryTypeUnregistered
                                                   : device ? cudaMemoryTypeDevice
                                                            : cudaMemoryTypeHost,
                                  .device        = device ? a->device : emu__device(),
                                  .devicePointer = a ? (void *)pointer : NULL,
                                  .hostPointer   = device ? NULL : (void *)pointer,
    };
    emu__unlock();
    return cudaSuccess;
}

/* Pinned memory has one address for all. */
cudaError_t cudaHostGetDevicePointer(void **out, void *pointer, unsigned flags) {
    EMU__ENTER();
    (void)flags;
    emu__lock();
    const emu__allocation *const a = emu__find(pointer);
    const bool pinned              = a && a->device == HOST;
    emu__unlock();
    if (pinned) *out = pointer;
    return emu__fail(pinned ? cudaSuccess : cudaErrorInvalidValue, __func__);
}
