/* SPDX-License-Identifier: MIT */
/*
 * kernels.h -- the complete interface between C and CUDA C++.
 *
 * A launcher enqueues on `stream` and returns the launch error; it allocates nothing and
 * synchronizes nothing. An empty tensor needs no launch. Argument structs are those of
 * operations.h: host memory that is read before the launcher returns; pointers in them are to
 * device memory. `type` is that of their `void *` tensors.
 */
#ifndef SLUICE_DEVICE_CUDA_KERNELS_H
#define SLUICE_DEVICE_CUDA_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stdint.h>

#include "sluice/device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- limits and blocks ---- */
enum {
    SLUICE__CUDA_HEAD_WIDTH = 256,  /* widest head of attention */
    SLUICE__CUDA_PARTIALS   = 64,   /* most partial sums of a reduction to one number */
    SLUICE__CUDA_SUM_TERMS  = 256,  /* most arrays in one sum */
    SLUICE__CUDA_TENSORS    = 4096, /* most tensors in one update */
    SLUICE__CUDA_UPDATE     = 4096  /* elements of one block of an update */
};

/* An index out of range that a kernel found. In host memory that the device writes, whole numbers
 * at a time and `what` last. */
typedef struct sluice__cuda_fault {
    unsigned long long index, limit; /* of the first bad one; values must be below `limit` */
    unsigned long long epoch;        /* the launcher's argument */
    int value;
    int what; /* 0: nothing was found; else the launcher's argument */
} sluice__cuda_fault;

/* One tensor of an update, in device memory. */
typedef struct sluice__cuda_tensor {
    float *master;
    void *working; /* a copy of it whose elements are those of the table of operations, or NULL */
    const float *gradient;
    float *states[SLUICE_UPDATE_STATES];
    int64_t count;
    int64_t first_block; /* number of the tensor's first block in the launch */
    int64_t decays;
} sluice__cuda_tensor;

/* What one element of adamw needs, with the bias corrections folded into the factors. */
typedef struct sluice__adamw_factors {
    float gradient; /* clip factor */
    float keep[2];  /* 1 - lr * decay of a tensor that does not decay, and of one that does */
    float beta1, beta2;
    float rate, second, epsilon; /* lr / (1 - beta1^t); 1 / sqrt(1 - beta2^t) */
} sluice__adamw_factors;

/* The same for sgd. */
typedef struct sluice__sgd_factors {
    float keep[2];            /* as above */
    float rate;               /* of the gradient, clip factor included, or else of the velocity */
    float gradient, momentum; /* clip factor; both for the velocity alone */
} sluice__sgd_factors;

/* Radians per position of each pair of a head. */
typedef struct sluice__cuda_rotary_table {
    double frequencies[SLUICE__CUDA_HEAD_WIDTH / 2];
} sluice__cuda_rotary_table;

/* ---- once per device, before anything is launched there ---- */
cudaError_t sluice__prepare_attention(void);
cudaError_t sluice__prepare_attention_backward(void);
cudaError_t sluice__prepare_attention_mma(void);
cudaError_t sluice__prepare_attention_mma_backward(void);

/* ---- epilogues of products ---- */
/* y += bias (columns), gelu = gelu(y), each where given. */
cudaError_t sluice__launch_epilogue(void *y, void *gelu, const void *bias, int64_t rows,
                                    int64_t columns, sluice_type type, cudaStream_t stream);
/* dx *= gelu'(before). */
cudaError_t sluice__launch_gelu_slope(void *dx, const void *before, int64_t count, sluice_type type,
                                      cudaStream_t stream);
/* partials (blocks of SLUICE__COLUMN_SUM_ROWS rows, columns) = sums over each block's rows. */
cudaError_t sluice__launch_column_sums(float *partials, const void *x, int64_t rows,
                                       int64_t columns, sluice_type type, cudaStream_t stream);
/* out (columns) (+)= partials (blocks, columns) summed in order of blocks. */
cudaError_t sluice__launch_add_partials(float *out, const float *partials, int64_t blocks,
                                        int64_t columns, bool first_write, cudaStream_t stream);

/* ---- layers ---- */
cudaError_t sluice__launch_norm(const sluice_norm *args, sluice_type type, cudaStream_t stream);
cudaError_t sluice__launch_norm_input(const sluice_norm_backward *args, sluice_type type,
                                      cudaStream_t stream);
/* Partial sums of dgain, then of dbias if that is given, in args->scratch. */
cudaError_t sluice__launch_norm_columns(const sluice_norm_backward *args, sluice_type type,
                                        cudaStream_t stream);
/* head_width at most SLUICE__CUDA_HEAD_WIDTH. */
cudaError_t sluice__launch_attention(const sluice_attention *args, sluice_type type,
                                     cudaStream_t stream);
cudaError_t sluice__launch_attention_backward(const sluice_attention_backward *args,
                                              sluice_type type, cudaStream_t stream);
