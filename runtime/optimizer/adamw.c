/* SPDX-License-Identifier: MIT */
/* adamw.c -- AdamW with decoupled weight decay (Loshchilov & Hutter 2019). */
#include "runtime/optimizer/kinds.h"

static const sluice_adamw_config defaults = SLUICE_ADAMW_CONFIG_INIT;

static int state_count(const void *config) {
    (void)config;
    return 2;
}

static sluice_status update(sluice_stream *stream, const sluice_operations *operations,
                            const sluice_update_tensor *tensors, int count, const void *config,
                            const sluice_optimizer_step *step) {
    const sluice_adamw_config *const options = config;
    return operations->adamw(stream, &(sluice_adamw){.tensors        = tensors,
                                                     .count          = count,
                                                     .learning_rate  = step->learning_rate,
                                                     .weight_decay   = options->weight_decay,
                                                     .beta1          = options->beta1,
                                                     .beta2          = options->beta2,
                                                     .epsilon        = options->epsilon,
                                                     .gradient_scale = step->gradient_scale,
                                                     .step           = step->number});
}

const sluice_optimizer_kind sluice__optimizer_adamw = {
    .size          = sizeof(sluice_optimizer_kind),
    .name          = "adamw",
    .config_bytes  = sizeof defaults,
    .defaults      = &defaults,
    .options       = {{"beta1", offsetof(sluice_adamw_config, beta1), 0, SLUICE__BELOW_ONE},
                      {"beta2", offsetof(sluice_adamw_config, beta2), 0, SLUICE__BELOW_ONE},
                      {"epsilon", offsetof(sluice_adamw_config, epsilon), 1e-30, 1},
                      {"weight_decay", offsetof(sluice_adamw_config, weight_decay), 0, 1e6}},
    .learning_rate = 0.001,
    .states        = {{"m", SLUICE_TYPE_F32}, {"v", SLUICE_TYPE_F32}},
    .state_count   = state_count,
    .elementwise   = true,
    .update        = update};
