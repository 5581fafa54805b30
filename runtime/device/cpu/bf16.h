/* SPDX-License-Identifier: MIT */
/*
 * bf16.h -- bf16 elements as floats and back, and matrices of either type.
 *
 * An operation on bf16 tensors computes in fp32 and rounds each element that it writes once, to
 * nearest, ties to even: as if its inputs had been widened and its outputs narrowed.
 */
#ifndef SLUICE_DEVICE_CPU_BF16_H
#define SLUICE_DEVICE_CPU_BF16_H

#include "runtime/base/convert.h"
#include "runtime/device/cpu/blas.h"
#include "runtime/device/cpu/loops.h"
#include "sluice/tensor.h"

/* Elements as the types of a tensor are. */
void sluice__widen(float *to, const uint16_t *from, int64_t count);
void sluice__narrow(uint16_t *to, const float *from, int64_t count);

/* Rows, `columns` of each; strides are between rows. */
void sluice__widen_rows(float *to, int64_t to_stride, const uint16_t *from, int64_t from_stride,
                        int64_t rows, int64_t columns);
void sluice__narrow_rows(uint16_t *to, int64_t to_stride, const float *from, int64_t from_stride,
                         int64_t rows, int64_t columns);

/* Where element `index` is; NULL if there is no tensor. */
static inline const void *sluice__element(const void *tensor, sluice_type type, int64_t index) {
    if (!tensor) return NULL;
    return (const char *)tensor + index * (int64_t)sluice_type_bytes(type);
}

/* ---- results ---- */

/* Rows of a result while they are computed: in their tensor, if it is fp32, else as floats in some
 * space, until they are put there. */
typedef struct sluice__result {
    float *at;
    int64_t stride;
    uint16_t *bf16; /* NULL: they are there */
    int64_t bf16_stride;
} sluice__result;

/* The result's first element is number `first` of the tensor, in rows of `stride`; in `space` a row
 * has `columns`. */
static inline sluice__result sluice__result_in(void *tensor, sluice_type type, int64_t first,
                                               int64_t stride, float *space, int64_t columns) {
    if (type == SLUICE_TYPE_F32) return (sluice__result){(float *)tensor + first, stride, NULL, 0};
    return (sluice__result){space, columns, (uint16_t *)tensor + first, stride};
}

static inline void sluice__put(const sluice__result *result, int64_t rows, int64_t columns) {
    if (result->bf16)
        sluice__narrow_rows(result->bf16, result->bf16_stride, result->at, result->stride, rows,
                            columns);
}

/* ---- operands of products ---- */

static inline void sluice__set_a(sluice__product *product, const void *a, sluice_type type) {
    product->a      = type == SLUICE_TYPE_F32 ? a : NULL;
    product->a_bf16 = type == SLUICE_TYPE_BF16 ? a : NULL;
}

static inline void sluice__set_b(sluice__product *product, const void *b, sluice_type type) {
    product->b      = type == SLUICE_TYPE_F32 ? b : NULL;
    product->b_bf16 = type == SLUICE_TYPE_BF16 ? b : NULL;
}

/* ---- in loops: a vector of elements; sluice__float_of() and sluice__bf16_of() for one ---- */

typedef uint16_t sluice__lane_halves __attribute__((vector_size(SLUICE__LANES * 2)));
typedef uint32_t sluice__lane_words __attribute__((vector_size(SLUICE__LANES * 4)));

SLUICE__LOOP void sluice__load_bf16(sluice__lanes *to, const uint16_t *from) {
    sluice__lane_halves halves;
    memcpy(&halves, from, sizeof halves);
    const sluice__lane_words words = __builtin_convertvector(halves, sluice__lane_words) << 16;
    memcpy(to, &words, sizeof words);
}

SLUICE__LOOP void sluice__store_bf16(uint16_t *to, const sluice__lanes *from) {
    sluice__lane_words bits;
    memcpy(&bits, from, sizeof bits);
    const sluice__lane_words nan     = (sluice__lane_words)((bits & 0x7fffffffU) > 0x7f800000U);
    const sluice__lane_words nearest = (bits + 0x7fffU + (bits >> 16 & 1U)) >> 16;
    const sluice__lane_words quiet   = bits >> 16 | 0x40U;
    const sluice__lane_halves halves =
        __builtin_convertvector((nearest & ~nan) | (quiet & nan), sluice__lane_halves);
    memcpy(to, &halves, sizeof halves);
}

#endif
