/* SPDX-License-Identifier: MIT */
/* partition.h -- layers to stages: pure arithmetic on a cost table. No devices, no threads. */
#ifndef SLUICE_PARTITION_H
#define SLUICE_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/cost_table.h"
#include "sluice/status.h"

enum { SLUICE_MAX_STAGES = 4096 };

/* Stage s holds layers first[s] .. first[s + 1] - 1; first[stages] is the layer count.
 * A plain value. */
typedef struct sluice_split {
    int stages;
    int first[SLUICE_MAX_STAGES + 1];
} sluice_split;

/*
 * The split whose most expensive stage is cheapest: exact; sluice_partition_solve() without
 * devices, links and limits. Among equals, the one whose stage costs have the smallest sum of
 * squares (so that the other stages are balanced even where one layer alone is the bottleneck),
 * then the one whose stage boundaries come earliest. Every stage gets at least one layer.
 * E_ARGUMENT if stages > layers or a cost is negative or not finite; E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_split_minmax(sluice_split *out, const sluice_cost *costs,
                                             int layers, int stages);

/* The split written "3,5,2" (layers per stage), which must cover `layers` in `stages`
 * stages. E_PARSE with the byte, E_ARGUMENT. */
SLUICE_API sluice_status sluice_split_parse(sluice_split *out, const char *text, size_t bytes,
                                            int layers, int stages);

/* ---- layout strings ---- */

/* What a layer is to a layout: the embedding E, one of the layers of a block t, one of a
 * multi-token block m, or one of the layers of the loss L, whose first may be a norm. */
typedef enum sluice_layout_part {
    SLUICE_LAYOUT_PART_EMBEDDING = 0,
    SLUICE_LAYOUT_PART_BLOCK     = 1,
    SLUICE_LAYOUT_PART_MULTI     = 2,
    SLUICE_LAYOUT_PART_LOSS      = 3
} sluice_layout_part;
typedef struct sluice_layout_layer {
    sluice_layout_part part;
    bool begins; /* the first layer of its part; the layers after it belong to it */
} sluice_layout_layer;

/*
 * The split that a layout of Megatron-LM writes, "Et*3|(tt|)*29,m|L": `|` a cut, `*n` repeats what
 * is before it, parentheses group, commas mean nothing; stages in order. The layout must name the
 * model's parts in the model's order, and leave no stage empty.
 * E_PARSE with the byte; E_ARGUMENT.
 */
SLUICE_API sluice_status sluice_layout_parse(sluice_split *out, const char *text, size_t bytes,
                                             const sluice_layout_layer *layers, int count);
/* How many stages a layout writes, of whatever model. E_PARSE, E_ARGUMENT. */
SLUICE_API sluice_status sluice_layout_stages(int *out, const char *text, size_t bytes);
/* The layout of a split. If a cut lies within a part, `*out` gets NULL, and `*inside` the first
 * stage that begins within one. Free with sluice_text_free(). E_ARGUMENT, E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_layout_print(char **out, int *inside, const sluice_split *split,
                                             const sluice_layout_layer *layers, int count);

/* ---- the general problem ---- */

/* What the most expensive rank has least of. */
typedef enum sluice_objective {
    SLUICE_OBJECTIVE_TIME       = 0, /* seconds for a micro-batch: F, I, W, recompute, links */
    SLUICE_OBJECTIVE_MEMORY     = 1, /* bytes */
    SLUICE_OBJECTIVE_PARAMETERS = 2,
    SLUICE_OBJECTIVE_EXCESS     = 3 /* bytes beyond the rank's limit, which then forbids nothing */
} sluice_objective;

/* Layer `layer` must be on stage `stage`. */
typedef struct sluice_pin {
    int layer, stage;
} sluice_pin;

/* Buffers of a stage, by how long they are needed. */
typedef enum sluice_held_kind {
    SLUICE_HELD_INPUT_FORWARD          = 0, /* the stage's input, if only F reads it */
    SLUICE_HELD_INPUT_INPUT            = 1, /* if I reads it */
    SLUICE_HELD_INPUT_WEIGHT           = 2, /* if W reads it */
    SLUICE_HELD_OUTPUT                 = 3,
    SLUICE_HELD_OUTPUT_GRADIENT_INPUT  = 4, /* if only I reads it */
    SLUICE_HELD_OUTPUT_GRADIENT_WEIGHT = 5,
    SLUICE_HELD_INPUT_GRADIENT         = 6,
    SLUICE_HELD_SAVED_INPUT            = 7, /* saved by F until I */
    SLUICE_HELD_SAVED_WEIGHT           = 8, /* saved by F until W */
    SLUICE_HELD_STASH                  = 9,
    SLUICE_HELD_BATCH                  = 10
} sluice_held_kind;
enum { SLUICE_HELD_KINDS = 11 };

/* What runs on a stage at a time of the step, for the scratch that it needs. */
typedef enum sluice_running {
    SLUICE_RUNNING_NOTHING         = 0,
    SLUICE_RUNNING_FORWARD         = 1,
    SLUICE_RUNNING_FORWARD_ONLY    = 2, /* F of a stage that recomputes */
    SLUICE_RUNNING_RECOMPUTE       = 3,
    SLUICE_RUNNING_BACKWARD        = 4,
    SLUICE_RUNNING_BACKWARD_INPUT  = 5,
    SLUICE_RUNNING_BACKWARD_WEIGHT = 6
} sluice_running;
enum { SLUICE_RUNNINGS = 7 };

/*
 * What the stages of a rank hold at one time of the step: how many micro-batches' buffers of each
 * kind, and what runs. A table of these is what partition knows of a schedule
 * (sluice_held_make() in plan.h makes it). `begins` is set in the first entry of a time; a time
 * has up to one entry for each stage of one rank.
 */
