/* SPDX-License-Identifier: MIT */
/* minmax.c -- the one place that finds the split whose most expensive stage is cheapest. */
#include <math.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "sluice/partition.h"

static sluice_status check_costs(const sluice_layer_cost *costs, int layers, int stages) {
    if (stages < 1 || stages > SLUICE_MAX_STAGES)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d stages are not between 1 and %d", stages,
                            SLUICE_MAX_STAGES);
    if (stages > layers) {
        const sluice_status status = sluice__fail(
            SLUICE_E_ARGUMENT, "%d stages need as many layers, and there are %d", stages, layers);
        return sluice__hint(status, "ask for at most %d stages", layers);
    }
    for (int l = 0; l < layers; l++) {
        const double total = costs[l].forward + costs[l].input + costs[l].weight;
        if (!isfinite(total) || costs[l].forward < 0 || costs[l].input < 0 || costs[l].weight < 0)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "layer %d has a cost that is negative or not finite", l);
    }
    return SLUICE_OK;
}

/*
 * best[k][n]: the least possible cost of the dearest of k + 1 stages over layers n .. layers - 1.
 * The last stages are solved first, so that walking forward afterwards can take, at every
 * stage, the earliest boundary that still reaches the optimum.
 */
static void solve(double *best, const double *prefix, int layers, int stages) {
    const size_t width = (size_t)layers + 1;
    for (int n = 0; n < layers; n++) best[n] = prefix[layers] - prefix[n];
    for (int k = 1; k < stages; k++) {
        for (int n = 0; n <= layers - k - 1; n++) {
            double least = INFINITY;
            for (int cut = n + 1; cut <= layers - k; cut++) {
                const double stage = prefix[cut] - prefix[n];
                const double rest  = best[(size_t)(k - 1) * width + (size_t)cut];
                least              = fmin(least, fmax(stage, rest));
            }
            best[(size_t)k * width + (size_t)n] = least;
        }
    }
}

sluice_status sluice_split_minmax(sluice_split *out, const sluice_layer_cost *costs, int layers,
                                  int stages) {
    SLUICE__TRY(check_costs(costs, layers, stages));
    const size_t width   = (size_t)layers + 1;
    double *prefix       = NULL; /* prefix[n]: cost of layers 0 .. n - 1 */
    double *best         = NULL;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&prefix, width, sizeof *prefix));
    SLUICE__TRY_OUT(sluice__alloc(&best, (size_t)stages * width, sizeof *best));
    for (int l = 0; l < layers; l++)
        prefix[l + 1] = prefix[l] + costs[l].forward + costs[l].input + costs[l].weight;
    solve(best, prefix, layers, stages);

    const double optimum = best[(size_t)(stages - 1) * width];
    out->stages          = stages;
    out->first[0]        = 0;
    out->first[stages]   = layers;
    for (int s = 1; s < stages; s++) {
        int cut = out->first[s - 1] + 1;
        while (best[(size_t)(stages - 1 - s) * width + (size_t)cut] > optimum) cut++;
        out->first[s] = cut;
    }
out:
    sluice__free(best);
    sluice__free(prefix);
    return status;
}
