/* SPDX-License-Identifier: MIT */
/* eos.c -- which token of a tokenizer ends a document. */
#include <stdbool.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/io/json.h"
#include "runtime/tokenizer/tokenizer_files.h"
#include "sluice/tokenize.h"

/* A name, or an object that has it. */
static const char *name_in(const json_t *settings) {
    const json_t *token = json_object_get(settings, "eos_token");
    if (json_is_object(token)) token = json_object_get(token, "content");
    return json_string_value(token); /* NULL if it is none */
}

static sluice_status find_in_file(int32_t *id, const sluice_tokenizer *files, const char *name,
                                  const sluice_bpe *bpe) {
    const sluice__tokenizer_file *const file = sluice__tokenizer_file_of(files, name);
    json_t *settings                         = NULL;
    if (*id >= 0 || !file) return SLUICE_OK;
    SLUICE__TRY(sluice__json_loose(&settings, file->bytes, file->count, name));
    const char *const token = name_in(settings);
    if (token) *id = sluice_bpe_find(bpe, token);
    json_decref(settings);
    return SLUICE_OK;
}

/* Tokenizers of chats have the end of a turn as their eos_token: documents end otherwise. */
sluice_status sluice_tokenizer_eos(int32_t *out, const sluice_tokenizer *files,
                                   const sluice_bpe *bpe) {
    int32_t id = sluice_bpe_find(bpe, "<|endoftext|>");
    if (id < 0) id = sluice_bpe_find(bpe, "<|end_of_text|>");
    SLUICE__TRY(find_in_file(&id, files, "tokenizer_config.json", bpe));
    SLUICE__TRY(find_in_file(&id, files, "special_tokens_map.json", bpe));
    *out = id;
    return SLUICE_OK;
}
