/* SPDX-License-Identifier: MIT */
/* cuda.h -- what the files of the cuda device share. */
#ifndef SLUICE_DEVICE_CUDA_CUDA_H
#define SLUICE_DEVICE_CUDA_CUDA_H

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include "runtime/device/cuda/kernels.h"
#include "sluice/device.h"

extern const sluice_device_ops sluice__cuda_ops;

/* Tensors of an update as the device has them. They are sent only when they change. */
typedef struct sluice__cuda_table {
    sluice__cuda_tensor *there; /* device memory: SLUICE__CUDA_TENSORS of them */
    sluice__cuda_tensor *here;  /* pinned: what is there, once `sent` has happened */
    cudaEvent_t sent;
    int count;
    int64_t blocks;
} sluice__cuda_table;

struct sluice_device {
    int ordinal;
    int high_priority; /* of streams */
    size_t workspace;  /* bytes of a stream's cuBLAS */
};

struct sluice_stream {
    sluice_device *device;
    cudaStream_t handle;
    /* The rest only of streams that compute. */
    cublasLtHandle_t products;
    struct sluice__cuda_algorithm *algorithms; /* products.c's */
    unsigned char *memory;     /* on the device: cuBLAS's workspace, partials, tables */
    double *partials;          /* (SLUICE__CUDA_TENSORS, SLUICE__CUDA_PARTIALS) */
    sluice__cuda_fault *fault; /* pinned */
    unsigned long long epoch;  /* events recorded so far: what was found before which of them */
    sluice__cuda_table squares, update;
};

struct sluice_event {
    cudaEvent_t handle;
    const sluice_stream *stream; /* of the last recording */
    unsigned long long epoch;    /* work of the stream with a lower number came before it */
};

/* What a fault says it found. */
enum { SLUICE__FAULT_TOKEN = 1, SLUICE__FAULT_TARGET = 2 };

/* ---- failure.c ---- */
/* OK, or E_DEVICE (E_DEVICE_MEMORY) with what was being done, and CUDA's reason. */
sluice_status sluice__cuda_status(cudaError_t error, const char *what);
/* What giving something back tells is an earlier failure, told elsewhere: it is taken, or the next
 * launch would be blamed. */
void sluice__cuda_given_back(cudaError_t error);
/* Device memory, and pinned host memory; at least a byte. */
sluice_status sluice__cuda_take(void **out, size_t bytes, const char *what);
sluice_status sluice__cuda_pin(void **out, size_t bytes, unsigned flags);
sluice_status sluice__cublas_status(cublasStatus_t error, const char *what);
/* What a kernel noted before that epoch: E_ARGUMENT in a sentence. */
sluice_status sluice__cuda_report(const sluice__cuda_fault *fault, unsigned long long epoch);

/* ---- gpus.c ---- */
sluice_status sluice__cuda_count(int *count);
sluice_status sluice__cuda_describe(char *out, size_t bytes, int ordinal);
sluice_status sluice__cuda_memory(size_t *available, size_t *reserve, int ordinal, int ranks);
/* Let `device` reach the memory of the others that are open, and them reach its. */
sluice_status sluice__cuda_meet_peers(const sluice_device *device);
void sluice__cuda_leave_peers(const sluice_device *device);

/* ---- stream.c ---- */
sluice_status sluice__cuda_stream_create(sluice_stream **out, sluice_device *device,
                                         sluice_stream_kind kind);
void sluice__cuda_stream_destroy(sluice_stream *stream);

/* ---- products.c ---- */
/* The stream's cuBLAS, used once, so that nothing is loaded later. */
sluice_status sluice__cuda_products_make(sluice_stream *stream);
void sluice__cuda_products_free(sluice_stream *stream);
/* c = alpha op(a) op(b) + beta c of row-major matrices. */
sluice_status sluice__cuda_multiply(sluice_stream *stream, const sluice_matmul *args,
                                    sluice_precision precision);

/* ---- one file per kind of operation, as in cpu/ ---- */
/* The tables of operations.c: fp32, and tf32, which differs in what products round to. */
const sluice_operations *sluice__cuda_operations(sluice_precision precision);

#define X(name, args)                                                                              \
    sluice_status sluice__cuda_##name(sluice_stream *stream, const args *arguments,                \
                                      sluice_precision precision);
SLUICE_OPERATION_MAP(X)
#undef X

#endif
