/* SPDX-License-Identifier: MIT */
/*
 * anneal.c -- the one place that looks for good splits where ranks have several stages: simulated
 * annealing over the boundaries, the same for the same problem.
 *
 * A step moves a run of neighbouring boundaries by a few layers: layers leave the stage at one end
 * of the run and join the one at its other end; stages between keep their number of layers. What is
 * minimized is close to the largest load, but prefers even loads among equals (a norm of high
 * order); bytes beyond a rank's limit count as load, many times over.
 */
#include <math.h>
#include <string.h>

#include "partition/chain.h"
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

enum { RESTARTS = 3, STEPS = 200000, STEPS_PER_STAGE = 1500, QUICK_STEPS = 10000, MAX_SHIFT = 3 };
static const double hottest = 0.03, coldest = 1e-6; /* as a share of the energy */
static const double excess_weight = 20, close_enough = 1.001;

typedef struct anneal {
    const sluice__chain *chain; /* without limits */
    const sluice__chain *limited;
    int *first, *best;
    double *loads, *kept_loads; /* [ranks] */
    bool *is_touched;           /* [ranks] */
    double scale;               /* of loads */
    double best_value;
    uint64_t random;
} anneal;

static uint64_t draw(anneal *at) {
    at->random ^= at->random >> 12;
    at->random ^= at->random << 25;
    at->random ^= at->random >> 27;
    return at->random * 0x2545F4914F6CDD1DULL;
}

static int draw_int(anneal *at, int low, int high) {
    return low + (int)(draw(at) % (uint64_t)(high - low + 1));
}

static double load_of(const anneal *at, int r) {
    sluice__span spans[SLUICE__MAX_CHUNKS];
    sluice__spans_of(spans, at->chain, r, at->first);
    const double load  = sluice__rank_value(at->chain, r, spans) / at->scale;
    const size_t limit = at->limited->is_limited && !at->chain->is_excess
                             ? at->limited->problem.memory_limits[r]
                             : 0;
    if (limit == 0) return load;
    const double bytes = sluice__rank_bytes(at->chain, r, spans);
    return load + excess_weight * fmax(0, bytes / (double)limit - 1);
}

/* The 16th root of the sum of 16th powers. */
static double energy_of(const anneal *at) {
    double sum = 0;
    for (int r = 0; r < at->chain->ranks; r++) {
        double power = at->loads[r];
        for (int k = 0; k < 4; k++) power *= power;
        sum += power;
    }
    return sqrt(sqrt(sqrt(sqrt(sum))));
}

static void measure_all(anneal *at) {
    for (int r = 0; r < at->chain->ranks; r++) at->loads[r] = load_of(at, r);
}

/* Loads of the ranks of stages from - 1 .. to. */
static void measure_some(anneal *at, int from, int to) {
    const int *rank = at->chain->stage_rank;
    for (int s = from - 1; s <= to; s++) at->is_touched[rank[s]] = true;
    for (int s = from - 1; s <= to; s++) {
        if (!at->is_touched[rank[s]]) continue;
        at->is_touched[rank[s]] = false;
        at->loads[rank[s]]      = load_of(at, rank[s]);
    }
}

static void keep_best(anneal *at) {
    const double value = sluice__split_value(at->limited, NULL, at->first);
    if (value >= at->best_value) return;
    at->best_value = value;
    memcpy(at->best, at->first, ((size_t)at->chain->stages + 1) * sizeof(int));
}

static int heaviest_rank(const anneal *at) {
    int heaviest = 0;
    for (int r = 1; r < at->chain->ranks; r++)
        if (at->loads[r] > at->loads[heaviest]) heaviest = r;
    return heaviest;
}

typedef struct change {
    int from, to, shift; /* boundaries, and by how many layers */
} change;

/* A change that takes layers from a stage of the heaviest rank, towards either side. */
static change relieve(anneal *at) {
    const sluice__rank_stages *rank = &at->chain->rank[heaviest_rank(at)];
    const int stage                 = rank->stages[draw_int(at, 0, rank->count - 1)];
    const int last                  = at->chain->stages - 1;
    const bool forwards             = stage == 0 || (stage < last && draw(at) % 2);
    const bool alone                = draw(at) % 2;
    if (forwards) return (change){stage + 1, alone ? stage + 1 : draw_int(at, stage + 1, last), -1};
    return (change){alone ? stage : draw_int(at, 1, stage), stage, 1};
}

