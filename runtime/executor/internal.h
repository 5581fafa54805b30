/* SPDX-License-Identifier: MIT */
/*
 * internal.h -- a pipeline's insides: workers that run programs, one per rank.
 *
 *   pipeline.c    create and free
 *   step.c        step and evaluate: what the caller's thread does
 *   account.c     what the last step took: idle shares, ledgers, costs for the simulator
 *   nonfinite.c   where a loss or gradient that is no number comes from
 *   lacks.c       what the machine did not give
 *   rehearse.c    everything once before the first step, where code is loaded as it is used
 *   worker.c      a thread per rank that carries out one task after another, and who watches them
 *   place.c       which device a rank is on, and whether the arenas fit there
 *   transport.c   which transport joins the ranks, and what it carries
 *   events.c      order between streams, and how far the host runs ahead of them
 *   clock.c       what a device that runs on by itself took, by its own clock
 *   run.c         the loop over one rank's instructions
 *   stage.c       F, B, I, W: an instruction becomes calls of layers
 *   load.c        parts of the batch, from the caller's callbacks to the device
 *   paced.c       devices that take the time that a cost table says
 *   update.c      ties, norm, clipping, update
 *   parameters.c  a rank's memory, and initial values
 *   states.h      what a run is made of: a list by name, read and written; its digest
 *   failure.c     the first failure anywhere, in words
 *   measured.c    the last step as a time line
 */
#ifndef SLUICE_EXECUTOR_INTERNAL_H
#define SLUICE_EXECUTOR_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/base/clock.h"
#include "runtime/executor/states.h"
#include "runtime/planner/planner.h"
#include "runtime/program/internal.h"
#include "runtime/program/ledger.h"
#include "runtime/transport/transport.h"
#include "sluice/pipeline.h"

typedef struct sluice__rank sluice__rank;
/* What every rank's thread is asked to do; `argument` is shared by all of them. */
typedef sluice_status sluice__task(sluice__rank *rank, void *argument);

enum {
    SLUICE__AHEAD    = 8,  /* most compute instructions that are issued and not known to be over */
    SLUICE__MARKS    = 32, /* events of posts */
    SLUICE__STAGINGS = 4   /* blocks of host memory that parts of the batch go through */
};

/* What tests put in the place of the usual parts of a pipeline. */
typedef struct sluice__parts {
    const sluice__transport_ops *transport;
    const sluice_device_ops *device;
    /* Told before each instruction of a run, on the rank's thread. */
    void (*watch)(sluice__rank *rank, const sluice_instruction *at);
} sluice__parts;

struct sluice__rank {
    sluice_pipeline *pipeline;
    pthread_t thread;
    int index;
    int ordinal;  /* of the device */
    int finished; /* generation of the last finished task; under the pipeline's lock */
    bool has_thread;
    bool is_left_alone; /* while the pipeline was freed; under the pipeline's lock */
    bool bad_input;     /* of a run that looks for it: the stage's own input is not finite */

    sluice_device *device;
    sluice_stream *stream, *transfers; /* compute; copies between ranks */
    unsigned char *arena;
    size_t arena_bytes;
    void *staging[SLUICE__STAGINGS];        /* host memory for a part of one micro-batch */
    sluice_event *staged[SLUICE__STAGINGS]; /* what it held has been read */
    sluice_event *computed[SLUICE__AHEAD];  /* ends of the last compute instructions */
    int computed_at[SLUICE__AHEAD];         /* which those are */
    sluice_event *marks[SLUICE__MARKS];
    int ahead;        /* so many of those, that the launches of all fit into a stream's queue */
    int loads, posts; /* so far */
    int computes, first_post; /* of this run */
    int over;                 /* of those computes, as the host has seen */
    atomic_bool awaits;       /* its device */
    atomic_int at;            /* instruction being carried out */
    sluice_event *idle;       /* of the compute stream */
    sluice_event **clock; /* of a GPU: the step's start, then begin and end of each instruction */
    sluice_event **parts; /* beside it: begin and end of each layer's W in a B that is divided */
    int *divided;         /* per stage: the instruction of that B, counted from 1; 0: none */
    double clock_start;   /* of the step, seconds after its own */

