/* SPDX-License-Identifier: MIT */
/*
 * rank.h -- one rank of a pipeline: a device and the thread that drives it. The data of each
 * concern is declared in that concern's header; here it is a name.
 *
 * Only the rank's own thread looks inside, except for workers.c, which starts and ends it. A rank
 * publishes what others must know in its position (position.h), its report (report.h) or through
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

    /* for workers.c alone, under the pipeline's lock */
    pthread_t thread;
    int finished; /* generation of the last finished task */
    bool has_thread;
    bool is_abandoned; /* when the pipeline was closed */

    sluice_device *device;
    sluice_stream *stream, *transfers; /* compute; copies between ranks */
    unsigned char *arena;
    size_t arena_bytes;

    struct sluice__events *events;       /* events.h */
    struct sluice__clock *clock;         /* device_times.c; NULL: the device is not asynchronous */
    struct sluice__loads *loads;         /* load.c */
    struct sluice__choice *choice;       /* choose.c; NULL: the rank has no logits */
    struct sluice__tensors *tensors;     /* update.c */
    struct sluice__calls *calls;         /* calls.c */
    struct sluice__report_draft *report; /* report.h */
};

#endif
