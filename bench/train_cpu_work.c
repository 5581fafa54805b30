/* SPDX-License-Identifier: MIT */
/*
 * train_cpu_work.c -- time per kind of work: the operations of the cpu device are wrapped by the
 * linker (--wrap), so that every call of one is timed and the library needs to know nothing of it.
 */
#include <stdatomic.h>

#include "bench.h"
#include "runtime/device/cpu/cpu.h"
#include "train_cpu.h"

static atomic_int_fast64_t nanoseconds[WORKS];

const char *work_name(work_kind kind) {
    static const char *const names[WORKS] = {"products", "attention", "norms",
                                             "head",     "other",     "optimizer"};
    return names[kind];
}

void take_work(double seconds[WORKS]) {
    for (int k = 0; k < WORKS; k++) seconds[k] = 1e-9 * (double)atomic_exchange(&nanoseconds[k], 0);
}

/* clang-format off */
enum {
    KIND_matmul = PRODUCTS, KIND_linear = PRODUCTS, KIND_linear_backward_input = PRODUCTS,
    KIND_linear_backward_weight = PRODUCTS,
    KIND_norm = NORMS, KIND_norm_backward = NORMS, KIND_head_norm = NORMS, KIND_head_norm_backward = NORMS,
    KIND_attention = ATTENTION, KIND_attention_backward = ATTENTION,
    KIND_attention_cached = ATTENTION, KIND_rotary = ATTENTION,
    KIND_classifier = HEAD, KIND_squared_error = HEAD,
    KIND_embedding = OTHER, KIND_embedding_backward = OTHER, KIND_drop = OTHER, KIND_relu = OTHER,
    KIND_relu_backward = OTHER, KIND_swiglu = OTHER, KIND_swiglu_backward = OTHER, KIND_sum = OTHER,
    KIND_sum_squares = OPTIMIZER, KIND_store_working = OPTIMIZER, KIND_adamw = OPTIMIZER, KIND_sgd = OPTIMIZER
};
/* clang-format on */

/* NOLINTBEGIN(bugprone-reserved-identifier,bugprone-macro-parentheses): the linker's names, and a
 * name and a type */
#define X(name, args)                                                                              \
    sluice_status __real_sluice__cpu_##name(sluice_stream *stream, const args *arguments);         \
    sluice_status __wrap_sluice__cpu_##name(sluice_stream *stream, const args *arguments);         \
    sluice_status __wrap_sluice__cpu_##name(sluice_stream *stream, const args *arguments) {        \
        const double before        = bench_now();                                                  \
        const sluice_status status = __real_sluice__cpu_##name(stream, arguments);                 \
        atomic_fetch_add(&nanoseconds[KIND_##name], (int64_t)(1e9 * (bench_now() - before)));      \
        return status;                                                                             \
    }
SLUICE_OPERATION_MAP(X)
#undef X
/* NOLINTEND(bugprone-reserved-identifier,bugprone-macro-parentheses) */
