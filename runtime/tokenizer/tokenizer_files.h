/* SPDX-License-Identifier: MIT */
/* tokenizer_files.h -- the files of a tokenizer in memory, and how one is added. */
#ifndef SLUICE_TOKENIZER_TOKENIZER_FILES_H
#define SLUICE_TOKENIZER_TOKENIZER_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "sluice/tokenizer.h"

typedef struct sluice__tokenizer_file {
    char *name, *bytes;
    size_t count; /* of bytes */
} sluice__tokenizer_file;

struct sluice_tokenizer {
    sluice__tokenizer_file *list;
    int count;
};

/* Takes over `bytes` unless it fails. E_HOST_MEMORY. */
sluice_status sluice__tokenizer_add(sluice_tokenizer *to, const char *name, char *bytes,
                                    size_t count);
bool sluice__is_tokenizer_file(const char *name);
/* NULL if there is none of that name. */
const sluice__tokenizer_file *sluice__tokenizer_file_of(const sluice_tokenizer *in,
                                                        const char *name);
/* Those files of the folder that `is_wanted` says yes to. E_IO, E_HOST_MEMORY. */
typedef bool sluice__tokenizer_wanted(const void *context, const char *name, const char *path);
sluice_status sluice__tokenizer_read_those(sluice_tokenizer **out, const char *folder,
                                           sluice__tokenizer_wanted *is_wanted,
                                           const void *context);

#endif