typedef struct sluice_held {
    int stage;
    bool begins;
    sluice_running running;
    int counts[SLUICE_HELD_KINDS];
} sluice_held;

/* A buffer of a stage and micro-batch, by the instructions of its rank that first and last use it.
 */
typedef struct sluice_held_buffer {
    int stage;
    sluice_held_kind kind;  /* unless `running` says that it is scratch */
    sluice_running running; /* NOTHING: not scratch */
    int begin, end;
} sluice_held_buffer;

typedef struct sluice_partition {
    size_t size; /* sizeof(sluice_partition), set by the initializer */
    int layer_count, stages, ranks;
    /* One array of layer_count rows for each rank: what they take on its device. Ranks with equal
     * devices have the same pointer. Bytes, parameters and ties are those of the first rank. */
    const sluice_profile_layer *const *layers;
    const int *stage_ranks;        /* NULL: stage s is on rank s mod ranks */
    const bool *recompute;         /* per stage; NULL: none */
    double latency, bandwidth;     /* of every link: seconds, bytes per second (0: size is free) */
    const sluice_link_cost *links; /* exceptions; the last one that matches counts */
    int link_count;
    const sluice_pin *pins;
    int pin_count;
    sluice_objective objective;
    const size_t *memory_limits; /* per rank, 0: none; NULL: none */
    const sluice_held *held;     /* NULL: every stage holds one micro-batch */
    int held_count;
    const sluice_held_buffer *buffers; /* for sluice_partition_load.arena; NULL: not asked for */
    int buffer_count;
    int states;           /* optimizer state tensors per parameter */
    double working_share; /* bytes of working copies as a share of the parameters' */
    int64_t max_nodes;    /* of the search where ranks have several stages, and steps of its
                           * heuristics; 0: 4 million, and as many as are useful */
} sluice_partition;
/* One field a line, in the order of the struct: C++17 has no designated initializers. */
/* clang-format off */
#define SLUICE_PARTITION_INIT                          \
    {                                                  \
        /* size          */ sizeof(sluice_partition),  \
        /* layer_count   */ 0,                         \
        /* stages        */ 1,                         \
        /* ranks         */ 1,                         \
        /* layers        */ 0,                         \
        /* stage_ranks   */ 0,                         \
        /* recompute     */ 0,                         \
        /* latency       */ 0,                         \
        /* bandwidth     */ 0,                         \
        /* links         */ 0,                         \
        /* link_count    */ 0,                         \
        /* pins          */ 0,                         \
        /* pin_count     */ 0,                         \
        /* objective     */ SLUICE_OBJECTIVE_TIME,     \
        /* memory_limits */ 0,                         \
        /* held          */ 0,                         \
        /* held_count    */ 0,                         \
        /* buffers       */ 0,                         \
        /* buffer_count  */ 0,                         \
        /* states        */ 2,                         \
        /* working_share */ 0,                         \
        /* max_nodes     */ 0                          \
    }
/* clang-format on */

typedef struct sluice_partition_result {
    sluice_split split;
    double value; /* of the objective, on the rank that has most of it */
    double bound; /* no split has less: what layers that can be cut anywhere would reach */
    bool is_best; /* proven: no split has a smaller value */
} sluice_partition_result;

/*
 * The split whose most expensive rank is cheapest, within the limits. One stage per rank: exact;
 * among equals, the one with the smallest sum of squares, then the one whose boundaries come
 * earliest. Several stages per rank: the sum of a rank's stages counts; exact by branch and bound
 * up to 16 stages (unless max_nodes end it, see `is_best`), a heuristic above that.
 *
 * Where a plan refuses the split, lower that rank's limit to one byte less than
 * sluice_partition_loads() says (`bytes`) and solve again: the next best split that holds less
 * there.
 *
 * E_ARGUMENT: a number is out of range, pins contradict each other; E_DEVICE_MEMORY: nothing fits,
 * and what comes closest; E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_partition_solve(sluice_partition_result *out,
                                                const sluice_partition *problem);

/* What a split gives a rank: seconds for one micro-batch on all of its stages, and bytes. */
typedef struct sluice_partition_load {
    double seconds;
    double bytes; /* held when most is held: what limits are compared with */
    double arena; /* with the gaps between buffers, if their lifetimes are given; else `bytes` */
    double parameters;
} sluice_partition_load;
/* `out` gets one entry per rank. E_ARGUMENT, E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_partition_loads(sluice_partition_load *out,
                                                const sluice_partition *problem,
                                                const sluice_split *split);

/* What others do, to compare. They see neither links nor limits nor pins. */
typedef enum sluice_baseline {
    SLUICE_BASELINE_EQUAL_LAYERS     = 0, /* as many layers on each stage, up to one */
    SLUICE_BASELINE_EQUAL_PARAMETERS = 1, /* the largest stage has the fewest (DeepSpeed) */
    SLUICE_BASELINE_VARIANCE         = 2, /* stage costs with the smallest variance (GPipe) */
    SLUICE_BASELINE_BLOCKS = 3 /* Barany and Grolmusz 2013 (torchgpipe): with layers' costs
                                * from 0 to 1, largest and smallest differ by at most 1 */
} sluice_baseline;
enum { SLUICE_BASELINES = 4 };
/* "equal layers"; never NULL. */
SLUICE_API const char *sluice_baseline_name(sluice_baseline baseline);
/* The split of a problem, of which only the first rank's rows and the number of stages count.
 * E_ARGUMENT, E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_partition_baseline(sluice_split *out,
                                                   const sluice_partition *problem,
                                                   sluice_baseline baseline);

#endif
