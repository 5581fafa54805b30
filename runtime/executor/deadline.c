/* SPDX-License-Identifier: MIT */
/* deadline.c -- how long ranks may make no progress. */
#include "runtime/executor/deadline.h"

#include "runtime/base/clock.h"

void sluice__progress(sluice__deadline *deadline) {
    atomic_store(&deadline->progress_ns, (long long)(sluice__now() * 1e9));
}

double sluice__patience(const sluice__deadline *deadline) {
    const double last = 1e-9 * (double)atomic_load(&deadline->progress_ns);
    return deadline->seconds - (sluice__now() - last);
}