    double *begin, *end; /* per instruction of the step, seconds since its start */
    double *weight;      /* per instruction of the step: of a B, the seconds in W */
    double weight_s;     /* those of the instruction being carried out */
    double started, ended, on_core, meeting; /* of the step, as in sluice__record */
    double *gathered;              /* all ranks' losses and norm partials, rank after rank */
    double *mine;                  /* this rank's part of them */
    sluice_update_tensor *tensors; /* one per value, in model order */
    sluice_update_tensor *counted; /* those whose first use is here */
    const float **terms;           /* room for the gradients that a tie sums */
    double scale; /* the step's clip factor; NaN: there is nothing to update with */
    int counted_count;
    int bad_layer; /* of a run that looks for it: the first output that is not finite; -1 */
};

/* One pass over a program. Set by the caller's thread while the ranks are idle. */
typedef struct sluice__run {
    const sluice_program *program;
    sluice_batch batch; /* a copy: a rank that was stuck may come back after its caller went on */
    int64_t *first_sample;    /* [microbatches + 1] */
    sluice_batch_part *parts; /* [of the model]: what fills each; copies, too */
    int64_t step;             /* from 1: of training; 0 when evaluating */
    bool timed;               /* the times of instructions are kept */
    bool updates;             /* else the program stops before the update */
    bool looks;               /* for outputs that are not finite */
    double start;             /* seconds of the monotonic clock */
    double loss, norm;        /* written by rank 0 */
    int bad_microbatch;       /* the first whose loss is not finite; -1. By rank 0, as the next */
    int bad_use;              /* the last in the model whose gradient is not finite; -1 */
} sluice__run;

struct sluice_pipeline {
    sluice_plan *plan; /* held */
    const sluice_model *model;
    sluice_pipeline_options options;
    void *optimizer_config; /* a copy, which the options point to */
    const sluice_device_ops *ops;
    const sluice_operations *operations; /* of the run's precision */
    const sluice__transport_ops *transport_ops;
    void (*watch)(sluice__rank *rank, const sluice_instruction *at); /* or NULL */
    sluice__transport *transport;
    sluice__channel *channels; /* what any program posts at most */
    int channel_count;
    const sluice_program *program, *forward; /* the plan's step and evaluation */
    int ranks, threads;
    sluice__rank *rank;
    int *first_use; /* [layers + 1]: uses of each layer */
    int loss_rank;  /* of the last stage */
    bool runs_on;   /* devices work on after a call has returned */
    bool is_made;
    int cores; /* that this process may use */
    bool pin;  /* there is one for every thread */
    char lacks[512];
    int64_t steps, updates; /* minibatches so far; those that were finite */
    sluice__run run;
    double *inner_idle;      /* [ranks] */
    sluice_ledger *ledger;   /* [ranks]: of the last step */
    sluice__record *records; /* [ranks]: what it is booked from */
    int **partners;          /* of the step's waits */
    sluice__states states;   /* states.h */

    /* tasks */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    sluice__task *task; /* NULL: leave */
    void *argument;
    int generation;
    int holders; /* of a pipeline that is being freed: the caller, and ranks left alone */

    /* failures */
    atomic_bool failed;
    sluice_error failure;     /* of the task; under the lock */
    sluice_error kept;        /* the first one of all */
    atomic_llong progress_ns; /* when any rank last finished an instruction */
};

/* ---- pipeline.c ---- */
/* As sluice_pipeline_create(), of these parts; NULL: the usual one. */
sluice_status sluice__pipeline_create(sluice_pipeline **out, const sluice_model *model,
                                      const sluice_schedule *schedule, const sluice_split *split,
                                      const sluice_pipeline_options *options,
                                      const sluice__parts *parts);
/* The plan's programs may differ in theirs: the most that one has. */
int sluice__most_microbatches(const sluice_pipeline *pipeline);
/* Everything but the threads, which are gone. */
void sluice__pipeline_destroy(sluice_pipeline *pipeline);

/* ---- lacks.c ---- */
/* Say in pipeline->lacks what could not be had; the ranks are idle. */
void sluice__note_lacks(sluice_pipeline *pipeline);

/* ---- worker.c ---- */
sluice_status sluice__workers_start(sluice_pipeline *pipeline);
/* False if a thread is stuck inside a task, or in closing its device: all that are not done are
 * left alone, give nothing back before the last of them has come back, and that one destroys the
 * pipeline. */
