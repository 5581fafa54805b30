/* SPDX-License-Identifier: MIT */
/*
 * shared.c -- the one place for shared memory of blocks and its limits.
 *
 * Arrays are laid out from the bottom up with guard bytes between them; the dynamic part ends at a
 * page that cannot be accessed. At the start of every block all of it is filled with 0xFF.
 */
#include "block.h"
#include "sanitize.h"

#include <string.h>
#include <sys/mman.h>

enum { GAP = 64, POISON = 0xFF, BETWEEN = 0xA5, SHARED_BYTES = 512 * 1024, FUNCTIONS = 256 };

static struct {
    const void *function;
    size_t limit; /* limit of dynamic bytes, set by cudaFuncSetAttribute */
} limits[FUNCTIONS];

size_t emu__shared_limit(const void *function) {
    size_t limit = EMU__SHARED_PLAIN;
    emu__lock();
    for (int f = 0; f < FUNCTIONS && limits[f].function; f++)
        if (limits[f].function == function) limit = limits[f].limit;
    emu__unlock();
    return limit;
}

static cudaError_t set_limit(const void *function, int limit) {
    if (limit < 0 || limit > emu__shared_max()) return cudaErrorInvalidValue;
    emu__lock();
    for (int f = 0; f < FUNCTIONS; f++) {
        if (limits[f].function && limits[f].function != function) continue;
        limits[f].function = function;
        limits[f].limit    = (size_t)limit;
        emu__unlock();
        return cudaSuccess;
    }
    emu__report("more than %d kernels have attributes", FUNCTIONS);
}

cudaError_t cudaFuncSetAttribute(const void *function, enum cudaFuncAttribute attribute,
                                 int value) {
    EMU__ENTER();
    if (emu__settings.major < EMU__OLDEST)
        return emu__fail(cudaErrorNoKernelImageForDevice, __func__);
    if (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize)
        return emu__fail(set_limit(function, value), __func__);
    return cudaSuccess; /* a hint about the cache */
}

/* Called to load a kernel early. Only nvcc knows the registers: 0. */
cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *out, const void *function) {
    EMU__ENTER();
    if (!function) return emu__fail(cudaErrorInvalidDeviceFunction, __func__);
    memset(out, 0, sizeof *out);
    out->maxThreadsPerBlock        = EMU__THREADS;
    out->maxDynamicSharedSizeBytes = (int)emu__shared_limit(function);
    out->binaryVersion             = 90;
    out->ptxVersion                = 90;
    return cudaSuccess;
}

/* ---- a stream's shared memory ---- */

void emu__shared_map(struct emu__grid *grid) {
    unsigned char *const map = mmap(NULL, SHARED_BYTES + EMU__PAGE, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED || mprotect(map + SHARED_BYTES, EMU__PAGE, PROT_NONE) != 0)
        emu__report("out of memory for shared memory");
    grid->shared = map;
    emu__poison(map, SHARED_BYTES);
}

void emu__shared_unmap(struct emu__grid *grid) {
    emu__unpoison(grid->shared, SHARED_BYTES);
    (void)munmap(grid->shared, SHARED_BYTES + EMU__PAGE);
}

bool emu__shared_overflowed(const struct emu__grid *grid, const void *address) {
    const unsigned char *const at = address;
    return at >= grid->shared + SHARED_BYTES && at < grid->shared + SHARED_BYTES + EMU__PAGE;
}

/* ---- a block's ---- */

static size_t dynamic_bytes(const struct emu__grid *grid) {
    return (grid->kernel.shared_bytes + 15) / 16 * 16;
}

void emu__shared_begin(struct emu__grid *grid) {
    const size_t available = dynamic_bytes(grid), bytes = grid->kernel.shared_bytes;
    unsigned char *const dynamic = grid->shared + SHARED_BYTES - available;
    emu__unpoison(dynamic, available);
    memset(dynamic, POISON, bytes);
    memset(dynamic + bytes, BETWEEN, available - bytes);
    emu__poison(dynamic + bytes, available - bytes);
    grid->seen.dynamic_shared = dynamic;
    grid->shared_used         = 0;
    grid->arrays              = 0;
}

static void expect_enough(const struct emu__grid *g, size_t bytes, const char *name) {
    size_t total = bytes;
    for (unsigned a = 0; a < g->arrays; a++) total += g->array[a].bytes;
    const size_t limit = emu__shared_limit(g->kernel.function);
    if (g->arrays == EMU__ARRAYS || total > EMU__SHARED_PLAIN ||
        total + g->kernel.shared_bytes > limit)
        emu__kernel_report(
            "with array '%s' it has %zu bytes of shared memory in addition to %zu dynamic ones: "
            "more than %d, or than %zu in all",
            name, total, g->kernel.shared_bytes, EMU__SHARED_PLAIN, limit);
}

/* The first thread that gets here makes the array for the whole block. */
void *emu_shared(size_t bytes, const void *key, const char *name) {
    struct emu__grid *const g = emu__grid;
    for (unsigned a = 0; a < g->arrays; a++)
        if (g->array[a].key == key) return g->array[a].at;
    expect_enough(g, bytes, name);
    const size_t padded     = (bytes + 15) / 16 * 16 + GAP;
    unsigned char *const at = g->shared + g->shared_used;
    emu__unpoison(at, padded);
    memset(at, POISON, bytes);
    memset(at + bytes, BETWEEN, padded - bytes);
    emu__poison(at + bytes, padded - bytes);
    g->shared_used += padded;
    g->array[g->arrays++] = (struct emu__array){key, name, at, bytes};
    return at;
}

static void expect_between(const unsigned char *from, const unsigned char *to, const char *name) {
    for (const unsigned char *at = from; at < to; at++)
        if (*at != BETWEEN)
            emu__kernel_report("it wrote byte %td after the end of shared array '%s'", at - from,
                               name);
}

/* Map the pages again, so that ThreadSanitizer forgets the last block's accesses. */
static void forget_accesses(unsigned char *from, const unsigned char *to) {
#ifdef EMU_TSAN
    unsigned char *const page = from - (size_t)from % EMU__PAGE;
    if (from >= to) return;
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    if (mmap(page, (size_t)(to - page), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != page)
        emu__report("out of memory for shared memory");
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
#else
    (void)from, (void)to;
#endif
}

void emu__shared_end(struct emu__grid *grid) {
    unsigned char *const end     = grid->shared + SHARED_BYTES;
    unsigned char *const dynamic = end - dynamic_bytes(grid);
    emu__unpoison(grid->shared, grid->shared_used);
    emu__unpoison(dynamic, (size_t)(end - dynamic));
    for (unsigned a = 0; a < grid->arrays; a++) {
        const struct emu__array *const array = &grid->array[a];
        expect_between(array->at + array->bytes, array->at + (array->bytes + 15) / 16 * 16 + GAP,
                       array->name);
    }
    expect_between(dynamic + grid->kernel.shared_bytes, end, "dynamic");
    forget_accesses(grid->shared, grid->shared + grid->shared_used);
    forget_accesses(dynamic, end);
    emu__poison(grid->shared, grid->shared_used);
    emu__poison(dynamic, (size_t)(end - dynamic));
}
