/* SPDX-License-Identifier: MIT */
/* describe_layers.h -- a profile's table without its times: what the layers of a model hold. */
#ifndef SLUICE_MEASURE_DESCRIBE_LAYERS_H
#define SLUICE_MEASURE_DESCRIBE_LAYERS_H

#include "sluice/profile.h"

/* For micro-batches of `samples`; the layers belong to the table. E_ARGUMENT, E_HOST_MEMORY. */
sluice_status sluice__describe_layers(sluice_profile_table *table, const sluice_model *model,
                                      int64_t samples, sluice_precision precision);

#endif
