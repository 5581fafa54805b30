/* SPDX-License-Identifier: MIT */
/*
 * machine.h -- the abstract machine on which programs are verified and simulated.
 *
 *   rank      runs its list in order; one that must wait for a transfer is parked, and woken when
 *             the end of that transfer is known
 *   queue     one per channel, or one per rank for all its channels; strict rendezvous: a transfer
 *             begins when both ends are posted and everything before it in its queues is complete
 *   link      the channels between two ranks in one direction, which share its bandwidth: a
 *             transfer is ready its latency after it begins, and served after all that were ready
 *             before it on the link
 *   group     consecutive posts of a rank's queue that are issued as one: it is resident once its
 *             last post is reached and the group before it is done, and done when all its
 *             transfers are; a transfer begins when both its ends are resident
 *
 * A rank runs until it parks, so every instruction is processed once, or twice if its rank parked
 * on it. Times are maxima and sums of earlier times: the order in which ranks run does not change
 * them. Where channels share bandwidth this does not hold: then ranks and transfers run in order of
 * time.
 */
#ifndef SLUICE_PROGRAM_MACHINE_H
#define SLUICE_PROGRAM_MACHINE_H

#include "runtime/program/machine/agenda.h"
#include "runtime/program/machine/transfers.h"

typedef struct sluice__machine_rank {
    int at;        /* next instruction */
    int waits_for; /* transfer it is parked on; -1 */
    bool queued;   /* will be run */

    /* its queue, where queues are per rank */
    int *posts;     /* instructions, in order */
    double *posted; /* when each was issued */
    int post_count;
    int issued;         /* posts reached so far */
    int head, head_end; /* of the first group that is not done: posts head .. head_end - 1 */
    int left;           /* transfers of that group that are not complete */
    double done;        /* when the group before it was */
} sluice__machine_rank;

/* How long a transfer takes. */
typedef struct sluice__duration {
    double latency; /* from its begin until it is ready */
    double service; /* time of its link */
} sluice__duration;
typedef sluice__duration sluice__duration_of(const void *context,
                                             const sluice__transfers *transfers, int t);

typedef struct sluice__machine {
    sluice_queues queues;
    sluice__transfers transfers;
    sluice__machine_rank *ranks;
    unsigned char *posted;         /* per transfer, where queues are per channel: which ends are */
    int *resolved;                 /* per queue: how many of its transfers have an end */
    sluice__duration_of *duration; /* NULL: transfers take no time */
    const void *context;           /* of `duration` */
    int *runnable;                 /* ranks that can proceed */
    int runnable_count;
    int *advanced; /* ranks with a new head group */
    int advanced_count;

    /* for running in order of time, if channels share a link; else `shares` is false */
    bool shares;
    sluice__agenda agenda;
    double *free_at; /* per shared link: when everything served so far has ended */
    int *link_of;    /* per queue; -1: it does not share its link */
} sluice__machine;

/* A machine at the start of `lists`, whose posts' edges must join their ranks. Set `duration` and
 * `context` afterwards. Release with sluice__machine_free(). E_HOST_MEMORY. */
sluice_status sluice__machine_make(sluice__machine *out, int ranks, const sluice__edges *edges,
                                   const sluice_instruction *const *lists, const int *counts,
                                   sluice_queues queues);
void sluice__machine_free(sluice__machine *machine);
/* Let the channels of a link share its bandwidth. E_HOST_MEMORY. */
sluice_status sluice__machine_share(sluice__machine *machine);

/* Run `rank`'s next instruction; `*blocked` if it must wait. The numbers of transfers must be
 * right.
 */
typedef sluice_status sluice__step(void *context, int rank, bool *blocked);

/* Run all ranks until they end or are stuck; sluice__first_unfinished() says which. */
sluice_status sluice__machine_run(sluice__machine *machine, sluice__step *step, void *context);
/* The first rank that has not reached the end of its list; -1: all have. */
int sluice__first_unfinished(const sluice__machine *machine);

/* For steps. `rank` reaches the post that it is at, at `now`; false if something earlier must run
 * first. `rank` can pass the wait that it is at, if true, at the transfer's end. `rank` can proceed
 * from `now`. */
bool sluice__machine_post(sluice__machine *machine, int rank, double now);
bool sluice__machine_wait(sluice__machine *machine, int rank, int *transfer);
void sluice__machine_wake(sluice__machine *machine, int rank, double now);

/* ---- deadlock.c ---- */
/* Why a machine is stuck: E_SCHEDULE with the chain of ranks and queues that wait for each other.
 */
sluice_status sluice__name_deadlock(const sluice__machine *machine);

#endif
