/* SPDX-License-Identifier: MIT */
/* read_vocab_json.c -- a tokenizer from vocab.json and merges.txt, and from what other files say of
 * it: tokenizer_config.json, added_tokens.json, special_tokens_map.json. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/json.h"
#include "runtime/tokenizer/pattern.h"
#include "runtime/tokenizer/read_bpe.h"

typedef struct sources {
    json_t *vocabulary, *config, *added, *specials; /* NULL: no such file */
    const sluice__tokenizer_file *merges;
    sluice__new_token *tokens;
    size_t count, space;
    json_t *indices; /* in the list, by text */
} sources;

/* ---- the list of added tokens ---- */

static sluice__new_token *find(const sources *in, const char *text) {
    const json_t *const index = json_object_get(in->indices, text);
    return index ? &in->tokens[json_integer_value(index)] : NULL;
}

/* Unless the list has it. */
static sluice_status list_token(sources *in, const sluice__new_token *token) {
    if (find(in, token->text)) return SLUICE_OK;
    SLUICE__TRY(sluice__reserve(&in->tokens, &in->space, in->count + 1, sizeof *in->tokens));
    if (json_object_set_new(in->indices, token->text, json_integer((json_int_t)in->count)) != 0)
        return sluice__fail(SLUICE_E_HOST_MEMORY,
                            "out of host memory for the list of %zu added tokens", in->count + 1);
    in->tokens[in->count++] = *token;
    return SLUICE_OK;
}

/* A text, or an object with flags. */
static sluice_status read_token(sluice__new_token *out, json_t *value, const char *where) {
    out->text = json_string_value(value);
    if (json_is_object(value)) {
        SLUICE__TRY(sluice__bpe_text(&out->text, value, "content", where));
        SLUICE__TRY(sluice__bpe_flag(&out->is_word, value, "single_word", false, where));
        SLUICE__TRY(sluice__bpe_flag(&out->takes_left, value, "lstrip", false, where));
        SLUICE__TRY(sluice__bpe_flag(&out->takes_right, value, "rstrip", false, where));
        SLUICE__TRY(sluice__bpe_flag(&out->is_composed, value, "normalized", false, where));
        SLUICE__TRY(sluice__bpe_flag(&out->is_special, value, "special", false, where));
    }
    if (out->text && out->text[0] != '\0') return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE, "%s: a token has no text", where);
}

/* "added_tokens_decoder": tokens by their ids, which are keys and so texts. */
static sluice_status list_decoder(sources *in) {
    static const char where[] = "\"added_tokens_decoder\" of tokenizer_config.json";
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(in->config, "added_tokens_decoder"), key, value) {
        sluice__new_token token = {0};
        char *end               = NULL;
        token.id                = strtoll(key, &end, 10);
        if (*end != '\0' || end == key || token.id < 0 || token.id > SLUICE__MAX_TOKEN_ID)
            return sluice__fail(SLUICE_E_PARSE, "%s has the id '%.40s'; ids are from 0 to %d here",
                                where, key, SLUICE__MAX_TOKEN_ID);
        SLUICE__TRY(read_token(&token, value, where));
        SLUICE__TRY(list_token(in, &token));
    }
    return SLUICE_OK;
}

static sluice_status list_added(sources *in) {
    const char *text;
    json_t *id;
    json_object_foreach(in->added, text, id) {
        const sluice__new_token token = {
            .text = text, .id = json_integer_value(id), .is_composed = true};
        if (!json_is_integer(id) || token.id < 0 || token.id > SLUICE__MAX_TOKEN_ID ||
            text[0] == '\0')
            return sluice__fail(SLUICE_E_PARSE,
                                "added_tokens.json: the id of '%.60s' is not from 0 to %d", text,
                                SLUICE__MAX_TOKEN_ID);
        SLUICE__TRY(list_token(in, &token));
    }
    return SLUICE_OK;
}

static sluice_status list_special(sources *in, json_t *value, const char *where) {
    sluice__new_token token = {.id = -1};
    SLUICE__TRY(read_token(&token, value, where));
    SLUICE__TRY(list_token(in, &token));
    sluice__new_token *const listed = find(in, token.text);
    if (!listed->is_special && json_is_string(value)) listed->is_composed = false;
    listed->is_special = true;
    return SLUICE_OK;
}

static sluice_status list_specials(sources *in, const json_t *object, const char *where) {
    static const char *const names[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                        "pad_token", "cls_token", "mask_token"};
    size_t index;
    json_t *more;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        json_t *const value = json_object_get(object, names[k]);
        if (value && !json_is_null(value)) SLUICE__TRY(list_special(in, value, where));
    }
    json_array_foreach(json_object_get(object, "additional_special_tokens"), index, more) {
        SLUICE__TRY(list_special(in, more, where));
    }
    return SLUICE_OK;
}

/* Where no file names a special token, the one that GPT-2 has, if the vocabulary has it. */
static sluice_status list_default(sources *in) {
    const sluice__new_token end = {.text = "<|endoftext|>", .id = -1, .is_special = true};
    if (in->count > 0 || !json_object_get(in->vocabulary, end.text)) return SLUICE_OK;
    return list_token(in, &end);
}

static sluice_status list_tokens(sources *in) {
    SLUICE__TRY(list_decoder(in));
    SLUICE__TRY(list_added(in));
    SLUICE__TRY(list_specials(in, in->specials, "special_tokens_map.json"));
    SLUICE__TRY(list_specials(in, in->config, "tokenizer_config.json"));
    return list_default(in);
}

