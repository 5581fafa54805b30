/* SPDX-License-Identifier: MIT */
/*
 * zero_bubble.c -- one stage per rank, the backward in halves: I passes the gradient on, W can
 * wait. (Qi et al. 2023, Zero Bubble Pipeline Parallelism.)
 *
 * 1F1B leaves a rank idle while gradients climb the pipe behind the last micro-batch, and the
 * deeper the rank the earlier that is. A W needs nobody else: rank r keeps back a number of them
 * that grows with r, and does them when there is nothing else to do.
 *
 *   rank 0 | F F F F  ........  I W F I W F I W ...  I W I W I W
 *   rank 3 |       F I F I F I F I W F I W F I W ... I W W W W     `kept` = 3
 */
#include "runtime/schedule/generators.h"

static void emit(sluice__list *to, int m, int r, int warmup, int kept) {
    int f = 0, i = 0, w = 0;
    while (f < m && f < warmup) sluice__write(to, SLUICE_ACTION_F, r, f++);
    while (i < m) {
        if (f < m) sluice__write(to, SLUICE_ACTION_F, r, f++);
        sluice__write(to, SLUICE_ACTION_I, r, i++);
        if (i - w > kept) sluice__write(to, SLUICE_ACTION_W, r, w++);
    }
    while (w < m) sluice__write(to, SLUICE_ACTION_W, r, w++);
}

/* ZB-H1: 1F1B's warm-up. The p - r activations of rank r's micro-batches in flight and the r whose
 * W it keeps back are p together, 1F1B's most. */
void sluice__emit_zb1p(sluice__list *to, const sluice__shape *of, int r) {
    emit(to, of->m, r, of->p - 1 - r, r);
}

/* ZB-H2: twice of both, 2 p - 1 activations. Forwards go on until the first gradient is there, so
 * that a rank, once started, never stands still. */
void sluice__emit_zb2p(sluice__list *to, const sluice__shape *of, int r) {
    emit(to, of->m, r, 2 * (of->p - 1 - r), 2 * r);
}