bool sluice__workers_stop(sluice_pipeline *pipeline);
/* Every rank does `task`; returns when all are done, or when nothing has happened for so long that
 * the others are stuck: OK, or the first failure. */
sluice_status sluice__workers_do(sluice_pipeline *pipeline, sluice__task *task, void *argument);
/* Whether a rank has not come back from the last task: what that was given stays in use. */
bool sluice__workers_are_stuck(sluice_pipeline *pipeline);

/* ---- step.c ---- */
/* A value from `low` to `high`; false for NaN. E_ARGUMENT with its `name`. */
sluice_status sluice__check_number(const char *name, double value, double low, double high);
/* Run `program`; what `how` says of the run beside program, samples and start is taken from it. */
sluice_status sluice__carry_out(sluice_pipeline *pipeline, const sluice_program *program,
                                const sluice__run *how, sluice__task *task);

/* The loss of the batch, by a forward-only program of the plan. */
sluice_status sluice__evaluate(double *loss, sluice_pipeline *pipeline, const sluice_program *by,
                               const sluice_batch *batch);

/* ---- account.c ---- */
sluice_status sluice__account_make(sluice_pipeline *pipeline);
void sluice__account_free(sluice_pipeline *pipeline);
/* Fill what the last step says of its time; `result->seconds` is known. */
void sluice__account(sluice_pipeline *pipeline, sluice_result *result);

/* ---- nonfinite.c ---- */
/* The step's loss or norm is not finite: find out where that comes from. E_NONFINITE, or what came
 * between. */
sluice_status sluice__explain_nonfinite(sluice_pipeline *pipeline, const sluice_batch *batch);
/* After F of a layer in a run that looks: note whether its input or output is not finite. */
sluice_status sluice__look_at(sluice__rank *rank, int layer, const sluice_layer_call *call);

/* ---- place.c ---- */
/* The pipeline's kind of device, and each rank's ordinal. */
sluice_status sluice__place_kind(sluice_pipeline *pipeline);
sluice_status sluice__place_ranks(sluice_pipeline *pipeline);

/* ---- transport.c ---- */
/* By the option; before compiling. */
sluice_status sluice__choose_transport(sluice_pipeline *pipeline);
/* The channels that the compiled programs use. */
sluice_status sluice__count_channels(sluice_pipeline *pipeline);
sluice_status sluice__open_transport(sluice_pipeline *pipeline);
/* Bytes that it takes of the rank's device. */
size_t sluice__transport_reserve(const sluice_pipeline *pipeline, int rank);
/* A task, when everything is allocated; and its end, on the rank's thread too. */
sluice_status sluice__join_rank(sluice__rank *rank, void *unused);
void sluice__leave_transport(const sluice__rank *rank);

/* ---- events.c: of devices that run on by themselves; on the cpu everything has happened ---- */
sluice_status sluice__events_make(sluice__rank *rank);
void sluice__events_free(sluice__rank *rank);
/* A run begins; all streams are idle. */
void sluice__events_begin(sluice__rank *rank);
/* The host waits, with the pipeline's deadline. */
sluice_status sluice__await(sluice__rank *rank, sluice_event *event);
/* Before, and after, compute instruction n is issued. */
sluice_status sluice__before_compute(sluice__rank *rank);
sluice_status sluice__after_compute(sluice__rank *rank, int n);
/* The rank's transfers come after compute instruction n, or after nothing if that is -1. */
sluice_status sluice__transfers_after(sluice__rank *rank, int n);
/* For the next post. */
sluice__mark sluice__next_mark(sluice__rank *rank);
/* The rank's work comes after a transfer of which it is the sender, or the receiver. */
sluice_status sluice__work_after(sluice__rank *rank, sluice_event *over, bool sends);
/* The host waits until the compute stream is idle; tells what went wrong there. */
sluice_status sluice__drain(sluice__rank *rank);

/* ---- clock.c: nothing where operations are over when they return ---- */
sluice_status sluice__clock_make(sluice__rank *rank, int count);
void sluice__clock_free(sluice__rank *rank);
sluice_status sluice__clock_start(sluice__rank *rank);
sluice_status sluice__clock_begin(sluice__rank *rank, int n);
sluice_status sluice__clock_end(sluice__rank *rank, int n);
/* Before, and after, W of a layer inside a B. */
sluice_status sluice__clock_part(sluice__rank *rank, const sluice_instruction *at, int layer,
                                 bool ends);
