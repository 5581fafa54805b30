/* SPDX-License-Identifier: MIT */
/* plan_command.h -- what the files of `sluice plan` share: the options, and what was found. */
#ifndef SLUICE_CLI_PLAN_COMMAND_H
#define SLUICE_CLI_PLAN_COMMAND_H

#include "costs.h"
#include "training.h"

typedef struct plan_options {
    const char *subject; /* model or profile */
    const char *output, *svg, *device;
    cli_texts devices;
    int64_t batch, seq, vocabulary;
    int microbatches, effort;
    sluice_precision precision;
    train_optimizer optimizer;
    bool json;
} plan_options;

/* What was found for one --devices. */
typedef struct plan_answer {
    const char *devices;      /* as it was given */
    sluice_device_list *list; /* of a file; or */
    int ranks;                /* so many */
    size_t memory;            /* of each; 0: no limit */
    sluice_plan_result *result;
    sluice_plan_advice *advice;
} plan_answer;

typedef struct plan_job {
    const plan_options *options;
    sluice_model *model; /* or */
    sluice_profile *profile;
    int64_t sequence, vocabulary; /* 0: not known */
    plan_answer *answers;
    int count;
    int fastest; /* of the answers */
    bool live;   /* there is a line of progress on the screen */
} plan_job;

/* The plan as it is kept in a file; release with sluice_plan_file_free(). */
int plan_make_file(sluice_plan_file **out, const plan_job *job, const plan_answer *answer,
                   const sluice_plan_choice *choice);

void plan_print(const plan_job *job); /* plan_table.c */
/* plan_changes.c: a sentence for each change */
void plan_print_advice(const plan_job *job, const plan_answer *answer);
int plan_print_json(const plan_job *job); /* plan_json.c */
int plan_write_svg(const plan_job *job);  /* plan_picture.c */

#endif
