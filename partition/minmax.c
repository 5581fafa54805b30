/* SPDX-License-Identifier: MIT */
/* minmax.c -- the one place that finds the split whose most expensive stage is cheapest. */
#include <math.h>
#include <string.h>

#include "partition/chain.h"
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

static sluice_status check_costs(const sluice_cost *costs, int layers, int stages) {
    if (stages < 1 || stages > SLUICE_MAX_STAGES)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d stages are not between 1 and %d", stages,
                            SLUICE_MAX_STAGES);
    if (stages > layers) {
        const sluice_status status = sluice__fail(
            SLUICE_E_ARGUMENT, "%d stages need as many layers, and there are %d", stages, layers);
        return sluice__hint(status, "ask for at most %d stages", layers);
    }
    double all = 0;
    for (int l = 0; l < layers; l++) {
        const double total = costs[l].forward + costs[l].input + costs[l].weight;
        if (!isfinite(total) || costs[l].forward < 0 || costs[l].input < 0 || costs[l].weight < 0)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "layer %d has a cost that is negative or not finite", l);
        all += total;
    }
    if (!isfinite(all * all)) /* squares are added up */
        return sluice__hint(sluice__fail(SLUICE_E_ARGUMENT,
                                         "the layers cost %g in all, too much to be divided: its "
                                         "square overflows",
                                         all),
                            "give the costs in a larger unit");
    return SLUICE_OK;
}

/* Rows with these costs and nothing else. */
static void fill_rows(sluice_profile_layer *rows, const sluice_cost *costs, int layers) {
    for (int l = 0; l < layers; l++) {
        rows[l].forward_s = costs[l].forward;
        rows[l].input_s   = costs[l].input;
        rows[l].weight_s  = costs[l].weight;
    }
}

sluice_status sluice_split_minmax(sluice_split *out, const sluice_cost *costs, int layers,
                                  int stages) {
    SLUICE__TRY(check_costs(costs, layers, stages));
    sluice__chain chain        = {0};
    sluice_profile_layer *rows = NULL;
    int *first                 = NULL;
    double value;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&rows, (size_t)layers, sizeof *rows));
    SLUICE__TRY_OUT(sluice__alloc(&first, (size_t)stages + 1, sizeof *first));
    fill_rows(rows, costs, layers);
    SLUICE__TRY_OUT(sluice__chain_make_plain(&chain, rows, layers, stages, SLUICE_OBJECTIVE_TIME));
    SLUICE__TRY_OUT(sluice__solve_chain(first, &value, &chain, -1));
    out->stages = stages;
    memcpy(out->first, first, ((size_t)stages + 1) * sizeof *first);
out:
    sluice__chain_free(&chain);
    sluice__free(first);
    sluice__free(rows);
    return status;
}
