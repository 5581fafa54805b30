/* SPDX-License-Identifier: MIT */
/* loop.c -- v stages per rank, stage s on rank s mod p: micro-batches pass all ranks v times. */
#include "runtime/schedule/generators.h"

/* ---- interleaved ---- */

/* Micro-batches run in rounds: `size` of them (one more in each of the first `larger` rounds) pass
 * all chunks before the next round begins. */
typedef struct rounds {
    int v, size, larger;
} rounds;

/* In a round with fewer micro-batches than ranks, a rank would wait for the first to come around
 * again; so a remainder is spread over the other rounds. */
static rounds cut_rounds(const sluice__shape *of) {
    const int count = of->m < of->group ? 1 : of->m / of->group;
    return (rounds){of->v, of->m / count, of->m % count};
}

/* Chunk (counted in the direction of travel) and micro-batch of action number k of a direction. */
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
 * 1F1B over v smaller stages per rank: the pipeline fills v times faster, so idle time shrinks
 * v-fold, at v times the transfers. Warm-up: the first round through all chunks but the last, then
 * that of 1F1B with its slack. (Narayanan et al. 2021, Megatron-LM, whose slack is 2.) With extra
 * forwards no backward follows the forward that feeds it, so neighbours can overlap. (Moonshot AI
 * 2025, Kimi K2.)
 */
void sluice__emit_interleaved(sluice__list *to, const sluice__shape *of, int r) {
    const rounds cut = cut_rounds(of);
    const int all    = of->v * of->m;
    const int first  = (of->v - 1) * (cut.size + (cut.larger > 0));
    const int below  = (int)(of->slack * (of->p - 1 - r) + 1e-9);
    const int warmup = first + below + of->extra;
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
 * All micro-batches pass one chunk before any enters the next: one round of all m forward, and one
 * backward. A stage uses its parameters and computes its gradients in one run of consecutive
 * actions, which suits sharded parameters. (Lamy-Poirier 2023, Breadth-First Pipeline Parallelism.)
 */
void sluice__emit_looped_bfs(sluice__list *to, const sluice__shape *of, int r) {
    for (int chunk = 0; chunk < of->v; chunk++)
        for (int i = 0; i < of->m; i++) sluice__write(to, SLUICE_ACTION_F, chunk * of->p + r, i);
    for (int chunk = of->v - 1; chunk >= 0; chunk--)
        for (int i = of->m - 1; i >= 0; i--)
            sluice__write(to, SLUICE_ACTION_B, chunk * of->p + r, i);
}
