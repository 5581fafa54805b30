/* SPDX-License-Identifier: MIT */
/* kernels.h -- kernels that the tests of the emulation launch: correct ones, and ones with a
 * bug. */
#ifndef SLUICE_TESTS_EMULATION_KERNELS_H
#define SLUICE_TESTS_EMULATION_KERNELS_H

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- correct: kernels.cu ---- */

cudaError_t launch_fill(float *y, float value, int count, cudaStream_t stream);
cudaError_t launch_add(float *z, const float *x, const float *y, int count, cudaStream_t stream);
/* y = x with any number of blocks of `threads`: for launches that exceed limits. */
cudaError_t launch_copy(float *y, const float *x, int count, int threads, size_t shared_bytes,
                        cudaStream_t stream);
/* y[row] = sum of the row, by warps, an array in shared memory and one barrier. */
cudaError_t launch_row_sums(float *y, const float *x, int rows, int width, cudaStream_t stream);
/* y = x backwards within each block of 64, through dynamic shared memory. */
cudaError_t launch_reverse(float *y, const float *x, int count, cudaStream_t stream);
/* out[0..11] per thread: see the test. One block of 96 threads. */
cudaError_t launch_warp_words(int *out, cudaStream_t stream);
cudaError_t launch_atomics(int *out, int blocks, cudaStream_t stream);
/* log[0] counts the notes after it. */
cudaError_t launch_note(int *log, int what, cudaStream_t stream);
/* out[i] = the position of thread i of the whole grid: 3 block and 3 thread numbers. */
cudaError_t launch_positions(unsigned *out, dim3 grid, dim3 block, cudaStream_t stream);
cudaError_t launch_bits(float *out, cudaStream_t stream);
cudaError_t launch_neighbour(float *y, const float *x, int by, cudaStream_t stream);
/* asks for more than 48 KiB, with and without the attribute */
cudaError_t prepare_large(size_t bytes);
cudaError_t launch_large(float *out, size_t bytes, cudaStream_t stream);

/* ---- correct unless a barrier is left out: races.cu ---- */

cudaError_t launch_collide(float *y, bool apart, cudaStream_t stream);
cudaError_t launch_swap_in_warp(float *y, const float *x, bool barrier, cudaStream_t stream);
cudaError_t launch_swap_in_block(float *y, const float *x, bool all, cudaStream_t stream);
/* y[2t] = 3 sums of x[0..63], y[2t + 1] = 3 times the largest of them */
cudaError_t launch_sums_and_maxima(float *y, const float *x, cudaStream_t stream);

/* ---- with a bug each: planted.cu ---- */

cudaError_t launch_reverse_no_barrier(float *y, const float *x, int count, cudaStream_t stream);
/* y[t] = x[t + by], of 64 in a circle */
cudaError_t launch_neighbour_no_barrier(float *y, const float *x, int by, cudaStream_t stream);
cudaError_t launch_past_end(float *y, int count, cudaStream_t stream);
cudaError_t launch_before_start(float *y, cudaStream_t stream);
cudaError_t launch_far_read(float *y, const float *x, int distance, cudaStream_t stream);
cudaError_t launch_shared_past_end(float *y, int index, cudaStream_t stream);
cudaError_t launch_dynamic_past_end(float *y, int index, cudaStream_t stream);
cudaError_t launch_divergent_barrier(float *y, cudaStream_t stream);
cudaError_t launch_two_barriers(float *y, cudaStream_t stream);
cudaError_t launch_early_return(float *y, cudaStream_t stream);
cudaError_t launch_wrong_mask(float *y, cudaStream_t stream);
cudaError_t launch_shuffle_outside(float *y, cudaStream_t stream);
cudaError_t launch_deep(float *y, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