/* On tensor cores: bf16, heads of 64 or 128, tensors at multiples of 16 bytes, something to do.
 * delta (samples, heads, length): the sums over a row of dout * out. */
cudaError_t sluice__launch_attention_mma(const sluice_attention *args, cudaStream_t stream);
cudaError_t sluice__launch_attention_mma_backward(const sluice_attention_backward *args,
                                                  const float *delta, cudaStream_t stream);
cudaError_t sluice__launch_head_norm(const sluice_head_norm *args, sluice_type type,
                                     cudaStream_t stream);
/* In place of args->dqkv, which the columns' sums read before. */
cudaError_t sluice__launch_head_norm_input(const sluice_head_norm_backward *args, sluice_type type,
                                           cudaStream_t stream);
/* Partial sums of dq_gain, then of dk_gain, in args->scratch. */
cudaError_t sluice__launch_head_norm_columns(const sluice_head_norm_backward *args,
                                             sluice_type type, cudaStream_t stream);
cudaError_t sluice__launch_rotary(const sluice_rotary *args, const sluice__cuda_rotary_table *table,
                                  sluice_type type, cudaStream_t stream);
/* head_width at most SLUICE__CUDA_HEAD_WIDTH. */
cudaError_t sluice__launch_attention_cached(const sluice_attention_cached *args, sluice_type type,
                                            cudaStream_t stream);
cudaError_t sluice__launch_embedding(const sluice_embedding *args, sluice_type type,
                                     cudaStream_t stream);
cudaError_t sluice__launch_embedding_backward(const sluice_embedding_backward *args,
                                              sluice_type type, cudaStream_t stream);
cudaError_t sluice__launch_swiglu(const sluice_swiglu *args, sluice_type type, cudaStream_t stream);
cudaError_t sluice__launch_swiglu_backward(const sluice_swiglu_backward *args, sluice_type type,
                                           cudaStream_t stream);
cudaError_t sluice__launch_drop(const sluice_drop *args, sluice_type type, cudaStream_t stream);

/* ---- losses ---- */
/* losses (rows) of logits in rows of `stride`; if `gradients`, a row's first `classes` elements of
 * the type become scale (softmax - target). */
cudaError_t sluice__launch_softmax_loss(double *losses, float *logits, const int32_t *targets,
                                        int64_t rows, int64_t classes, int64_t stride, double scale,
                                        bool gradients, sluice_type type, cudaStream_t stream);
/* *loss = scale * the sum of losses (+ *loss). */
cudaError_t sluice__launch_add_losses(double *loss, const double *losses, int64_t rows,
                                      double scale, bool first_write, cudaStream_t stream);
/* partials: SLUICE__CUDA_PARTIALS doubles. */
cudaError_t sluice__launch_squared_error(const sluice_squared_error *args, double *partials,
                                         sluice_type type, cudaStream_t stream);
/* If a value is >= limit (or negative and not `negative_allowed`), note the first in *fault, unless
 * one is noted already. */
cudaError_t sluice__launch_check(sluice__cuda_fault *fault, const int32_t *values, int64_t count,
                                 int64_t limit, bool negative_allowed, int what,
                                 unsigned long long epoch, cudaStream_t stream);

/* ---- flat arrays ---- */
/* y = x where `where` is positive, else 0. */
cudaError_t sluice__launch_keep_positive(void *y, const void *x, const void *where, int64_t count,
                                         sluice_type type, cudaStream_t stream);
/* `inputs`: host array of at most SLUICE__CUDA_SUM_TERMS device pointers, at least one. */
cudaError_t sluice__launch_sum(float *out, const float *const *inputs, int terms, int64_t count,
                               cudaStream_t stream);
cudaError_t sluice__launch_scale(void *x, float by, int64_t count, sluice_type type,
                                 cudaStream_t stream);

/* ---- update: `tensors` is device memory ---- */
/* partials (count, SLUICE__CUDA_PARTIALS) is scratch; sums (count). */
cudaError_t sluice__launch_sum_squares(double *sums, double *partials,
                                       const sluice__cuda_tensor *tensors, int count,
                                       cudaStream_t stream);
cudaError_t sluice__launch_adamw(const sluice__cuda_tensor *tensors, int count, int64_t blocks,
                                 const sluice__adamw_factors *factors, sluice_type type,
                                 cudaStream_t stream);
/* p = keep p - rate g; with momentum v = momentum v + clip factor * g, without the old v where it
 * `starts`, and p = keep p - rate v. */
cudaError_t sluice__launch_sgd(const sluice__cuda_tensor *tensors, int count, int64_t blocks,
                               const sluice__sgd_factors *factors, bool starts, sluice_type type,
                               cudaStream_t stream);
cudaError_t sluice__launch_store_working(void *working, const float *master, int64_t count,
                                         sluice_type type, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