static sluice_status add_tokens(sluice_bpe *to, const sources *from) {
    for (size_t k = 0; k < from->count; k++) {
        const sluice__new_token *const token = &from->tokens[k];
        if (token->id < 0 && !json_object_get(from->vocabulary, token->text))
            return sluice__fail(SLUICE_E_UNSUPPORTED,
                                "special token '%.60s' has no id: it is neither in vocab.json nor "
                                "in added_tokens.json",
                                token->text);
        SLUICE__TRY(sluice__add_token(to, from->vocabulary, token, "the tokenizer's files"));
    }
    return SLUICE_OK;
}

/* ---- how a text is cut ---- */

typedef struct kind {
    const char *name, *pattern;
    bool composes;
} kind;

static const kind kinds[] = {{"GPT2Tokenizer", sluice__gpt2_pattern, false},
                             {"GPT2TokenizerFast", sluice__gpt2_pattern, false},
                             {"Qwen2Tokenizer", sluice__qwen2_pattern, true},
                             {"Qwen2TokenizerFast", sluice__qwen2_pattern, true}};

static sluice_status find_kind(const kind **out, const json_t *config) {
    const char *name = NULL;
    SLUICE__TRY(sluice__bpe_text(&name, config, "tokenizer_class", "tokenizer_config.json"));
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (!name || strcmp(name, kinds[k].name) == 0) {
            *out = &kinds[k];
            return SLUICE_OK;
        }
    const sluice_status status = sluice__fail(
        SLUICE_E_UNSUPPORTED,
        "tokenizer_config.json says '%.60s', which is not supported from vocab.json and "
        "merges.txt; GPT2Tokenizer and Qwen2Tokenizer are",
        name);
    return sluice__hint(status, "a tokenizer.json would say how texts are cut into words");
}

static sluice_status read_cuts(sluice_bpe *to, const json_t *config) {
    const kind *is = NULL;
    bool has_space = false;
    SLUICE__TRY(find_kind(&is, config));
    SLUICE__TRY(
        sluice__bpe_flag(&has_space, config, "add_prefix_space", false, "tokenizer_config.json"));
    if (has_space) to->space_at = 0;
    to->composes = is->composes;
    if (is->composes) SLUICE__TRY(sluice__composer_make(&to->composer));
    return sluice__add_split(to, is->pattern, false);
}

/* ---- what is put around it ---- */

static sluice_status read_end(sluice__id_list *to, const sluice_bpe *bpe, const json_t *config,
                              const char *flag, const char *key) {
    static const char where[] = "tokenizer_config.json";
    json_t *const value       = json_object_get(config, key);
    sluice__new_token token   = {0};
    bool is_added             = false;
    SLUICE__TRY(sluice__bpe_flag(&is_added, config, flag, false, where));
    if (!is_added || !value || json_is_null(value)) return SLUICE_OK;
    SLUICE__TRY(read_token(&token, value, where));
    return sluice__add_end(to, bpe, sluice_bpe_find(bpe, token.text), where);
}

/* ---- all of it ---- */

static sluice_status read_file(json_t **out, const sluice_tokenizer *files, const char *name) {
    const sluice__tokenizer_file *const file = sluice__tokenizer_file_of(files, name);
    return file ? sluice__bpe_parse(out, file) : SLUICE_OK;
}

/* Its numbers may be of any size, and none is read. */
static sluice_status read_config(json_t **out, const sluice_tokenizer *files) {
    static const char name[]                 = "tokenizer_config.json";
    const sluice__tokenizer_file *const file = sluice__tokenizer_file_of(files, name);
    return file ? sluice__json_loose(out, file->bytes, file->count, name) : SLUICE_OK;
}

static sluice_status open_sources(sources *out, const sluice_tokenizer *files) {
    out->merges = sluice__tokenizer_file_of(files, "merges.txt");
    if (!out->merges)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "there is vocab.json, and neither merges.txt nor tokenizer.json: only "
                            "BPE is supported, which has merges");
    SLUICE__TRY(read_file(&out->vocabulary, files, "vocab.json"));
    SLUICE__TRY(read_config(&out->config, files));
    SLUICE__TRY(read_file(&out->added, files, "added_tokens.json"));
    return read_file(&out->specials, files, "special_tokens_map.json");
}

static sluice_status read_all(sluice_bpe *to, sources *from) {
    SLUICE__TRY(read_cuts(to, from->config));
    SLUICE__TRY(sluice__read_tokens(to, from->vocabulary, "vocab.json"));
    SLUICE__TRY(sluice__read_merge_lines(to, from->vocabulary, from->merges));
    SLUICE__TRY(list_tokens(from));
    SLUICE__TRY(add_tokens(to, from));
    SLUICE__TRY(sluice__tokens_index(&to->tokens));
    SLUICE__TRY(read_end(&to->before, to, from->config, "add_bos_token", "bos_token"));
    return read_end(&to->after, to, from->config, "add_eos_token", "eos_token");
}

sluice_status sluice__read_vocab_json(sluice_bpe *to, const sluice_tokenizer *files) {
    sources from         = {.indices = json_object()};
    sluice_status status = open_sources(&from, files);
    if (status == SLUICE_OK) status = read_all(to, &from);
    json_decref(from.vocabulary);
    json_decref(from.config);
    json_decref(from.added);
    json_decref(from.specials);
    json_decref(from.indices);
    sluice__free(from.tokens);
    return status;
}
