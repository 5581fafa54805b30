/* SPDX-License-Identifier: MIT */
/*
 * peers.c -- which GPUs of this process reach each other's memory.
 *
 * The driver's word is not enough: there are machines on which it says yes and a copy arrives
 * changed, or never. So two GPUs that meet copy a pattern to each other and compare it. If it is
 * changed, their transfers go through host memory (transport/staging.c). If it does not arrive,
 * they are refused: what waits for all work of such a GPU, as freeing memory does, hangs, too.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/device/cuda/cuda.h"

/* REACH: copies have been tried. APART: the driver says so. WRONG: a copy arrived changed. LATE: it
 * did not arrive. */
typedef enum verdict { UNKNOWN = 0, REACH, APART, WRONG, LATE } verdict;

enum { GPUS = SLUICE__CUDA_GPUS };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static verdict verdicts[GPUS][GPUS]; /* on two that have met, both ways; under the lock */

/* ---- a trial copy ---- */

enum { TRIAL_BYTES = 1 << 20 };
static const double trial_s = 10; /* the first copy may map memory, but in less time than this */

/* What one GPU has for it. */
typedef struct side {
    sluice_device device;
    sluice_stream *stream;
    sluice_event *over;
    void *there;
    void *here; /* pinned */
} side;

static sluice_status open_side(side *s, int ordinal) {
    const sluice_device_ops *const ops = &sluice__cuda_ops;
    *s                                 = (side){.device = {.ordinal = ordinal}};
    SLUICE__TRY(sluice__cuda_status(cudaSetDevice(ordinal), "choosing a GPU"));
    SLUICE__TRY(ops->stream_create(&s->stream, &s->device, SLUICE_STREAM_TRANSFERS));
    SLUICE__TRY(ops->event_create(&s->over, &s->device, false));
    SLUICE__TRY(ops->arena_alloc(&s->there, &s->device, TRIAL_BYTES));
    return ops->host_alloc(&s->here, &s->device, TRIAL_BYTES);
}

/* First what their streams do, which uses the rest of either. */
static void close_sides(side both[2]) {
    const sluice_device_ops *const ops = &sluice__cuda_ops;
    for (int k = 0; k < 2; k++) ops->stream_destroy(both[k].stream);
    for (int k = 0; k < 2; k++) {
        ops->event_destroy(both[k].over);
        ops->arena_free(&both[k].device, both[k].there, TRIAL_BYTES);
        ops->host_free(&both[k].device, both[k].here);
    }
}

/* Numbers of which no two are equal, nor equal to those of another `salt`. */
static void write_pattern(void *to, uint32_t salt) {
    for (uint32_t k = 0; k < TRIAL_BYTES / sizeof(uint32_t); k++) {
        const uint32_t number = (salt << 24 | k) * 2654435761U;
        memcpy((char *)to + k * sizeof number, &number, sizeof number);
    }
}

/* Until all work of the stream is over. A copy that hangs must not hang the process. */
static sluice_status await(const side *s, bool *done) {
    const sluice_device_ops *const ops = &sluice__cuda_ops;
    const double end                   = sluice__now() + trial_s;
    SLUICE__TRY(ops->record(s->stream, s->over));
    for (*done = false; !*done && sluice__now() < end;) {
        SLUICE__TRY(ops->query(done, s->over));
        if (!*done) (void)nanosleep(&(struct timespec){0, 50000}, NULL);
    }
    return SLUICE_OK;
}

/* What `from` has in host memory goes to that of `to`; the stream of `by` copies between the two.
 * `*done`: it has arrived. */
static sluice_status carry(bool *done, const side *from, const side *to, const side *by) {
    const sluice_device_ops *const ops = &sluice__cuda_ops;
    SLUICE__TRY(ops->upload(from->stream, from->there, from->here, TRIAL_BYTES));
    SLUICE__TRY(await(from, done));
    if (!*done) return SLUICE_OK;
    SLUICE__TRY(ops->copy(by->stream, to->there, from->there, TRIAL_BYTES));
    SLUICE__TRY(await(by, done));
    if (!*done) return SLUICE_OK;
    SLUICE__TRY(ops->download(to->stream, to->here, to->there, TRIAL_BYTES));
    return await(to, done);
}

static sluice_status try_copy(verdict *found, const side *from, const side *to, const side *by,
                              uint32_t salt) {
    bool done = false;
    write_pattern(from->here, salt);
    SLUICE__TRY(carry(&done, from, to, by));
    if (!done)
        *found = LATE;
    else if (memcmp(from->here, to->here, TRIAL_BYTES) != 0)
        *found = WRONG;
    return SLUICE_OK;
}

static sluice_status try_both_ways(verdict *found, side both[2]) {
    for (uint32_t k = 0; k < 4 && *found == REACH; k++)
        SLUICE__TRY(try_copy(found, &both[k & 1], &both[1 - (k & 1)], &both[k >> 1], k + 1));
    return SLUICE_OK;
}

