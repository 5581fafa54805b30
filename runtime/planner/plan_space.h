/* SPDX-License-Identifier: MIT */
/* plan_space.h -- a search for a plan, for the files that do its parts. */
#ifndef SLUICE_PLANNER_PLAN_SPACE_H
#define SLUICE_PLANNER_PLAN_SPACE_H

#include "runtime/planner/split_problem.h"
#include "sluice/plan_search.h"

/* Where a configuration is on its way. */
typedef enum sluice__plan_state {
    SLUICE__PLAN_BOUND  = 0, /* its bound holds for every split and schedule */
    SLUICE__PLAN_SPLIT  = 1, /* it has a split, and its bound is that of its schedule */
    SLUICE__PLAN_CLOSED = 2  /* simulated, or it does not fit */
} sluice__plan_state;

typedef struct sluice__plan_configuration {
    const char *schedule;
    int ranks, chunks, microbatches;
    double slack;
    uint64_t recompute; /* one bit per stage up to FEW_STAGES, above that the first so many */
    sluice__plan_state state;
    double bound;       /* on the step, seconds */
    double first_bound; /* that of every split, whatever recomputes */
    bool has_children;
    /* once it has a split */
    sluice_schedule *made;
    bool *recomputes; /* per stage */
    sluice__split_problem problem;
    sluice_device_list devices; /* the first ones of the list */
    sluice_split *split;
    int refused;
} sluice__plan_configuration;

typedef struct sluice__plan_space {
    sluice_plan_search_options options;
    int layers, ranks; /* ranks at most */
    bool has_limits;
    sluice__plan_configuration **list;
    int count;
    int64_t all; /* configurations, with every set of stages that recompute */
    bool is_estimate;
    bool is_limited; /* a limit forbade a split */
    int simulations;
} sluice__plan_space;

enum {
    SLUICE__PLAN_FEW_STAGES  = 4,
    SLUICE__PLAN_MAX_REFUSED = 40,
    SLUICE__PLAN_MAX_ACTIONS = 1 << 18
};

/* ---- plan_space.c ---- */

/* Check the options, and set what follows from them alone. E_ARGUMENT. */
sluice_status sluice__plan_take_options(sluice__plan_space *space,
                                        const sluice_plan_search_options *options);
/* A rank's: its device's, or that of all; 0: none. */
size_t sluice__plan_limit(const sluice_plan_search_options *options, int rank);
/* Every configuration without recomputation, each with its first bound. Start from {0}; release
 * with sluice__plan_space_free(), after a failure too. */
sluice_status sluice__plan_space_make(sluice__plan_space *space,
                                      const sluice_plan_search_options *options);
void sluice__plan_space_free(sluice__plan_space *space);
/* Drop what a configuration needed for its split. */
void sluice__plan_close(sluice__plan_configuration *configuration);
/* Add the configurations with more recomputation that follow this one, once. */
sluice_status sluice__plan_add_children(sluice__plan_space *space,
                                        sluice__plan_configuration *configuration);
int sluice__plan_stages(const sluice__plan_configuration *configuration);
/* The same, not yet split; and with all stages recomputed. */
sluice__plan_configuration sluice__plan_again(const sluice__plan_configuration *configuration);
sluice__plan_configuration sluice__plan_full(const sluice__plan_configuration *configuration);

/* ---- plan_split.c: the split of a configuration ---- */

/* All but the split itself: the schedule and the problem. `*is_there` false: there is no such
 * schedule. */
sluice_status sluice__plan_prepare(bool *is_there, const sluice__plan_space *space,
                                   sluice__plan_configuration *configuration);
/* Find it, and the bound that follows; closed if there is none. */
sluice_status sluice__plan_split(sluice__plan_space *space,
                                 sluice__plan_configuration *configuration);
/* Forbid the split, whose plan allocates `bytes`, and find the next. */
sluice_status sluice__plan_split_again(sluice__plan_space *space,
                                       sluice__plan_configuration *configuration,
                                       const size_t *bytes);

