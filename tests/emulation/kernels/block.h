/* SPDX-License-Identifier: MIT */
/* block.h -- a running block of CUDA threads: shared by grid.c, barrier.c, warp.c, shared.c. */
#ifndef SLUICE_TESTS_EMULATION_BLOCK_H
#define SLUICE_TESTS_EMULATION_BLOCK_H

#include "fiber.h"
#include "grid.h"
#include "internal.h"

#include <string.h>

enum { EMU__THREADS = 1024, EMU__LANES = 32, EMU__WARPS = EMU__THREADS / EMU__LANES };
/* ThreadSanitizer must not take thread 0 of one block for thread 0 of the next: fibers change. */
enum { EMU__SPARES = EMU__TELLS ? 7 : 0 };
enum { EMU__SHARED_PLAIN = 49152, EMU__ARRAYS = 64 };

enum emu__state { EMU__READY, EMU__AT_BARRIER, EMU__AT_WARP, EMU__RETURNED };

struct emu__thread {
    struct emu_thread seen; /* read by the kernel; first, so that emu_thread points here */
    enum emu__state state;
    emu__fiber *fiber;
    const char *file; /* where it waits */
    int line;
    unsigned mask;            /* mask of the lanes it waits for, at a warp function */
    bool yes;                 /* its vote at a counting barrier */
    uint64_t met[EMU__LANES]; /* values that the lanes left at its last meeting */
};

struct emu__warp {
    unsigned live, arrived;
    uint64_t values[EMU__LANES];
};

struct emu__array {
    const void *key;
    const char *name;
    unsigned char *at;
    size_t bytes;
};

/* What a stream needs for kernels: those of one stream never run at the same time. */
struct emu__grid {
    struct emu_block seen;
    emu_kernel kernel;
    emu__fiber_home home;
    unsigned threads, live, at_barrier, ready_count;
    int yes; /* count of votes at the last barrier */
    struct emu__thread thread[EMU__THREADS];
    emu__fiber fiber[EMU__THREADS + EMU__SPARES];
    unsigned fibers, turn_of_fibers; /* fibers that this kernel uses; index of thread 0's */
    emu__promise begun, ended, met;
    const void *caller; /* call site of the launch */
    struct emu__warp warp[EMU__WARPS];
    unsigned ready[EMU__THREADS], turn[EMU__THREADS];
    enum { EMU__FORWARD, EMU__REVERSE, EMU__SHUFFLED } order;
    uint64_t random;
    /* shared memory: arrays grow upwards, the dynamic part ends at a page that cannot be touched */
    unsigned char *shared;
    size_t shared_used;
    struct emu__array array[EMU__ARRAYS];
    unsigned arrays;
};

extern __thread struct emu__grid *emu__grid; /* the thread that runs on this host thread */

_Noreturn void emu__kernel_report(const char *format, ...) __attribute__((format(printf, 1, 2)));
void emu__make_ready(struct emu__thread *thread);
void emu__give_way(struct emu__thread *thread);
/* All of these threads wait; from here each is ordered after what the others did before. */
void emu__meet(struct emu__thread *const *threads, unsigned count);
void emu__shared_map(struct emu__grid *grid);
void emu__shared_unmap(struct emu__grid *grid);
void emu__shared_begin(struct emu__grid *grid); /* at the start of a block */
void emu__shared_end(struct emu__grid *grid);
bool emu__shared_overflowed(const struct emu__grid *grid, const void *address);
size_t emu__shared_limit(const void *function);                      /* limit of the dynamic part */
unsigned emu__lanes_of(const struct emu__grid *grid, unsigned warp); /* that the block has */

static inline struct emu__thread *emu__this_thread(void) {
    return (struct emu__thread *)(void *)emu_thread;
}

/* Whether two threads wait at one line. The file's name is usually the same pointer, which saves
 * the strcmp(). */
static inline bool emu__is_same_line(const struct emu__thread *one,
                                     const struct emu__thread *other) {
    return one->line == other->line &&
           (one->file == other->file || strcmp(one->file, other->file) == 0);
}

#endif
