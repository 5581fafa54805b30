/* SPDX-License-Identifier: MIT */
/* weight_names.h -- the names of the files that tensors are kept in, as Hugging Face gives them: of
 * one file, of several, and of their index. All begin with a stem, as "model". */
#ifndef SLUICE_IO_WEIGHT_NAMES_H
#define SLUICE_IO_WEIGHT_NAMES_H

#include <stdbool.h>

enum { SLUICE__WEIGHT_NAME_BYTES = 64 };

/* File `shard`, from 0, of `shards`: "model.safetensors", or "model-00001-of-00003.safetensors". */
void sluice__weight_name(char out[SLUICE__WEIGHT_NAME_BYTES], const char *stem, int shard,
                         int shards);
/* Whether it is one of several. */
bool sluice__is_shard_name(const char *name, const char *stem);
/* Whether it is any of them, or "model.safetensors.index.json". */
bool sluice__is_weight_name(const char *name, const char *stem);

#endif
