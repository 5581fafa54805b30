/* SPDX-License-Identifier: MIT */
/* device.c -- the cpu as a device: its table and its memory. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/limits.h"
#include "runtime/device/cpu/blas.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/plain.h"

/* ---- device ---- */

enum { CACHE_LINE = 64 };

static void close_device(sluice_device *device) {
    if (!device) return;
    sluice__team_stop(device->team);
    sluice__free(device->block);
    sluice__free(device);
}

static size_t host_bytes(int threads, const char *name) {
    const sluice__blas *blas = NULL;
    if (sluice__blas_find(&blas, name) != SLUICE_OK) return 0;
    return (size_t)threads * blas->buffer_bytes;
}

static sluice_status prepare(int threads, const char *name) {
    SLUICE__TRY(sluice__blas_choose(name));
    const sluice__blas *const blas = sluice__blas_used();
    if (!blas->obtain_buffers) return SLUICE_OK;
    return blas->obtain_buffers(sluice__team_threads() + threads);
}

static sluice_status alloc_workspaces(sluice_device *device, int threads) {
    const size_t floats        = (size_t)threads * SLUICE__WORKSPACE + SLUICE__TURNED;
    const size_t bytes         = floats * sizeof *device->workspaces;
    const sluice_status status = sluice__alloc(&device->block, 1, bytes + CACHE_LINE);
    if (status != SLUICE_OK)
        return sluice__hint_limit(status, "use fewer ranks, or fewer threads of each");
    char *const block  = device->block;
    device->turned     = (float *)(block + (CACHE_LINE - (uintptr_t)block % CACHE_LINE));
    device->workspaces = device->turned + SLUICE__TURNED;
    return SLUICE_OK;
}

/* All processors are one device, whatever its ordinal. */
static sluice_status open_device(sluice_device **out, int ordinal, int threads, int first_core,
                                 bool pin) {
    (void)ordinal;
    sluice_device *device = NULL;
    sluice_status status  = SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&device, 1, sizeof *device));
    device->threads = threads;
    SLUICE__TRY_OUT(sluice__team_start(&device->team, threads, first_core, pin));
    SLUICE__TRY_OUT(alloc_workspaces(device, threads));
    *out   = device;
    device = NULL;
out:
    close_device(device);
    return status;
}

/* ---- arenas: whole huge pages, first touched by their user ---- */

enum { HUGE_PAGE = 2 << 20 };

static size_t whole_pages(size_t bytes) {
    return (bytes / HUGE_PAGE + 1) * HUGE_PAGE;
}

static sluice_status refuse_arena(size_t bytes) {
    const sluice_status status = sluice__fail(
        SLUICE_E_DEVICE_MEMORY, "out of host memory: an arena of %zu bytes was requested", bytes);
    return sluice__hint_limit(status,
                              "make the batch smaller, use more micro-batches or more ranks");
}

/* The request succeeds even where transparent huge pages are always or never given. */
static bool huge_pages_are_off(void) {
    char text[64] = "";
    FILE *file    = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    if (!file) return true;
    const bool is_read = fgets(text, sizeof text, file) != NULL;
    (void)fclose(file);
    return is_read && strstr(text, "[never]") != NULL;
}

static sluice_status arena_alloc(void **out, sluice_device *device, size_t bytes) {
    if (bytes > SIZE_MAX - 3 * (size_t)HUGE_PAGE) return refuse_arena(bytes);
    const size_t size = whole_pages(bytes);
    char *const region =
        mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED) return refuse_arena(bytes);
    /* One page more than needed is mapped; what lies before and after the aligned part is unmapped.
     */
    const size_t before = (HUGE_PAGE - (uintptr_t)region % HUGE_PAGE) % HUGE_PAGE;
    if (before > 0) (void)munmap(region, before);
    (void)munmap(region + before + size, HUGE_PAGE - before);
    if (madvise(region + before, size, MADV_HUGEPAGE) != 0 || huge_pages_are_off())
        device->small_pages = true;
    *out = region + before;
    return SLUICE_OK;
}

static void add(sluice_device *device, const char *sentence) {
    const size_t length = strlen(device->degradations);
    (void)snprintf(device->degradations + length, sizeof device->degradations - length, "%s%s",
                   length > 0 && sentence[0] ? "; " : "", sentence);
}

static const char *degradations(sluice_device *device) {
    const int unpinned      = sluice__team_unpinned(device->team);
    char threads[64]        = "";
    device->degradations[0] = '\0';
    if (unpinned > 0)
        (void)snprintf(threads, sizeof threads, "%d thread%s cannot be bound to a core", unpinned,
                       unpinned == 1 ? "" : "s");
    add(device, threads);
    add(device, device->small_pages ? "there are no huge pages" : "");
    add(device, sluice__blas_degradation());
    return device->degradations;
}

static void arena_free(sluice_device *device, void *arena, size_t bytes) {
    (void)device;
    if (arena) (void)munmap(arena, whole_pages(bytes));
}

/* ---- data ---- */

static sluice_status copy_bytes(sluice_stream *stream, void *to, const void *from, size_t bytes) {
    (void)stream;
    if (bytes > 0) memcpy(to, from, bytes); /* pointers of nothing may be NULL */
    return SLUICE_OK;
}

static sluice_status zero_bytes(sluice_stream *stream, void *to, size_t bytes) {
    (void)stream;
    if (bytes > 0) memset(to, 0, bytes);
    return SLUICE_OK;
}

const sluice_device_ops sluice__cpu_ops = {
    .size         = sizeof sluice__cpu_ops,
    .name         = "cpu",
    .asynchronous = false,
    .computes     = true,
    SLUICE__PLAIN_ROWS,
    .host_bytes   = host_bytes,
    .prepare      = prepare,
    .open         = open_device,
    .close        = close_device,
    .degradations = degradations,
    .arena_alloc  = arena_alloc,
    .arena_free   = arena_free,
    .upload       = copy_bytes,
    .download     = copy_bytes,
    .copy         = copy_bytes,
    .zero         = zero_bytes,
    .operations   = sluice__cpu_operations,
};
