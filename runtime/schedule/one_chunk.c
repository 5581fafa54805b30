/* SPDX-License-Identifier: MIT */
/* one_chunk.c -- schedules of one stage per rank whose backward is whole. */
#include "runtime/schedule/generators.h"

static int least(int a, int b) {
    return a < b ? a : b;
}

void sluice__emit_forward_only(sluice__list *to, const sluice__shape *of, int r) {
    for (int i = 0; i < of->m; i++) sluice__write(to, SLUICE_ACTION_F, r, i);
}

/* All forwards, then all backwards, both ascending: gradients add up in the same order as in every
 * other ascending schedule, and so to the same bits. (Huang et al. 2019, GPipe.) */
void sluice__emit_gpipe(sluice__list *to, const sluice__shape *of, int r) {
    sluice__emit_forward_only(to, of, r);
    for (int i = 0; i < of->m; i++) sluice__write(to, SLUICE_ACTION_B, r, i);
}

/* The same with backwards in descending order: the newest activation dies first. */
void sluice__emit_gpipe_lifo(sluice__list *to, const sluice__shape *of, int r) {
    sluice__emit_forward_only(to, of, r);
    for (int i = of->m - 1; i >= 0; i--) sluice__write(to, SLUICE_ACTION_B, r, i);
}

/*
 * Warm-up fills the pipe below this rank; steady state then frees one activation for every one it
 * takes, which bounds memory by p - r instead of m. (Narayanan et al. 2019, PipeDream; with a flush
 * at the end of the step: Fan et al. 2021, DAPPLE.) More warm-up than that changes nothing while
 * transfers are free, and hides slow ones: a rank has that many forwards in hand when a gradient is
 * late.
 */
void sluice__emit_1f1b(sluice__list *to, const sluice__shape *of, int r) {
    const int below = of->p - 1 - r;
    int f = 0, b = 0;
    while (f < least(of->m, (int)(of->slack * below + 1e-9)))
        sluice__write(to, SLUICE_ACTION_F, r, f++);
    while (b < of->m) {
        if (f < of->m) sluice__write(to, SLUICE_ACTION_F, r, f++);
        sluice__write(to, SLUICE_ACTION_B, r, b++);
    }
}
