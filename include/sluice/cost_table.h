/* SPDX-License-Identifier: MIT */
/* cost_table.h -- the one cost table: what layers take on a device and links between ranks, from
 * profile to partition to simulation. */
#ifndef SLUICE_COST_TABLE_H
#define SLUICE_COST_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the actions of a layer or stage cost for one micro-batch: a row of a cost table, used by
 * profile, partition and simulation. The unit of time is the caller's; B costs input + weight. */
typedef struct sluice_cost {
    double forward, input, weight; /* of F, I, W */
} sluice_cost;

/* A transfer takes latency + size / bandwidth; bandwidth 0: size does not matter. */
typedef struct sluice_link_cost {
    int from, to; /* ranks */
    double latency, bandwidth;
} sluice_link_cost;

/* What a layer's description says of its memory, for one micro-batch: more than files contain. */
typedef struct sluice_layer_memory {
    bool is_known;   /* false: the rest is 0 */
    size_t input;    /* that the layer reads; the output of the layer before it */
    int input_until; /* a sluice_until (layer.h): how long it needs its input */
    size_t saved_until_input, saved_until_weight; /* tensors of its own that F saves */
    size_t stash;                                 /* tensors of its own that I leaves for W */
    size_t batch;                                 /* parts of the batch that it reads */
    size_t scratch_forward, scratch_evaluate, scratch_input, scratch_weight;
    bool weight_reads_output_gradient;
} sluice_layer_memory;

/* How far the samples of a layer's times lie apart: the median of their distances from the median
 * (MAD), in seconds. All 0: not known. */
typedef struct sluice_profile_spread {
    double forward_s, input_s, weight_s, recompute_s;
} sluice_profile_spread;

/* One layer, for one micro-batch: seconds and bytes, none of them negative. */
typedef struct sluice_profile_layer {
    char *name, *kind;
    char *tie; /* a name that tied layers have in common; NULL: not tied */
    double forward_s, input_s, weight_s, recompute_s; /* of F, I, W, and F again */
    size_t parameter_bytes;
    size_t saved_bytes; /* kept by F for I and W, with the layer's input and the parts of the batch
                         * that they read */
    size_t input_to_weight_bytes; /* left by I for W, with the output's gradient if W reads it */
    size_t scratch_bytes;         /* largest of its actions */
    size_t output_bytes;          /* that the next layer reads */
    size_t state_bytes;           /* kept from one call to the next, besides parameters */
    int64_t parameters;
    sluice_profile_spread spread;
    sluice_layer_memory memory; /* what the bytes above consist of */
} sluice_profile_layer;

#endif
