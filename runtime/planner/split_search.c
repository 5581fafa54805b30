/* SPDX-License-Identifier: MIT */
/* split_search.c -- the best split whose plan fits: the partitioner orders splits, and the plan
 * accepts or refuses each. */
#include "sluice/split_search.h"

#include <math.h>
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/planner/planner.h"
#include "runtime/planner/split_problem.h"

enum { MAX_REFUSED = 200 };
static const double rounding = 1e-12;

typedef struct search {
    sluice__split_problem problem;
    sluice_partition_result found;
    sluice_partition_load *loads; /* [ranks] */
    size_t *bytes;                /* [ranks]: of the plan of `found` */
    double bound, best;           /* of the first, which only estimates limit */
    bool is_proven;               /* that one is the best of them */
    int refused;
    bool needs_proof; /* the partitioner's word for the best is not enough */
    int short_rank;   /* of the split that came closest to fitting; -1: none was planned */
    size_t needed, missing;
} search;

/* ---- one split ---- */

static void remember_closest(search *s, int rank) {
    const size_t missing = s->bytes[rank] - s->problem.limits[rank];
    if (s->short_rank >= 0 && missing >= s->missing) return;
    s->short_rank = rank;
    s->needed     = s->bytes[rank];
    s->missing    = missing;
}

static sluice_status plan_found(bool *fits, search *s) {
    SLUICE__TRY(sluice__split_bytes(s->bytes, &s->problem, &s->found.split));
    const int rank = sluice__split_short_rank(&s->problem, s->bytes);
    *fits          = rank < 0;
    if (rank >= 0) remember_closest(s, rank);
    return SLUICE_OK;
}

sluice_status sluice__split_forbid(sluice__split_problem *problem, const sluice_split *split,
                                   const size_t *bytes) {
    sluice__split_problem *p = problem;
    sluice_partition_load *loads;
    SLUICE__TRY(sluice__alloc(&loads, (size_t)p->ranks, sizeof *loads));
    const sluice_status status = sluice_partition_loads(loads, &p->partition, split);
    for (int r = 0; status == SLUICE_OK && r < p->ranks; r++) {
        if (p->limits[r] == 0 || bytes[r] <= p->limits[r]) continue;
        const double below = ceil(loads[r].bytes) - 1;
        if (below < (double)p->allowed[r]) p->allowed[r] = below < 1 ? 1 : (size_t)below;
    }
    sluice__free(loads);
    return status;
}

/* ---- nothing fits ---- */

/* What would fit, if one limit is for all ranks of a model. */
static void describe_remedies(char *out, size_t bytes, const sluice__split_problem *p) {
    sluice_plan_options options = sluice__split_plan_options(p);
    options.memory_limit        = p->options.memory_limit;
    (void)snprintf(out, bytes, "%s",
                   "recompute, use smaller micro-batches or more ranks, or raise the limit");
    if (p->options.model && !p->options.devices)
        sluice__describe_remedies(out, bytes, p->options.model, p->schedule, &options);
}

static sluice_status say_what_is_missing(const search *s, const char *which) {
    const sluice__split_problem *p = &s->problem;
    char needed[32], limit[32], missing[32], remedies[400];
    sluice__fail(SLUICE_E_DEVICE_MEMORY,
                 "%s rank %d needs %s, which is %s more than its limit of %s", which, s->short_rank,
                 sluice__bytes_text(needed, s->needed), sluice__bytes_text(missing, s->missing),
                 sluice__bytes_text(limit, p->limits[s->short_rank]));
    const sluice_error refusal = *sluice_last_error();
    describe_remedies(remedies, sizeof remedies, p);
    sluice__fail_again(&refusal);
    return sluice__hint(SLUICE_E_DEVICE_MEMORY, "%s", remedies);
}

/* Look at the split with the least beyond the limits, and at all others that may fit after all. */
static sluice_status try_closest(search *s) {
    sluice__split_problem *p   = &s->problem;
    sluice_partition partition = p->partition;
    bool fits = false, is_proven = false;
    s->needs_proof          = true;
    partition.objective     = SLUICE_OBJECTIVE_EXCESS;
    partition.memory_limits = p->limits;
    SLUICE__TRY(sluice_partition_solve(&s->found, &partition));
    SLUICE__TRY(plan_found(&fits, s));
    if (fits) return SLUICE_OK;
    SLUICE__TRY(sluice__split_prove(&is_proven, &fits, &s->found.split, p, INFINITY));
    if (fits) return plan_found(&fits, s);
    return say_what_is_missing(
        s, is_proven ? "no split fits: in the one that comes closest"
                     : "no split was found that fits: in the one that comes closest");
}

