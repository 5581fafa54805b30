/* SPDX-License-Identifier: MIT */
/*
 * busy_ranks.h -- a pipeline for each rank, of one rank whose stages are the model's layers; all of
 * them run steps at the same time, so that cores and memory are as busy as in training.
 */
#ifndef SLUICE_MEASURE_BUSY_RANKS_H
#define SLUICE_MEASURE_BUSY_RANKS_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/executor/executor.h"
#include "sluice/profile.h"

enum { SLUICE__TIMES_F, SLUICE__TIMES_I, SLUICE__TIMES_W, SLUICE__TIMES_RECOMPUTE, SLUICE__TIMES };

/* Times of every action of every layer, and of updates. */
typedef struct sluice__times {
    int count;       /* samples of each */
    double *actions; /* [layer][action][count]: seconds */
    int updates;     /* samples */
    double *update;  /* [updates]: seconds */
} sluice__times;

/* For `steps` of each rank. Release with sluice__times_free(), after a failure too. E_HOST_MEMORY.
 */
sluice_status sluice__times_make(sluice__times *out, int layers, int ranks, int steps);
void sluice__times_free(sluice__times *times);
/* The samples of one action; borrowed. */
double *sluice__times_of(const sluice__times *times, int layer, int action);

typedef struct sluice__busy_ranks sluice__busy_ranks;

typedef struct sluice__busy_rank {
    sluice__busy_ranks *all;
    int index;
    sluice_pipeline *pipeline;
    pthread_t thread;
    sluice_error error; /* OK: none */
} sluice__busy_rank;

struct sluice__busy_ranks {
    int count;
    sluice__busy_rank *rank;
    const sluice_profile_options *options;
    const sluice_model *model;
    sluice_batch batch;
    size_t part_bytes[SLUICE_BATCH_PARTS]; /* of a sample, of parts that are filled with zeros */
    bool recomputes;                       /* measure recomputation, and nothing else */
    sluice__times *times;                  /* of the run in progress */
    void (*task)(sluice__busy_rank *rank); /* of each thread */
    void *argument;                        /* the task's */
    atomic_int steps, finished; /* steps that count, of all ranks; ranks that have made theirs */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int left; /* threads that have ended; under the lock */
    atomic_bool failed;
};

/* Pipelines for micro-batches of `samples`. Release with sluice__busy_ranks_close(), after a
 * failure too. */
sluice_status sluice__busy_ranks_open(sluice__busy_ranks *out, const sluice_model *model,
                                      const sluice_profile_options *options, int64_t samples,
                                      bool recomputes);
void sluice__busy_ranks_close(sluice__busy_ranks *all);
/* Fill `times`. `report` is called now and then with the steps done so far, of all ranks. */
sluice_status sluice__busy_ranks_measure(sluice__times *times, sluice__busy_ranks *all,
                                         void (*report)(void *context, int steps), void *context);
/* Call `task` for every rank, each on a thread, which finds `argument` there; it notes a failure
 * with sluice__busy_rank_fail().
 */
sluice_status sluice__busy_ranks_do(sluice__busy_ranks *all, void (*task)(sluice__busy_rank *rank),
                                    void *argument, void (*report)(void *context, int steps),
                                    void *context);
/* The last error of this thread stops all ranks. */
void sluice__busy_rank_fail(sluice__busy_rank *rank);

#endif
