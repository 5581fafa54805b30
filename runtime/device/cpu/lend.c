/* SPDX-License-Identifier: MIT */
/* lend.c -- the one file that looks whether a thread runs, and moves it if it does not. */
#include "runtime/device/cpu/lend.h"

#include "runtime/base/clock.h"
#include "runtime/device/cpu/pin.h"

static const double look_s = 40e-6, stands_still_s = 10e-6;

sluice__bound sluice__bound_to(pthread_t id, int core) {
    sluice__bound thread = {.id = id, .clock = CLOCK_MONOTONIC, .core = core};
    /* Without a clock of its own a thread always seems to run, and nothing is moved. */
    if (pthread_getcpuclockid(id, &thread.clock) != 0) thread.clock = CLOCK_MONOTONIC;
    return thread;
}

static double processor_time(const sluice__bound *thread) {
    struct timespec at = {0};
    (void)clock_gettime(thread->clock, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

bool sluice__is_off_core(const sluice__bound *thread, const atomic_bool *goes_on) {
    const double before = processor_time(thread), until = sluice__now() + look_s;
    while (sluice__now() < until)
        if (!atomic_load(goes_on)) return false;
    return processor_time(thread) - before < stands_still_s && atomic_load(goes_on);
}

void sluice__lend_core(sluice__bound *to, const sluice__bound *lender, const cpu_set_t *cores) {
    to->is_lent = sluice__pin(to->id, cores, lender->core);
}

void sluice__give_back(sluice__bound *thread, const cpu_set_t *cores) {
    if (thread->is_lent) (void)sluice__pin(thread->id, cores, thread->core);
    thread->is_lent = false;
}

void sluice__swap_cores(sluice__bound *a, sluice__bound *b, const cpu_set_t *cores) {
    const int core = a->core;
    a->core        = b->core;
    b->core        = core;
    (void)sluice__pin(a->id, cores, a->core);
    (void)sluice__pin(b->id, cores, b->core);
}
