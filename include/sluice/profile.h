/* SPDX-License-Identifier: MIT */
/*
 * profile.h -- costs and memory of layers, measured once and kept in a file (docs/formats.md), and
 * the costs and memory of stages that follow from them.
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

/* The layers, measured with micro-batches of `microbatch` samples. */
typedef struct sluice_profile_table {
    int64_t microbatch;
    int layer_count;
    sluice_profile_layer *layers;
} sluice_profile_table;

typedef struct sluice_profile {
    char *device;
    int table_count;
    sluice_profile_table *tables; /* for the same layers; micro-batch size ascending */
    double latency_s;             /* of links that are not listed; 0 if the file does not say */
    double bytes_per_s;           /* likewise; 0: size does not matter */
    int link_count;
    sluice_link_cost *links; /* latency in seconds, bandwidth in bytes per second */
    double update_s_per_parameter;
    double overlap; /* what an overlap group takes, as a factor on the sum of its actions; 0 if the
                     * file does not say: 1 */
} sluice_profile;

/* Read a file. E_IO, E_PARSE (which key of which layer is missing, unknown or wrong), E_UNSUPPORTED
 * (another version), E_HOST_MEMORY. Release with sluice_profile_free(). */
SLUICE_API sluice_status sluice_profile_read(sluice_profile **out, const char *path);
/* Parse a text in memory, which errors call `name`. */
SLUICE_API sluice_status sluice_profile_parse(sluice_profile **out, const char *text, size_t bytes,
                                              const char *name);
SLUICE_API void sluice_profile_free(sluice_profile *profile); /* NULL is fine */

/* The table measured with micro-batches of `microbatch` samples; 0: the only one. E_ARGUMENT says
 * which ones exist. Borrowed. */
SLUICE_API sluice_status sluice_profile_find(const sluice_profile_table **out,
                                             const sluice_profile *profile, int64_t microbatch);

/* The split whose most expensive stage (F + I + W) is cheapest: sluice_split_minmax(). */
SLUICE_API sluice_status sluice_profile_split(sluice_split *out, const sluice_profile_table *table,
                                              int stages);

/*
 * Costs and memory of the stages of `schedule` when the layers are cut by `split`: `costs`,
 * `recompute` and `bytes` have one entry per stage, `updates` one per rank. Permanent bytes are
 * parameters, gradients and `states` tensors of optimizer state, each as large as the parameters.
 * Tied layers on one rank share parameters and optimizer state; each has gradients.
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
