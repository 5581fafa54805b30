/* SPDX-License-Identifier: MIT */
/*
 * profile.h -- what layers cost and hold, measured once and kept in a file (docs/formats.md), and
 * what follows for the stages of a schedule.
 */
#ifndef SLUICE_PROFILE_H
#define SLUICE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/partition.h"
#include "sluice/program.h"
#include "sluice/schedule.h"
#include "sluice/status.h"

/* One layer, for one micro-batch: seconds and bytes, none of them negative. */
typedef struct sluice_profile_layer {
    char *name, *kind;
    char *tie; /* the name that tied layers share; NULL: it shares no parameter */
    double forward_s, input_s, weight_s, recompute_s; /* of F, I, W, and F again */
    size_t parameter_bytes;
    size_t saved_bytes; /* kept by F for I and W, the layer's input included where they read it */
    size_t input_to_weight_bytes; /* left by I for W */
    size_t scratch_bytes;         /* of the action that needs most */
    size_t output_bytes;          /* that the next layer reads */
    int64_t parameters;
} sluice_profile_layer;

/* The layers, measured with micro-batches of `microbatch` samples. */
typedef struct sluice_profile_table {
    int64_t microbatch;
    int layer_count;
    sluice_profile_layer *layers;
} sluice_profile_table;

typedef struct sluice_profile {
    char *device;
    int table_count;
    sluice_profile_table *tables; /* of the same layers; by micro-batch, ascending */
    double latency_s;             /* of links that are not listed: 0 if the file says nothing */
    double bytes_per_s;           /* of those; 0: size does not matter */
    int link_count;
    sluice_link_cost *links; /* latency in seconds, bandwidth in bytes per second */
    double update_s_per_parameter;
} sluice_profile;

/* Read a file. E_IO, E_PARSE (which key of which layer is missing, unknown or wrong), E_UNSUPPORTED
 * (another version), E_HOST_MEMORY. Release with sluice_profile_free(). */
SLUICE_API sluice_status sluice_profile_read(sluice_profile **out, const char *path);
/* The same of a text in memory, called `name` in sentences. */
SLUICE_API sluice_status sluice_profile_parse(sluice_profile **out, const char *text, size_t bytes,
                                              const char *name);
SLUICE_API void sluice_profile_free(sluice_profile *profile); /* NULL is fine */

/* The table of micro-batches of `microbatch` samples; 0: the only one. E_ARGUMENT says which there
 * are. Borrowed. */
SLUICE_API sluice_status sluice_profile_find(const sluice_profile_table **out,
                                             const sluice_profile *profile, int64_t microbatch);

/* The split whose dearest stage (F + I + W) is cheapest: sluice_split_minmax(). */
SLUICE_API sluice_status sluice_profile_split(sluice_split *out, const sluice_profile_table *table,
                                              int stages);

/*
 * What the stages of `schedule` cost and hold if they are those of `split`: `costs`, `recompute`
 * and `bytes` have room for each stage, `updates` for each rank. Permanent bytes are parameters,
 * gradients and `states` tensors of optimizer state, each as large as the parameters; of tied
 * layers on one rank the parameters and optimizer state are there once, the gradients per layer.
 * E_ARGUMENT if the split is not one of these layers into these stages.
 */
typedef struct sluice_profile_costs {
    sluice_cost *costs;
    double *recompute;
    sluice_stage_bytes *bytes;
    double *updates;
} sluice_profile_costs;
SLUICE_API sluice_status sluice_profile_stages(const sluice_profile_costs *out,
                                               const sluice_profile *profile,
                                               const sluice_profile_table *table,
                                               const sluice_split *split,
                                               const sluice_schedule *schedule, int states);

#endif
