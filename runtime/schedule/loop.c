/* SPDX-License-Identifier: MIT */
/* loop.c -- v stages per rank, stage s on rank s mod p: a micro-batch goes round the ranks v times.
 */
#include "runtime/schedule/generators.h"

/* ---- interleaved ---- */

/* Micro-batches go round in groups: `size` of them (one more in each of the first `larger` rounds)
 * do all their chunks before the next group's begin. */
typedef struct rounds {
    int v, size, larger;
} rounds;

/* Fewer micro-batches than ranks in a round would have a rank wait for the round's own way back,
 * so what does not fill a round of its own is spread over the others. */
static rounds cut_rounds(const sluice__shape *of) {
    const int count = of->m < of->group ? 1 : of->m / of->group;
    return (rounds){of->v, of->m / count, of->m % count};
}

/* Action number k of its direction: which chunk, counted in that direction, and micro-batch. */
static void find_turn(int *chunk, int *i, const rounds *cut, int k) {
    const int larger_actions = cut->larger * (cut->size + 1) * cut->v;
    const bool is_larger     = k < larger_actions;
    const int size           = cut->size + is_larger;
    const int first          = is_larger ? 0 : cut->larger * (cut->size + 1);
    const int within         = is_larger ? k : k - larger_actions;
    *chunk                   = within / size % cut->v;
    *i                       = first + within / (size * cut->v) * size + within % size;
}

/*
 * 1F1B over v smaller stages per rank: the pipe fills v times faster, so idle time shrinks v-fold,
 * for v times the transfers. The warm-up is 1F1B's after all chunks but the last have seen the
 * first round. (Narayanan et al. 2021, Megatron-LM.)
 */
void sluice__emit_interleaved(sluice__list *to, const sluice__shape *of, int r) {
    const rounds cut = cut_rounds(of);
    const int all    = of->v * of->m;
    const int first  = (of->v - 1) * (cut.size + (cut.larger > 0));
    const int warmup = first + (int)(of->slack * (of->p - 1 - r) + 1e-9);
    int chunk, i;
    for (int f = 0, b = 0; b < all;) {
        if (f < all) {
            find_turn(&chunk, &i, &cut, f++);
            sluice__write(to, SLUICE_ACTION_F, chunk * of->p + r, i);
        }
        if (f <= warmup && f < all) continue;
        find_turn(&chunk, &i, &cut, b++);
        sluice__write(to, SLUICE_ACTION_B, (of->v - 1 - chunk) * of->p + r, i);
    }
}

/* ---- looped, breadth first ---- */

/*
 * Every micro-batch does a chunk before any does the next: one round of all m, forward, and the
 * same way back. A stage's parameters are needed, and its gradients made, in one run of consecutive
 * actions, which suits sharded parameters. (Lamy-Poirier 2023, Breadth-First Pipeline Parallelism.)
 */
void sluice__emit_looped_bfs(sluice__list *to, const sluice__shape *of, int r) {
    for (int chunk = 0; chunk < of->v; chunk++)
        for (int i = 0; i < of->m; i++) sluice__write(to, SLUICE_ACTION_F, chunk * of->p + r, i);
    for (int chunk = of->v - 1; chunk >= 0; chunk--)
        for (int i = of->m - 1; i >= 0; i--)
            sluice__write(to, SLUICE_ACTION_B, chunk * of->p + r, i);
}
