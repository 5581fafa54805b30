/* SPDX-License-Identifier: MIT */
/*
 * executor.h -- a pipeline: what is decided when it is opened, and the run that its ranks carry
 * out.
 *
 *   open.c              plan, open and close
 *   step.c              step and evaluate: what the caller's thread does
 *   account.c           what the last step took: idle shares, ledgers, costs for the simulator
 *   measured_timeline.c the last step as a time line
 *   nonfinite.c         where a loss or gradient that is not a finite number comes from
 *   parameters.c        a rank's memory, and initial values
 *   states.h            what a run is made of: a list by name, read and written; its digest
 *   warm_up.c           everything once before the first step, where code is loaded on first use
 *   pass.c              all ranks carry out one program
 *   workers.c           a thread per rank that carries out one task after another
 *   choose_devices.c    which device a rank is on, and whether the arenas fit there
 *   degradations.c      what the machine was asked for and does not have
 *
 *   rank_loop.c         the loop over one rank's instructions
 *   stage.c             F, B, I, W: an instruction becomes calls of layers
 *   calls.c             those calls, bound when the pipeline is opened
 *   update.c            ties, norm, clipping, update
 *   load.c              parts of the batch, from the caller's callbacks to the device
 *   choose.c            the token that a run ends with
 *   connect.c           which transport joins the ranks; joining and leaving it
 *   exchange.c          what a rank asks of it in a run: its end of a transfer, gathers
 *   events.c            order between streams, and how far the host runs ahead of them
 *   device_times.c      how long work on an asynchronous device took, by its own clock
 *   paced.c             devices that take the time that a cost table says
 *   lateness.c          how late they wake up
 *   report.c            what a rank reports of a run; position.h: where it is
 *   failure.c           the first failure anywhere, in words
 *   deadline.c          how long ranks may make no progress
 *   here.c              which rank a thread is, and at which instruction, for debuggers
 *
 * The first half runs on the caller's thread, the second on the ranks'. Files call those below
 * them.
 */
#ifndef SLUICE_EXECUTOR_EXECUTOR_H
#define SLUICE_EXECUTOR_EXECUTOR_H

#include "runtime/executor/deadline.h"
#include "runtime/executor/position.h"
#include "runtime/executor/rank.h"
#include "runtime/executor/states.h"
#include "runtime/planner/planner.h"
#include "runtime/program/compiled.h"
#include "runtime/transport/transport.h"

/* What every rank's thread is asked to do; `argument` is shared by all of them. */
typedef sluice_status sluice__task(sluice__rank *rank, void *argument);

/* Parts of a pipeline that tests replace; NULL: the usual one. */
typedef struct sluice__parts {
    const sluice__transport_ops *transport;
    const sluice_device_ops *device;
    /* Called before each instruction of a run, on the rank's thread. */
    void (*watch)(sluice__rank *rank, const sluice_instruction *at);
    /* The pipeline is one of several that run on this machine at the same time: its ranks are ranks
     * `first_rank` and following of `all_ranks`, and take cores and devices as those would. 0: it
     * is the only one. */
    int first_rank, all_ranks;
} sluice__parts;

/* One pass over a program. Set by the caller's thread while the ranks are idle. */
typedef struct sluice__run {
    const sluice_program *program;
    sluice_batch batch;       /* a copy: a stuck rank may come back after the caller has gone on */
    int64_t *first_sample;    /* [microbatches + 1] */
    sluice_batch_part *parts; /* what fills each part that the model reads; copies, too */
    int64_t step;             /* number of the training step, from 1; 0: an evaluation */
    bool timed;               /* the times of instructions are kept */
    bool updates;             /* else the program stops before the update */
    bool looks;               /* check that outputs are finite */
    bool generates;           /* the samples are one sequence, from `position` on */
    int64_t position;
    sluice_chooser chooser; /* of the token that follows; {0}: none is chosen */
    double start;           /* seconds of the monotonic clock */
} sluice__run;

struct sluice_pipeline {
    /* ---- decided when it is opened ---- */
    sluice_plan *plan; /* held */
    const sluice_model *model;
    const sluice_program *program, *forward; /* the plan's step and evaluation; for inference, both
                                              * are the evaluation */
    sluice_pipeline_options options;
    void *optimizer_config; /* a copy, which the options point to */
    const sluice_device_ops *ops;
    const sluice_operations *operations; /* of the run's precision */
    const sluice__transport_ops *transport_ops;
    void (*watch)(sluice__rank *rank, const sluice_instruction *at); /* or NULL */
    sluice__world world;
    sluice__transport *transport;
    sluice__channel *channels; /* with the most transfers that any program posts */
    int channel_count;
    int ranks;                 /* of the world */
    int first_rank, all_ranks; /* its ranks among those that share the machine: sluice__parts */
    int *ordinals;             /* [ranks]: of their devices */
    int *first_use;            /* [layers + 1]: uses of each layer */
    int loss_rank;             /* of the last stage */
    int threads;               /* of each rank */
    int cores;                 /* that this process may use */
    bool pin;                  /* bind threads to cores: there is one for each */
    bool is_made;

    /* ---- runs ---- */
    int64_t steps, updates; /* minibatches so far; those that were finite */
    sluice__run run;
    sluice__position *positions; /* [ranks] */
    struct sluice__reports *reports;
    struct sluice__accounts *accounts;
    sluice__states states;  /* states.h */
    char degradations[512]; /* under the lock while ranks note theirs */

    /* ---- ranks of this process, and their tasks: workers.c's ---- */
    sluice__rank *rank; /* [world.local_count] */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    sluice__task *task; /* NULL: leave */
    void *argument;
    int generation;
    int holders; /* who still uses a pipeline that is closed: the caller, and ranks that were
                    abandoned */
    void (*destroy)(sluice_pipeline *pipeline); /* called by the last of them */

    /* ---- failures: failure.c's ---- */
    atomic_bool failed;
    sluice_error failure; /* of the task; under the lock */
    sluice_error kept;    /* the first one of all */
    sluice__deadline deadline;
};

/* Micro-batches of the plan's program that has most of them. */
static inline int sluice__max_microbatches(const sluice_pipeline *pipeline) {
    int max = 0;
    for (int k = 0; k < pipeline->plan->count; k++)
        if (pipeline->plan->programs[k]->microbatches > max)
            max = pipeline->plan->programs[k]->microbatches;
    return max;
}

/* Where the rank is. */
static inline sluice__position *sluice__position_of(const sluice__rank *rank) {
    return &rank->pipeline->positions[rank->index];
}

/* ---- open.c ---- */

/* As sluice_pipeline_plan_and_open() and sluice_pipeline_open(), with these parts. */
sluice_status sluice__pipeline_plan_and_open(sluice_pipeline **out, const sluice_model *model,
                                             const sluice_schedule *schedule,
                                             const sluice_split *split,
                                             const sluice_pipeline_options *options,
                                             const sluice__parts *parts);
sluice_status sluice__pipeline_open(sluice_pipeline **out, sluice_plan *plan,
                                    const sluice_pipeline_options *options,
                                    const sluice__parts *parts);

/* ---- step.c ---- */

/* The loss of the batch, computed by the plan's forward-only program `by`; 0 of a model without
 * one. */
sluice_status sluice__evaluate(double *loss, sluice_pipeline *pipeline, const sluice_program *by,
                               const sluice_batch *batch);

#endif
