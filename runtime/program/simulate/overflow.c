/* SPDX-License-Identifier: MIT */
/* overflow.c -- times that add up to more than a number can hold are refused. */
#include <float.h>
#include <math.h>

#include "runtime/base/error.h"
#include "runtime/program/compiled.h"
#include "runtime/program/simulate/simulator.h"

#define MORE_THAN "add up to more than %g, the largest number"

static sluice_status give_smaller_costs(void) {
    return sluice__hint(SLUICE_E_ARGUMENT, "give smaller costs, or faster links");
}

/* Name the first instruction that begins at a time and does not end at one. What waits is not to
 * blame: its time comes from another rank, or from a transfer. */
static sluice_status check_rank(const sluice_rank_times *times, const sluice_instruction *list,
                                int count, int rank) {
    for (int n = 0; n < count; n++) {
        if (isfinite(times->end[n])) continue;
        if (list[n].kind == SLUICE_INSTRUCTION_WAIT || list[n].kind == SLUICE_INSTRUCTION_NORM)
            return SLUICE_OK;
        char words[SLUICE__WORDS];
        sluice__describe_instruction(words, sizeof words, &list[n]);
        sluice__fail(SLUICE_E_ARGUMENT, "the costs " MORE_THAN ", when rank %d runs %s", DBL_MAX,
                     rank, words);
        return give_smaller_costs();
    }
    return SLUICE_OK;
}

static sluice_status check_transfers(const sluice__transfers *all) {
    for (int t = 0; t < all->count; t++) {
        const sluice_transfer_times *times = &all->times[t];
        if (isfinite(times->end) || !isfinite(times->begin)) continue;
        const sluice_edge *edge = &all->edges->list[times->edge].is;
        sluice__fail(SLUICE_E_ARGUMENT,
                     "the costs " MORE_THAN
                     ", when the %s of stage %d and micro-batch %d goes from "
                     "rank %d to rank %d",
                     DBL_MAX, sluice_payload_name(edge->payload), edge->producer,
                     sluice__transfer_post(all, t)->microbatch, times->from, times->to);
        return give_smaller_costs();
    }
    return SLUICE_OK;
}

sluice_status sluice__check_times(const sluice_simulation *simulation,
                                  const sluice__machine *machine) {
    const sluice__transfers *all = &machine->transfers;
    double sum                   = 0;
    for (int r = 0; r < simulation->ranks; r++)
        SLUICE__TRY(check_rank(&simulation->rank[r], all->lists[r], all->counts[r], r));
    SLUICE__TRY(check_transfers(all));
    /* What follows adds up times of ranks, and times of transfers. */
    for (int t = 0; t < all->count; t++) sum += all->times[t].end - all->times[t].begin;
    if (isfinite(sum) && isfinite(simulation->ranks * simulation->step)) return SLUICE_OK;
    sluice__fail(SLUICE_E_ARGUMENT, "the times of %d ranks and %d transfers " MORE_THAN,
                 simulation->ranks, all->count, DBL_MAX);
    return give_smaller_costs();
}
