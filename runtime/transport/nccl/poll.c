/* SPDX-License-Identifier: MIT */
/* poll.c -- the state of NCCL's calls and communicators: errors as sentences, and waiting. */
#include <stdio.h>
#include <time.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/transport/nccl/internal.h"

sluice_status sluice__nccl_status(const sluice__transport *transport, ncclResult_t result,
                                  const char *what) {
    if (result == ncclSuccess || result == ncclInProgress) return SLUICE_OK;
    const char *const more = transport->nccl->GetLastError(NULL);
    return sluice__fail(SLUICE_E_DEVICE, "%s: NCCL says '%s'%s%s%s", what,
                        transport->nccl->GetErrorString(result), more && more[0] ? " (" : "",
                        more ? more : "", more && more[0] ? ")" : "");
}

sluice_status sluice__nccl_go_on(const sluice__transport *transport) {
    if (!atomic_load(&transport->aborted)) return SLUICE_OK;
    return sluice__fail(SLUICE_E_STOPPED, "another rank failed first");
}

void sluice__nccl_nap(void) {
    (void)nanosleep(&(struct timespec){0, 20000}, NULL); /* less than a launch and its return */
}

/* A group is issued in less time than a nap takes, and that is what is waited for in a step. */
static const double no_nap_s = 50e-6;

/* After a poll found nothing ready: nap, unless it has just begun, or fail when the time is over or
 * a rank failed. */
static sluice_status look_again(const sluice__transport *transport, double begin,
                                const char *what) {
    SLUICE__TRY(sluice__nccl_go_on(transport));
    const double waited = sluice__now() - begin;
    if (waited > transport->seconds)
        return sluice__fail(SLUICE_E_DEADLINE, "%s is not done after %g s", what,
                            transport->seconds);
    if (waited > no_nap_s) sluice__nccl_nap();
    return SLUICE_OK;
}

sluice_status sluice__nccl_settle(const sluice__transport *transport, ncclComm_t comm,
                                  const char *what) {
    const double begin = sluice__now();
    for (;;) {
        ncclResult_t state = ncclSuccess;
        SLUICE__TRY(
            sluice__nccl_status(transport, transport->nccl->CommGetAsyncError(comm, &state), what));
        SLUICE__TRY(sluice__nccl_status(transport, state, what));
        if (state == ncclSuccess) return SLUICE_OK;
        SLUICE__TRY(look_again(transport, begin, what));
    }
}

sluice_status sluice__nccl_await(sluice__transport *transport, int rank, sluice_event *event,
                                 const char *what) {
    const double begin = sluice__now();
    for (bool done = false;;) {
        SLUICE__TRY(transport->ops->query(&done, event));
        if (done) return SLUICE_OK;
        SLUICE__TRY(sluice__nccl_poll(transport, rank));
        SLUICE__TRY(look_again(transport, begin, what));
    }
}

static sluice_status poll_one(const sluice__transport *transport, ncclComm_t comm,
                              const char *words) {
    ncclResult_t state = ncclSuccess;
    SLUICE__TRY(
        sluice__nccl_status(transport, transport->nccl->CommGetAsyncError(comm, &state), words));
    return sluice__nccl_status(transport, state, words);
}

sluice_status sluice__nccl_poll(sluice__transport *transport, int rank) {
    const sluice__nccl_rank *const me = &transport->rank[rank];
    SLUICE__TRY(sluice__nccl_go_on(transport));
    for (int k = 0; me->pairs && k < transport->pair_count; k++) {
        char words[64];
        if (!me->pairs[k]) continue;
        (void)snprintf(words, sizeof words, "transfers between ranks %d and %d",
                       transport->pairs[k].low, transport->pairs[k].high);
        SLUICE__TRY(poll_one(transport, me->pairs[k], words));
    }
    return me->all ? poll_one(transport, me->all, "gathering among all ranks") : SLUICE_OK;
}
