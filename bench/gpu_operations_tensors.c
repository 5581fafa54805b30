/* SPDX-License-Identifier: MIT */
/* gpu_operations_tensors.c -- the tensors of an operation, and what they hold. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "gpu_operations.h"

void *take_uncounted(tensor_pool *at, size_t bytes) {
    enum { LINE = 256 };
    void *const there = at->base ? at->base + at->used : NULL;
    at->used += (bytes + LINE - 1) / LINE * LINE;
    return there;
}

float *take_floats(tensor_pool *at, int64_t count) {
    at->bytes += (double)count * sizeof(float);
    return take_uncounted(at, (size_t)count * sizeof(float));
}

float *take_sums(tensor_pool *at, int64_t count) {
    at->bytes += (double)count * sizeof(float);
    return take_floats(at, count);
}

void *take_tensor(tensor_pool *at, int64_t count) {
    const size_t bytes = (size_t)count * element_bytes(at);
    at->bytes += (double)bytes;
    return take_uncounted(at, bytes);
}

int32_t *take_integers(tensor_pool *at, int64_t count, int64_t limit) {
    int32_t *const there = (int32_t *)(void *)take_floats(at, count);
    if (!at->fresh) return there;
    int32_t *const list = bench_alloc((size_t)count, sizeof *list);
    for (int64_t k = 0; k < count; k++)
        list[k] = (int32_t)((int64_t)(((uint32_t)k * 2654435761U) >> 4) % limit);
    bench_check(at->ops->upload(at->stream, there, list, (size_t)count * sizeof *list));
    bench_check(at->ops->synchronize(at->stream));
    free(list);
    return there;
}

void zero_if_fresh(tensor_pool *at, void *tensor, size_t bytes) {
    if (at->fresh) bench_check(at->ops->zero(at->stream, tensor, bytes));
}

/* ---- shapes ---- */

size_t element_bytes(const tensor_pool *at) {
    return sluice_type_bytes(at->operations->type);
}

int64_t rows_of(const model_shape *m) {
    return m->samples * m->length;
}

int64_t qkv_width(const model_shape *m) {
    return (m->heads + 2 * m->kv_heads) * m->head_width;
}

void set_shape(tensor_pool *at, int64_t a, int64_t b, int64_t c) {
    if (c > 0)
        (void)snprintf(at->shape, sizeof at->shape, "%" PRId64 " x %" PRId64 " x %" PRId64, a, b,
                       c);
    else
        (void)snprintf(at->shape, sizeof at->shape, "%" PRId64 " x %" PRId64, a, b);
}
