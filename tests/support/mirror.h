/* SPDX-License-Identifier: MIT */
/*
 * mirror.h -- operations of a device whose memory the host cannot access, on host memory.
 *
 * Every block made here has a twin on the device. An operation of mirror_ops() uploads all blocks,
 * runs on the twins, waits, and downloads all blocks.
 */
#ifndef SLUICE_TESTS_MIRROR_H
#define SLUICE_TESTS_MIRROR_H

#include "sluice/device.h"

/* The table `real`, with operations on blocks of mirror_block(). */
const sluice_device_ops *mirror_ops(const sluice_device_ops *real);
/* The device that holds the twins from now on. */
void mirror_on(sluice_device *device);

void *mirror_block(size_t bytes);
/* NULL is allowed. */
void mirror_release(void *here);

#endif
