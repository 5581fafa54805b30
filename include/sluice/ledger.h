/* SPDX-License-Identifier: MIT */
/*
 * ledger.h -- where the time of a rank's step went. A measured step and a simulated one have the
 * same entries.
 *
 * Every entry is the sum of intervals read from the clock, idle included; none is computed as the
 * rest of the others. What no entry covers is `unaccounted`.
 */
/* clang-format off */
/*
 *   F, recompute   those actions, with the loading of inputs and targets
 *   I, W           those actions, and the two halves of each B, measured layer by layer
 *   wait-up        a receive, blocked on the neighbour towards the model's input, which has not yet
 *                  sent an activation
 *   wait-down      a receive, blocked on the neighbour towards the loss, which has not yet sent a
 *                  gradient
 *   wait-send      blocked on a send of its own, until the neighbour has taken it
 *   transfer       posting, copying, and waiting for a receive while what both ends have posted is
 *                  moved
 *   update         sums of tied gradients, partial norms, the optimizer
 *   idle           before the rank's first instruction, while it waits for all ranks at the norm
 *                  (and for tied gradients), and after its last instruction until the step ends
 */
/* clang-format on */
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
    X(IDLE,       8, "idle")          \
    X(SEND,       9, "wait-send")
/* clang-format on */

typedef enum sluice_ledger_entry {
#define X(name, code, text) SLUICE_LEDGER_##name = (code),
    SLUICE_LEDGER_MAP(X)
#undef X
} sluice_ledger_entry;
enum { SLUICE_LEDGER_ENTRIES = 10 };

/* "F", "wait-up"; never NULL. */
SLUICE_API const char *sluice_ledger_name(sluice_ledger_entry entry);

typedef struct sluice_ledger {
    double time[SLUICE_LEDGER_ENTRIES]; /* seconds, or the unit of the simulation's costs */
    double step;                        /* the whole step */
    double unaccounted;                 /* step less all entries: the loop between instructions */
    double on_core; /* part of it during which the rank's thread was on a core; 0: unknown */
} sluice_ledger;

/* One ledger per rank of a simulation under `costs`, into `out`. E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_simulation_ledger(sluice_ledger *out, const sluice_program *program,
                                                  const sluice_simulation *simulation,
                                                  const sluice_simulation_costs *costs);

#endif
