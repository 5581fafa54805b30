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

#include "sluice/model.h"
#include "sluice/optimizer.h"
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

/* How far the samples of a link lie apart, as sluice_profile_spread says it of a layer. All 0: not
 * known. */
typedef struct sluice_profile_link_spread {
    double latency_s, bytes_per_s;
} sluice_profile_link_spread;

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

    /* How it was measured; NULL or 0: the file does not say. */
    char *model, *precision, *optimizer;
    int64_t sequence; /* tokens of a sample */
    int threads;      /* of each rank */
    int ranks;        /* that computed at the same time */
    sluice_profile_link_spread default_link_spread;
    sluice_profile_link_spread *link_spreads; /* one per link; NULL: not known */
    double update_spread_s_per_parameter;
} sluice_profile;

/*
 * Read a file: JSON as docs/formats.md describes it, or the text of PipeDream's profiler, which is
 * recognized by its first word. E_IO, E_PARSE (which key of which layer is missing, unknown or
 * wrong; which line), E_UNSUPPORTED (another version), E_HOST_MEMORY. Release with
 * sluice_profile_free().
 */
SLUICE_API sluice_status sluice_profile_read(sluice_profile **out, const char *path);
/* Parse a text in memory, which errors call `name`. */
SLUICE_API sluice_status sluice_profile_parse(sluice_profile **out, const char *text, size_t bytes,
                                              const char *name);
SLUICE_API void sluice_profile_free(sluice_profile *profile); /* NULL is fine */
/* As JSON, which parses to the same profile, numbers of 9 digits: a layer a line, to be edited by
 * hand. Free the text with sluice_text_free(). E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_profile_print(char **out, const sluice_profile *profile);
/* The same into a file, whole or not at all. E_IO, E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_profile_write(const char *path, const sluice_profile *profile);

/* ---- measuring ---- */

struct sluice_batch_part; /* pipeline.h */

/* Called on the caller's thread while something is measured; `done` of `all` parts are over. */
typedef void sluice_profile_progress(void *context, const char *what, int done, int all);

typedef struct sluice_profile_options {
    size_t size;        /* sizeof(sluice_profile_options), set by the initializer */
    const char *device; /* as in sluice_pipeline_options; one that computes */
    int threads;        /* likewise */
    int ranks;          /* that compute at the same time, as many as the run will have */
    int ranks_per_device;
    sluice_precision precision;
    const int64_t *microbatches; /* a table for each of these numbers of samples; NULL: 1 */
    int microbatch_count;
    const sluice_optimizer_kind *optimizer; /* NULL: the first of sluice_optimizers() */
    const void *optimizer_config;           /* NULL: the kind's defaults */
    int steps;                              /* of each rank, whose times count */
    int warm_up;                            /* steps before them */
    int alike; /* measure at most so many layers that are alike, the first ones; the others are
                * taken to cost the same, and need no memory; 0: all */
    const char *model; /* its name, for the profile; NULL: none */
    int64_t sequence;  /* likewise; 0: none */
    /* What fills the parts of a batch, ended by one without a name, for any samples; NULL: zeros */
    const struct sluice_batch_part *parts;
    sluice_profile_progress *progress; /* NULL: none */
    void *context;
    const char *blas; /* as in sluice_pipeline_options */
} sluice_profile_options;
/* One field a line, in the order of the struct: C++17 has no designated initializers. */
/* clang-format off */
#define SLUICE_PROFILE_OPTIONS_INIT                            \
    {                                                          \
        /* size             */ sizeof(sluice_profile_options), \
        /* device           */ 0,                              \
        /* threads          */ 0,                              \
        /* ranks            */ 1,                              \
        /* ranks_per_device */ 0,                              \
        /* precision        */ SLUICE_PRECISION_FP32,          \
        /* microbatches     */ 0,                              \
        /* microbatch_count */ 0,                              \
        /* optimizer        */ 0,                              \
        /* optimizer_config */ 0,                              \
        /* steps            */ 9,                              \
        /* warm_up          */ 2,                              \
        /* alike            */ 0,                              \
        /* model            */ 0,                              \
        /* sequence         */ 0,                              \
        /* parts            */ 0,                              \
        /* progress         */ 0,                              \
        /* context          */ 0,                              \
        /* blas             */ 0                               \
    }
/* clang-format on */

/*
 * Measure the layers of `model` on this machine: every rank runs all of them, as the stages of a
 * pipeline of its own, while the other ranks do the same. Each needs memory for the whole model,
 * and for the activations of one micro-batch. A time is the median over all ranks and steps.
 * Links are measured between neighbours, one at a time; with one rank there are none.
 * Release with sluice_profile_free(). E_ARGUMENT, E_HOST_MEMORY, E_DEVICE_MEMORY, E_UNSUPPORTED,
 * E_DEVICE, E_CALLBACK.
 */
SLUICE_API sluice_status sluice_profile_measure(sluice_profile **out, const sluice_model *model,
                                                const sluice_profile_options *options);

/* ---- stages ---- */

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
 * parameters, gradients and `states` tensors of optimizer state, each as large as the parameters,
 * and the state of layers.
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
