/* SPDX-License-Identifier: MIT */
/*
 * calls.h -- layers' calls, bound when the pipeline is opened: which function of which kind, at
 * which addresses, in which shape and precision. In a run only sample counts, step, micro-batch and
 * what follows from them are filled in; no name is searched.
 *
 * Instructions that use the same bytes for the same stage in the same mode share their calls.
 */
#ifndef SLUICE_EXECUTOR_CALLS_H
#define SLUICE_EXECUTOR_CALLS_H

#include "runtime/executor/executor.h"

/* One action of one layer. */
typedef struct sluice__call {
    sluice_layer_action *action;
    bool is_empty;             /* W that does nothing */
    bool is_empty_in_training; /* F that does nothing then */
    sluice_layer_call with;    /* for one sample, of micro-batch 0 */
    void *saved[SLUICE_LAYER_SAVED];
    void *stash[SLUICE_LAYER_STASH];
    const void *batch[SLUICE_LAYER_BATCH];
} sluice__call;

/* The layers of a stage, for instructions of one kind on the same bytes. */
typedef struct sluice__stage_calls {
    const sluice_slot *slots;
    const int *row; /* of slots */
    int stage;
    sluice__mode mode;
    sluice__call *first;  /* [layers]: F or I; of a W alone, W */
    sluice__call *weight; /* [layers]: W inside a B; NULL */
} sluice__stage_calls;

/* Whether a kind of layer has code for a device. */
bool sluice__has_code(const sluice_layer_kind *kind, const char *device);
/* For every compute instruction of every program of the plan. E_HOST_MEMORY. */
sluice_status sluice__calls_make(sluice__rank *rank);
void sluice__calls_free(sluice__rank *rank);
/* The rank has an arena, another one than before. */
void sluice__calls_bind(sluice__rank *rank);
/* Those of a compute instruction of the program that runs. */
const sluice__stage_calls *sluice__calls_of(const sluice__rank *rank, const sluice_instruction *at);

#endif
