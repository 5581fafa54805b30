/* SPDX-License-Identifier: MIT */
/* product_order.c -- the one place that reports which bytes a product reads and writes. */
#include "internal.h"
#include "product.h"

/* Columns without the bytes between them, which others may use meanwhile. */
static void tell(const void *at, int rows, int columns, int leading, bool bf16, bool writes) {
    const bool dense    = leading == rows;
    const size_t bytes  = emu__element_bytes(bf16);
    const size_t height = (size_t)rows * (dense ? (size_t)columns : 1) * bytes;
    for (int j = 0; j < (dense ? 1 : columns); j++) {
        const char *const from = (const char *)at + (size_t)j * (size_t)leading * bytes;
        if (writes)
            emu__writes(from, height);
        else
            emu__reads(from, height);
    }
}

void emu__product_tell(const emu__product *p) {
    if (!EMU__TELLS || p->m == 0 || p->n == 0) return;
    const bool ta = p->transpose_a, tb = p->transpose_b;
    tell(p->a, ta ? p->k : p->m, ta ? p->m : p->k, p->lda, p->ab_bf16, false);
    tell(p->b, tb ? p->n : p->k, tb ? p->k : p->n, p->ldb, p->ab_bf16, false);
    if (p->beta != 0) tell(p->c, p->m, p->n, p->ldc, p->cd_bf16, false);
    if (p->bias) tell(p->bias, p->m, 1, p->m, p->cd_bf16, false);
    tell(p->d, p->m, p->n, p->ldc, p->cd_bf16, true);
}