/* ---- the search ---- */

static void take_bounds(search *s) {
    s->bound     = s->found.bound;
    s->best      = s->found.is_best ? s->found.value : s->found.bound;
    s->is_proven = s->found.is_best;
}

static sluice_status find(search *s) {
    for (bool fits = false; !fits;) {
        const sluice_status status = s->refused == MAX_REFUSED
                                         ? SLUICE_E_DEVICE_MEMORY
                                         : sluice_partition_solve(&s->found, &s->problem.partition);
        if (status == SLUICE_E_DEVICE_MEMORY) return try_closest(s);
        SLUICE__TRY(status);
        if (s->refused == 0) take_bounds(s);
        SLUICE__TRY(plan_found(&fits, s));
        if (fits) return SLUICE_OK;
        SLUICE__TRY(sluice__split_forbid(&s->problem, &s->found.split, s->bytes));
        s->refused++;
        s->needs_proof = true;
    }
    return SLUICE_OK;
}

/* The split that is given; bounds are those of the best one without limits. */
static sluice_status take_given(search *s) {
    sluice_partition partition = s->problem.partition;
    bool fits                  = false;
    partition.memory_limits    = NULL;
    SLUICE__TRY(sluice_partition_solve(&s->found, &partition));
    take_bounds(s);
    s->found.split = *s->problem.options.split;
    SLUICE__TRY(plan_found(&fits, s));
    return fits ? SLUICE_OK : say_what_is_missing(s, "the split does not fit:");
}

/* What was found after refusals is the best once all better ones are known not to fit. */
static sluice_status prove(search *s) {
    bool is_found = s->needs_proof, is_proven = false, fits;
    double value = 0;
    while (is_found) {
        SLUICE__TRY(sluice_partition_loads(s->loads, &s->problem.partition, &s->found.split));
        value = sluice__split_value_of(&s->problem, s->loads);
        SLUICE__TRY(
            sluice__split_prove(&is_proven, &is_found, &s->found.split, &s->problem, value));
        if (is_found) SLUICE__TRY(plan_found(&fits, s));
    }
    if (!is_proven) return SLUICE_OK;
    s->is_proven = true;
    s->best      = value;
    return SLUICE_OK;
}

static sluice_status fill(sluice_split_result *out, search *s) {
    SLUICE__TRY(sluice_partition_loads(s->loads, &s->problem.partition, &s->found.split));
    out->split   = s->found.split;
    out->value   = sluice__split_value_of(&s->problem, s->loads);
    out->bound   = fmin(s->bound, out->value);
    out->best    = fmin(s->best, out->value);
    out->is_best = s->is_proven && out->value <= s->best * (1 + rounding);
    out->refused = s->refused;
    return sluice__split_fill(out, &s->problem, s->bytes);
}

sluice_status sluice_split_search(sluice_split_result **out, const sluice_schedule *schedule,
                                  const sluice_split_options *options) {
    search s                    = {.short_rank = -1};
    sluice_split_result *result = NULL;
    sluice_status status        = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__split_problem_make(&s.problem, schedule, options));
    SLUICE__TRY_OUT(sluice__alloc(&s.loads, (size_t)s.problem.ranks, sizeof *s.loads));
    SLUICE__TRY_OUT(sluice__alloc(&s.bytes, (size_t)s.problem.ranks, sizeof *s.bytes));
    SLUICE__TRY_OUT(sluice__alloc(&result, 1, sizeof *result));
    SLUICE__TRY_OUT(s.problem.options.split ? take_given(&s) : find(&s));
    SLUICE__TRY_OUT(prove(&s));
    SLUICE__TRY_OUT(fill(result, &s));
    *out   = result;
    result = NULL;
out:
    sluice_split_result_free(result);
    sluice__free(s.loads);
    sluice__free(s.bytes);
    sluice__split_problem_free(&s.problem);
    return status;
}
