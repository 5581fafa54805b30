/* SPDX-License-Identifier: MIT */
/* virtual.h -- the table of devices that compute nothing. */
#ifndef SLUICE_DEVICE_VIRTUAL_VIRTUAL_H
#define SLUICE_DEVICE_VIRTUAL_VIRTUAL_H

#include "sluice/device.h"

extern const sluice_device_ops sluice__virtual_ops;

#endif
