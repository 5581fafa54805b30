/* SPDX-License-Identifier: MIT */
/* simulate_report.h -- what the files of `sluice simulate` share. */
#ifndef SLUICE_CLI_SIMULATE_REPORT_H
#define SLUICE_CLI_SIMULATE_REPORT_H

#include "costs.h"
#include "drawing.h"
#include "schedule_tools.h"

typedef struct simulate_options {
    tool_choice choice;
    drawing_choice drawing;
    cost_choice costs;
    int why;         /* the rank whose gaps are listed; -1: none */
    const char *csv; /* a file for the program; NULL: none */
} simulate_options;

/* ---- simulate_report.c ---- */
int simulate_print(const simulate_options *options, const given_costs *costs,
                   const sluice_program *program);
int simulate_print_json(const simulate_options *options, const given_costs *costs,
                        const sluice_program *program);

/* ---- simulate_csv.c ---- */
/* A const char *: a file with the suffix .csv. */
cli_reader simulate_take_csv;
/* Refuse what a file cannot say, or a file that cannot be written. */
int simulate_check_csv(const simulate_options *options);
/* Write the program to `options->csv`, if that was given. */
int simulate_write_csv(const simulate_options *options, const sluice_program *program);

/* ---- simulate_why.c: why a rank stands still ---- */

/* Refuse a rank that the schedule does not have. */
int simulate_check_why(const simulate_options *options, const sluice_schedule *schedule);
/* Print each gap of `options->why`, unless that is -1. */
int simulate_print_why(const simulate_options *options, const sluice_program *program,
                       const sluice_simulation *simulation);
/* The same as an object. */
int simulate_add_why(json_t *object, bool *good, const simulate_options *options,
                     const sluice_program *program, const sluice_simulation *simulation);

#endif