/* The rank's times of the step's instructions, from the events; the compute stream is idle. */
sluice_status sluice__clock_read(sluice__rank *rank);

/* ---- rehearse.c ---- */
/* Ranks are furnished, and arenas hold nothing yet; afterwards they hold what nobody wants. */
sluice_status sluice__rehearse(sluice_pipeline *pipeline);

/* ---- run.c ---- */
/* The rank's end of the transfer that a post or wait is about. */
sluice__transfer_end sluice__end_of(const sluice__rank *rank, const sluice_instruction *at);
sluice_status sluice__run_rank(sluice__rank *rank, void *unused);
/* E_DEADLINE: that the rank waits for what `words` say, and what the others do. */
sluice_status sluice__deadline_passed(sluice__rank *rank, const char *words);
/* Something is finished: the deadline counts from now. */
void sluice__progress(sluice_pipeline *pipeline);
/* Seconds that a wait may still take before the deadline. */
double sluice__patience(const sluice_pipeline *pipeline);

/* ---- stage.c ---- */
sluice_status sluice__run_stage(sluice__rank *rank, const sluice_instruction *instruction);

/* ---- load.c ---- */
/* What fills each part that the model reads, into `parts`, unless that is NULL. E_ARGUMENT: the
 * batch has none of that name. */
sluice_status sluice__find_parts(const sluice_model *model, const sluice_batch *batch,
                                 sluice_batch_part *parts);
/* Before F `at`: all that its stage reads of the batch. */
sluice_status sluice__load_parts(sluice__rank *rank, const sluice_instruction *at);
/* Host bytes of the largest part of a micro-batch. */
size_t sluice__largest_load(const sluice_pipeline *pipeline);

/* ---- paced.c ---- */
/* Costs are given, and right, if and only if the device is virtual. */
sluice_status sluice__check_pace(const sluice_pipeline *pipeline);
/* What the link of a channel takes in a paced pipeline, into what the transport is opened with. */
void sluice__pace_link(const sluice_pipeline *pipeline, sluice__channel *channel);
/* Sleep until the instruction, begun at `begin` of the clock, has taken its time; of a pipeline
 * without costs nothing. */
void sluice__pace(sluice__rank *rank, const sluice_instruction *at, double begin);

/* ---- update.c ---- */
/* Copy the optimizer's configuration: the caller's may go. */
sluice_status sluice__keep_optimizer(sluice_pipeline *pipeline);
/* Room for the rank's tensors in model order, and for what the norm gathers. */
sluice_status sluice__tensors_make(sluice__rank *rank);
/* Where the tensors are: the rank has an arena, another one than before. */
void sluice__tensors_bind(sluice__rank *rank);
sluice_status sluice__tie_reduce(sluice__rank *rank, const sluice_instruction *instruction);
sluice_status sluice__norm(sluice__rank *rank);
sluice_status sluice__update(sluice__rank *rank);
/* Ties, the rank's part of the norm and an update, of which nothing is kept. */
sluice_status sluice__rehearse_update(sluice__rank *rank);

/* ---- parameters.c ---- */
/* A task: arena, staging, room for times. */
sluice_status sluice__furnish_rank(sluice__rank *rank, void *unused);
/* Make the copy that layers read of a parameter from its master. */
sluice_status sluice__store_working(sluice__rank *rank, const sluice__value *value);
/* Masters and optimizer state are fp32 in every precision. */
static inline size_t sluice__master_bytes(const sluice__value *value) {
    return (size_t)value->count * sluice_type_bytes(SLUICE_TYPE_F32);
}
/* A task: initial values. */
sluice_status sluice__initialize_rank(sluice__rank *rank, void *unused);

/* ---- failure.c ---- */
/* Keep this thread's last error as the pipeline's, if it is the first; stop all ranks. */
void sluice__fail_pipeline(sluice__rank *rank);
/* E_STOPPED: for who sees that the pipeline has failed. */
sluice_status sluice__stopped(void);
/* Keep this thread's last error as it stands. */
void sluice__keep_failure(sluice_pipeline *pipeline);
/* What each rank but `except` (or NULL) is doing, for deadlines. */
void sluice__describe_ranks(const sluice_pipeline *pipeline, const sluice__rank *except, char *out,
                            size_t bytes);

#endif
