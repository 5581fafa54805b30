/* SPDX-License-Identifier: MIT */
/* blocked.c -- how long the two ranks of a transfer stand still for it, simulated or measured. */
#include <math.h>

#include "runtime/program/compiled.h"

int sluice_transfer_microbatch(const sluice_program *program,
                               const sluice_transfer_times *transfer) {
    return program->rank[transfer->from].list[transfer->sender_at].microbatch;
}

double sluice_transfer_posted(const sluice_simulation *simulation, const sluice_program *program,
                              const sluice_transfer_times *transfer, bool by_sender) {
    const int r    = by_sender ? transfer->from : transfer->to;
    const int wait = by_sender ? transfer->sender_at : transfer->receiver_at;
    return simulation->rank[r].begin[program->rank[r].list[wait].post];
}

double sluice_transfer_blocked(const sluice_simulation *simulation,
                               const sluice_transfer_times *transfer, bool sender) {
    const int r        = sender ? transfer->from : transfer->to;
    const int wait     = sender ? transfer->sender_at : transfer->receiver_at;
    const double since = fmax(transfer->begin, simulation->rank[r].begin[wait]);
    return fmax(0, transfer->end - since);
}

/* Both parts are at the transfer's end: the longer contains the other. */
double sluice_transfer_exposed(const sluice_simulation *simulation,
                               const sluice_transfer_times *transfer) {
    return fmax(sluice_transfer_blocked(simulation, transfer, true),
                sluice_transfer_blocked(simulation, transfer, false));
}
