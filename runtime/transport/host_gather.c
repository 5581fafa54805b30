/* SPDX-License-Identifier: MIT */
/* host_gather.c -- bytes from every rank of a process to the ranks that ask for all. */
#include "runtime/transport/host_gather.h"

#include <pthread.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"

struct sluice__host_gather {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned char *all;
    size_t *begin; /* [ranks + 1]: of each rank's part */
    int ranks, here;
    bool aborted;
};

sluice_status sluice__host_gather_open(sluice__host_gather **out, const size_t *bytes, int ranks) {
    sluice__host_gather *gather = NULL;
    sluice_status status        = SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&gather, 1, sizeof *gather));
    pthread_mutex_init(&gather->lock, NULL);
    sluice__condition_init(&gather->changed);
    gather->ranks = ranks;
    SLUICE__TRY_OUT(sluice__alloc(&gather->begin, (size_t)ranks + 1, sizeof *gather->begin));
    for (int r = 0; r < ranks; r++) gather->begin[r + 1] = gather->begin[r] + bytes[r];
    SLUICE__TRY_OUT(sluice__alloc(&gather->all, gather->begin[ranks], 1));
    *out   = gather;
    gather = NULL;
out:
    sluice__host_gather_close(gather);
    return status;
}

void sluice__host_gather_close(sluice__host_gather *gather) {
    if (!gather) return;
    pthread_cond_destroy(&gather->changed);
    pthread_mutex_destroy(&gather->lock);
    sluice__free(gather->begin);
    sluice__free(gather->all);
    sluice__free(gather);
}

void sluice__host_gather_begin(sluice__host_gather *gather) {
    gather->here = 0;
}

void sluice__host_gather_post(sluice__host_gather *gather, int rank, const void *mine) {
    const size_t bytes = gather->begin[rank + 1] - gather->begin[rank];
    pthread_mutex_lock(&gather->lock);
    if (bytes > 0) memcpy(gather->all + gather->begin[rank], mine, bytes);
    gather->here++;
    pthread_cond_broadcast(&gather->changed);
    pthread_mutex_unlock(&gather->lock);
}

sluice_status sluice__host_gather_wait(sluice__host_gather *gather, void *all, double seconds,
                                       bool *done) {
    const struct timespec end = sluice__time_after(seconds);
    int late                  = 0;
    pthread_mutex_lock(&gather->lock);
    while (gather->here < gather->ranks && !gather->aborted && late == 0)
        late = pthread_cond_timedwait(&gather->changed, &gather->lock, &end);
    *done              = gather->here == gather->ranks;
    const bool aborted = gather->aborted;
    if (*done && gather->begin[gather->ranks] > 0)
        memcpy(all, gather->all, gather->begin[gather->ranks]);
    pthread_mutex_unlock(&gather->lock);
    if (*done || !aborted) return SLUICE_OK;
    return sluice__fail(SLUICE_E_STOPPED, "another rank failed first");
}

void sluice__host_gather_abort(sluice__host_gather *gather) {
    pthread_mutex_lock(&gather->lock);
    gather->aborted = true;
    pthread_cond_broadcast(&gather->changed);
    pthread_mutex_unlock(&gather->lock);
}
