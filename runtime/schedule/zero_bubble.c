/* SPDX-License-Identifier: MIT */
/*
 * zero_bubble.c -- one stage per rank, the backward in halves: I passes the gradient on, W can
 * wait. (Qi et al. 2023, Zero Bubble Pipeline Parallelism.)
 *
 * 1F1B leaves a rank idle while the gradients of the last micro-batches climb the pipeline, earlier
 * on deeper ranks. No other rank waits for a W: rank r defers a number of them that grows with r,
 * and does them when it has nothing else to do.
 *
 *   rank 0 | F F F F  ........  I W F I W F I W ...  I W I W I W
 *   rank 3 |       F I F I F I F I W F I W F I W ... I W W W W     `deferred` = 3
 */
#include "runtime/schedule/generators.h"

static void emit(sluice__list *to, int m, int r, int warmup, int deferred) {
    int f = 0, i = 0, w = 0;
    while (f < m && f < warmup) sluice__write(to, SLUICE_ACTION_F, r, f++);
    while (i < m) {
        if (f < m) sluice__write(to, SLUICE_ACTION_F, r, f++);
        sluice__write(to, SLUICE_ACTION_I, r, i++);
        if (i - w > deferred) sluice__write(to, SLUICE_ACTION_W, r, w++);
    }
    while (w < m) sluice__write(to, SLUICE_ACTION_W, r, w++);
}

/* ZB-H1: the warm-up of 1F1B. Rank r holds p - r activations of micro-batches in flight and r whose
 * W it defers: p together, the maximum of 1F1B. */
void sluice__emit_zb1p(sluice__list *to, const sluice__shape *of, int r) {
    emit(to, of->m, r, of->p - 1 - r, r);
}

/* ZB-H2: twice as many of both, 2 p - 1 activations. Forwards continue until the first gradient
 * arrives, so that a rank, once started, never idles. */
void sluice__emit_zb2p(sluice__list *to, const sluice__shape *of, int r) {
    emit(to, of->m, r, 2 * (of->p - 1 - r), 2 * r);
}
