/* SPDX-License-Identifier: MIT */
/* charges.h -- times of instructions, measured or simulated, charged to the entries of a ledger. */
#ifndef SLUICE_PROGRAM_CHARGES_H
#define SLUICE_PROGRAM_CHARGES_H

#include "sluice/ledger.h"

/* When a rank ran its instructions, from the start of the step. */
typedef struct sluice__record {
    const double *begin, *end; /* per instruction */
    const double *weight; /* per instruction: of a B, the time in W; NULL: as `costs` divide it */
    double started, finished; /* the rank's part of the step */
    double meeting; /* the part of the norm spent waiting for other ranks; -1: all of it */
    double on_core;
} sluice__record;

/* `(*out)[rank][n]`: for a wait, the index of the other rank's post. Release with
 * sluice__partners_free(). E_HOST_MEMORY. */
sluice_status sluice__partners_make(int ***out, const sluice_program *program);
void sluice__partners_free(int **partners, const sluice_program *program);
/* The same of one rank, from its list and those of its peers alone. Release with sluice__free().
 * E_HOST_MEMORY. */
sluice_status sluice__partners_of_rank(int **out, const sluice_program *program, int rank);

/* Fill `out`, one per rank like `records`. `costs` may be NULL if every record has its `weight`. */
void sluice__charge(sluice_ledger *out, const sluice_program *program, int *const *partners,
                    const sluice__record *records, double step,
                    const sluice_simulation_costs *costs);

#endif
