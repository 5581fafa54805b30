/* SPDX-License-Identifier: MIT */
/*
 * virtual.h -- devices that compute nothing and only take time: any schedule run by the real
 * executor over the real transport, on any number of ranks, in one process.
 *
 * The device "virtual" does no arithmetic and holds no values: its memory is address space, and its
 * operations return at once. Pipeline options (`costs`, in seconds) say how long an action takes:
 * it ends at an absolute deadline, that long after the executor issued it. A message takes its
 * link's time once both of its ends are posted and the link is free. Losses, norms and values are
 * meaningless.
 *
 * Any model can be run this way if the kinds of its layers have code for every device. Where only
 * costs, or bytes of stages, are known, sluice_virtual_model() makes a model of them.
 */
#ifndef SLUICE_VIRTUAL_H
#define SLUICE_VIRTUAL_H

#include "sluice/layer.h"
#include "sluice/model.h"
#include "sluice/pipeline.h"
#include "sluice/program.h"
#include "sluice/status.h"

/* A layer that has sizes and nothing else; it runs on the device "virtual" only. */
typedef struct sluice_virtual_config {
    size_t output, saved, stash, scratch; /* bytes for each sample of a micro-batch */
    int64_t parameters;
    bool is_loss; /* the last layer of a model */
} sluice_virtual_config;
SLUICE_API const sluice_layer_kind *sluice_layer_virtual(void);

/*
 * A model with one layer per stage, "stage0" ..., whose memory is that of `bytes` (NULL: next to
 * nothing) when every micro-batch is one sample. Permanent bytes become parameters that take as
 * much with their gradients and `states` tensors of optimizer state; sizes are rounded up to whole
 * floats. Release with sluice_model_free(). E_ARGUMENT, E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_virtual_model(sluice_model **out, const sluice_stage_bytes *bytes,
                                              int stages, int states);

/* A minibatch of `samples` without any data in it. */
SLUICE_API sluice_batch sluice_virtual_batch(int64_t samples);

/*
 * How late the ranks of a virtual pipeline are woken here: 9 of 10 sleeps end less late, of 40 of a
 * millisecond each, which every rank takes at the same time. A step takes the time of its costs
 * only where actions take many times as long: sluice_virtual_shortest_action() says how long the
 * shortest takes that takes any time; INFINITY if none does. E_ARGUMENT, E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_virtual_lateness(double *lateness, sluice_pipeline *pipeline);
SLUICE_API double sluice_virtual_shortest_action(const sluice_pipeline *pipeline);

#endif
