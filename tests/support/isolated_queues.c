/* SPDX-License-Identifier: MIT */
/* isolated_queues.c -- the only memory that ranks of the isolated transport share: copies of data,
 * under one lock. */
#include "tests/support/isolated_queues.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"

typedef struct transfer {
    isolated_announcement end[2]; /* [sends] */
    void *message;
    bool was_sent;
} transfer;

typedef struct queue {
    sluice__channel channel;
    transfer *transfers; /* [channel.transfers] */
    int posted[2];       /* [sends] */
} queue;

/* What each rank has given to each reader. */
typedef struct boxes {
    size_t *bytes;       /* [ranks]: of each giver */
    unsigned char **box; /* [reader * ranks + giver] */
    bool *given;         /* [ranks] */
    int givers;
} boxes;

struct isolated_queues {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    long changes;
    bool aborted;
    int ranks, count;
    queue *queues; /* [count] */
    boxes gathers[SLUICE__GATHERS];
};

/* ---- open and close ---- */

static sluice_status open_boxes(boxes *out, const size_t *bytes, int ranks) {
    const size_t p = (size_t)ranks;
    SLUICE__TRY(sluice__alloc(&out->bytes, p, sizeof *out->bytes));
    SLUICE__TRY(sluice__alloc(&out->given, p, sizeof *out->given));
    SLUICE__TRY(sluice__alloc(&out->box, p * p, sizeof *out->box));
    memcpy(out->bytes, bytes, p * sizeof *bytes);
    for (size_t b = 0; b < p * p; b++)
        SLUICE__TRY(sluice__alloc(&out->box[b], out->bytes[b % p] + 1, 1));
    return SLUICE_OK;
}

static void close_boxes(const boxes *closed, int ranks) {
    for (int b = 0; closed->box && b < ranks * ranks; b++) sluice__free(closed->box[b]);
    sluice__free(closed->box);
    sluice__free(closed->given);
    sluice__free(closed->bytes);
}

static sluice_status open_all(isolated_queues *queues, const sluice__channel *channels,
                              const size_t *const gathers[SLUICE__GATHERS]) {
    SLUICE__TRY(sluice__alloc(&queues->queues, (size_t)queues->count, sizeof *queues->queues));
    for (int c = 0; c < queues->count; c++) {
        queue *const opened = &queues->queues[c];
        opened->channel     = channels[c];
        SLUICE__TRY(sluice__alloc(&opened->transfers, (size_t)channels[c].transfers,
                                  sizeof *opened->transfers));
    }
    for (int g = 0; g < SLUICE__GATHERS; g++)
        SLUICE__TRY(open_boxes(&queues->gathers[g], gathers[g], queues->ranks));
    return SLUICE_OK;
}

sluice_status isolated_queues_open(isolated_queues **out, const sluice__channel *channels,
                                   int count, const size_t *const gathers[SLUICE__GATHERS],
                                   int ranks) {
    isolated_queues *queues = NULL;
    sluice_status status    = SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&queues, 1, sizeof *queues));
    pthread_mutex_init(&queues->lock, NULL);
    sluice__condition_init(&queues->changed);
    queues->ranks = ranks;
    queues->count = count;
    SLUICE__TRY_OUT(open_all(queues, channels, gathers));
    *out   = queues;
    queues = NULL;
out:
    isolated_queues_close(queues);
    return status;
}

static void forget_transfers(queue *of) {
    for (int k = 0; k < of->channel.transfers; k++) {
        free(of->transfers[k].message);
        of->transfers[k] = (transfer){0};
    }
    of->posted[0] = of->posted[1] = 0;
}

void isolated_queues_close(isolated_queues *queues) {
    if (!queues) return;
    for (int c = 0; queues->queues && c < queues->count; c++) {
        if (queues->queues[c].transfers) forget_transfers(&queues->queues[c]);
        sluice__free(queues->queues[c].transfers);
    }
    for (int g = 0; g < SLUICE__GATHERS; g++) close_boxes(&queues->gathers[g], queues->ranks);
    sluice__free(queues->queues);
    pthread_cond_destroy(&queues->changed);
    pthread_mutex_destroy(&queues->lock);
    sluice__free(queues);
}

static void change(isolated_queues *queues) { /* under the lock */
    queues->changes++;
    pthread_cond_broadcast(&queues->changed);
}

void isolated_queues_begin(isolated_queues *queues) {
    pthread_mutex_lock(&queues->lock);
    for (int c = 0; c < queues->count; c++) forget_transfers(&queues->queues[c]);
    for (int g = 0; g < SLUICE__GATHERS; g++) {
        queues->gathers[g].givers = 0;
        memset(queues->gathers[g].given, 0, (size_t)queues->ranks * sizeof(bool));
    }
    pthread_mutex_unlock(&queues->lock);
}

void isolated_queues_abort(isolated_queues *queues) {
    pthread_mutex_lock(&queues->lock);
    queues->aborted = true;
    change(queues);
    pthread_mutex_unlock(&queues->lock);
}

/* ---- channels ---- */

