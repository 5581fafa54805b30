/* SPDX-License-Identifier: MIT */
/* save_background.c -- saves that are written while training goes on: a copy of the state in host
 * memory, and the thread that writes it. */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/executor/executor.h"
#include "runtime/train/saves.h"

struct sluice__saver {
    unsigned char *copy;
    size_t bytes;
    sluice__save_job job; /* of the thread, while it runs */
    char *out;            /* the job's */
    pthread_t thread;
    bool has_thread, has_outcome;
    atomic_bool is_writing;
    sluice_error error; /* what came of the job */
};

/* ---- open ---- */

static size_t count_bytes(const sluice_pipeline *pipeline) {
    size_t bytes = 0;
    for (int k = 0; k < sluice_pipeline_state_count(pipeline); k++) {
        const sluice_state state = sluice_pipeline_state_at(pipeline, k);
        bytes += sluice_shape_bytes(&state.shape);
    }
    return bytes;
}

/* All of it at once, so that what is refused is refused before the first step. */
sluice_status sluice__saver_open(sluice__saver **out, const sluice_pipeline *pipeline) {
    sluice__saver *saver = NULL;
    SLUICE__TRY(sluice__states_have_values(pipeline));
    SLUICE__TRY(sluice__alloc(&saver, 1, sizeof *saver));
    saver->bytes         = count_bytes(pipeline);
    sluice_status status = sluice__alloc(&saver->copy, saver->bytes, 1);
    if (status != SLUICE_OK) {
        sluice__free(saver);
        return sluice__hint(status, "a copy of weights and optimizer state is what is saved while "
                                    "training goes on; save between the steps instead");
    }
    *out = saver;
    return SLUICE_OK;
}

void sluice__saver_close(sluice__saver *saver) {
    if (!saver) return;
    if (saver->has_thread) (void)pthread_join(saver->thread, NULL);
    sluice__free(saver->copy);
    sluice__free(saver->out);
    sluice__free(saver);
}

/* ---- the thread ---- */

static void *write_copy(void *argument) {
    sluice__saver *const saver = argument;
    saver->error               = (sluice_error){.status = SLUICE_OK};
    if (sluice__save_job_write(&saver->job) != SLUICE_OK) saver->error = *sluice_last_error();
    atomic_store(&saver->is_writing, false);
    return NULL;
}

/* Signals are for the threads of the program. */
static bool start_thread(sluice__saver *saver) {
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) return false;
    const int failed = pthread_create(&saver->thread, NULL, write_copy, saver);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0;
}

/* ---- a save ---- */

static sluice_status add_bytes(void *to, const void *bytes, size_t count) {
    unsigned char **const at = to;
    memcpy(*at, bytes, count);
    *at += count;
    return SLUICE_OK;
}

static sluice_status copy_state(const sluice__saver *saver, sluice_pipeline *pipeline) {
    unsigned char *at = saver->copy;
    for (int k = 0; k < sluice_pipeline_state_count(pipeline); k++)
        SLUICE__TRY(sluice__state_take(pipeline, k, add_bytes, &at));
    assert(at == saver->copy + saver->bytes);
    return SLUICE_OK;
}

/* Without a thread it is written here and now. */
sluice_status sluice__saver_begin(sluice__saver *saver, const sluice__save_job *job) {
    assert(!saver->has_outcome);
    sluice__free(saver->out);
    saver->out = NULL;
    SLUICE__TRY(sluice__copy_text(&saver->out, job->out));
    SLUICE__TRY(copy_state(saver, job->source.pipeline));
    saver->job             = *job;
    saver->job.out         = saver->out;
    saver->job.source.copy = saver->copy;
    saver->has_outcome     = true;
    atomic_store(&saver->is_writing, true);
    saver->has_thread = start_thread(saver);
    if (!saver->has_thread) (void)write_copy(saver);
    return SLUICE_OK;
}

bool sluice__saver_is_writing(const sluice__saver *saver) {
    return atomic_load(&saver->is_writing);
}

sluice_status sluice__saver_finish(bool *has_saved, sluice__saver *saver) {
    if (!saver->has_outcome) return SLUICE_OK;
    if (saver->has_thread) (void)pthread_join(saver->thread, NULL);
    saver->has_thread = saver->has_outcome = false;
    if (saver->error.status != SLUICE_OK) return sluice__fail_again(&saver->error);
    *has_saved = true;
    return SLUICE_OK;
}