/* What a copy that hangs uses stays as it is. */
static sluice_status try_link(verdict *found, int a, int b) {
    static side both[2];
    both[0] = both[1]    = (side){.stream = NULL};
    sluice_status status = open_side(&both[0], a);
    if (status == SLUICE_OK) status = open_side(&both[1], b);
    if (status == SLUICE_OK) status = try_both_ways(found, both);
    if (*found != LATE) close_sides(both);
    return status;
}

/* ---- two GPUs meet ---- */

/* Let `from` access memory of `to`. */
static sluice_status reach(verdict *found, int from, int to) {
    int can = 0;
    SLUICE__TRY(sluice__cuda_status(cudaDeviceCanAccessPeer(&can, from, to),
                                    "asking which GPUs reach each other"));
    if (!can) *found = APART;
    if (*found != REACH) return SLUICE_OK;
    SLUICE__TRY(sluice__cuda_status(cudaSetDevice(from), "choosing a GPU"));
    const cudaError_t error = cudaDeviceEnablePeerAccess(to, 0);
    if (error == cudaErrorTooManyPeers || error == cudaErrorPeerAccessUnsupported)
        *found = APART;
    else if (error != cudaErrorPeerAccessAlreadyEnabled)
        return sluice__cuda_status(error, "reaching a peer's memory");
    (void)cudaGetLastError();
    return SLUICE_OK;
}

/* So that no copy of the driver's goes that way, either. */
static void disable(int from, int to) {
    if (cudaSetDevice(from) == cudaSuccess) (void)cudaDeviceDisablePeerAccess(to);
    (void)cudaGetLastError();
}

static sluice_status refuse_late(int a, int b) {
    sluice__fail(SLUICE_E_DEVICE,
                 "cuda:%d and cuda:%d say that they reach each other's memory, and what one copies "
                 "to the other has not arrived after %g s",
                 a < b ? a : b, a < b ? b : a, trial_s);
    return sluice__hint(SLUICE_E_DEVICE, "use --transport host, or one of them alone");
}

/* Under the lock. */
static sluice_status meet(int a, int b) {
    verdict found = REACH;
    if (verdicts[a][b] == LATE) return refuse_late(a, b); /* it may still hang */
    if (verdicts[a][b] == WRONG) return SLUICE_OK;
    SLUICE__TRY(reach(&found, a, b));
    SLUICE__TRY(reach(&found, b, a));
    if (found == REACH && verdicts[a][b] != REACH) SLUICE__TRY(try_link(&found, a, b));
    verdicts[a][b] = verdicts[b][a] = found;
    if (found == LATE) return refuse_late(a, b);
    if (found == REACH) return SLUICE_OK;
    disable(a, b);
    disable(b, a);
    return SLUICE_OK;
}

sluice_status sluice__cuda_meet(sluice_device *device, int other) {
    const int mine = device->ordinal;
    if (mine == other) return SLUICE_OK;
    if (mine >= GPUS || other >= GPUS)
        return sluice__fail(SLUICE_E_UNSUPPORTED, "cuda:%d is past the first %d GPUs",
                            mine > other ? mine : other, GPUS);
    pthread_mutex_lock(&lock);
    sluice_status status = meet(mine, other);
    pthread_mutex_unlock(&lock);
    device->has_met[other] = status == SLUICE_OK;
    const cudaError_t back = cudaSetDevice(mine);
    return status == SLUICE_OK ? sluice__cuda_status(back, "choosing a GPU") : status;
}

/* ---- what is known of them ---- */

static verdict verdict_on(const sluice_device *device, int other) {
    pthread_mutex_lock(&lock);
    const verdict is = device->has_met[other] ? verdicts[device->ordinal][other] : REACH;
    pthread_mutex_unlock(&lock);
    return is;
}

bool sluice__cuda_reaches(sluice_device *device, sluice_device *other) {
    bool all = true;
    if (other) return verdict_on(device, other->ordinal) == REACH;
    for (int k = 0; k < GPUS; k++) all = all && verdict_on(device, k) == REACH;
    return all;
}

int sluice__cuda_lying_peer(const sluice_device *device) {
    for (int k = 0; k < GPUS; k++)
        if (verdict_on(device, k) == WRONG) return k;
    return -1;
}

/* The other of two does not say the same. */
const char *sluice__cuda_degradations(sluice_device *device) {
    static const char *const words[] = {[APART] = "do not reach each other's memory",
                                        [WRONG] = "say that they reach each other's memory, and "
                                                  "what one copies to the other arrives changed"};
    const int mine                   = device->ordinal;
    size_t used                      = 0;
    char *const to                   = device->degradations;
    to[0]                            = '\0';
    for (int other = mine + 1; other < GPUS && used < sizeof device->degradations; other++) {
        const verdict is = verdict_on(device, other);
        if (is == REACH) continue;
        used += (size_t)snprintf(to + used, sizeof device->degradations - used,
                                 "%scuda:%d and cuda:%d %s: their transfers go through host memory",
                                 used > 0 ? "; " : "", mine, other, words[is]);
    }
    return to;
}
