/* SPDX-License-Identifier: MIT */
/*
 * optimizer.h -- a kind of optimizer is one const table: its options, the state that it keeps for
 * every parameter, and the update.
 *
 * Built-in and custom kinds are made the same way. `update` enqueues work on a stream, through the
 * operations of the device's table or with custom kernels, over all tensors of a rank at once.
 */
#ifndef SLUICE_OPTIMIZER_H
#define SLUICE_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/operations.h"
#include "sluice/status.h"
#include "sluice/tensor.h"

enum { SLUICE_OPTIMIZER_OPTIONS = 8 };

/* A tensor kept for every parameter, with its shape; zero before the first update. */
typedef struct sluice_optimizer_state {
    const char *name; /* "m": for parameter P it is called "<optimizer>.m/P" */
    sluice_type type; /* F32 */
} sluice_optimizer_state;

/* A number in the configuration: a double at `offset`, from `min` to `max`. */
typedef struct sluice_optimizer_option {
    const char *name; /* NULL ends the list */
    size_t offset;
    double min, max;
} sluice_optimizer_option;

/* What an update depends on besides the configuration. */
typedef struct sluice_optimizer_step {
    double learning_rate;
    double gradient_scale; /* multiplies every gradient: the clip factor */
    int64_t number;        /* of this update, from 1 */
} sluice_optimizer_step;

typedef struct sluice_optimizer_kind {
    size_t size;      /* sizeof(sluice_optimizer_kind) */
    const char *name; /* "adamw" */
    size_t config_bytes;
    const void *defaults;                                      /* a configuration */
    sluice_optimizer_option options[SLUICE_OPTIMIZER_OPTIONS]; /* ended by one without a name */
    double learning_rate;                                      /* the default */
    sluice_optimizer_state states[SLUICE_UPDATE_STATES];
    int (*state_count)(const void *config); /* how many of `states` are kept; pure */
    bool elementwise; /* each element is updated by itself: tensors may be split anywhere */
    /* Enqueue the update of `count` tensors; the array outlives the stream's work. */
    sluice_status (*update)(sluice_stream *stream, const sluice_operations *operations,
                            const sluice_update_tensor *tensors, int count, const void *config,
                            const sluice_optimizer_step *step);
} sluice_optimizer_kind;

/* All built-in kinds, the default first; NULL ends the list. */
SLUICE_API const sluice_optimizer_kind *const *sluice_optimizers(void);
/* The built-in kind called `name`. E_ARGUMENT with the list of names. */
SLUICE_API sluice_status sluice_optimizer_find(const sluice_optimizer_kind **out, const char *name);
/* Set an option of `config` by name. E_ARGUMENT: `kind` has no such option, or the value is out of
 * range. */
SLUICE_API sluice_status sluice_optimizer_set(void *config, const sluice_optimizer_kind *kind,
                                              const char *name, double value);
/* Check kind and configuration. E_ARGUMENT with the first thing that is wrong. */
SLUICE_API sluice_status sluice_optimizer_check(const sluice_optimizer_kind *kind,
                                                const void *config);

/* ---- built-in kinds, with their configurations; weight decay applies to matrices only ---- */

/* AdamW (Loshchilov & Hutter 2019); states m and v. */
typedef struct sluice_adamw_config {
    double beta1, beta2, epsilon, weight_decay;
} sluice_adamw_config;
/* One field a line, in the order of the struct: C++17 has no designated initializers. */
/* clang-format off */
#define SLUICE_ADAMW_CONFIG_INIT \
    {                            \
        /* beta1        */ 0.9,  \
        /* beta2        */ 0.95, \
        /* epsilon      */ 1e-8, \
        /* weight_decay */ 0.1   \
    }
/* clang-format on */
SLUICE_API const sluice_optimizer_kind *sluice_optimizer_adamw(void);

/* Gradient descent with decoupled weight decay. With momentum (Polyak 1964) it keeps a velocity;
 * with momentum 0 it keeps nothing. */
typedef struct sluice_sgd_config {
    double momentum, weight_decay;
} sluice_sgd_config;
/* One field a line, in the order of the struct: C++17 has no designated initializers. */
/* clang-format off */
#define SLUICE_SGD_CONFIG_INIT \
    {                          \
        /* momentum     */ 0,  \
        /* weight_decay */ 0.1 \
    }
/* clang-format on */
SLUICE_API const sluice_optimizer_kind *sluice_optimizer_sgd(void);

#endif
