/* SPDX-License-Identifier: MIT */
/* costs.h -- costs of stages and links, from the command line or a profile. */
#ifndef SLUICE_CLI_COSTS_H
#define SLUICE_CLI_COSTS_H

#include "command_line.h"

/* The options' texts; NULL: not given. */
typedef struct cost_choice {
    const char *costs, *profile, *split, *recompute, *update;
    int64_t microbatch; /* samples: the profile's table; 0: not given */
    cli_texts links;
    int64_t outstanding; /* sends; 0: not given */
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
    sluice_split *split;       /* of the profile's layers */
    sluice_profile *profile;
    bool given; /* some cost is; else all actions take 1, and transfers nothing */
} given_costs;

/* Start from {0}; release with given_costs_free(), after a failure too. */
int given_costs_read(given_costs *out, const cost_choice *choice, const sluice_schedule *schedule);
void given_costs_free(given_costs *costs);
/* Tensors of optimizer state per parameter, if no optimizer is given. */
int cli_usual_states(void);

#endif
