/* SPDX-License-Identifier: MIT */
/* pin.h -- which cores a thread may run on. */
#ifndef SLUICE_DEVICE_CPU_PIN_H
#define SLUICE_DEVICE_CPU_PIN_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

/* The cores the calling thread may use, and how many (at least 1). */
int sluice__cores(cpu_set_t *cores);
/* Bind `thread` to the `n`-th of `cores`. False if that is refused, or there is no such core:
 * nothing changes. */
bool sluice__pin(pthread_t thread, const cpu_set_t *cores, int n);
/* Let the calling thread run on all of `cores` again. */
void sluice__unpin(const cpu_set_t *cores);

#endif
