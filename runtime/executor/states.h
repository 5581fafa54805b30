/* SPDX-License-Identifier: MIT */
/*
 * states.h -- what a run is made of, as one list: parameters, optimizer state, state of layers.
 *
 *   states.c       the list, and its entries by name; counters
 *   states_move.c  one entry between host memory and the ranks that hold it
 *   digest.c       a hash over those that make the model
 */
#ifndef SLUICE_EXECUTOR_STATES_H
#define SLUICE_EXECUTOR_STATES_H

#include <stdbool.h>

#include "sluice/pipeline.h"

/* An entry, and what it is in the program. */
typedef struct sluice__state {
    sluice_state is;
    char *owned; /* its name, unless that is the model's */
    int first;   /* the parameter's first use, of a layer's state the layer */
    int index;   /* which of the optimizer's, or of the layer's */
} sluice__state;

typedef struct sluice__states {
    sluice__state *list;
    int count;
    struct sluice__exchange *left; /* states_move.c: a stuck rank may still use them */
} sluice__states;

sluice_status sluice__states_make(sluice__states *states, const sluice_pipeline *pipeline);
void sluice__states_free(sluice__states *states);

/* E_UNSUPPORTED where devices hold nothing. */
sluice_status sluice__states_have_values(const sluice_pipeline *pipeline);
/* Copy the entry's bytes to `to`, or from `from`: one of them is NULL. */
sluice_status sluice__state_move(sluice_pipeline *pipeline, const sluice__state *state, void *to,
                                 const void *from);
void sluice__exchanges_free(struct sluice__exchange *left);

#endif
