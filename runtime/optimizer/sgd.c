/* SPDX-License-Identifier: MIT */
/* sgd.c -- gradient descent with decoupled weight decay and optional momentum (Polyak 1964). With
 * its gradient a parameter takes 12 bytes, without momentum 8. */
#include "runtime/optimizer/kinds.h"

static const sluice_sgd_config defaults = SLUICE_SGD_CONFIG_INIT;

static int state_count(const void *config) {
    const sluice_sgd_config *const options = config;
    return options->momentum != 0 ? 1 : 0;
}

static sluice_status update(sluice_stream *stream, const sluice_operations *operations,
                            const sluice_update_tensor *tensors, int count, const void *config,
                            const sluice_optimizer_step *step) {
    const sluice_sgd_config *const options = config;
    return operations->sgd(stream, &(sluice_sgd){.tensors        = tensors,
                                                 .count          = count,
                                                 .learning_rate  = step->learning_rate,
                                                 .weight_decay   = options->weight_decay,
                                                 .momentum       = options->momentum,
                                                 .gradient_scale = step->gradient_scale,
                                                 .step           = step->number});
}

const sluice_optimizer_kind sluice__optimizer_sgd = {
    .size          = sizeof(sluice_optimizer_kind),
    .name          = "sgd",
    .config_bytes  = sizeof defaults,
    .defaults      = &defaults,
    .options       = {{"momentum", offsetof(sluice_sgd_config, momentum), 0, SLUICE__BELOW_ONE},
                      {"weight_decay", offsetof(sluice_sgd_config, weight_decay), 0, 1e6}},
    .learning_rate = 0.1,
    .states        = {{"velocity", SLUICE_TYPE_F32}},
    .state_count   = state_count,
    .elementwise   = true,
    .update        = update};
