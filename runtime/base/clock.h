/* SPDX-License-Identifier: MIT */
/* clock.h -- the one clock: seconds that never go back, waits that end by it, cores to wait on. */
#ifndef SLUICE_BASE_CLOCK_H
#define SLUICE_BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

double sluice__now(void);     /* seconds of the monotonic clock */
double sluice__on_core(void); /* seconds that the calling thread has had a core */
/* Sleep until the clock shows `time`, never less and as little more as the machine allows.
 * `has_core`: no other thread needs the core that this one is on. */
void sluice__sleep_until(double time, bool has_core);
struct timespec sluice__time_at(double time); /* the same time as a timespec */
/* For pthread_cond_timedwait() on a condition made by sluice__condition_init(). */
struct timespec sluice__time_after(double seconds);
void sluice__condition_init(pthread_cond_t *condition);
int sluice__usable_cores(void); /* cores that this process may run on */

#endif
