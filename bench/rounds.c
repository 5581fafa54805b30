/* SPDX-License-Identifier: MIT */
/* rounds.c -- how long something takes that is done many times in a row. */
#include "bench.h"

double bench_rounds(bench_timed *seconds_of, void *context, int rounds, double target) {
    enum { MAX_ROUNDS = 15, MAX_TIMES = 2000 };
    double seconds[MAX_ROUNDS] = {0};
    if (rounds > MAX_ROUNDS) rounds = MAX_ROUNDS;
    (void)seconds_of(context, 1); /* algorithms are chosen and kernels loaded at the first */
    const double wish = target / seconds_of(context, 1);
    const int times   = wish > MAX_TIMES ? MAX_TIMES : wish > 1 ? (int)wish : 1; /* NaN: 1 */
    for (int r = 0; r < rounds; r++) seconds[r] = seconds_of(context, times);
    return bench_median(seconds, rounds);
}
