/* SPDX-License-Identifier: MIT */
/*
 * fuzz_tokenizer.c -- any bytes as a tokenizer.json, as they are and, if they are JSON, with the
 * tokens of the 256 bytes added; what is behind the first NUL byte is a text for it. "F:" in front:
 * the same as vocab.json with the lines behind the first NUL as merges.txt. Oracle: ids are of the
 * vocabulary; the text in pieces that sluice_bpe_cut() allows has the tokens of the whole; and
 * tokens become the text again, where each byte has one, none takes white space and nothing is
 * composed.
 */
#include <jansson.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/tokenizer/alphabet.h"
#include "runtime/tokenizer/bpe.h"
#include "runtime/tokenizer/tokenizer_files.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_TEXT = 2048 };

typedef struct text {
    const char *bytes;
    size_t count;
} text;

/* ---- what is accepted ---- */

static bool is_kept(const sluice_bpe *bpe) {
    const sluice__added *const lists[] = {&bpe->as_is, &bpe->composed};
    if (bpe->composes || bpe->space_at >= 0) return false;
    for (int byte = 0; byte < 256; byte++)
        if (bpe->of_byte[byte] < 0 || bpe->is_unknown[byte]) return false;
    for (int n = 0; n < 2; n++)
        for (size_t k = 0; k < lists[n]->count; k++)
            if (lists[n]->list[k].takes_left || lists[n]->list[k].takes_right) return false;
    return true;
}

static void check_back(const sluice_bpe *bpe, const sluice_ids *ids, const text *from) {
    char *back   = NULL;
    size_t bytes = 0;
    for (int64_t k = 0; k < ids->count; k++)
        if (!sluice__tokens_get(&bpe->tokens, ids->list[k])) fuzz_fail("an id without a token");
    if (sluice_bpe_decode(&back, &bytes, bpe, ids->list, ids->count) != SLUICE_OK)
        fuzz_fail("tokens that are no text");
    if (is_kept(bpe) &&
        (bytes != from->count || (bytes > 0 && memcmp(back, from->bytes, bytes) != 0)))
        fuzz_fail("tokens that become another text");
    sluice_text_free(back);
}

/* False: a pattern takes too many steps. */
static bool encode(sluice_ids *ids, sluice_bpe_encoder *encoder, const char *bytes, size_t count) {
    if (sluice_bpe_encode(ids, encoder, bytes, count) == SLUICE_OK) return true;
    fuzz_check_refusal(NULL);
    return false;
}

static void check_pieces(const sluice_bpe *bpe, sluice_bpe_encoder *encoder,
                         const sluice_ids *whole, const text *from) {
    sluice_ids pieces = {0};
    const size_t half = from->count / 2, cut = sluice_bpe_cut(bpe, from->bytes, half);
    if (cut > half) fuzz_fail("a cut behind the text");
    if (encode(&pieces, encoder, from->bytes, cut) &&
        encode(&pieces, encoder, from->bytes + cut, from->count - cut) &&
        (pieces.count != whole->count ||
         (whole->count > 0 &&
          memcmp(pieces.list, whole->list, (size_t)whole->count * sizeof *pieces.list) != 0)))
        fuzz_fail("pieces that have other tokens than the whole");
    sluice_ids_free(&pieces);
}

static void check(const sluice_bpe *bpe, const text *from) {
    sluice_bpe_encoder *encoder = NULL;
    sluice_ids ids              = {0};
    if (sluice_bpe_encoder_make(&encoder, bpe) != SLUICE_OK) fuzz_fail("no memory");
    if (encode(&ids, encoder, from->bytes, from->count)) {
        check_back(bpe, &ids, from);
        check_pieces(bpe, encoder, &ids, from);
    }
    sluice_ids_free(&ids);
    sluice_bpe_encoder_free(encoder);
}

/* ---- files ---- */

static void add_file(sluice_tokenizer *to, const char *name, const char *bytes, size_t count) {
    char *copy = NULL;
    if (sluice__alloc(&copy, count + 1, 1) != SLUICE_OK) fuzz_fail("no memory");
    if (count > 0) memcpy(copy, bytes, count);
    if (sluice__tokenizer_add(to, name, copy, count) != SLUICE_OK) fuzz_fail("no memory");
}

/* `merges` NULL: tokenizer.json. */
static void try_files(const text *json, const text *merges, const text *from) {
    sluice_tokenizer *files = NULL;
    sluice_bpe *bpe         = NULL;
    if (sluice__alloc(&files, 1, sizeof *files) != SLUICE_OK) fuzz_fail("no memory");
    add_file(files, merges ? "vocab.json" : "tokenizer.json", json->bytes, json->count);
    if (merges) add_file(files, "merges.txt", merges->bytes, merges->count);
    if (sluice_bpe_make(&bpe, files) == SLUICE_OK)
        check(bpe, from);
    else
        fuzz_check_refusal(bpe);
    sluice_bpe_free(bpe);
    sluice_tokenizer_free(files);
}

/* The tokens of bytes that a vocabulary lacks, with ids from 2000 on. */
static void complete(json_t *vocabulary) {
    for (int byte = 0; byte < 256; byte++) {
        char character[3];
        sluice__alphabet_print(character, byte);
        if (json_is_object(vocabulary) && !json_object_get(vocabulary, character))
            json_object_set_new(vocabulary, character, json_integer(2000 + byte));
    }
}

static void try_completed(const text *json, const text *merges, const text *from) {
    json_t *const object = json_loadb(json->bytes, json->count, JSON_REJECT_DUPLICATES, NULL);
    if (!object) return;
    complete(merges ? object : json_object_get(json_object_get(object, "model"), "vocab"));
    char *const printed = json_dumps(object, 0);
    json_decref(object);
    if (!printed) return;
    try_files(&(text){printed, strlen(printed)}, merges, from);
    free(printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    text json = {(const char *)data, bytes}, rest = {"", 0};
    const char *const nul = bytes > 0 ? memchr(data, '\0', bytes) : NULL;
    if (nul) {
        json.count = (size_t)(nul - json.bytes);
        rest       = (text){nul + 1, bytes - json.count - 1};
    }
    if (rest.count > MAX_TEXT) rest.count = MAX_TEXT;
    const bool has_merges    = json.count >= 2 && memcmp(json.bytes, "F:", 2) == 0;
    const text *const merges = has_merges ? &rest : NULL;
    if (has_merges) json.bytes += 2, json.count -= 2;
    try_files(&json, merges, &rest);
    try_completed(&json, merges, &rest);
    return 0;
}
