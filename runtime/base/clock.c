/* SPDX-License-Identifier: MIT */
/* clock.c -- the one clock: seconds that never go back, and waits that end by it. */
#include "runtime/base/clock.h"

#include <errno.h>
#include <sched.h>

static double read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double sluice__now(void) {
    return read_clock(CLOCK_MONOTONIC);
}

double sluice__on_core(void) {
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

struct timespec sluice__time_at(double time) {
    const double whole = (double)(time_t)time;
    return (struct timespec){(time_t)time, (long)((time - whole) * 1e9)};
}

/* A thread wakes about this late. A thread that has a core to itself asks to be woken that much
 * earlier and spins for the rest; without one, spinning would keep other threads from waking. */
static const double lateness = 60e-6;

void sluice__sleep_until(double time, bool has_core) {
    const double ask         = has_core ? time - lateness : time;
    const struct timespec at = sluice__time_at(ask > 0 ? ask : 0);
    int interrupted          = EINTR;
    while (interrupted == EINTR)
        interrupted = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    double now = sluice__now(); /* no yield: it may cost a whole time slice */
    while (now < time) now = sluice__now();
}

struct timespec sluice__time_after(double seconds) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    const double whole = (double)(time_t)seconds;
    at.tv_sec += (time_t)whole;
    at.tv_nsec += (long)((seconds - whole) * 1e9);
    if (at.tv_nsec >= 1000000000L) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000L;
    }
    return at;
}

int sluice__usable_cores(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

void sluice__condition_init(pthread_cond_t *condition) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}
