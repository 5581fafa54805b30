/* SPDX-License-Identifier: MIT */
/* gpu_operations.h -- the operations of a model, with tensors of its shapes on a device. */
#ifndef SLUICE_BENCH_GPU_OPERATIONS_H
#define SLUICE_BENCH_GPU_OPERATIONS_H

#include "sluice/device.h"

/* A micro-batch of a model. */
typedef struct model_shape {
    const char *name;
    int64_t samples, length, width, heads, kv_heads, head_width, hidden, vocabulary;
    bool is_llama;
} model_shape;

/* Where the tensors of one operation are. Without `base` they are only counted; `fresh` ones get
 * their first contents, where random numbers would be invalid. */
typedef struct tensor_pool {
    const sluice_device_ops *ops;
    const sluice_operations *operations;
    sluice_stream *stream;
    char *base;
    size_t used;
    bool fresh;
    double bytes; /* that the operation reads and writes, at least: each tensor once */
    double flops;
    char words[64]; /* its shape */
} tensor_pool;

/* One operation: takes its tensors from `at`, whose `bytes`, `flops` and `words` it sets, and,
 * unless they are only counted, enqueues it `times` times. */
typedef struct operation {
    const char *name;
    bool of_gpt, of_llama;
    sluice_status (*run)(tensor_pool *at, const model_shape *model, int times);
} operation;

/* Ended by one without a name. */
extern const operation all_operations[];

#endif
