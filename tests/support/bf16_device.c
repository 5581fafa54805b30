/* SPDX-License-Identifier: MIT */
/* bf16_device.c -- bf16 operations made of the cpu's fp32 ones: widen, run, narrow. */
#include "tests/support/bf16_device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/convert.h"
#include "runtime/base/error.h"
#include "runtime/device/working.h"
#include "tests/support/converted.h"

static bf16_fault fault;

void bf16_device_inject(bf16_fault what) {
    fault = what;
}

static const sluice_operations *fp32(void) {
    return sluice_devices()[0]->operations(SLUICE_PRECISION_FP32);
}

/* In double, where infinity is replaced by the number that would follow the largest one. */
static double number_of(uint16_t half) {
    const uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return isinf(value) ? copysign(ldexp(1, 128), (double)value) : (double)value;
}

uint16_t bf16_nearest(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint16_t inner = (uint16_t)(bits >> 16); /* toward zero */
    if (!isfinite(value)) return inner;
    const uint16_t outer = (uint16_t)(inner + 1);
    const double below   = fabs((double)value - number_of(inner));
    const double above   = fabs((double)value - number_of(outer));
    if (below == above) return inner % 2 == 0 ? inner : outer;
    return below < above ? inner : outer;
}

/* ---- the rows ---- */

#define ROW(row, args, ...)                                                                        \
    CONVERTED_OPERATION(bf16, fp32(), SLUICE_TYPE_F32, SLUICE_TYPE_BF16, row, args, __VA_ARGS__)
CONVERTED_OPERATIONS(ROW)
#undef ROW

/* Gradients are fp32 in both precisions. */
static sluice_status bf16_sum(sluice_stream *stream, const sluice_sum *arguments) {
    return fp32()->sum(stream, arguments);
}

static sluice_status bf16_sum_squares(sluice_stream *stream, const sluice_sum_squares *arguments) {
    return fp32()->sum_squares(stream, arguments);
}

/* ---- masters and working copies ---- */

static void truncate_to(uint16_t *to, const float *from, int64_t count) {
    for (int64_t k = 0; k < count; k++) {
        uint32_t bits;
        memcpy(&bits, &from[k], sizeof bits);
        to[k] = (uint16_t)(bits >> 16);
    }
}

static sluice_status bf16_store_working(sluice_stream *stream, const sluice_store_working *args) {
    (void)stream;
    if (fault == BF16_STORE_TRUNCATES)
        truncate_to(args->working, args->master, args->count);
    else
        sluice__convert(args->working, SLUICE_TYPE_BF16, args->master, SLUICE_TYPE_F32,
                        args->count);
    return SLUICE_OK;
}

/* The tensors without their working copies, which the fp32 update would treat as floats. */
static sluice_update_tensor *masters_of(const sluice_update_tensor *tensors, int count) {
    sluice_update_tensor *const list = calloc((size_t)(unsigned)count + 1, sizeof *list);
    if (!list) return NULL;
    for (int t = 0; t < count; t++) {
        list[t]         = tensors[t];
        list[t].working = NULL;
    }
    return list;
}

static sluice_status store_all(sluice_stream *stream, const sluice_update_tensor *tensors,
                               int count) {
    for (int t = 0; t < count && fault != BF16_UPDATE_FORGETS; t++) {
        if (!tensors[t].working)
            return sluice__fail(SLUICE_E_ARGUMENT, "tensor %d of an update has no working copy", t);
        SLUICE__TRY(bf16_store_working(
            stream,
            &(sluice_store_working){tensors[t].working, tensors[t].master, tensors[t].count}));
    }
    return SLUICE_OK;
}

#define UPDATE(row, args)                                                                          \
    static sluice_status bf16_##row(sluice_stream *stream, const args *arguments) {                \
        args wide                        = *arguments;                                             \
        sluice_update_tensor *const list = masters_of(arguments->tensors, arguments->count);       \
        if (!list) return sluice__fail(SLUICE_E_HOST_MEMORY, "no memory for a test's update");     \
        wide.tensors               = list;                                                         \
        const sluice_status status = fp32()->row(stream, &wide);                                   \
        free(list);                                                                                \
        SLUICE__TRY(status);                                                                       \
        return store_all(stream, arguments->tensors, arguments->count);                            \
    }

UPDATE(adamw, sluice_adamw)
UPDATE(sgd, sluice_sgd)

/* ---- the tables ---- */

static const sluice_operations bf16 = {.size          = sizeof bf16,
                                       .precision     = SLUICE_PRECISION_BF16,
                                       .type          = SLUICE_TYPE_BF16,
                                       .working_bytes = sluice__bf16_working_bytes,
#define X(row, args) .row = bf16_##row,
                                       SLUICE_OPERATION_MAP(X)
#undef X
};

static const sluice_operations *operations(sluice_precision precision) {
    return precision == SLUICE_PRECISION_BF16 ? &bf16 : sluice_devices()[0]->operations(precision);
}

const sluice_device_ops *bf16_device(void) {
    static sluice_device_ops table;
    table            = *sluice_devices()[0];
    table.name       = "bf16-test";
    table.operations = operations;
    return &table;
}
