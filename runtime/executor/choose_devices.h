/* SPDX-License-Identifier: MIT */
/* choose_devices.h -- which kind of device a pipeline runs on, and which one each rank. */
#ifndef SLUICE_EXECUTOR_CHOOSE_DEVICES_H
#define SLUICE_EXECUTOR_CHOOSE_DEVICES_H

#include "runtime/executor/executor.h"

/* The pipeline's kind of device. */
sluice_status sluice__choose_kind(sluice_pipeline *pipeline);
/* Each rank's ordinal; E_DEVICE_MEMORY if the arenas do not fit there. */
sluice_status sluice__choose_ordinals(sluice_pipeline *pipeline);

#endif
