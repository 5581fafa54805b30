/* SPDX-License-Identifier: MIT */
/* simulator.h -- what the files of the simulator share. */
#ifndef SLUICE_PROGRAM_SIMULATOR_H
#define SLUICE_PROGRAM_SIMULATOR_H

#include "runtime/program/machine/machine.h"
#include "runtime/program/simulate/idle.h"

/* ---- held.c ---- */
/* `live[n]`: stage-activations that the rank holds while instruction n runs; NULL: only the most,
 * which is returned. */
int sluice__count_live(int *live, const sluice_instruction *list, int count);

/* ---- critical_path.c: mark the longest chain that ends with the makespan ---- */
void sluice__mark_critical(sluice_simulation *result, const sluice__machine *machine);

/* ---- transfer_order.c: the machine's transfers, those of ties left out, by begin; they are the
 * result's from then on. E_HOST_MEMORY. ---- */
sluice_status sluice__take_transfers(sluice_simulation *result, sluice__transfers *transfers);

#endif
