/* SPDX-License-Identifier: MIT */
/*
 * machine.h -- the abstract machine on which programs are proven and simulated.
 *
 *   rank      runs its list in order; one that must wait for a transfer is parked, and woken when
 *             that has an end
 *   queue     of a channel, or of a rank for all its channels; strict rendezvous: a transfer
 *             begins when both ends are posted and everything before it in its queues is complete
 *   link      the channels between two ranks in one direction: they share its bandwidth. A transfer
 *             that begins is ready after a while, and then served when everything that was ready
 *             before it on the link has been
 *   group     consecutive posts of a rank's queue that are issued as one: it is resident once its
 *             last post is reached and the group before it is done, and done when all its transfers
 *             are; a transfer begins when both its ends are resident
 *
 * A rank runs until it parks, so every instruction is looked at once, or twice where its rank was
 * parked on it. Times are maxima and sums of earlier times only: the order in which ranks are taken
 * up cannot change them. Where channels share a bandwidth that does not hold: then ranks and
 * transfers are taken up in the order of time.
 */
#ifndef SLUICE_PROGRAM_MACHINE_H
#define SLUICE_PROGRAM_MACHINE_H

#include "runtime/program/machine/agenda.h"
#include "runtime/program/machine/transfers.h"

typedef struct sluice__machine_rank {
    int at;        /* next instruction */
    int waits_for; /* transfer it is parked on; -1 */
    bool queued;   /* in line to be run */

    /* its queue, where queues are per rank */
    int *posts; /* instructions, in order */
    int post_count;
    int issued;         /* posts reached so far */
    int head, head_end; /* of the first group that is not done: posts head .. head_end - 1 */
    int left;           /* transfers of that group that are not complete */
    double done;        /* when the group before it was */
} sluice__machine_rank;

/* What transfer `t` takes. */
typedef struct sluice__duration {
    double latency; /* from its begin until it is ready */
    double service; /* of its link */
} sluice__duration;
typedef sluice__duration sluice__duration_of(const void *context,
                                             const sluice__transfers *transfers, int t);

typedef struct sluice__machine {
    sluice_queues queues;
    sluice__transfers transfers;
    sluice__machine_rank *ranks;
    int *resolved;                 /* per queue: so many of its transfers have an end */
    sluice__duration_of *duration; /* NULL: no time at all */
    const void *context;           /* of `duration` */
    int *runnable;                 /* ranks that can go on */
    int runnable_count;
    int *advanced; /* ranks with a new head group */
    int advanced_count;

    /* in the order of time, where channels share a link; else `shares` is false */
    bool shares;
    sluice__agenda agenda;
    double *free_at; /* per link that is shared: when everything served so far is over */
    int *link_of;    /* per queue; -1: it has its link to itself */
} sluice__machine;

/* A machine at the start of `lists`, whose posts' edges must join their ranks. Set `duration` and
 * `context` afterwards. Release with sluice__machine_free(). E_HOST_MEMORY. */
sluice_status sluice__machine_make(sluice__machine *out, int ranks, const sluice__edges *edges,
                                   const sluice_instruction *const *lists, const int *counts,
                                   sluice_queues queues);
void sluice__machine_free(sluice__machine *machine);
/* Transfers take some of their links' time: let channels of one link share it. E_HOST_MEMORY. */
sluice_status sluice__machine_share(sluice__machine *machine);

/* Carry out `rank`'s next instruction; `*blocked` if that must wait. The transfers' numbers must
 * be right from here on. */
typedef sluice_status sluice__step(void *context, int rank, bool *blocked);

/* Run all ranks until they end or stand still; which of the two, sluice__first_unfinished() says.
 */
sluice_status sluice__machine_run(sluice__machine *machine, sluice__step *step, void *context);
/* The first rank that has not come to its end; -1: all have. */
int sluice__first_unfinished(const sluice__machine *machine);

/* For steps: the post that `rank` is at is reached at `now`, unless something else comes first
 * (false); the wait that it is at may end, if true, at the transfer's end; `rank` can go on from
 * `now`. */
bool sluice__machine_post(sluice__machine *machine, int rank, double now);
bool sluice__machine_wait(sluice__machine *machine, int rank, int *transfer);
void sluice__machine_wake(sluice__machine *machine, int rank, double now);

/* ---- deadlock.c ---- */
/* Why a machine that has stopped does not go on: who waits for whom, until that closes or ends. */
sluice_status sluice__name_deadlock(const sluice__machine *machine);

#endif
