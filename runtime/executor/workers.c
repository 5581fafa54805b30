/* SPDX-License-Identifier: MIT */
/* workers.c -- one thread per rank of this process, which carries out the pipeline's tasks. */
#include "runtime/executor/workers.h"

#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/executor/calls.h"
#include "runtime/executor/connect.h"
#include "runtime/executor/device_times.h"
#include "runtime/executor/events.h"
#include "runtime/executor/failure.h"
#include "runtime/executor/load.h"
#include "runtime/executor/report.h"
#include "runtime/executor/update.h"

/* Sleep until there is a task that this rank has not done; NULL means leave. */
static sluice__task *next_task(sluice__rank *rank, int *generation) {
    sluice_pipeline *pipeline = rank->pipeline;
    pthread_mutex_lock(&pipeline->lock);
    while (pipeline->generation == *generation)
        pthread_cond_wait(&pipeline->changed, &pipeline->lock);
    *generation        = pipeline->generation;
    sluice__task *task = pipeline->task;
    pthread_mutex_unlock(&pipeline->lock);
    return task;
}

static void finish_task(sluice__rank *rank, int generation) {
    pthread_mutex_lock(&rank->pipeline->lock);
    rank->finished = generation;
    atomic_store(&sluice__position_of(rank)->has_finished, true);
    pthread_cond_broadcast(&rank->pipeline->changed);
    pthread_mutex_unlock(&rank->pipeline->lock);
}

/* The device is opened, and closed, by the thread that drives it. */
static sluice_status open_device(sluice__rank *rank) {
    sluice_pipeline *pipeline = rank->pipeline;
    const int threads         = pipeline->threads;
    SLUICE__TRY(pipeline->ops->open(&rank->device, pipeline->ordinals[rank->index], threads,
                                    rank->local * threads, pipeline->pin));
    SLUICE__TRY(pipeline->ops->stream_create(&rank->stream, rank->device, SLUICE_STREAM_COMPUTE));
    sluice__progress(&pipeline->deadline);
    SLUICE__TRY(
        pipeline->ops->stream_create(&rank->transfers, rank->device, SLUICE_STREAM_TRANSFERS));
    return sluice__events_make(rank);
}

static void close_device(sluice__rank *rank) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    sluice__leave_transport(rank);
    sluice__loads_free(rank);
    sluice__tensors_free(rank);
    sluice__calls_free(rank);
    sluice__events_free(rank);
    sluice__clock_free(rank);
    sluice__report_free(rank);
    if (rank->arena) ops->arena_free(rank->device, rank->arena, rank->arena_bytes);
    if (rank->transfers) ops->stream_destroy(rank->transfers);
    if (rank->stream) ops->stream_destroy(rank->stream);
    ops->close(rank->device);
}

/* Other ranks may free what this one's streams still use as soon as all have finished the task. A
 * device that hangs keeps its rank here: it is stuck. */
static sluice_status come_to_rest(const sluice__rank *rank) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    const sluice_status first    = rank->transfers ? ops->synchronize(rank->transfers) : SLUICE_OK;
    const sluice_error error     = *sluice_last_error();
    const sluice_status last     = rank->stream ? ops->synchronize(rank->stream) : SLUICE_OK;
    return first != SLUICE_OK ? sluice__fail_again(&error) : last;
}

/* The failure of the task is reported before waiting for the device; what that finds then is of no
 * interest. */
static void do_task(sluice__rank *rank, sluice__task *task, bool is_open) {
    sluice_status status = is_open ? SLUICE_OK : open_device(rank);
    if (status == SLUICE_OK) status = task(rank, rank->pipeline->argument);
    if (status != SLUICE_OK) {
        sluice__fail_pipeline(rank);
        sluice__leave_transport(rank); /* what waits for other ranks must not hold us up */
    }
    if (come_to_rest(rank) != SLUICE_OK && status == SLUICE_OK) sluice__fail_pipeline(rank);
}

/* ---- leaving ---- */

/* Under the lock. */
static bool all_are_at_rest(const sluice_pipeline *pipeline, int generation) {
    for (int r = 0; r < pipeline->world.local_count; r++)
        if (pipeline->rank[r].finished < generation) return false;
    return true;
}

/* A rank that is stuck may have work under way that touches the memory of any other. */
static void wait_for_rest(sluice_pipeline *pipeline, int last_generation) {
    pthread_mutex_lock(&pipeline->lock);
    while (!all_are_at_rest(pipeline, last_generation))
        pthread_cond_wait(&pipeline->changed, &pipeline->lock);
    pthread_mutex_unlock(&pipeline->lock);
}

/* True for the last of those who still use a pipeline that is being freed. */
static bool let_go(sluice_pipeline *pipeline) {
    pthread_mutex_lock(&pipeline->lock);
    const bool is_last = --pipeline->holders == 0;
    pthread_mutex_unlock(&pipeline->lock);
    return is_last;
}

/* The last of those who were left alone while their pipeline was freed frees what is left. */
static void leave(sluice__rank *rank, int generation) {
    sluice_pipeline *pipeline = rank->pipeline;
    pthread_mutex_lock(&pipeline->lock);
    const bool is_alone = rank->is_left_alone;
    if (!is_alone) rank->finished = generation;
    pthread_cond_broadcast(&pipeline->changed);
    pthread_mutex_unlock(&pipeline->lock);
    if (is_alone && let_go(pipeline)) pipeline->destroy(pipeline);
}

