/* SPDX-License-Identifier: MIT */
/* minmax.c -- the one place that finds the split whose most expensive stage is cheapest. */
#include <math.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "sluice/partition.h"

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
    if (!isfinite(all * all)) /* solve() adds up squares */
        return sluice__hint(sluice__fail(SLUICE_E_ARGUMENT,
                                         "the layers cost %g in all, too much to be divided: its "
                                         "square overflows",
                                         all),
                            "give the costs in a larger unit");
    return SLUICE_OK;
}

/* The cost of one stage in front of others that are cut optimally: the most expensive of all; or,
 * with a limit that no stage may exceed, the sum of squares. */
static double join(double stage, double rest, double limit) {
    if (limit < 0) return fmax(stage, rest);
    return stage > limit ? INFINITY : stage * stage + rest;
}

/* A cost table, and the lowest joined cost of k + 1 stages over layers n .. layers - 1: best[k][n].
 */
typedef struct table {
    double *prefix; /* [layers + 1]: cost of all layers before this one */
    double *best;
    int layers, stages;
    double limit;
} table;

static double *best_of(const table *t, int k, int n) {
    return &t->best[(size_t)k * ((size_t)t->layers + 1) + (size_t)n];
}

/* The cost of k + 1 stages over layers n and later, the first of which ends before `cut`. */
static double cost_of(const table *t, int k, int n, int cut) {
    const double stage = t->prefix[cut] - t->prefix[n];
    return k == 0 ? join(stage, 0, t->limit) : join(stage, *best_of(t, k - 1, cut), t->limit);
}

/* Fill `best`, and return the optimum. The last stages are solved first: walking forward
 * afterwards, each stage can take the earliest boundary that still reaches the optimum. */
static double solve(const table *t) {
    for (int n = 0; n < t->layers; n++) *best_of(t, 0, n) = cost_of(t, 0, n, t->layers);
    for (int k = 1; k < t->stages; k++)
        for (int n = 0; n <= t->layers - k - 1; n++) {
            double lowest = INFINITY;
            for (int cut = n + 1; cut <= t->layers - k; cut++)
                lowest = fmin(lowest, cost_of(t, k, n, cut));
            *best_of(t, k, n) = lowest;
        }
    return *best_of(t, t->stages - 1, 0);
}

sluice_status sluice_split_minmax(sluice_split *out, const sluice_cost *costs, int layers,
                                  int stages) {
    SLUICE__TRY(check_costs(costs, layers, stages));
    const size_t width   = (size_t)layers + 1;
    table t              = {.layers = layers, .stages = stages, .limit = -1};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&t.prefix, width, sizeof *t.prefix));
    SLUICE__TRY_OUT(sluice__alloc(&t.best, (size_t)stages * width, sizeof *t.best));
    for (int l = 0; l < layers; l++)
        t.prefix[l + 1] = t.prefix[l] + costs[l].forward + costs[l].input + costs[l].weight;
    t.limit = solve(&t); /* the cost of the bottleneck stage */
    (void)solve(&t);
    out->stages        = stages;
    out->first[0]      = 0;
    out->first[stages] = layers;
    for (int s = 1; s < stages; s++) {
        const int k = stages - s, n = out->first[s - 1];
        int cut = n + 1;
        while (cost_of(&t, k, n, cut) > *best_of(&t, k, n)) cut++;
        out->first[s] = cut;
    }
out:
    sluice__free(t.best);
    sluice__free(t.prefix);
    return status;
}
