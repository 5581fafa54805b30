/* SPDX-License-Identifier: MIT */
/* product_order.c -- the one place that reports which bytes a product reads and writes. */
#include "internal.h"
#include "product.h"

/* Columns without the bytes between them, which others may use meanwhile. */
static void tell(const float *at, int rows, int columns, int leading, bool writes) {
    const bool dense    = leading == rows;
    const size_t height = (size_t)rows * (dense ? (size_t)columns : 1) * sizeof *at;
    for (int j = 0; j < (dense ? 1 : columns); j++) {
        const float *const from = at + (size_t)j * (size_t)leading;
        if (writes)
            emu__writes(from, height);
        else
            emu__reads(from, height);
    }
}

void emu__product_tell(const emu__product *p) {
    if (!EMU__TELLS || p->m == 0 || p->n == 0) return;
    const bool ta = p->transpose_a, tb = p->transpose_b;
    tell(p->a, ta ? p->k : p->m, ta ? p->m : p->k, p->lda, false);
    tell(p->b, tb ? p->n : p->k, tb ? p->k : p->n, p->ldb, false);
    if (p->beta != 0) tell(p->c, p->m, p->n, p->ldc, false);
    tell(p->c, p->m, p->n, p->ldc, true);
}
