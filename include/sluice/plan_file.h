/* SPDX-License-Identifier: MIT */
/*
 * plan_file.h -- how to run a model, decided and kept in a file (docs/formats.md): what `sluice
 * plan` writes.
 */
#ifndef SLUICE_PLAN_FILE_H
#define SLUICE_PLAN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/partition.h"
#include "sluice/plan_search.h"
#include "sluice/program.h"
#include "sluice/schedule.h"
#include "sluice/status.h"

typedef struct sluice_plan_file_stage {
    int first, last; /* layers, both included */
    bool recompute;
    bool has_cost;
    sluice_cost cost;     /* seconds for a micro-batch */
    double recompute_s;   /* likewise */
    int64_t output_bytes; /* that it sends to the next stage for a micro-batch */
} sluice_plan_file_stage;

typedef struct sluice_plan_file_rank {
    char *device;
    int stage_count;
    sluice_plan_file_stage *stages; /* in the order of their layers */
    double update_s;                /* 0: the file does not say */
    double inner_idle;              /* predicted */
    size_t bytes;                   /* likewise */
} sluice_plan_file_rank;

/* Texts are NULL and numbers 0 where the file does not say. */
typedef struct sluice_plan_file {
    char *model, *profile; /* one of them */
    int64_t sequence, vocabulary;
    int64_t parameters; /* of the model */
    int64_t batch;
    int microbatch_count;
    int64_t *microbatches; /* samples of each */
    char *schedule;        /* its name; NULL: `csv` */
    char *csv;
    int chunks, group;
    double slack;
    char *optimizer, *precision;
    int threads;
    int rank_count;
    sluice_plan_file_rank *ranks;
    bool has_predicted;
    double step_s, makespan_idle;
    double overlap;
    bool has_default_link;
    double latency_s, bytes_per_s;
    int link_count;
    sluice_link_cost *links;
} sluice_plan_file;

/* Read a file. E_IO, E_PARSE (which key of which rank is missing, unknown or wrong), E_UNSUPPORTED
 * (another version, replicas), E_HOST_MEMORY. Release with sluice_plan_file_free(). */
SLUICE_API sluice_status sluice_plan_file_read(sluice_plan_file **out, const char *path);
/* Parse a text in memory, which errors call `name`. */
SLUICE_API sluice_status sluice_plan_file_parse(sluice_plan_file **out, const char *text,
                                                size_t bytes, const char *name);
SLUICE_API void sluice_plan_file_free(sluice_plan_file *file); /* NULL is fine */
/* As JSON, which parses to the same plan. Free the text with sluice_text_free(). E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_plan_file_print(char **out, const sluice_plan_file *file);
/* The same into a file, whole or not at all. E_IO, E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_plan_file_write(const char *path, const sluice_plan_file *file);

/* Stages in the order of `schedule`, which is the plan's: layers, which recompute, and, if the plan
 * has them, seconds; each list has as many elements as there are stages, `updates` as ranks; NULL:
 * not asked for. E_ARGUMENT: the schedule has other ranks or stages, or places them otherwise. */
SLUICE_API sluice_status sluice_plan_file_stages(sluice_split *split, bool *recompute,
                                                 sluice_cost *costs, double *recompute_s,
                                                 double *updates, const sluice_plan_file *file,
                                                 const sluice_schedule *schedule);

/* What a plan says of the run besides the choice of a search; NULL and 0: nothing. */
typedef struct sluice_plan_file_about {
    const char *model, *profile; /* one of them */
    int64_t sequence, vocabulary;
    int64_t parameters; /* of the model */
    const char *optimizer, *precision;
    int threads;
    const char *device;                /* of every rank; NULL: "cpu" */
    const sluice_device_list *devices; /* whose names are used instead */
} sluice_plan_file_about;
/* E_HOST_MEMORY. Release with sluice_plan_file_free(). */
SLUICE_API sluice_status sluice_plan_file_make(sluice_plan_file **out,
                                               const sluice_plan_choice *choice,
                                               const sluice_plan_file_about *about);

#endif
