/* SPDX-License-Identifier: MIT */
/* bf16_floats.c -- floats become bf16, an operation runs, and its results become floats. */
#include "tests/support/bf16_floats.h"

#include <string.h>

#include "runtime/base/convert.h"
#include "runtime/base/error.h"
#include "tests/support/converted.h"

static const sluice_operations *real;

#define ROW(row, args, ...)                                                                        \
    CONVERTED_OPERATION(floats, real, SLUICE_TYPE_BF16, SLUICE_TYPE_F32, row, args, __VA_ARGS__)
CONVERTED_OPERATIONS(ROW)
#undef ROW

static sluice_status floats_sum(sluice_stream *stream, const sluice_sum *args) {
    return real->sum(stream, args);
}

static sluice_status floats_sum_squares(sluice_stream *stream, const sluice_sum_squares *args) {
    return real->sum_squares(stream, args);
}

/* ---- working copies ---- */

static sluice_status floats_store_working(sluice_stream *stream, const sluice_store_working *args) {
    sluice_store_working copy = *args;
    converted_tensor list[]   = {{&copy.working, args->count, true, NULL, NULL}};
    void *const block         = tensors_convert(list, 1, SLUICE_TYPE_BF16, SLUICE_TYPE_F32);
    if (!block) return SLUICE_E_HOST_MEMORY;
    const sluice_status status = real->store_working(stream, &copy);
    tensors_convert_back(list, 1, SLUICE_TYPE_F32, SLUICE_TYPE_BF16);
    tensors_release(block);
    return status;
}

enum { TENSORS = 16 };

/* An update of tensors whose working copies are floats. */
#define UPDATE(row, args)                                                                          \
    static sluice_status floats_##row(sluice_stream *stream, const args *arguments) {              \
        args copy       = *arguments;                                                              \
        const int count = arguments->count;                                                        \
        sluice_update_tensor tensors[TENSORS];                                                     \
        converted_tensor list[TENSORS];                                                            \
        if (count > TENSORS) return sluice__fail(SLUICE_E_ARGUMENT, "too many tensors");           \
        for (int t = 0; t < count; t++) {                                                          \
            tensors[t] = arguments->tensors[t];                                                    \
            list[t] = (converted_tensor){&tensors[t].working, tensors[t].count, true, NULL, NULL}; \
        }                                                                                          \
        void *const block = tensors_convert(list, count, SLUICE_TYPE_BF16, SLUICE_TYPE_F32);       \
        if (!block) return SLUICE_E_HOST_MEMORY;                                                   \
        copy.tensors               = tensors;                                                      \
        const sluice_status status = real->row(stream, &copy);                                     \
        tensors_convert_back(list, count, SLUICE_TYPE_F32, SLUICE_TYPE_BF16);                      \
        tensors_release(block);                                                                    \
        return status;                                                                             \
    }
UPDATE(adamw, sluice_adamw)
UPDATE(sgd, sluice_sgd)

const sluice_operations *bf16_on_floats(const sluice_operations *bf16) {
    static sluice_operations table;
    real  = bf16;
    table = *bf16;
#define X(row, args) table.row = floats_##row;
    SLUICE_OPERATION_MAP(X)
#undef X
    return &table;
}
