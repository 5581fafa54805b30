/* SPDX-License-Identifier: MIT */
/* shard_index.h -- a model.safetensors.index.json: which of several files has which tensor. */
#ifndef SLUICE_IO_SHARD_INDEX_H
#define SLUICE_IO_SHARD_INDEX_H

#include <stdbool.h>

#include "runtime/io/shard.h"

#define SLUICE__INDEX_NAME  "model.safetensors.index.json"
#define SLUICE__SINGLE_NAME "model.safetensors"

typedef struct sluice__shard_index {
    json_t *object;
    const char **files; /* names in the index's folder: each once, ascending; borrowed of object */
    int count;
    char *path;
} sluice__shard_index;

/* Release with sluice__index_close(). E_IO, E_PARSE, E_HOST_MEMORY. */
sluice_status sluice__index_open(sluice__shard_index *out, const char *path);
void sluice__index_close(sluice__shard_index *index);

/* Every entry's file has the tensor, and every tensor of `shards` (the index's files, in its order)
 * has its entry. E_PARSE. */
sluice_status sluice__index_check(const sluice__shard_index *index, const sluice__shard *shards);

/* `folder` has no file of weights besides the `count` ones in `files`: "model.safetensors" or
 * "model-00001-of-00002.safetensors". E_PARSE with its name, E_IO. */
sluice_status sluice__check_orphans(const char *folder, const char *const *files, int count);

#endif
