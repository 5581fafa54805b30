/* SPDX-License-Identifier: MIT */
/* simulator.h -- declarations that the files of the simulator share. */
#ifndef SLUICE_PROGRAM_SIMULATOR_H
#define SLUICE_PROGRAM_SIMULATOR_H

#include "runtime/program/machine/machine.h"
#include "runtime/program/simulate/idle.h"

/* ---- simulator.c ---- */
/* How long the transfer of an edge that crosses ranks takes; micro-batch -1: of a tie. */
sluice__duration sluice__transfer_duration(const sluice_program *program,
                                           const sluice_simulation_costs *costs, int edge,
                                           int microbatch);

/* ---- held.c ---- */
/* `live[n]` gets the stage-activations that the rank holds during instruction n, unless `live` is
 * NULL. Returns the maximum. */
int sluice__count_live(int *live, const sluice_instruction *list, int count);

/* ---- overflow.c ---- */
/* E_ARGUMENT: a time, or a sum of them over ranks or transfers, is infinite. */
sluice_status sluice__check_times(const sluice_simulation *simulation,
                                  const sluice__machine *machine);

/* ---- critical_path.c: mark the longest chain that ends with the makespan ---- */
void sluice__mark_critical(sluice_simulation *result, const sluice__machine *machine);

/* ---- transfer_order.c: move the machine's transfers, except those of ties, to the result, sorted
 * by begin. E_HOST_MEMORY. ---- */
sluice_status sluice__take_transfers(sluice_simulation *result, sluice__transfers *transfers);

#endif
