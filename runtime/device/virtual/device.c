/* SPDX-License-Identifier: MIT */
/*
 * device.c -- a device whose memory is address space and whose operations do nothing: the executor
 * waits for as long as they take (runtime/executor/paced.c).
 */
#include <sys/mman.h>
#include <sys/prctl.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/device/plain.h"
#include "runtime/device/virtual/virtual.h"
#include "runtime/device/working.h"

/* The thread that opens a device drives it, and will sleep much: a timer that is late by the usual
 * slack of 50 us is late by half a percent of an action of 10 ms. */
static sluice_status open_device(sluice_device **out, int ordinal, int threads, int first_core,
                                 bool pin) {
    (void)ordinal, (void)first_core, (void)pin;
    if (threads < 1)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d compute threads are too few for a device",
                            threads);
    (void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    return sluice__alloc(out, 1, 1);
}

static void close_device(sluice_device *device) {
    sluice__free(device);
}

static const char *degradations(sluice_device *device) {
    (void)device;
    return "";
}

/* Nothing may touch it, and it takes no memory. */
static sluice_status arena_alloc(void **out, sluice_device *device, size_t bytes) {
    (void)device;
    void *const region = mmap(NULL, bytes > 0 ? bytes : 1, PROT_NONE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED)
        return sluice__fail(SLUICE_E_DEVICE_MEMORY, "there is no address space for %zu bytes",
                            bytes);
    *out = region;
    return SLUICE_OK;
}

static void arena_free(sluice_device *device, void *arena, size_t bytes) {
    (void)device;
    if (arena) (void)munmap(arena, bytes > 0 ? bytes : 1);
}

/* ---- rows that do nothing ---- */

static sluice_status copy(sluice_stream *stream, void *to, const void *from, size_t bytes) {
    (void)stream, (void)to, (void)from, (void)bytes;
    return SLUICE_OK;
}

static sluice_status zero(sluice_stream *stream, void *to, size_t bytes) {
    (void)stream, (void)to, (void)bytes;
    return SLUICE_OK;
}

/* ---- operations: none does anything ---- */

#define X(row, args)                                                                               \
    static sluice_status skip_##row(sluice_stream *stream, const args *arguments) {                \
        (void)stream, (void)arguments;                                                             \
        return SLUICE_OK;                                                                          \
    }
SLUICE_OPERATION_MAP(X)
#undef X

/* Precisions differ in the bytes of tensors only. */
#define X(row, args) .row = skip_##row,
#define TABLE(precision_, type_)                                                                   \
    {                                                                                              \
        .size = sizeof(sluice_operations), .precision = SLUICE_PRECISION_##precision_,             \
        .type = SLUICE_TYPE_##type_, .working_bytes = sluice__no_working_bytes,                    \
        SLUICE_OPERATION_MAP(X)                                                                    \
    }
static const sluice_operations tables[] = {TABLE(FP32, F32), TABLE(TF32, F32), TABLE(BF16, BF16)};
#undef TABLE
#undef X

static const sluice_operations *operations(sluice_precision precision) {
    for (size_t k = 0; k < sizeof tables / sizeof *tables; k++)
        if (tables[k].precision == precision) return &tables[k];
    return NULL;
}

const sluice_device_ops sluice__virtual_ops = {
    .size         = sizeof sluice__virtual_ops,
    .name         = "virtual",
    .asynchronous = false,
    .computes     = false,
    SLUICE__PLAIN_ROWS,
    .host_bytes   = sluice__plain_host_bytes,
    .prepare      = sluice__plain_prepare,
    .open         = open_device,
    .close        = close_device,
    .degradations = degradations,
    .arena_alloc  = arena_alloc,
    .arena_free   = arena_free,
    .upload       = copy,
    .download     = copy,
    .copy         = copy,
    .zero         = zero,
    .operations   = operations,
};
