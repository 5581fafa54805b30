/* SPDX-License-Identifier: MIT */
/* sample_prompt.c -- the prompt of `sluice sample` in a model's tokens, and what ends a text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sample.h"
#include "tokenizing.h"

/* ---- its text ---- */

enum { PIECE = 1 << 16 };

static int read_standard_input(sample_prompt *out) {
    size_t got = 1;
    while (got > 0) {
        char *const more = realloc(out->text, out->bytes + PIECE + 1);
        if (!more) return cli_fail(CLI_FAILED, "host memory exhausted");
        out->text = more;
        got       = fread(out->text + out->bytes, 1, PIECE, stdin);
        out->bytes += got;
        out->text[out->bytes] = '\0';
    }
    if (!ferror(stdin)) return CLI_OK;
    return cli_fail(CLI_FAILED, "standard input cannot be read: %s", strerror(errno));
}

static int keep_text(sample_prompt *out, const char *text, size_t bytes) {
    out->text = malloc(bytes + 1);
    if (!out->text) return cli_fail(CLI_FAILED, "host memory exhausted");
    memcpy(out->text, text, bytes);
    out->text[bytes] = '\0';
    out->bytes       = bytes;
    return CLI_OK;
}

static int read_text(sample_prompt *out, const char *text, const char *file) {
    char *there  = NULL;
    size_t bytes = 0;
    if (!file) return keep_text(out, text ? text : "", text ? strlen(text) : 0);
    if (strcmp(file, "-") == 0) return read_standard_input(out);
    CLI_TRY(cli_report_or(sluice_file_read(&there, &bytes, file),
                          "--prompt-file takes a readable file, or - for standard input"));
    const int failed = keep_text(out, there, bytes);
    sluice_text_free(there);
    return failed;
}

/* ---- its tokens ---- */

/* `before`, then `ids`. */
static int keep_tokens(sample_prompt *out, const int32_t *before, int64_t before_count,
                       const sluice_ids *ids) {
    out->count = before_count + ids->count;
    out->ids   = malloc((size_t)(out->count > 0 ? out->count : 1) * sizeof *out->ids);
    if (!out->ids) return cli_fail(CLI_FAILED, "host memory exhausted");
    for (int64_t k = 0; k < before_count; k++) out->ids[k] = before[k];
    for (int64_t k = 0; k < ids->count; k++) out->ids[before_count + k] = ids->list[k];
    return CLI_OK;
}

static int encode(sample_prompt *out, const sluice_bpe *bpe) {
    int64_t count               = 0;
    const int32_t *const before = sluice_bpe_before(&count, bpe);
    sluice_bpe_encoder *encoder = NULL;
    sluice_ids ids              = {0};
    CLI_TRY(cli_report(sluice_bpe_encoder_make(&encoder, bpe)));
    int failed = cli_report(sluice_bpe_encode(&ids, encoder, out->text, out->bytes));
    if (!failed) failed = keep_tokens(out, before, count, &ids);
    sluice_bpe_encoder_free(encoder);
    sluice_ids_free(&ids);
    return failed;
}

static int take_bytes(sample_prompt *out) {
    out->count = (int64_t)out->bytes;
    out->ids   = malloc((out->bytes + 1) * sizeof *out->ids);
    if (!out->ids) return cli_fail(CLI_FAILED, "host memory exhausted");
    for (size_t k = 0; k < out->bytes; k++) out->ids[k] = (unsigned char)out->text[k];
    return CLI_OK;
}

int sample_read_prompt(sample_prompt *out, inference_subject *subject,
                       const inference_options *options, const char *text, const char *file) {
    const int64_t first = subject->config.bos_token;
    CLI_TRY(inference_find_tokenizer(subject, options));
    CLI_TRY(read_text(out, text, file));
    CLI_TRY(subject->bpe ? encode(out, subject->bpe) : take_bytes(out));
    if (out->count > 0) return CLI_OK;
    if (first >= 0) {
        out->ids[out->count++] = (int32_t)first;
        return CLI_OK;
    }
    return cli_fail(CLI_USAGE,
                    "the prompt is empty, and the model in '%s' has no token to begin a text with; "
                    "give --prompt TEXT or --prompt-file FILE",
                    subject->folder);
}

void sample_free_prompt(sample_prompt *prompt) {
    free(prompt->text);
    free(prompt->ids);
}

/* ---- tokens that end a text ---- */

static int add_stop(sample_prompt *out, const json_t *token, const char *path) {
    if (!json_is_integer(token))
        return cli_fail(CLI_FAILED, "\"eos_token_id\" in '%s' is not the id of a token", path);
    if (out->stop_count == SAMPLE_STOPS)
        return cli_fail(CLI_FAILED, "\"eos_token_id\" in '%s' has more than %d tokens", path,
                        SAMPLE_STOPS);
    out->stops[out->stop_count++] = json_integer_value(token);
    return CLI_OK;
}

static int add_stops(sample_prompt *out, const json_t *eos, const char *path) {
    if (!json_is_array(eos)) return add_stop(out, eos, path);
    for (size_t k = 0; k < json_array_size(eos); k++)
        CLI_TRY(add_stop(out, json_array_get(eos, k), path));
    return CLI_OK;
}

/* "eos_token_id" of one of the folder's files: a number, several in a list, or nothing. */
static int read_stops(bool *found, sample_prompt *out, const char *folder, const char *name) {
    char path[PATH_BYTES];
    struct stat about;
    json_error_t where;
    if (!train_path(path, folder, name) || stat(path, &about) != 0) return CLI_OK;
    json_t *const object = json_load_file(path, 0, &where);
    if (!object)
        return cli_fail(CLI_FAILED, "'%s' is no JSON at line %d: %s", path, where.line, where.text);
    const json_t *const eos = json_object_get(object, "eos_token_id");
    *found                  = eos && !json_is_null(eos);
    const int failed        = *found ? add_stops(out, eos, path) : CLI_OK;
    json_decref(object);
    return failed;
}

int sample_find_stops(sample_prompt *out, const inference_subject *subject) {
    bool found = false;
    CLI_TRY(read_stops(&found, out, subject->folder, "generation_config.json"));
    return found ? CLI_OK : read_stops(&found, out, subject->folder, "config.json");
}

bool sample_is_stop(const sample_prompt *prompt, int32_t token) {
    for (int k = 0; k < prompt->stop_count; k++)
        if (prompt->stops[k] == token) return true;
    return false;
}

/* ---- tokens to text ---- */

const char *sample_bytes_of(size_t *count, const inference_subject *subject, int32_t token,
                            char *byte) {
    *count = 0;
    if (!subject->bpe) {
        if (token > UINT8_MAX) return ""; /* a model may have more tokens */
        *byte  = (char)token;
        *count = 1;
        return byte;
    }
    if (sluice_bpe_is_special(subject->bpe, token)) return "";
    const char *const bytes = sluice_bpe_token(count, subject->bpe, token);
    return bytes ? bytes : "";
}
