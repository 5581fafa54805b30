/* SPDX-License-Identifier: MIT */
/*
 * split_search.h -- the best split of a model, or of a profile's layers, over the ranks of a
 * schedule: costs from profiles or estimated, memory as the plan of the run has it, and what it is
 * compared with.
 */
#ifndef SLUICE_SPLIT_SEARCH_H
#define SLUICE_SPLIT_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/device.h"
#include "sluice/device_list.h"
#include "sluice/model.h"
#include "sluice/partition.h"
#include "sluice/profile.h"
#include "sluice/schedule.h"
#include "sluice/status.h"

/* ---- costs without a profile ---- */

/* sluice_model_rows() with seconds: an action takes what its FLOPs take, or its bytes if that is
 * more. Release with sluice_model_rows_free(). E_ARGUMENT, E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_model_estimate(sluice_profile_layer **out,
                                               const sluice_model *model, int64_t samples,
                                               sluice_precision precision,
                                               const sluice_device_rates *rates);

/* What each row is to a layout, by the kinds of its layers: sluice_model_layout() for a profile.
 * E_ARGUMENT. */
SLUICE_API sluice_status sluice_rows_layout(sluice_layout_layer *out,
                                            const sluice_profile_layer *rows, int layers);

/* ---- the search ---- */

typedef struct sluice_split_options {
    size_t size; /* sizeof(sluice_split_options), set by the initializer */
    /* One of them, or both for the model's layers at the profile's times. */
    const sluice_model *model; /* its plan says what ranks hold; NULL: the profile's bytes do */
    const sluice_profile *profile;
    const sluice_device_list *devices; /* one per rank: profiles, limits, links; NULL: alike */
    int64_t microbatch; /* samples of a micro-batch; 0: the profile's only table, or 1 */
    const char *device; /* kind whose rates estimate what no profile says; NULL: "cpu" */
    sluice_precision precision;
    size_t (*working_bytes)(const sluice_shape *parameter); /* as in sluice_plan_options */
    int states;                                             /* likewise */
    const bool *recompute;                                  /* per stage; NULL: none */
    size_t memory_limit; /* of each rank whose device has none; 0: no limit */
    sluice_objective objective;
    const sluice_pin *pins;
    int pin_count;
    const sluice_split *split; /* this one, instead of the best; NULL */
    int threads;               /* of each rank, in what is estimated; 0: 1 */
} sluice_split_options;
/* One field a line, in the order of the struct: C++17 has no designated initializers. */
/* clang-format off */
#define SLUICE_SPLIT_OPTIONS_INIT                         \
    {                                                     \
        /* size          */ sizeof(sluice_split_options), \
        /* model         */ 0,                            \
        /* profile       */ 0,                            \
        /* devices       */ 0,                            \
        /* microbatch    */ 0,                            \
        /* device        */ 0,                            \
        /* precision     */ SLUICE_PRECISION_FP32,        \
        /* working_bytes */ 0,                            \
        /* states        */ 2,                            \
        /* recompute     */ 0,                            \
        /* memory_limit  */ 0,                            \
        /* objective     */ SLUICE_OBJECTIVE_TIME,        \
        /* pins          */ 0,                            \
        /* pin_count     */ 0,                            \
        /* split         */ 0,                            \
        /* threads       */ 0                             \
    }
/* clang-format on */

typedef struct sluice_split_stage {
    int rank;
    double seconds; /* F, I, W and recompute of a micro-batch, without transfers */
    int64_t parameters;
} sluice_split_stage;

typedef struct sluice_split_rank {
    double seconds;  /* of its stages for a micro-batch, with the transfers at their cuts */
    double transfer; /* the part of it that is transfers */
    double parameters;
    size_t bytes; /* that the plan allocates */
    size_t limit; /* 0: none */
} sluice_split_rank;

/* What others do with the same layers. */
typedef struct sluice_split_baseline {
    sluice_split split;
    double value;   /* of the objective, on the rank that has most */
    double seconds; /* of the slowest rank */
    size_t bytes;   /* of the rank with the largest plan */
    bool fits;      /* every rank's plan is within its limit */
} sluice_split_baseline;

typedef struct sluice_split_result {
    int layer_count, stages, ranks;
    sluice_profile_layer *layers; /* rank 0's rows, for names and sizes */
    sluice_split split;
    double value;     /* of the objective, on the rank that has most */
    double bound;     /* no split has less: what layers that can be cut anywhere would reach */
    double best;      /* no split that fits has less; the bound where nothing better is proven */
    bool is_best;     /* proven: no split that fits has a smaller value */
    bool is_estimate; /* some rank's seconds are estimated */
    int refused;      /* splits of a smaller value whose plan exceeds a limit */
    sluice_split_stage *stage;
    sluice_split_rank *rank;
    sluice_split_baseline *baselines; /* SLUICE_BASELINES */
    char *layout;                     /* NULL: it cannot be written, and `no_layout` says why */
    char *no_layout;
} sluice_split_result;

/*
 * Find the split of the layers into the stages of `schedule` whose most expensive rank is cheapest
 * and whose plan fits every rank; the partitioner's estimate only orders the splits: where the plan
 * exceeds a limit, the next best is tried.
 * E_ARGUMENT, E_SCHEDULE, E_IO and E_PARSE (a device's profile), E_HOST_MEMORY; E_DEVICE_MEMORY:
 * nothing fits, which rank is short by how much in the split that comes closest, and for a model
 * whose ranks have one limit what would fit. Release with sluice_split_result_free().
 */
SLUICE_API sluice_status sluice_split_search(sluice_split_result **out,
                                             const sluice_schedule *schedule,
                                             const sluice_split_options *options);
SLUICE_API void sluice_split_result_free(sluice_split_result *result); /* NULL is fine */

#endif
