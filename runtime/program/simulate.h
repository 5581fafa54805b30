/* SPDX-License-Identifier: MIT */
/* simulate.h -- what the files of the simulator share. */
#ifndef SLUICE_PROGRAM_SIMULATE_H
#define SLUICE_PROGRAM_SIMULATE_H

#include "runtime/program/machine.h"

/* Where a rank's part of the step's compute and transfers is over: the first instruction of what
 * comes after it (ties, norm, update), or the list's length. */
int sluice__drain_of(const sluice_instruction *list, int count);

/* ---- live.c ---- */
/* `live[n]`: stage-activations that the rank holds while instruction n runs; NULL: only the most,
 * which is returned. */
int sluice__count_live(int *live, const sluice_instruction *list, int count);

/* ---- critical.c: mark the longest chain that ends with the makespan ---- */
void sluice__mark_critical(sluice_simulation *result, const sluice__machine *machine);

/* ---- order.c: the machine's transfers, those of ties left out, by begin; they are the result's
 * from then on. E_HOST_MEMORY. ---- */
sluice_status sluice__take_transfers(sluice_simulation *result, sluice__transfers *transfers);

#endif
