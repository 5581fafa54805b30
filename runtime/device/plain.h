/* SPDX-License-Identifier: MIT */
/* plain.h -- rows of devices that are the machine itself: they have its memory and no number. */
#ifndef SLUICE_DEVICE_PLAIN_H
#define SLUICE_DEVICE_PLAIN_H

#include "sluice/device.h"

sluice_status sluice__plain_count(int *count);
sluice_status sluice__plain_describe(int ordinal, char *out, size_t bytes);
sluice_status sluice__plain_room(int ordinal, int ranks, size_t *available, size_t *reserve);
sluice_status sluice__plain_allow_tf32(sluice_device *device);
sluice_status sluice__plain_host_alloc(sluice_device *device, void **out, size_t bytes);
sluice_status sluice__plain_seconds(sluice_event *from, sluice_event *to, double *seconds);
void sluice__plain_host_free(sluice_device *device, void *block);

#endif
