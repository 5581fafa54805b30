/* SPDX-License-Identifier: MIT */
/* split_command.h -- what the files of `sluice split` share: the options, and what is split. */
#ifndef SLUICE_CLI_SPLIT_COMMAND_H
#define SLUICE_CLI_SPLIT_COMMAND_H

#include "costs.h"
#include "training.h"

typedef struct split_options {
    const char *subject; /* model or profile */
    const char *placement, *devices, *device, *svg;
    cli_schedule_choice schedule;
    cost_choice costs; /* size of micro-batches, split, recompute */
    size_t memory_limit;
    sluice_objective objective;
    cli_texts pins;
    sluice_precision precision;
    int64_t seq, vocabulary;
    train_optimizer optimizer;
    bool json;
} split_options;

typedef struct split_job {
    const split_options *options;
    sluice_model *model; /* or */
    sluice_profile *profile;
    const sluice_profile_layer *rows; /* of the layers, for their names */
    sluice_profile_layer *made;       /* the model's rows */
    int layers;
    int64_t microbatch; /* samples */
    sluice_device_list *devices;
    sluice_schedule *schedule;
    const char *placement; /* of the schedule: line, loop, v or mixed */
    bool *recompute;
    sluice_pin *pins;
    sluice_split *given;
    sluice_split_result *result;
} split_job;

/* The words of --objective, in the order of the enum; ends with NULL (command_split.c). */
extern const char *const split_objectives[];

/* split_report.c */
void split_print(const split_job *job);
/* "12.3 ms", "34.1 MiB", "1.2 M": a value of the objective. */
cli_words split_value(const split_job *job, double value);
cli_words split_seconds(double seconds);

int split_print_json(const split_job *job); /* split_json.c */
int split_write_svg(const split_job *job);  /* split_picture.c */

#endif
