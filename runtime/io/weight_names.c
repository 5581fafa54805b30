/* SPDX-License-Identifier: MIT */
/* weight_names.c -- the names of the files that tensors are kept in: given, and recognized. */
#include "runtime/io/weight_names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void sluice__weight_name(char out[SLUICE__WEIGHT_NAME_BYTES], const char *stem, int shard,
                         int shards) {
    if (shards == 1)
        (void)snprintf(out, SLUICE__WEIGHT_NAME_BYTES, "%s.safetensors", stem);
    else
        (void)snprintf(out, SLUICE__WEIGHT_NAME_BYTES, "%s-%05d-of-%05d.safetensors", stem,
                       shard + 1, shards);
}

/* ---- what stands behind a beginning; NULL: it does not begin so ---- */

static const char *skip(const char *at, const char *text) {
    const size_t length = strlen(text);
    return at && strncmp(at, text, length) == 0 ? at + length : NULL;
}

static const char *skip_digits(const char *at) {
    if (!at || !isdigit((unsigned char)*at)) return NULL;
    while (isdigit((unsigned char)*at)) at++;
    return at;
}

static bool is_rest(const char *at, const char *text) {
    return at && strcmp(at, text) == 0;
}

bool sluice__is_shard_name(const char *name, const char *stem) {
    const char *const at = skip_digits(skip(skip_digits(skip(skip(name, stem), "-")), "-of-"));
    return is_rest(at, ".safetensors");
}

bool sluice__is_weight_name(const char *name, const char *stem) {
    const char *const at = skip(name, stem);
    return is_rest(at, ".safetensors") || is_rest(at, ".safetensors.index.json") ||
           sluice__is_shard_name(name, stem);
}
