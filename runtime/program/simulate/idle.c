/* SPDX-License-Identifier: MIT */
/* idle.c -- idle shares, from the times of instructions. */
#include "runtime/program/simulate/idle.h"

#include <math.h>

#include "runtime/program/instruction.h"

int sluice__drain_of(const sluice_instruction *list, int count) {
    int n = count;
    while (n > 0 && (list[n - 1].kind >= SLUICE_INSTRUCTION_TIE_REDUCE ||
                     (list[n - 1].peer >= 0 && list[n - 1].microbatch < 0)))
        n--;
    return n;
}

/* Never below zero, though sums of the same numbers in another order may differ by a rounding. */
static double idle_share(double busy, double time) {
    return time > 0 ? fmax(0, 1 - busy / time) : 0;
}

sluice__idle sluice__idle_of(const sluice_instruction *list, int count, const double *begin,
                             const double *end) {
    const int drain   = sluice__drain_of(list, count);
    sluice__idle idle = {.first = -1, .drain = drain > 0 ? end[drain - 1] : 0};
    for (int n = 0; n < count; n++) {
        if (!sluice__is_compute(&list[n])) continue;
        if (idle.first < 0) idle.first = begin[n];
        idle.last = end[n];
        idle.busy += end[n] - begin[n];
    }
    if (idle.first < 0) idle.first = 0;
    idle.inner = idle_share(idle.busy, idle.last - idle.first);
    return idle;
}

double sluice__makespan_idle(int ranks, double makespan, double busy) {
    return idle_share(busy, ranks * makespan);
}
