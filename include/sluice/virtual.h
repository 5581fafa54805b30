/* SPDX-License-Identifier: MIT */
/*
 * virtual.h -- devices that compute nothing and take their time: any schedule run by the real
 * executor over the real transport, on as many ranks as wanted, in one process.
 *
 * The device "virtual" does no arithmetic and holds no values: its memory is address space, and its
 * operations return at once. What an action takes, pipeline options say (`costs`, in seconds): it
 * is over at an absolute deadline, so long after the executor issued it. A message takes its link's
 * time from the moment when both of its ends are posted and the link is free. Losses, norms and
 * values are meaningless.
 *
 * Any model can be run so, if each kind of its layers has code for every device. Where there are
 * only costs, or bytes of stages, sluice_virtual_model() makes one.
 */
#ifndef SLUICE_VIRTUAL_H
#define SLUICE_VIRTUAL_H

#include "sluice/layer.h"
#include "sluice/model.h"
#include "sluice/pipeline.h"
#include "sluice/program.h"
#include "sluice/status.h"

/* A layer that has sizes and nothing else; only the device "virtual" has code for it. */
typedef struct sluice_virtual_config {
    size_t output, saved, stash, scratch; /* bytes for each sample of a micro-batch */
    int64_t parameters;
    bool is_loss; /* the last layer of a model */
} sluice_virtual_config;
SLUICE_API const sluice_layer_kind *sluice_layer_virtual(void);

/*
 * A model of a layer per stage, "stage0" ..., that hold what `bytes` says of each (NULL: next to
 * nothing) where every micro-batch is one sample. Permanent bytes become parameters that with
 * gradients and `states` tensors of optimizer state take as much; sizes are rounded up to whole
 * floats. Release with sluice_model_free(). E_ARGUMENT, E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_virtual_model(sluice_model **out, const sluice_stage_bytes *bytes,
                                              int stages, int states);

/* A minibatch of `samples` without any data in it. */
SLUICE_API sluice_batch sluice_virtual_batch(int64_t samples);

#endif
