/* SPDX-License-Identifier: MIT */
/* shard.h -- one safetensors file, opened for reading: its header, with all of it checked. */
#ifndef SLUICE_IO_SHARD_H
#define SLUICE_IO_SHARD_H

#include <jansson.h>

#include "runtime/io/input_file.h"
#include "sluice/file.h"

typedef struct sluice__shard sluice__shard;

typedef struct sluice__shard_tensor {
    sluice_stored_tensor about; /* first, so that it can be cast back */
    const sluice__shard *shard;
    size_t element_bytes;
    uint64_t begin, end; /* of the data */
} sluice__shard_tensor;

struct sluice__shard {
    sluice__input_file file;
    json_t *header;                /* owns the names */
    uint64_t data, data_bytes;     /* where the data begins */
    sluice__shard_tensor *tensors; /* in the order of their data */
    int count;
};

/* `out` must not move as long as it is open. Release with sluice__shard_close(). E_IO, E_PARSE,
 * E_UNSUPPORTED, E_HOST_MEMORY. */
sluice_status sluice__shard_open(sluice__shard *out, const char *path);
void sluice__shard_close(sluice__shard *shard);

#endif
