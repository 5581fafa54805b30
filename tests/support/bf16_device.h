/* SPDX-License-Identifier: MIT */
/*
 * bf16_device.h -- the cpu as a device that computes in bf16, too: "bf16-test".
 *
 * Each operation widens its bf16 tensors, runs the cpu's fp32 operation, and narrows its outputs.
 * It shows what a pipeline in bf16 must do before a real device supports it.
 */
#ifndef SLUICE_TESTS_BF16_DEVICE_H
#define SLUICE_TESTS_BF16_DEVICE_H

#include "sluice/device.h"

const sluice_device_ops *bf16_device(void);

/* The nearest bf16 to a number, ties to even, found by comparing its two neighbours. */
uint16_t bf16_nearest(float value);

/* Mistakes of a device with working copies, for tests that must notice them. */
typedef enum bf16_fault {
    BF16_SOUND = 0,
    BF16_UPDATE_FORGETS, /* an update does not change the working copies */
    BF16_STORE_TRUNCATES /* a working copy is made from its master by truncation instead of rounding
                          */
} bf16_fault;

/* From now on, on every stream; called while no pipeline is at work. */
void bf16_device_inject(bf16_fault fault);

#endif