static sluice_status check_both_ends(const transfer *of) {
    const isolated_announcement *const send = &of->end[true], *const receive = &of->end[false];
    if (send->bytes != receive->bytes)
        return sluice__fail(SLUICE_E_ARGUMENT, "a send of %zu bytes meets a receive of %zu",
                            send->bytes, receive->bytes);
    if (send->content != receive->content)
        return sluice__fail(SLUICE_E_SCHEDULE,
                            "what is sent is not what is received next: the two ends of the "
                            "channel disagree on the order of transfers");
    return SLUICE_OK;
}

/* Called with the lock held. */
static sluice_status announce(isolated_queues *queues, queue *at, bool sends,
                              isolated_announcement end) {
    const int k = at->posted[sends];
    if (queues->aborted) return sluice__fail(SLUICE_E_STOPPED, "another rank failed first");
    if (k == at->channel.transfers)
        return sluice__fail(SLUICE_E_ARGUMENT, "more than %d transfers from rank %d to rank %d",
                            at->channel.transfers, at->channel.from, at->channel.to);
    at->transfers[k].end[sends] = end;
    if (k < at->posted[!sends]) SLUICE__TRY(check_both_ends(&at->transfers[k]));
    at->posted[sends]++;
    change(queues);
    return SLUICE_OK;
}

sluice_status isolated_announce(isolated_queues *queues, int channel, bool sends,
                                isolated_announcement end) {
    pthread_mutex_lock(&queues->lock);
    const sluice_status status = announce(queues, &queues->queues[channel], sends, end);
    pthread_mutex_unlock(&queues->lock);
    return status;
}

bool isolated_wants(isolated_queues *queues, int channel, int k) {
    pthread_mutex_lock(&queues->lock);
    const queue *const at = &queues->queues[channel];
    const bool wants = k < at->posted[false] && k < at->posted[true] && !at->transfers[k].was_sent;
    pthread_mutex_unlock(&queues->lock);
    return wants;
}

void isolated_put(isolated_queues *queues, int channel, int k, void *message) {
    pthread_mutex_lock(&queues->lock);
    transfer *const to = &queues->queues[channel].transfers[k];
    to->message        = message;
    to->was_sent       = true;
    change(queues);
    pthread_mutex_unlock(&queues->lock);
}

void *isolated_take(isolated_queues *queues, int channel, int k) {
    pthread_mutex_lock(&queues->lock);
    transfer *const from = &queues->queues[channel].transfers[k];
    void *const message  = from->message;
    from->message        = NULL;
    pthread_mutex_unlock(&queues->lock);
    return message;
}

/* ---- gathers ---- */

/* Called with the lock held. */
static sluice_status give(isolated_queues *queues, boxes *to, int rank, const void *mine) {
    if (queues->aborted) return sluice__fail(SLUICE_E_STOPPED, "another rank failed first");
    if (to->given[rank])
        return sluice__fail(SLUICE_E_ARGUMENT, "rank %d gives twice in one run", rank);
    for (int reader = 0; to->bytes[rank] > 0 && reader < queues->ranks; reader++)
        memcpy(to->box[reader * queues->ranks + rank], mine, to->bytes[rank]);
    to->given[rank] = true;
    to->givers++;
    change(queues);
    return SLUICE_OK;
}

sluice_status isolated_give(isolated_queues *queues, sluice__gather which, int rank,
                            const void *mine) {
    pthread_mutex_lock(&queues->lock);
    const sluice_status status = give(queues, &queues->gathers[which], rank, mine);
    pthread_mutex_unlock(&queues->lock);
    return status;
}

bool isolated_read(isolated_queues *queues, sluice__gather which, int rank, void *all) {
    const boxes *const from = &queues->gathers[which];
    unsigned char *to       = all;
    pthread_mutex_lock(&queues->lock);
    const bool is_whole = from->givers == queues->ranks;
    for (int giver = 0; is_whole && giver < queues->ranks; giver++) {
        const size_t bytes = from->bytes[giver];
        if (bytes > 0) memcpy(to, from->box[rank * queues->ranks + giver], bytes);
        to += bytes;
    }
    pthread_mutex_unlock(&queues->lock);
    return is_whole;
}

/* ---- waiting ---- */

long isolated_changes(isolated_queues *queues) {
    pthread_mutex_lock(&queues->lock);
    const long changes = queues->changes;
    pthread_mutex_unlock(&queues->lock);
    return changes;
}

void isolated_sleep(isolated_queues *queues, long seen, double end) {
    const struct timespec until = sluice__time_at(end);
    int late                    = 0;
    pthread_mutex_lock(&queues->lock);
    while (queues->changes == seen && !queues->aborted && late == 0)
        late = pthread_cond_timedwait(&queues->changed, &queues->lock, &until);
    pthread_mutex_unlock(&queues->lock);
}

bool isolated_is_aborted(isolated_queues *queues) {
    pthread_mutex_lock(&queues->lock);
    const bool aborted = queues->aborted;
    pthread_mutex_unlock(&queues->lock);
    return aborted;
}
