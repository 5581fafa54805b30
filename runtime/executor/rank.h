/* SPDX-License-Identifier: MIT */
/*
 * rank.h -- one rank of a pipeline: a device and the thread that drives it. What a rank has for one
 * concern is declared in that concern's header; here it is a name.
 *
 * Nobody but the rank's own thread looks inside, worker.c apart, which starts and ends it; whatever
 * others must know, the rank says in its position (position.h), its report (report.h) or through
 * the transport. cmake/ranks.sh checks it.
 */
#ifndef SLUICE_EXECUTOR_RANK_H
#define SLUICE_EXECUTOR_RANK_H

#include <pthread.h>

#include "sluice/pipeline.h"

typedef struct sluice__rank sluice__rank;

struct sluice__rank {
    sluice_pipeline *pipeline;
    int index; /* in the world */
    int local; /* among the ranks of this process */

    /* worker.c's alone, under the pipeline's lock */
    pthread_t thread;
    int finished; /* generation of the last finished task */
    bool has_thread;
    bool is_left_alone; /* while the pipeline was freed */

    sluice_device *device;
    sluice_stream *stream, *transfers; /* compute; copies between ranks */
    unsigned char *arena;
    size_t arena_bytes;

    struct sluice__events *events;   /* events.h */
    struct sluice__clock *clock;     /* clock.c: of devices that work on by themselves; or NULL */
    struct sluice__loads *loads;     /* load.c */
    struct sluice__tensors *tensors; /* update.c */
    struct sluice__calls *calls;     /* calls.c */
    struct sluice__report_draft *report; /* report.h */
};

#endif
