/* SPDX-License-Identifier: MIT */
/* deadline.c -- how long ranks may make no progress. */
#include "runtime/executor/deadline.h"

#include "runtime/base/clock.h"

/* While a task runs the clock is read every SLUICE__TICK seconds. After this many without, the
 * process itself did not run: it was stopped (Ctrl-Z), or the machine was. */
static const double gap = 4 * SLUICE__TICK;

static long long now_ns(void) {
    return (long long)(sluice__now() * 1e9);
}

void sluice__progress(sluice__deadline *deadline) {
    atomic_store(&deadline->progress_ns, now_ns());
}

/* The order matters: a thread that sees the new reading sees the new count, too. */
static void note_reading(sluice__deadline *deadline, long long now) {
    const double since = 1e-9 * (double)(now - atomic_load(&deadline->read_ns));
    if (since > gap) atomic_store(&deadline->progress_ns, now);
    atomic_store(&deadline->read_ns, now);
}

double sluice__patience(sluice__deadline *deadline) {
    const long long now = now_ns();
    note_reading(deadline, now);
    return deadline->seconds - 1e-9 * (double)(now - atomic_load(&deadline->progress_ns));
}
