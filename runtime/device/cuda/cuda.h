/* SPDX-License-Identifier: MIT */
/* cuda.h -- what the files of the cuda device share. */
#ifndef SLUICE_DEVICE_CUDA_CUDA_H
#define SLUICE_DEVICE_CUDA_CUDA_H

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include "runtime/device/cuda/kernels.h"
#include "sluice/device.h"

extern const sluice_device_ops sluice__cuda_ops;

/* The device's table of an update's tensors, sent only when it changes. */
typedef struct sluice__cuda_table {
    sluice__cuda_tensor *there; /* device memory: SLUICE__CUDA_TENSORS of them */
    sluice__cuda_tensor *here;  /* pinned: the table on the device, once `sent` has happened */
    cudaEvent_t sent;
    int count;
    int64_t blocks;
} sluice__cuda_table;

/* GPUs of a machine that can exchange anything. */
enum { SLUICE__CUDA_GPUS = 64 };

struct sluice_device {
    int ordinal;
    int high_priority; /* of streams */
    size_t workspace;  /* bytes of a stream's cuBLAS */
    bool has_met[SLUICE__CUDA_GPUS];
    char degradations[512];
};

struct sluice_stream {
    sluice_device *device;
    cudaStream_t handle;
    /* The rest only for streams that compute. */
    cublasLtHandle_t products;
    struct sluice__cuda_algorithm *algorithms; /* products.c's */
    unsigned char *memory;     /* on the device: cuBLAS's workspace, partials, tables */
    double *partials;          /* (SLUICE__CUDA_TENSORS, SLUICE__CUDA_PARTIALS) */
    sluice__cuda_fault *fault; /* pinned */
    unsigned long long epoch;  /* events recorded so far, so that a fault is reported with the first
                                  event after it */
    sluice__cuda_table squares, update;
};

struct sluice_event {
    cudaEvent_t handle;
    const sluice_stream *stream; /* of the last recording */
    unsigned long long epoch;    /* work of the stream with a lower epoch comes before it */
};

/* What a kernel found: the `what` of a fault. */
enum { SLUICE__FAULT_TOKEN = 1, SLUICE__FAULT_TARGET = 2 };

/* ---- failure.c ---- */
/* OK, or E_DEVICE (E_DEVICE_MEMORY) with what was attempted and CUDA's reason. */
sluice_status sluice__cuda_status(cudaError_t error, const char *what);
/* An error of freeing something is an earlier failure, reported elsewhere: it is cleared, so that
 * it is not attributed to the next launch. */
void sluice__cuda_given_back(cudaError_t error);
/* Device memory, and pinned host memory; at least a byte. */
sluice_status sluice__cuda_take(void **out, size_t bytes, const char *what);
sluice_status sluice__cuda_pin(void **out, size_t bytes, unsigned flags);
/* If a GPU failed, with its driver's reason. */
sluice_status sluice__cublas_status(const sluice_stream *stream, cublasStatus_t error,
                                    const char *what);
/* E_ARGUMENT, with what a kernel noted before that epoch. */
sluice_status sluice__cuda_report(const sluice__cuda_fault *fault, unsigned long long epoch);

/* ---- architectures.c ---- */
/* Whether code for a `list` of CMake's, with commas, runs on a GPU: 90 is sm_90. */
bool sluice__cuda_architecture_is_built(const char *list, int number);
/* "sm_80, sm_90, sm_120 and later", truncated to `bytes`. */
void sluice__cuda_print_architectures(char *out, size_t bytes, const char *list);

/* ---- gpus.c ---- */
/* E_DEVICE: there is no driver, no GPU, or none that this build has code for. */
sluice_status sluice__cuda_count(int *count);
/* 10 major + minor of its compute capability. E_DEVICE: this build has no code for the GPU; which
 * it has. */
sluice_status sluice__cuda_architecture(int *number, int ordinal);
sluice_status sluice__cuda_describe(char *out, size_t bytes, int ordinal);
sluice_status sluice__cuda_memory(size_t *available, size_t *reserve, int ordinal, int ranks);

/* ---- peers.c ---- */
/* As the rows of the table. */
sluice_status sluice__cuda_meet(sluice_device *device, int other);
bool sluice__cuda_reaches(sluice_device *device, sluice_device *other);
const char *sluice__cuda_degradations(sluice_device *device);
/* A GPU that it has met, and whose copies with it arrive changed; -1: none. */
int sluice__cuda_lying_peer(const sluice_device *device);

/* ---- stream.c ---- */
sluice_status sluice__cuda_stream_create(sluice_stream **out, sluice_device *device,
                                         sluice_stream_kind kind);
void sluice__cuda_stream_destroy(sluice_stream *stream);

/* ---- products.c ---- */
/* The stream's cuBLAS, used once so that nothing is loaded later. */
sluice_status sluice__cuda_products_make(sluice_stream *stream);
void sluice__cuda_products_free(sluice_stream *stream);
/* c = alpha op(a) op(b) + beta added + bias of row-major matrices; strides are between rows. */
typedef struct sluice__cuda_product {
    void *c;
    const void *a, *b;
    const void *added; /* c, or another (rows, columns) of its type and stride */
    const void *bias;  /* (columns) of c's type, or NULL */
    int64_t rows, columns, inner;
    int64_t c_stride, a_stride, b_stride;
    sluice_type type, c_type; /* of a and b; of c */
    sluice_precision precision;
    float alpha, beta;
    bool transpose_a, transpose_b;
} sluice__cuda_product;
/* All of the precision's type, contiguous, without a bias. */
sluice__cuda_product sluice__cuda_product_of(const sluice_matmul *args, sluice_precision precision);
sluice_status sluice__cuda_multiply(sluice_stream *stream, const sluice__cuda_product *product);

/* ---- attention.c ---- */
/* E_UNSUPPORTED if heads are wider than attention takes. */
sluice_status sluice__cuda_check_heads(int64_t head_width);

/* ---- one file per kind of operation, as in cpu/ ---- */
/* The tables of operations.c: fp32; tf32, which differs in what products round to; and bf16. */
const sluice_operations *sluice__cuda_operations(sluice_precision precision);

#define X(name, args)                                                                              \
    sluice_status sluice__cuda_##name(sluice_stream *stream, const args *arguments,                \
                                      sluice_precision precision);
SLUICE_OPERATION_MAP(X)
#undef X

#endif
