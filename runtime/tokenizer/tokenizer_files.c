/* SPDX-License-Identifier: MIT */
/* tokenizer_files.c -- the files of a tokenizer: read whole into memory. */
#include "runtime/tokenizer/tokenizer_files.h"

#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/io/folders.h"
#include "runtime/io/input_file.h"

enum { MAX_BYTES = 256 << 20 }; /* of a file; known ones have at most 35 MB */

/* All that Hugging Face's tokenizers are read from, and what generation takes besides. */
static const char *const names[] = {"tokenizer.json",
                                    "tokenizer_config.json",
                                    "special_tokens_map.json",
                                    "added_tokens.json",
                                    "vocab.json",
                                    "merges.txt",
                                    "tokenizer.model",
                                    "generation_config.json",
                                    NULL};

bool sluice__is_tokenizer_file(const char *name) {
    return sluice__is_listed(name, names);
}

/* ---- reading ---- */

sluice_status sluice__tokenizer_add(sluice_tokenizer *to, const char *name, char *bytes,
                                    size_t count) {
    SLUICE__TRY(sluice__grow(&to->list, (size_t)to->count + 1, sizeof *to->list));
    SLUICE__TRY(sluice__copy_text(&to->list[to->count].name, name));
    to->list[to->count].bytes   = bytes;
    to->list[to->count++].count = count;
    return SLUICE_OK;
}

static sluice_status read_bytes(char **out, const sluice__input_file *file) {
    char *bytes = NULL;
    if (file->size > MAX_BYTES)
        return sluice__fail(SLUICE_E_IO,
                            "'%s' has %llu bytes; a tokenizer's files have at most %d here",
                            file->path, (unsigned long long)file->size, MAX_BYTES);
    SLUICE__TRY(sluice__alloc(&bytes, (size_t)file->size + 1, 1));
    const sluice_status status = sluice__input_read(bytes, file, 0, (size_t)file->size);
    if (status == SLUICE_OK)
        *out = bytes;
    else
        sluice__free(bytes);
    return status;
}

static sluice_status add_file(sluice_tokenizer *to, const char *name, const char *path) {
    sluice__input_file file = {0};
    char *bytes             = NULL;
    SLUICE__TRY(sluice__input_open(&file, path));
    sluice_status status = read_bytes(&bytes, &file);
    if (status == SLUICE_OK) status = sluice__tokenizer_add(to, name, bytes, (size_t)file.size);
    if (status != SLUICE_OK) sluice__free(bytes);
    sluice__input_close(&file);
    return status;
}

sluice_status sluice__tokenizer_read_those(sluice_tokenizer **out, const char *folder,
                                           sluice__tokenizer_wanted *is_wanted,
                                           const void *context) {
    sluice_tokenizer *made = NULL;
    SLUICE__TRY(sluice__alloc(&made, 1, sizeof *made));
    sluice_status status = SLUICE_OK;
    for (int k = 0; names[k] && status == SLUICE_OK; k++) {
        char *path = NULL;
        status     = sluice__path_join(&path, folder, names[k]);
        if (status == SLUICE_OK && is_wanted(context, names[k], path))
            status = add_file(made, names[k], path);
        sluice__free(path);
    }
    if (status == SLUICE_OK)
        *out = made;
    else
        sluice_tokenizer_free(made);
    return status;
}

static bool is_there(const void *none, const char *name, const char *path) {
    (void)none, (void)name;
    return sluice__path_exists(path);
}

sluice_status sluice_tokenizer_read(sluice_tokenizer **out, const char *folder) {
    return sluice__tokenizer_read_those(out, folder, is_there, NULL);
}

/* ---- what is known ---- */

const sluice__tokenizer_file *sluice__tokenizer_file_of(const sluice_tokenizer *in,
                                                        const char *name) {
    for (int k = 0; k < in->count; k++)
        if (strcmp(in->list[k].name, name) == 0) return &in->list[k];
    return NULL;
}

int sluice_tokenizer_files(const sluice_tokenizer *tokenizer) {
    return tokenizer->count;
}

int64_t sluice_tokenizer_bytes(const sluice_tokenizer *tokenizer) {
    int64_t bytes = 0;
    for (int k = 0; k < tokenizer->count; k++) bytes += (int64_t)tokenizer->list[k].count;
    return bytes;
}

void sluice_tokenizer_free(sluice_tokenizer *tokenizer) {
    if (!tokenizer) return;
    for (int k = 0; k < tokenizer->count; k++) {
        sluice__free(tokenizer->list[k].name);
        sluice__free(tokenizer->list[k].bytes);
    }
    sluice__free(tokenizer->list);
    sluice__free(tokenizer);
}
