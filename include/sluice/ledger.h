/* SPDX-License-Identifier: MIT */
/*
 * ledger.h -- where a rank's step went: the same entries of a step that was measured and of one
 * that was simulated.
 *
 * Every entry is a time of its own, idle too: an instruction's begin and end, read from the clock.
 * None is what is left over; what is left over is `unaccounted`.
 *
 *   F, recompute   those actions, with the loading of inputs and targets
 *   I, W           those actions, and the two halves of each B, told apart layer by layer
 *   wait-up        standing still for the neighbour towards the model's input: for an activation
 * from there to be sent, for a gradient to there to be received wait-down      the same towards the
 * loss: gradients from there, activations to there transfer       posting, copying, and standing
 * still while what both ends have posted moves update         sums of tied gradients, partial
 * norms, the optimizer idle           before the rank's first instruction, waiting for all ranks at
 * the norm (and for tied gradients), and after its last one until the step is over
 */
#ifndef SLUICE_LEDGER_H
#define SLUICE_LEDGER_H

#include "sluice/program.h"
#include "sluice/status.h"

/* One table: the enum and its spelling. Values are ABI: append. */
/* clang-format off */
#define SLUICE_LEDGER_MAP(X)          \
    X(FORWARD,    0, "F")             \
    X(INPUT,      1, "I")             \
    X(WEIGHT,     2, "W")             \
    X(RECOMPUTE,  3, "recompute")     \
    X(UPSTREAM,   4, "wait-up")       \
    X(DOWNSTREAM, 5, "wait-down")     \
    X(TRANSFER,   6, "transfer")      \
    X(UPDATE,     7, "update")        \
    X(IDLE,       8, "idle")
/* clang-format on */

typedef enum sluice_ledger_entry {
#define X(name, code, text) SLUICE_LEDGER_##name = (code),
    SLUICE_LEDGER_MAP(X)
#undef X
} sluice_ledger_entry;
enum { SLUICE_LEDGER_ENTRIES = 9 };

/* "F", "wait-up"; never NULL. */
SLUICE_API const char *sluice_ledger_name(sluice_ledger_entry entry);

typedef struct sluice_ledger {
    double time[SLUICE_LEDGER_ENTRIES]; /* seconds, or the unit of the simulation's costs */
    double step;                        /* the whole */
    double unaccounted;                 /* step less all entries: the loop between instructions */
    double on_core; /* of it: while the rank's own thread had a core; 0 where that is not known */
} sluice_ledger;

/* What a simulation under `costs` says of each rank; `out` has one for each. E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_simulation_ledger(sluice_ledger *out, const sluice_program *program,
                                                  const sluice_simulation *simulation,
                                                  const sluice_simulation_costs *costs);

#endif
