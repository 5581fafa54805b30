/* SPDX-License-Identifier: MIT */
/*
 * lend.h -- a core for a thread that others wait for while another process has its own.
 *
 * Threads of a team are bound to a core each. If another process computes on one of these, the
 * kernel gives it the core for milliseconds at a time, and a thread that is in the middle of a task
 * then keeps all others waiting, whose cores are idle. Whoever waits finds that out by the thread's
 * processor time, which stands still, and gives it a core.
 */
#ifndef SLUICE_DEVICE_CPU_LEND_H
#define SLUICE_DEVICE_CPU_LEND_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

typedef struct sluice__bound {
    pthread_t id;
    clockid_t clock; /* of its processor time */
    int core;        /* its own, by number among `cores` */
    bool is_lent;    /* it runs on another one now */
} sluice__bound;

/* Thread `id`, bound to `core`. */
sluice__bound sluice__bound_to(pthread_t id, int core);
/* Whether the thread gets no processor time although `goes_on` does not become false: looks for
 * some 40 microseconds. */
bool sluice__is_off_core(const sluice__bound *thread, const atomic_bool *goes_on);
/* Let it run on the core of `lender`, which has nothing to do, until it is given back. */
void sluice__lend_core(sluice__bound *to, const sluice__bound *lender, const cpu_set_t *cores);
void sluice__give_back(sluice__bound *thread, const cpu_set_t *cores);
/* The two exchange their cores for good. */
void sluice__swap_cores(sluice__bound *a, sluice__bound *b, const cpu_set_t *cores);

#endif
