/* SPDX-License-Identifier: MIT */
/* simulate.h -- what the files of `sluice simulate` share. */
#ifndef SLUICE_CLI_SIMULATE_H
#define SLUICE_CLI_SIMULATE_H

#include "drawing.h"
#include "laboratory.h"

typedef struct simulate_options {
    laboratory_choice choice;
    drawing_files files;
    const char *costs, *profile, *split, *recompute; /* NULL: not named */
    const char *update;
    int64_t microbatch; /* samples; 0: not named */
    const char **links; /* texts of --link, in order */
    int link_count;
    int columns;
    bool json;
} simulate_options;

/* ---- costs.c: what stages and links cost, from the options or a profile ---- */

typedef struct simulate_costs {
    sluice_simulation_costs costs; /* points into what follows */
    sluice_stage_cost *stages;
    double *recompute; /* per stage; NULL: as F */
    double *updates;   /* per rank */
    sluice_link_cost *links;
    sluice_stage_bytes *bytes; /* NULL: none are known */
    bool *recomputes;          /* per stage */
    sluice_split *split;       /* of a profile */
    sluice_profile *profile;
} simulate_costs;

/* Start from {0}; release with simulate_free_costs(), after a failure too. */
int simulate_read_costs(simulate_costs *out, const simulate_options *options,
                        const sluice_schedule *schedule);
void simulate_free_costs(simulate_costs *costs);

/* ---- simulate_report.c ---- */
int simulate_print(const simulate_options *options, const simulate_costs *costs,
                   const sluice_schedule *schedule, const sluice_program *program);
int simulate_print_json(const simulate_options *options, const simulate_costs *costs,
                        const sluice_schedule *schedule, const sluice_program *program);

#endif
