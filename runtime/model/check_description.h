/* SPDX-License-Identifier: MIT */
/* check_description.h -- whether what a kind of layer describes is possible. */
#ifndef SLUICE_MODEL_CHECK_DESCRIPTION_H
#define SLUICE_MODEL_CHECK_DESCRIPTION_H

#include "sluice/layer.h"

/* Of one sample. E_ARGUMENT. */
sluice_status sluice__check_description(const sluice_layer_kind *kind,
                                        const sluice_layer_description *description);
/* State belongs to the layer, not to a micro-batch: for two samples it has the same shape. What
 * `describe` returns, and E_ARGUMENT. */
sluice_status sluice__check_states(const sluice_layer_kind *kind, const void *config,
                                   const sluice_shape *input,
                                   const sluice_layer_description *description);

#endif
