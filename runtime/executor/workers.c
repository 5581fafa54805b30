/* SPDX-License-Identifier: MIT */
/* workers.c -- one thread per rank of this process, which carries out the pipeline's tasks. */
#include "runtime/executor/workers.h"

#include <math.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/limits.h"
#include "runtime/executor/calls.h"
#include "runtime/executor/choose.h"
#include "runtime/executor/connect.h"
#include "runtime/executor/device_times.h"
#include "runtime/executor/events.h"
#include "runtime/executor/failure.h"
#include "runtime/executor/here.h"
#include "runtime/executor/load.h"
#include "runtime/executor/report.h"
#include "runtime/executor/update.h"

/* Sleep until there is a task that this rank has not done; NULL: the thread ends. */
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

/* The thread that drives the device opens and closes it. */
static sluice_status open_device(sluice__rank *rank) {
    sluice_pipeline *pipeline = rank->pipeline;
    const int threads         = pipeline->threads;
    return pipeline->ops->open(&rank->device, pipeline->ordinals[rank->index], threads,
                               (pipeline->first_rank + rank->local) * threads, pipeline->pin);
}

static void close_device(sluice__rank *rank) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    sluice__leave_transport(rank);
    sluice__loads_free(rank);
    sluice__choice_free(rank);
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

/* Once all ranks have finished the task, others may free what this one's streams use. A device that
 * hangs keeps its rank here: the rank is stuck. */
static sluice_status wait_until_idle(const sluice__rank *rank) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    const sluice_status first    = rank->transfers ? ops->synchronize(rank->transfers) : SLUICE_OK;
    const sluice_error error     = *sluice_last_error();
    const sluice_status last     = rank->stream ? ops->synchronize(rank->stream) : SLUICE_OK;
    return first != SLUICE_OK ? sluice__fail_again(&error) : last;
}

/* The task's failure is reported before waiting for the device, whose errors then do not matter. */
static void do_task(sluice__rank *rank, sluice__task *task, bool is_open) {
    sluice_status status = is_open ? SLUICE_OK : open_device(rank);
    if (status == SLUICE_OK) status = task(rank, rank->pipeline->argument);
    if (status != SLUICE_OK) {
        sluice__fail_pipeline(rank);
        sluice__leave_transport(rank); /* nothing of this rank waits for others any more */
    }
    if (wait_until_idle(rank) != SLUICE_OK && status == SLUICE_OK) sluice__fail_pipeline(rank);
}

/* ---- leaving ---- */

/* Under the lock. */
static bool all_are_idle(const sluice_pipeline *pipeline, int generation) {
    for (int r = 0; r < pipeline->world.local_count; r++)
        if (pipeline->rank[r].finished < generation) return false;
    return true;
}

/* A stuck rank may have work in flight that uses any other rank's memory. */
static void wait_for_others(sluice_pipeline *pipeline, int last_generation) {
    pthread_mutex_lock(&pipeline->lock);
    while (!all_are_idle(pipeline, last_generation))
        pthread_cond_wait(&pipeline->changed, &pipeline->lock);
    pthread_mutex_unlock(&pipeline->lock);
}

/* True for the last user of a pipeline that is closed. */
static bool release(sluice_pipeline *pipeline) {
    pthread_mutex_lock(&pipeline->lock);
    const bool is_last = --pipeline->holders == 0;
    pthread_mutex_unlock(&pipeline->lock);
    return is_last;
}

/* The last abandoned rank of a closed pipeline frees it. */
static void end_thread(sluice__rank *rank, int generation) {
    sluice_pipeline *pipeline = rank->pipeline;
    pthread_mutex_lock(&pipeline->lock);
    const bool is_abandoned = rank->is_abandoned;
    if (!is_abandoned) rank->finished = generation;
    pthread_cond_broadcast(&pipeline->changed);
    pthread_mutex_unlock(&pipeline->lock);
    if (is_abandoned && release(pipeline)) pipeline->destroy(pipeline);
}

