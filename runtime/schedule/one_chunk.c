/* SPDX-License-Identifier: MIT */
/* one_chunk.c -- schedules with one stage per rank and an undivided backward. */
#include "runtime/schedule/generators.h"

static int min(int a, int b) {
    return a < b ? a : b;
}

void sluice__emit_forward_only(sluice__list *to, const sluice__shape *of, int r) {
    for (int i = 0; i < of->m; i++) sluice__write(to, SLUICE_ACTION_F, r, i);
}

/* All forwards, then all backwards, both ascending: gradients are summed in the same order as in
 * every other ascending schedule, and so to the same bits. (Huang et al. 2019, GPipe.) */
void sluice__emit_gpipe(sluice__list *to, const sluice__shape *of, int r) {
    sluice__emit_forward_only(to, of, r);
    for (int i = 0; i < of->m; i++) sluice__write(to, SLUICE_ACTION_B, r, i);
}

/* The same with backwards in descending order: the newest activation is freed first. */
void sluice__emit_gpipe_lifo(sluice__list *to, const sluice__shape *of, int r) {
    sluice__emit_forward_only(to, of, r);
    for (int i = of->m - 1; i >= 0; i--) sluice__write(to, SLUICE_ACTION_B, r, i);
}

/*
 * Warm-up fills the pipeline below this rank; steady state then frees an activation for each one it
 * allocates, which bounds memory by p - r instead of m. (Narayanan et al. 2019, PipeDream; with a
 * flush at the end of the step: Fan et al. 2021, DAPPLE.) Slack adds to the warm-up. That changes
 * nothing while transfers are free; it hides slow ones, because a rank has more forwards to do
 * while a gradient is late.
 */
void sluice__emit_1f1b(sluice__list *to, const sluice__shape *of, int r) {
    const int below = of->p - 1 - r;
    int f = 0, b = 0;
    while (f < min(of->m, (int)(of->slack * below + 1e-9)))
        sluice__write(to, SLUICE_ACTION_F, r, f++);
    while (b < of->m) {
        if (f < of->m) sluice__write(to, SLUICE_ACTION_F, r, f++);
        sluice__write(to, SLUICE_ACTION_B, r, b++);
    }
}