static change draw_change(anneal *at) {
    const int last = at->chain->stages - 1, from = draw_int(at, 1, last);
    if (draw(at) % 2) return relieve(at);
    const int to    = draw(at) % 2 ? from : draw_int(at, from, last);
    const int shift = draw_int(at, 1, MAX_SHIFT);
    return (change){from, to, draw(at) % 2 ? shift : -shift};
}

/* One step at a temperature; returns the energy after it. */
static double take_step(anneal *at, double energy, double temperature) {
    const int ranks     = at->chain->ranks;
    const change by     = draw_change(at);
    const double chance = (double)(draw(at) >> 11) * 0x1p-53;
    if (!sluice__shift_begins(at->first, at->chain, by.from, by.to, by.shift)) return energy;
    memcpy(at->kept_loads, at->loads, (size_t)ranks * sizeof(double));
    measure_some(at, by.from, by.to);
    const double after = energy_of(at);
    if (after <= energy || chance < exp((energy - after) / temperature)) return after;
    for (int s = by.from; s <= by.to; s++) at->first[s] -= by.shift;
    memcpy(at->loads, at->kept_loads, (size_t)ranks * sizeof(double));
    return energy;
}

static double largest_load(const anneal *at) {
    double largest = 0;
    for (int r = 0; r < at->chain->ranks; r++) largest = fmax(largest, at->loads[r]);
    return largest;
}

static void run(anneal *at, int steps, double target) {
    measure_all(at);
    double energy = energy_of(at), lowest = INFINITY, temperature = hottest * energy;
    const double cooling = pow(coldest / hottest, 1.0 / steps);
    for (int k = 0; k < steps && at->best_value > target; k++) {
        energy = take_step(at, energy, temperature);
        temperature *= cooling;
        const double largest = largest_load(at);
        if (largest >= lowest) continue;
        lowest = largest;
        keep_best(at);
    }
}

static sluice_status prepare(anneal *at, const int *first) {
    const size_t begins = (size_t)at->chain->stages + 1, ranks = (size_t)at->chain->ranks;
    SLUICE__TRY(sluice__alloc(&at->first, begins, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&at->best, begins, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&at->loads, ranks, sizeof(double)));
    SLUICE__TRY(sluice__alloc(&at->kept_loads, ranks, sizeof(double)));
    SLUICE__TRY(sluice__alloc(&at->is_touched, ranks, sizeof(bool)));
    memcpy(at->first, first, begins * sizeof(int));
    memcpy(at->best, first, begins * sizeof(int));
    return SLUICE_OK;
}

sluice_status sluice__anneal(int *first, double *value, const sluice__chain *chain, bool quickly) {
    const int64_t max        = chain->problem.max_nodes;
    const int usual          = quickly ? QUICK_STEPS : STEPS + STEPS_PER_STAGE * chain->stages;
    const int steps          = max > 0 && max < usual ? (int)max : usual;
    const int restarts       = quickly ? 1 : RESTARTS;
    sluice__chain free_chain = *chain;
    free_chain.is_limited    = chain->is_excess && chain->is_limited;
    anneal at          = {.chain = &free_chain, .limited = chain, .random = 0x9E3779B97F4A7C15ULL};
    const size_t bytes = ((size_t)chain->stages + 1) * sizeof(int);
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(prepare(&at, first));
    at.scale      = 1;
    at.best_value = INFINITY;
    keep_best(&at);
    measure_all(&at);
    at.scale = fmax(largest_load(&at), 1e-300);
    for (int k = 0; k < restarts && chain->stages > 1; k++) {
        memcpy(at.first, k % 2 ? at.best : first, bytes);
        run(&at, steps, chain->bound * close_enough);
    }
    memcpy(first, at.best, bytes);
    *value = at.best_value;
out:
    sluice__free(at.first);
    sluice__free(at.best);
    sluice__free(at.loads);
    sluice__free(at.kept_loads);
    sluice__free(at.is_touched);
    return status;
}
