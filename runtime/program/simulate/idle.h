/* SPDX-License-Identifier: MIT */
/* idle.h -- how long ranks are idle: the one definition for simulation, time line and measurement.
 *
 *   0 ............ first ====== == ===== last ... drain . ties, norm, update
 *                  |<------ inner idle ------>|
 *   |<--------------- makespan: the latest drain of any rank --------------->|
 */
#ifndef SLUICE_PROGRAM_IDLE_H
#define SLUICE_PROGRAM_IDLE_H

#include "sluice/program.h"

typedef struct sluice__idle {
    double busy;        /* time in compute instructions */
    double first, last; /* begin of the first of them, end of the last; 0: there are none */
    double inner;       /* idle share between those two */
    double drain;       /* end of the rank's part of compute and transfers */
} sluice__idle;

/* The first instruction after a rank's part of compute and transfers (of ties, norm or update), or
 * the list's length. */
int sluice__drain_of(const sluice_instruction *list, int count);
/* The idle time of one rank, from the times of its instructions. */
sluice__idle sluice__idle_of(const sluice_instruction *list, int count, const double *begin,
                             const double *end);
/* The idle share of `ranks` until the makespan, given the sum of their busy times. */
double sluice__makespan_idle(int ranks, double makespan, double busy);

#endif
