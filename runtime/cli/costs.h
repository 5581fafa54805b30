/* SPDX-License-Identifier: MIT */
/* costs.h -- what stages and links cost, as the command line or a profile says. */
#ifndef SLUICE_CLI_COSTS_H
#define SLUICE_CLI_COSTS_H

#include "command_line.h"

/* Of each NULL: not named. */
typedef struct cost_choice {
    const char *costs, *profile, *split, *recompute, *update;
    int64_t microbatch; /* samples: the profile's table; 0: not named */
    cli_texts links;
} cost_choice;

/* Options of a cost_choice. */
extern const cli_option cost_options[];

typedef struct given_costs {
    sluice_simulation_costs costs; /* points into what follows */
    sluice_cost *stages;
    double *recompute; /* per stage; NULL: as F */
    double *updates;   /* per rank */
    sluice_link_cost *links;
    sluice_stage_bytes *bytes; /* NULL: none are known */
    bool *recomputes;          /* per stage */
    sluice_split *split;       /* of a profile */
    sluice_profile *profile;
} given_costs;

/* Start from {0}; release with given_costs_free(), after a failure too. */
int given_costs_read(given_costs *out, const cost_choice *choice, const sluice_schedule *schedule);
void given_costs_free(given_costs *costs);
/* Tensors of optimizer state for each parameter, where no optimizer is named. */
int cli_usual_states(void);

#endif
