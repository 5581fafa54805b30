/* SPDX-License-Identifier: MIT */
/*
 * states.h -- the state of a run as one list: parameters, optimizer state, state of layers.
 *
 *   states.c       the list, and its entries by name; counters
 *   states_move.c  one entry between host memory and the ranks that hold it
 *   digest.c       a hash over those that make the model
 */
#ifndef SLUICE_EXECUTOR_STATES_H
#define SLUICE_EXECUTOR_STATES_H

#include <stdbool.h>

#include "sluice/pipeline.h"

/* An entry, and where the program has it. */
typedef struct sluice__state {
    sluice_state is;
    char *owned;   /* its name, if that is not the model's string */
    int first;     /* the parameter's first use, or the layer */
    size_t offset; /* of a piece, within its parameter: bytes */
    int index;     /* which state tensor of the optimizer, or of the layer */
} sluice__state;

typedef struct sluice__states {
    sluice__state *list;
    int count;
    struct sluice__exchange *left; /* copies that a stuck rank may still use: states_move.c */
} sluice__states;

sluice_status sluice__states_make(sluice__states *states, const sluice_pipeline *pipeline);
void sluice__states_free(sluice__states *states);

/* E_UNSUPPORTED where devices hold nothing. */
sluice_status sluice__states_have_values(const sluice_pipeline *pipeline);
/* Copy the entry's bytes to `to`, or from `from`: one of them is NULL. */
sluice_status sluice__state_move(sluice_pipeline *pipeline, const sluice__state *state, void *to,
                                 const void *from);
/* Have `fill` make the bytes of entry `index` of the list, part by part: `count` of them from
 * byte `at` on. No more of it is in host memory; after a failure some of it has changed. */
typedef sluice_status sluice__fill_bytes(void *bytes, size_t count, const void *from, size_t at);
sluice_status sluice__state_fill(sluice_pipeline *pipeline, int index, sluice__fill_bytes *fill,
                                 const void *from);
/* Give the bytes of entry `index` of the list to `take`, which borrows them, part by part, in
 * order. */
typedef sluice_status sluice__take_bytes(void *to, const void *bytes, size_t count);
sluice_status sluice__state_take(sluice_pipeline *pipeline, int index, sluice__take_bytes *take,
                                 void *to);
void sluice__exchanges_free(struct sluice__exchange *left);

#endif
