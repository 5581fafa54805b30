/* SPDX-License-Identifier: MIT */
/* arguments.h -- what no device, or none but the cpu, can do, refused by all in the same words. */
#ifndef SLUICE_DEVICE_ARGUMENTS_H
#define SLUICE_DEVICE_ARGUMENTS_H

#include <inttypes.h>
#include <string.h>

#include "runtime/base/error.h"
#include "sluice/operations.h"

/* `tensor` is what goes through the activation; NULL: nothing does. */
static inline sluice_status sluice__check_activation(const void *tensor,
                                                     sluice_activation activation) {
    if (!tensor || activation == SLUICE_ACTIVATION_GELU) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED, "no device has activation %d after a product",
                        (int)activation);
}

/* The new rows must fit into the cache. */
static inline sluice_status sluice__check_cache(const sluice_attention_cached *args) {
    if (args->position >= 0 && args->position <= args->capacity - args->rows) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "the key/value cache is for positions 0 to %" PRId64
                        ", and attention is asked for %" PRId64 " from position %" PRId64 " on",
                        args->capacity - 1, args->rows, args->position);
}

/* A library of products (blas.h) other than the default, on a device that takes none. `why` goes on
 * after "and". */
static inline sluice_status sluice__check_no_blas(const char *blas, const char *why) {
    if (!blas || strcmp(blas, "auto") == 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT, "the library of products is '%s', and %s", blas, why);
}

#endif