static void *work(void *argument) {
    sluice__rank *rank = argument;
    int generation     = 0;
    *sluice__where()   = (sluice__here){rank->index, NULL};
    for (bool is_open = false;; is_open = true) {
        sluice__task *task = next_task(rank, &generation);
        if (!task) break;
        do_task(rank, task, is_open);
        finish_task(rank, generation);
    }
    wait_for_others(rank->pipeline, generation - 1);
    close_device(rank);
    end_thread(rank, generation);
    return NULL;
}

sluice_status sluice__workers_start(sluice_pipeline *pipeline) {
    for (int r = 0; r < pipeline->world.local_count; r++) {
        const int error = pthread_create(&pipeline->rank[r].thread, NULL, work, &pipeline->rank[r]);
        if (error)
            return sluice__hint_limit(sluice__fail(SLUICE_E_HOST_MEMORY,
                                                   "cannot start a thread for rank %d: %s",
                                                   pipeline->rank[r].index, strerror(error)),
                                      "use fewer ranks");
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

static void start_task(sluice_pipeline *pipeline, sluice__task *task, void *argument) {
    for (int r = 0; r < pipeline->world.local_count; r++)
        atomic_store(&sluice__position_of(&pipeline->rank[r])->has_finished, false);
    pipeline->task     = task;
    pipeline->argument = argument;
    pipeline->generation++;
    pthread_cond_broadcast(&pipeline->changed);
}

/* Ranks that wait notice by themselves that the deadline has passed; those that compute cannot.
 * They get this many seconds more before they are abandoned. */
static const double grace = 1;

static void fail_by_deadline(sluice_pipeline *pipeline) {
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

/* Under the lock: whether every rank finishes before the deadline and the grace period are over. */
static bool watch(sluice_pipeline *pipeline) {
    while (unfinished(pipeline) > 0) {
        const double seconds = sluice__patience(&pipeline->deadline) + grace;
        if (seconds <= 0) return false;
        const struct timespec end = sluice__time_after(fmin(seconds, SLUICE__TICK));
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
        start_task(pipeline, task, argument);
        done = watch(pipeline);
    }
    pthread_mutex_unlock(&pipeline->lock);
    if (!stuck && !done) fail_by_deadline(pipeline);
    pthread_mutex_lock(&pipeline->lock);
    const sluice_error failure = pipeline->failure;
    pthread_mutex_unlock(&pipeline->lock);
    if (!stuck && failure.status == SLUICE_OK) return SLUICE_OK;
    if (pipeline->kept.status == SLUICE_OK) pipeline->kept = failure;
    return sluice__fail_again(&pipeline->kept); /* later failures are its consequences */
}

bool sluice__workers_are_stuck(sluice_pipeline *pipeline) {
    pthread_mutex_lock(&pipeline->lock);
    const bool stuck = unfinished(pipeline) > 0;
    pthread_mutex_unlock(&pipeline->lock);
    return stuck;
}

/* Under the lock. Abandoned ranks free the pipeline when they come back. */
static void abandon(sluice_pipeline *pipeline) {
    for (int r = 0; r < pipeline->world.local_count; r++) {
        sluice__rank *rank = &pipeline->rank[r];
        if (!rank->has_thread || rank->finished == pipeline->generation) continue;
        pthread_detach(rank->thread);
        rank->has_thread   = false;
        rank->is_abandoned = true;
        pipeline->holders++;
    }
}

bool sluice__workers_stop(sluice_pipeline *pipeline) {
    pthread_mutex_lock(&pipeline->lock);
    pipeline->holders = 1; /* the caller */
    sluice__progress(&pipeline->deadline);
    const bool stuck = unfinished(pipeline) > 0;
    start_task(pipeline, NULL, NULL);
    if (stuck || !watch(pipeline)) abandon(pipeline);
    pthread_mutex_unlock(&pipeline->lock);
    for (int r = 0; r < pipeline->world.local_count; r++)
        if (pipeline->rank[r].has_thread) pthread_join(pipeline->rank[r].thread, NULL);
    return release(pipeline);
}
