/* SPDX-License-Identifier: MIT */
/* pin.h -- which cores this thread may run on. */
#ifndef SLUICE_DEVICE_CPU_PIN_H
#define SLUICE_DEVICE_CPU_PIN_H

#include <sched.h>
#include <stdbool.h>

/* The cores the calling thread may use, and how many (at least 1). */
int sluice__cores(cpu_set_t *cores);
/* Bind the calling thread to the `n`-th of `cores`; with no such core it stays as it is. */
void sluice__pin(const cpu_set_t *cores, int n);
/* Give the calling thread all of `cores` back. */
void sluice__unpin(const cpu_set_t *cores);

#endif