static void *work(void *argument) {
    sluice__rank *rank = argument;
    int generation     = 0;
    for (bool is_open = false;; is_open = true) {
        sluice__task *task = next_task(rank, &generation);
        if (!task) break;
        do_task(rank, task, is_open);
        finish_task(rank, generation);
    }
    wait_for_rest(rank->pipeline, generation - 1);
    close_device(rank);
    leave(rank, generation);
    return NULL;
}

sluice_status sluice__workers_start(sluice_pipeline *pipeline) {
    for (int r = 0; r < pipeline->world.local_count; r++) {
        const int error = pthread_create(&pipeline->rank[r].thread, NULL, work, &pipeline->rank[r]);
        if (error)
            return sluice__fail(SLUICE_E_HOST_MEMORY, "cannot start a thread for rank %d: %s",
                                pipeline->rank[r].index, strerror(error));
        pipeline->rank[r].has_thread = true;
    }
    return SLUICE_OK;
}

/* ---- the caller's side ---- */

/* Under the lock. */
static int unfinished(const sluice_pipeline *pipeline) {
    int count = 0;
    for (int r = 0; r < pipeline->world.local_count; r++)
        count += pipeline->rank[r].has_thread && pipeline->rank[r].finished != pipeline->generation;
    return count;
}

static void announce(sluice_pipeline *pipeline, sluice__task *task, void *argument) {
    for (int r = 0; r < pipeline->world.local_count; r++)
        atomic_store(&sluice__position_of(&pipeline->rank[r])->has_finished, false);
    pipeline->task     = task;
    pipeline->argument = argument;
    pipeline->generation++;
    pthread_cond_broadcast(&pipeline->changed);
}

/* Ranks that wait see for themselves that the deadline has passed; those that compute cannot. They
 * get this much longer, in seconds, before they are given up. */
static const double grace = 1;

static void give_up(sluice_pipeline *pipeline) {
    char others[512];
    const char *meanwhile = pipeline->run.program ? ""
                            : pipeline->is_made   ? " while parameters were copied"
                                                  : " while the pipeline was opened";
    sluice__describe_ranks(pipeline, -1, others, sizeof others);
    sluice__fail(SLUICE_E_DEADLINE, "no rank finished anything for %g s%s: %s",
                 pipeline->deadline.seconds, meanwhile, others);
    sluice__hint(SLUICE_E_DEADLINE, "if a single action can take that long, raise deadline_s");
    sluice__keep_failure(pipeline);
}

/* Under the lock: whether every rank is done before the deadline, and that second, are over. */
static bool watch(sluice_pipeline *pipeline) {
    while (unfinished(pipeline) > 0) {
        const double seconds = sluice__patience(&pipeline->deadline) + grace;
        if (seconds <= 0) return false;
        const struct timespec end = sluice__time_after(seconds);
        (void)pthread_cond_timedwait(&pipeline->changed, &pipeline->lock, &end);
    }
    return true;
}

sluice_status sluice__workers_do(sluice_pipeline *pipeline, sluice__task *task, void *argument) {
    sluice__progress(&pipeline->deadline);
    pthread_mutex_lock(&pipeline->lock);
    const bool stuck = unfinished(pipeline) > 0;
    bool done        = false;
    if (!stuck) {
        pipeline->failure = (sluice_error){0};
        announce(pipeline, task, argument);
        done = watch(pipeline);
    }
    pthread_mutex_unlock(&pipeline->lock);
    if (!stuck && !done) give_up(pipeline);
    pthread_mutex_lock(&pipeline->lock);
    const sluice_error failure = pipeline->failure;
    pthread_mutex_unlock(&pipeline->lock);
    if (!stuck && failure.status == SLUICE_OK) return SLUICE_OK;
    if (pipeline->kept.status == SLUICE_OK) pipeline->kept = failure;
    return sluice__fail_again(&pipeline->kept); /* what came later came of it */
}

bool sluice__workers_are_stuck(sluice_pipeline *pipeline) {
    pthread_mutex_lock(&pipeline->lock);
    const bool stuck = unfinished(pipeline) > 0;
    pthread_mutex_unlock(&pipeline->lock);
    return stuck;
}

/* Under the lock. They free what is left when they come back. */
static void leave_alone(sluice_pipeline *pipeline) {
    for (int r = 0; r < pipeline->world.local_count; r++) {
        sluice__rank *rank = &pipeline->rank[r];
        if (!rank->has_thread || rank->finished == pipeline->generation) continue;
        pthread_detach(rank->thread);
        rank->has_thread    = false;
        rank->is_left_alone = true;
        pipeline->holders++;
    }
}

bool sluice__workers_stop(sluice_pipeline *pipeline) {
    pthread_mutex_lock(&pipeline->lock);
    pipeline->holders = 1; /* the caller */
    sluice__progress(&pipeline->deadline);
    const bool stuck = unfinished(pipeline) > 0;
    announce(pipeline, NULL, NULL);
    if (stuck || !watch(pipeline)) leave_alone(pipeline);
    pthread_mutex_unlock(&pipeline->lock);
    for (int r = 0; r < pipeline->world.local_count; r++)
        if (pipeline->rank[r].has_thread) pthread_join(pipeline->rank[r].thread, NULL);
    return let_go(pipeline);
}
