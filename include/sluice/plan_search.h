/* SPDX-License-Identifier: MIT */
/*
 * plan_search.h -- how to run a model, or a profile's layers, on given devices: the search over
 * ranks, stages, micro-batches, schedules, recomputation and splits by compiling and simulating.
 */
#ifndef SLUICE_PLAN_SEARCH_H
#define SLUICE_PLAN_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/cost_table.h"
#include "sluice/device_list.h"
#include "sluice/model.h"
#include "sluice/operations.h"
#include "sluice/profile.h"
#include "sluice/status.h"

/* Called on the caller's thread after each simulation; `best` seconds of a step, 0: none fits yet.
 */
typedef void sluice_plan_progress(void *context, int simulations, int effort, double best);

typedef struct sluice_plan_search_options {
    size_t size; /* sizeof(sluice_plan_search_options), set by the initializer */
    /* One of them, or both for the model's layers at the profile's times. */
    const sluice_model *model;
    const sluice_profile *profile;
    const sluice_device_list *devices; /* a run on fewer ranks takes the first ones; NULL: `ranks`
                                        * that are alike */
    int ranks;                         /* at most, without devices */
    int64_t batch;                     /* samples of a minibatch */
    int microbatches;                  /* 0: any number that divides the batch */
    const char *device; /* kind whose rates estimate what no profile says; NULL: "cpu" */
    sluice_precision precision;
    size_t (*working_bytes)(const sluice_shape *parameter); /* as in sluice_plan_options */
    int states;                                             /* likewise */
    size_t memory_limit; /* of each rank whose device has none; 0: no limit */
    int max_chunks;      /* stages of a rank */
    int effort;          /* simulations, at most */
    int runners_up;      /* plans besides the best, each with another schedule, number of ranks or
                          * of micro-batches */
    bool exhaustive;     /* simulate every configuration with its balanced split: for checks */
    sluice_plan_progress *progress; /* NULL: none */
    void *context;
    int min_ranks;  /* at least */
    int threads;    /* of each rank, in what is estimated; 0: 1 */
    bool ascending; /* only schedules that train to the same bits (sluice_schedule_description) */
    bool brief; /* where nothing fits, plan no changes that do: of those only more memory is said */
} sluice_plan_search_options;
/* One field a line, in the order of the struct: C++17 has no designated initializers. */
/* clang-format off */
#define SLUICE_PLAN_SEARCH_OPTIONS_INIT                         \
    {                                                           \
        /* size          */ sizeof(sluice_plan_search_options), \
        /* model         */ 0,                                  \
        /* profile       */ 0,                                  \
        /* devices       */ 0,                                  \
        /* ranks         */ 1,                                  \
        /* batch         */ 1,                                  \
        /* microbatches  */ 0,                                  \
        /* device        */ 0,                                  \
        /* precision     */ SLUICE_PRECISION_FP32,              \
        /* working_bytes */ 0,                                  \
        /* states        */ 2,                                  \
        /* memory_limit  */ 0,                                  \
        /* max_chunks    */ 4,                                  \
        /* effort        */ 400,                                \
        /* runners_up    */ 3,                                  \
        /* exhaustive    */ false,                              \
        /* progress      */ 0,                                  \
        /* context       */ 0,                                  \
        /* min_ranks     */ 1,                                  \
        /* threads       */ 0,                                  \
        /* ascending     */ false,                              \
        /* brief         */ false                               \
    }
/* clang-format on */

typedef struct sluice_plan_rank {
    double busy; /* seconds of a step in which it computes */
    double inner_idle;
    double update; /* seconds */
    size_t bytes;  /* that the plan allocates */
    size_t limit;  /* 0: none */
} sluice_plan_rank;

typedef struct sluice_plan_stage {
    int rank;
    int first, last; /* layers, both included */
    bool recompute;
    sluice_cost cost;    /* seconds for a micro-batch */
    double recompute_s;  /* likewise, where it recomputes */
    size_t output_bytes; /* that it sends to the next stage for a micro-batch */
} sluice_plan_stage;

/* A way to run it that fits, and what the simulation of it says. */
typedef struct sluice_plan_choice {
    const char *schedule; /* static storage */
    int ranks, chunks, stages, microbatches;
    int64_t microbatch; /* samples */
    double slack;       /* 0: the schedule's default */
    double step;        /* seconds */
    double makespan, makespan_idle;
    double transferring, exposed; /* seconds of transfers, and those that a rank waited for */
    double bound;                 /* on the step, before it was simulated */
    sluice_plan_rank *rank;
    sluice_plan_stage *stage;
    double latency, bandwidth; /* of links, as in sluice_simulation_costs */
    sluice_link_cost *links;
    int link_count;
    double overlap;
} sluice_plan_choice;

typedef struct sluice_plan_result {
    sluice_plan_choice *choices; /* the best, then the runners-up */
    int count;
    int simulations;        /* of configurations with their balanced splits */
    int moves;              /* simulations of other splits */
    int64_t configurations; /* that there are; the others were ruled out by bounds */
    bool is_best; /* no configuration is better with its balanced split; else the effort was used
                   * up, and none is known to be below `bound` */
    bool is_best_split; /* nor with any other split: all that could be faster were simulated; never
                         * with limits, as more recomputation may then allow others */
    double bound;       /* seconds */
    bool is_estimate;   /* some rank's seconds are estimated */
    bool is_limited;    /* a limit forbade a split that would have been tried */
} sluice_plan_result;

/*
 * Find the configuration whose simulated step takes least among those whose memory plan fits. Its
 * parts: the number of ranks, chunks, micro-batches of equal size, a schedule with its slack, the
 * stages that recompute; the split is the one whose slowest rank takes least within the limits, and
 * of the plans that are kept the cuts are then moved while that shortens the step.
 * The same input gives the same plan.
 * E_ARGUMENT, E_IO and E_PARSE (a device's profile), E_HOST_MEMORY; E_DEVICE_MEMORY: nothing fits,
 * which rank is short by how much in the plan that comes closest, and in the hint the smallest
 * changes that fit, each of which was planned. Release with sluice_plan_result_free().
 */
SLUICE_API sluice_status sluice_plan_search(sluice_plan_result **out,
                                            const sluice_plan_search_options *options);
/* Bytes that the plan allocates on the rank with the largest arena. */
SLUICE_API size_t sluice_plan_choice_bytes(const sluice_plan_choice *choice);
SLUICE_API void sluice_plan_result_free(sluice_plan_result *result); /* NULL is fine */

#endif
