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

/* The tensors of one operation, one after another in device memory that the caller owns. Without
 * `base` they are only counted; `fresh` ones get their first contents, where random numbers would
 * be invalid. */
typedef struct tensor_pool {
    const sluice_device_ops *ops;
    const sluice_operations *operations;
    sluice_stream *stream;
    char *base;
    size_t used; /* bytes */
    bool fresh;
    double bytes; /* that the operation reads and writes, at least: each tensor once */
    double flops;
    char shape[64]; /* in words */
} tensor_pool;

/* Memory that is no traffic, or that the operation counts itself. */
void *take_uncounted(tensor_pool *at, size_t bytes);
float *take_floats(tensor_pool *at, int64_t count);
float *take_sums(tensor_pool *at, int64_t count);                      /* read and written */
void *take_tensor(tensor_pool *at, int64_t count);                     /* in the run's precision */
int32_t *take_integers(tensor_pool *at, int64_t count, int64_t limit); /* random ones below it */
void zero_if_fresh(tensor_pool *at, void *tensor, size_t bytes);
/* c = 0: a shape of two numbers. */
void set_shape(tensor_pool *at, int64_t a, int64_t b, int64_t c);

int64_t rows_of(const model_shape *model);
int64_t qkv_width(const model_shape *model);
size_t element_bytes(const tensor_pool *at); /* of a tensor in the run's precision */

/* One operation: takes its tensors from `at`, whose `bytes`, `flops` and `shape` it sets, and
 * enqueues it `times` times: never, where they are only counted. */
typedef struct operation {
    const char *name;
    bool of_gpt, of_llama;
    sluice_status (*run)(tensor_pool *at, const model_shape *model, int times);
} operation;

/* Returns from such a function. */
#define RUN(at, times, operation, ...)                                                             \
    do {                                                                                           \
        for (int n = 0; n < (times); n++) {                                                        \
            const sluice_status status =                                                           \
                (at)->operations->operation((at)->stream, &(sluice_##operation)__VA_ARGS__);       \
            if (status != SLUICE_OK) return status;                                                \
        }                                                                                          \
        return SLUICE_OK;                                                                          \
    } while (0)

/* Those with matrix products, and those bound by memory; each list is ended by one without a name.
 * What only one kind of model has is measured for that kind; what none of them has, for GPTs. */
extern const operation product_operations[], memory_operations[];
/* `matmul` of a square with as many rows as the model is wide; in product_operations, too. */
sluice_status run_square_product(tensor_pool *at, const model_shape *model, int times);

#endif
