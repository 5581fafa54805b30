/* SPDX-License-Identifier: MIT */
/*
 * wave.c -- v stages per rank, down the ranks and back up, again and again: v / 2 waves.
 *
 * At each turn of a wave two neighbouring stages are on one rank, so nothing is sent; and with
 * whole waves the first and the last stage are on the same rank. (Liu et al. 2023, Hanayo.)
 */
#include "runtime/schedule/generators.h"

/*
 * Whatever is ready, forward and backward in turn. With up to p micro-batches, which is what the
 * paper counts, older ones come first. More of them fill the time between the waves of the first p;
 * from two waves on, the deepest backward then does better, as it ends micro-batches sooner. At
 * most 2 p are in flight on a rank.
 */
sluice_status sluice__emit_hanayo(sluice__list *to, const sluice__shape *of) {
    const sluice__ready_rule rule = {.alternates       = true,
                                     .deepest_backward = of->v > 2 && of->m > of->p,
                                     .limit            = 2 * of->v * of->p};
    return sluice__emit_ready(to, of, &rule);
}
