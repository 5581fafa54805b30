/* SPDX-License-Identifier: MIT */
/* world.c -- a world of one process: its bootstrap is memory that all ranks' threads share. */
#include "runtime/transport/world.h"

#include <pthread.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

typedef struct entry {
    struct entry *next;
    char *key;
    size_t bytes;
    unsigned char blob[];
} entry;

struct sluice__bootstrap {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    entry *entries;
    int ranks;
    int here, meetings; /* ranks that arrived at the barrier; barriers that are over */
    bool aborted;
};

static sluice_status stopped(void) {
    return sluice__fail(SLUICE_E_STOPPED, "another rank failed first");
}

/* Under the lock. */
static const entry *find(const sluice__bootstrap *bootstrap, const char *key) {
    const entry *at = bootstrap->entries;
    while (at && strcmp(at->key, key) != 0) at = at->next;
    return at;
}

static sluice_status put(sluice__bootstrap *bootstrap, const char *key, const void *blob,
                         size_t bytes) {
    entry *added = NULL;
    SLUICE__TRY(sluice__alloc(&added, 1, sizeof *added + bytes));
    const sluice_status status = sluice__copy_text(&added->key, key);
    if (status != SLUICE_OK) {
        sluice__free(added);
        return status;
    }
    added->bytes = bytes;
    if (bytes > 0) memcpy(added->blob, blob, bytes);
    pthread_mutex_lock(&bootstrap->lock);
    added->next        = bootstrap->entries;
    bootstrap->entries = added;
    pthread_cond_broadcast(&bootstrap->changed);
    pthread_mutex_unlock(&bootstrap->lock);
    return SLUICE_OK;
}

static sluice_status get(sluice__bootstrap *bootstrap, void *blob, size_t bytes, const char *key,
                         double seconds) {
    const struct timespec end = sluice__time_after(seconds);
    int late                  = 0;
    pthread_mutex_lock(&bootstrap->lock);
    const entry *found = find(bootstrap, key);
    for (; !found && !bootstrap->aborted && late == 0; found = find(bootstrap, key))
        late = pthread_cond_timedwait(&bootstrap->changed, &bootstrap->lock, &end);
    const bool fits = found && found->bytes == bytes, aborted = bootstrap->aborted;
    if (fits && bytes > 0) memcpy(blob, found->blob, bytes);
    pthread_mutex_unlock(&bootstrap->lock);
    if (fits) return SLUICE_OK;
    if (found)
        return sluice__fail(SLUICE_E_ARGUMENT, "the bootstrap's '%s' does not have %zu bytes", key,
                            bytes);
    if (aborted) return stopped();
    return sluice__fail(SLUICE_E_DEADLINE, "no rank provided '%s' within %g s", key, seconds);
}

static sluice_status meet(sluice__bootstrap *bootstrap, double seconds) {
    const struct timespec end = sluice__time_after(seconds);
    int late                  = 0;
    pthread_mutex_lock(&bootstrap->lock);
    const int meeting = bootstrap->meetings;
    if (++bootstrap->here == bootstrap->ranks) {
        bootstrap->here = 0;
        bootstrap->meetings++;
        pthread_cond_broadcast(&bootstrap->changed);
    }
    while (bootstrap->meetings == meeting && !bootstrap->aborted && late == 0)
        late = pthread_cond_timedwait(&bootstrap->changed, &bootstrap->lock, &end);
    const bool met = bootstrap->meetings != meeting, aborted = bootstrap->aborted;
    if (!met) bootstrap->here--; /* it goes, and may come again */
    pthread_mutex_unlock(&bootstrap->lock);
    if (aborted) return stopped();
    if (met) return SLUICE_OK;
    return sluice__fail(SLUICE_E_DEADLINE, "the ranks did not all arrive within %g s", seconds);
}

static void abort_waits(sluice__bootstrap *bootstrap) {
    pthread_mutex_lock(&bootstrap->lock);
    bootstrap->aborted = true;
    pthread_cond_broadcast(&bootstrap->changed);
    pthread_mutex_unlock(&bootstrap->lock);
}

static const sluice__bootstrap_ops within_process = {put, get, meet, abort_waits};

sluice_status sluice__world_open(sluice__world *out, int ranks) {
    sluice__bootstrap *bootstrap = NULL;
    SLUICE__TRY(sluice__alloc(&bootstrap, 1, sizeof *bootstrap));
    pthread_mutex_init(&bootstrap->lock, NULL);
    sluice__condition_init(&bootstrap->changed);
    bootstrap->ranks = ranks;
    *out             = (sluice__world){ranks, 0, ranks, &within_process, bootstrap};
    return SLUICE_OK;
}

void sluice__world_close(sluice__world *world) {
    sluice__bootstrap *const bootstrap = world->bootstrap;
    if (!bootstrap) return;
    for (entry *at = bootstrap->entries, *next; at; at = next) {
        next = at->next;
        sluice__free(at->key);
        sluice__free(at);
    }
    pthread_cond_destroy(&bootstrap->changed);
    pthread_mutex_destroy(&bootstrap->lock);
    sluice__free(bootstrap);
    *world = (sluice__world){0};
}
