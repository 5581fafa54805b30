/* SPDX-License-Identifier: MIT */
/* split_problem.h -- a search for a split, for the files that do its parts. */
#ifndef SLUICE_PLANNER_SPLIT_PROBLEM_H
#define SLUICE_PLANNER_SPLIT_PROBLEM_H

#include "sluice/plan.h"
#include "sluice/split_search.h"

typedef struct sluice__split_problem {
    const sluice_schedule *schedule;
    sluice_split_options options;
    sluice_partition partition; /* points into what follows */
    int layers, ranks;
    int64_t microbatch;
    sluice_profile_layer *estimate; /* rows of the model; NULL without one */
    sluice_profile **read;          /* [ranks]: profiles of devices */
    sluice_profile_layer **timed;   /* [ranks]: the model's rows at the times of a profile */
    const sluice_profile_layer **rows;
    const sluice_profile **profiles;   /* [ranks]: of each one's times; NULL: estimated */
    const sluice_profile *profile;     /* rank 0's; NULL: estimated */
    const sluice_profile_table *table; /* likewise */
    bool is_estimate;
    int *stage_ranks;
    sluice_held *held;
    sluice_link_cost *links;
    size_t *limits, *allowed; /* [ranks]: 0 is none; allowed: what estimates may reach */
} sluice__split_problem;

/* split_costs.c: start from {0}; release with sluice__split_problem_free(), after a failure too. */
sluice_status sluice__split_problem_make(sluice__split_problem *out,
                                         const sluice_schedule *schedule,
                                         const sluice_split_options *options);
void sluice__split_problem_free(sluice__split_problem *problem);

/* What a rank does in a second where no profile says it: E_ARGUMENT, E_UNSUPPORTED. */
sluice_status sluice__split_rates(sluice_device_rates *out, const sluice__split_problem *problem);

/* What an estimate may reach under a limit, so that it forbids no split whose plan fits; 0: any. */
size_t sluice__split_allowed(size_t limit);

/* split_search.c: lower the limits of ranks whose plan has too many `bytes`, so that the next split
 * holds less there. E_ARGUMENT, E_HOST_MEMORY. */
sluice_status sluice__split_forbid(sluice__split_problem *problem, const sluice_split *split,
                                   const size_t *bytes);

/* split_proof.c: look for a split that has a smaller value and fits, which `split` gets. Proven:
 * there is none. Neither: there are too many to look at. E_ARGUMENT, E_SCHEDULE, E_HOST_MEMORY. */
sluice_status sluice__split_prove(bool *is_proven, bool *is_found, sluice_split *split,
                                  const sluice__split_problem *problem, double value);

/* split_result.c: how a split of the model is planned; without a limit. */
sluice_plan_options sluice__split_plan_options(const sluice__split_problem *problem);
/* The program of a split of a profile's layers, with what is known of `costs` (NULL: nothing);
 * release with sluice_program_free(). E_ARGUMENT, E_HOST_MEMORY. */
sluice_status sluice__split_compile(sluice_program **out, const sluice__split_problem *problem,
                                    const sluice_split *split,
                                    const sluice_simulation_costs *costs);
/* What loads are worth in the objective: that of the rank with the most. */
double sluice__split_value_of(const sluice__split_problem *problem,
                              const sluice_partition_load *loads);
/* Bytes that the plan of a split allocates on each rank. */
sluice_status sluice__split_bytes(size_t *bytes, const sluice__split_problem *problem,
                                  const sluice_split *split);
/* The rank with the most bytes beyond its limit; -1: all fit. */
int sluice__split_short_rank(const sluice__split_problem *problem, const size_t *bytes);
/* What the split gives stages and ranks, whose plans have `bytes`; and the baselines. */
sluice_status sluice__split_fill(sluice_split_result *out, const sluice__split_problem *problem,
                                 const size_t *bytes);

#endif
