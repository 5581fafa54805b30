/* SPDX-License-Identifier: MIT */
/* worker.c -- one thread per rank, which carries out the pipeline's tasks. */
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/executor/internal.h"

/* Sleep until there is a task that this rank has not done; NULL means leave. */
static sluice__task *next_task(sluice__rank *rank, int *generation) {
    sluice_pipeline *pipeline = rank->pipeline;
    pthread_mutex_lock(&pipeline->lock);
    while (pipeline->generation == *generation) pthread_cond_wait(&pipeline->changed, &pipeline->lock);
    *generation        = pipeline->generation;
    sluice__task *task = pipeline->task;
    pthread_mutex_unlock(&pipeline->lock);
    return task;
}

static void finish_task(sluice__rank *rank, int generation) {
    pthread_mutex_lock(&rank->pipeline->lock);
    rank->finished = generation;
    pthread_cond_broadcast(&rank->pipeline->changed);
    pthread_mutex_unlock(&rank->pipeline->lock);
}

/* The device is opened, and closed, by the thread that drives it. */
static sluice_status open_device(sluice__rank *rank) {
    const sluice_pipeline *pipeline = rank->pipeline;
    const int threads               = pipeline->threads;
    SLUICE__TRY(pipeline->ops->open(&rank->device, rank->index, threads, rank->index * threads,
                                    pipeline->pin));
    SLUICE__TRY(pipeline->ops->stream_create(rank->device, &rank->stream));
    return pipeline->ops->stream_create(rank->device, &rank->transfers);
}

static void close_device(sluice__rank *rank) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    if (rank->arena) ops->arena_free(rank->device, rank->arena, rank->arena_bytes);
    if (rank->transfers) ops->stream_destroy(rank->transfers);
    if (rank->stream) ops->stream_destroy(rank->stream);
    ops->close(rank->device);
}

static void *work(void *argument) {
    sluice__rank *rank = argument;
    int generation     = 0;
    for (bool is_open = false;; is_open = true) {
        sluice__task *task = next_task(rank, &generation);
        if (!task) break;
        const sluice_status status = !is_open ? open_device(rank) : SLUICE_OK;
        if (status != SLUICE_OK || task(rank, rank->pipeline->argument) != SLUICE_OK)
            sluice__fail_pipeline(rank);
        finish_task(rank, generation);
    }
    close_device(rank);
    finish_task(rank, generation);
    return NULL;
}

sluice_status sluice__workers_start(sluice_pipeline *pipeline) {
    for (int r = 0; r < pipeline->ranks; r++) {
        const int error = pthread_create(&pipeline->rank[r].thread, NULL, work, &pipeline->rank[r]);
        if (error)
            return sluice__fail(SLUICE_E_HOST_MEMORY, "no thread for rank %d: %s", r,
                                strerror(error));
        pipeline->rank[r].has_thread = true;
    }
    return SLUICE_OK;
}

static void post_task(sluice_pipeline *pipeline, sluice__task *task, void *argument) {
    pthread_mutex_lock(&pipeline->lock);
    pipeline->task     = task;
    pipeline->argument = argument;
    pipeline->generation++;
    pthread_cond_broadcast(&pipeline->changed);
    for (int r = 0; r < pipeline->ranks; r++)
        while (pipeline->rank[r].has_thread && pipeline->rank[r].finished != pipeline->generation)
            pthread_cond_wait(&pipeline->changed, &pipeline->lock);
    pthread_mutex_unlock(&pipeline->lock);
}

sluice_status sluice__workers_do(sluice_pipeline *pipeline, sluice__task *task, void *argument) {
    atomic_store(&pipeline->progress_ns, (long long)(sluice__now() * 1e9));
    pipeline->failure = (sluice_error){0};
    post_task(pipeline, task, argument);
    if (pipeline->failure.status == SLUICE_OK) return SLUICE_OK;
    if (pipeline->kept.status == SLUICE_OK) pipeline->kept = pipeline->failure;
    return sluice__fail_again(&pipeline->failure);
}

void sluice__workers_stop(sluice_pipeline *pipeline) {
    post_task(pipeline, NULL, NULL);
    for (int r = 0; r < pipeline->ranks; r++)
        if (pipeline->rank[r].has_thread) pthread_join(pipeline->rank[r].thread, NULL);
}
