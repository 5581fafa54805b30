/* SPDX-License-Identifier: MIT */
/* costs.h -- costs of stages and links, from the command line or a profile. */
#ifndef SLUICE_CLI_COSTS_H
#define SLUICE_CLI_COSTS_H

#include "command_line.h"

/* The options' texts; NULL: not given. */
typedef struct cost_choice {
    const char *costs, *profile, *split, *layout, *recompute, *update;
    double overlap;     /* of groups; 0: not given */
    int64_t microbatch; /* samples: the profile's table; 0: not given */
    cli_texts links;
    int64_t outstanding; /* sends; 0: not given */
} cost_choice;           /* release links.text with free() */

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
    bool given;       /* some cost is; else all actions take 1, and transfers nothing */
    json_t *warnings; /* sentences; NULL: none */
} given_costs;

/* Start from {0}; release with given_costs_free(), after a failure too. */
int given_costs_read(given_costs *out, const cost_choice *choice, const sluice_schedule *schedule);
/* Warn of what was given and changes nothing in this program (cost_warnings.c). */
int given_costs_check(given_costs *costs, const cost_choice *choice, const sluice_program *program);
/* The same of --overlap alone. */
int cost_warn_of_overlap(json_t **warnings, double overlap, const sluice_program *program);
void given_costs_free(given_costs *costs);
/* Tensors of optimizer state per parameter, if no optimizer is given. */
int cli_usual_states(void);

#endif
