/* SPDX-License-Identifier: MIT */
/* grid.h -- what a kernel compiled for the CPU needs from the emulation, behind simt.h. */
#ifndef SLUICE_TESTS_EMULATION_GRID_H
#define SLUICE_TESTS_EMULATION_GRID_H

#include <cuda_runtime_api.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct emu_thread {
    uint3 index;
    unsigned number; /* in its block: x first, then y, then z */
};
struct emu_block {
    uint3 index;
    dim3 block, grid;
    unsigned char *dynamic_shared;
};
/* A CUDA thread begins and ends on one host thread, so that both may be cached. */
extern __thread struct emu_thread *emu_thread;
extern __thread struct emu_block *emu_block;
/* The same, hidden from ThreadSanitizer: it may still attribute a host thread's variables to an
 * earlier thread. */
struct emu_thread *emu_thread_now(void);
struct emu_block *emu_block_now(void);

/* A launch. `call` runs the kernel's body for one CUDA thread; `release` frees the arguments. */
typedef struct emu_kernel {
    const char *name;
    const void *function;
    dim3 grid, block;
    size_t shared_bytes;
    void (*call)(void *arguments);
    void *arguments;
    void (*release)(void *arguments);
} emu_kernel;

/* Copies `kernel`; its arguments are released in any case. */
cudaError_t emu_launch_kernel(const emu_kernel *kernel, cudaStream_t stream);

/* ---- called by a kernel's threads ---- */

void emu_barrier(const char *file, int line);
int emu_barrier_count(int predicate, const char *file,
                      int line); /* number of the block's threads that say yes */
uint64_t emu_shuffle(unsigned mask, uint64_t value, unsigned from, const char *file, int line);
/* What each lane of the warp left, which must be whole. */
void emu_exchange(uint64_t of_lanes[32], uint64_t value, const char *file, int line);
void emu_misuse(const char *what, const char *file, int line);
unsigned emu_ballot(unsigned mask, int predicate, const char *file, int line);
void emu_warp_barrier(unsigned mask, const char *file, int line);
void *emu_shared(size_t bytes, const void *key, const char *name);

#ifdef __cplusplus
}
#endif
#endif
