/* SPDX-License-Identifier: MIT */
/*
 * turn.h -- products with a transposed a, as gradients of weights are. A library that reads
 * operands where they are reads such an a down its columns, a line of the cache for a few numbers;
 * so that a is turned first, by all threads, once.
 */
#ifndef SLUICE_DEVICE_CPU_TURN_H
#define SLUICE_DEVICE_CPU_TURN_H

#include "sluice/device.h"

/* Whether that pays for the library and the processor that are used. */
bool sluice__turns(const sluice_matmul *product);
/* On the thread that drives the device. Errors as in sluice__multiply(). */
void sluice__multiply_turned(const sluice_device *device, const sluice_matmul *product);

#endif