/* Whether the ranks' estimated bytes are within what they are allowed. */
sluice_status sluice__plan_is_allowed(bool *out, const sluice__split_problem *problem,
                                      const sluice_split *split);
/* The bound on the step of the configuration with its split. */
sluice_status sluice__plan_bound_of(double *out, const sluice__plan_space *space,
                                    const sluice__plan_configuration *configuration);

/* ---- plan_costs.c: seconds of a split's stages, transfers and updates ---- */

typedef struct sluice__plan_costs {
    sluice_simulation_costs costs; /* points into what follows */
    sluice_cost *stages;
    double *recompute, *updates;
    size_t *outputs; /* per stage: bytes sent to the next one */
} sluice__plan_costs;
/* Start from {0}; release with sluice__plan_costs_free(), after a failure too. */
sluice_status sluice__plan_costs_make(sluice__plan_costs *out,
                                      const sluice__plan_configuration *configuration, int states);
void sluice__plan_costs_free(sluice__plan_costs *costs);
/* Seconds of a transfer between ranks; on one rank nothing. */
double sluice__plan_transfer(const sluice__plan_costs *costs, int from, int to, size_t bytes);

/* ---- plan_bound.c ---- */

/* No simulation of the schedule under these costs ends before. E_HOST_MEMORY. */
sluice_status sluice__plan_bound(double *out, const sluice_schedule *schedule,
                                 const sluice__plan_costs *costs, const bool *recompute);

/* ---- plan_try.c: compile and simulate ---- */

/* One simulation. `*fits` false: a rank's plan exceeds its limit; `bytes` gets what the ranks'
 * plans allocate. `choice` is filled where it fits: free it with sluice__plan_choice_free(). */
sluice_status sluice__plan_try(sluice_plan_choice *choice, bool *fits, size_t *bytes,
                               sluice__plan_space *space,
                               const sluice__plan_configuration *configuration);
/* Replace `best` by what the configuration's split gives, if its bytes as estimated, its bound and
 * then the simulation say that it fits and its step is shorter. */
sluice_status sluice__plan_try_shorter(bool *shorter, sluice_plan_choice *best, size_t *bytes,
                                       sluice__plan_space *space,
                                       sluice__plan_configuration *configuration);
void sluice__plan_choice_free(sluice_plan_choice *choice);
/* The configuration that became it, not yet split; and its split. */
sluice__plan_configuration sluice__plan_of(const sluice_plan_choice *choice);
void sluice__plan_take_split(sluice_split *out, const sluice_plan_choice *choice);

/* ---- plan_moves.c ---- */

/* Replace a choice by one with moved cuts whose step is shorter, if there is one. `bytes` has an
 * element for each rank. */
sluice_status sluice__plan_move_cuts(sluice_plan_choice *choice, size_t *bytes,
                                     sluice__plan_space *space);

/* ---- plan_all_splits.c ---- */

/* Look at every split of a configuration that could be faster than `best`, which gets the fastest;
 * `*left` counts splits down, and the space's simulations up to its effort: where either ends, so
 * does this. */
sluice_status sluice__plan_try_all_splits(sluice_plan_choice *best, size_t *bytes, int64_t *left,
                                          sluice__plan_space *space,
                                          const sluice__plan_configuration *configuration);

/* ---- plan_search.c ---- */

/* Whether there is a plan that fits; `words` say which. E_ARGUMENT counts as none. */
sluice_status sluice__plan_is_possible(bool *out, char *words, size_t bytes,
                                       const sluice_plan_search_options *options);

/* The best plan whose step takes less than `below` seconds, of those that the effort reaches;
 * `out`, which starts from {0}, has 0 ranks if there is none. E_ARGUMENT counts as none. Adds to
 * `*simulations`. Without `moves` balanced splits alone are tried. */
sluice_status sluice__plan_search_below(sluice_plan_choice *out, int *simulations,
                                        const sluice_plan_search_options *options, double below,
                                        bool moves);

/* ---- plan_missing.c ---- */

/* Say which rank is short by how much, and what would fit. Returns E_DEVICE_MEMORY. */
sluice_status sluice__plan_say_what_is_missing(sluice__plan_space *space);

#endif
