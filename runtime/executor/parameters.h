/* SPDX-License-Identifier: MIT */
/* parameters.h -- a rank's memory, and the initial values of what stays in it. */
#ifndef SLUICE_EXECUTOR_PARAMETERS_H
#define SLUICE_EXECUTOR_PARAMETERS_H

#include "runtime/executor/executor.h"

/* A task: make the streams; allocate the arena, staging, and memory for times. */
sluice_status sluice__allocate_rank(sluice__rank *rank, void *unused);
/* Write the working copy of a parameter, which layers read, from its master. */
sluice_status sluice__store_working(sluice__rank *rank, const sluice__value *value);
/* Masters and optimizer state are fp32 in every precision. */
static inline size_t sluice__master_bytes(const sluice__value *value) {
    return (size_t)value->count * sluice_type_bytes(SLUICE_TYPE_F32);
}
/* A task: set initial values. */
sluice_status sluice__initialize_rank(sluice__rank *rank, void *unused);

#endif
