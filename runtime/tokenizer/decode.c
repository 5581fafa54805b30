/* SPDX-License-Identifier: MIT */
/* decode.c -- tokens to texts, and what is known of a token. */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/tokenizer/bpe.h"

int64_t sluice_bpe_vocabulary(const sluice_bpe *bpe) {
    return bpe->tokens.count;
}

const char *sluice_bpe_token(size_t *bytes, const sluice_bpe *bpe, int32_t id) {
    const sluice__token *const token = sluice__tokens_get(&bpe->tokens, id);
    if (!token) return NULL;
    *bytes = token->bytes;
    return bpe->tokens.bytes + token->at;
}

bool sluice_bpe_is_special(const sluice_bpe *bpe, int32_t id) {
    const sluice__token *const token = sluice__tokens_get(&bpe->tokens, id);
    return token && token->is_special;
}

static int32_t find_added(const sluice_bpe *bpe, const sluice__added *in, const char *text,
                          size_t bytes) {
    for (size_t k = 0; k < in->count; k++) {
        size_t count            = 0;
        const char *const token = sluice_bpe_token(&count, bpe, in->list[k].id);
        if (count == bytes && memcmp(token, text, bytes) == 0) return in->list[k].id;
    }
    return -1;
}

int32_t sluice_bpe_find(const sluice_bpe *bpe, const char *text) {
    const size_t bytes = strlen(text);
    int32_t id         = find_added(bpe, &bpe->as_is, text, bytes);
    if (id < 0) id = find_added(bpe, &bpe->composed, text, bytes);
    return id < 0 ? sluice__tokens_find(&bpe->tokens, text, bytes) : id;
}

const int32_t *sluice_bpe_before(int64_t *count, const sluice_bpe *bpe) {
    *count = bpe->before.count;
    return bpe->before.list;
}

const int32_t *sluice_bpe_after(int64_t *count, const sluice_bpe *bpe) {
    *count = bpe->after.count;
    return bpe->after.list;
}

static sluice_status add_up(size_t *bytes, const sluice_bpe *bpe, const int32_t *ids,
                            int64_t count) {
    for (int64_t k = 0; k < count; k++) {
        const sluice__token *const token = sluice__tokens_get(&bpe->tokens, ids[k]);
        if (!token)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "the tokenizer has no token %d, which is number %lld of %lld; its "
                                "vocabulary is %lld",
                                ids[k], (long long)k, (long long)count,
                                (long long)bpe->tokens.count);
        *bytes += token->bytes;
    }
    return SLUICE_OK;
}

sluice_status sluice_bpe_decode(char **out, size_t *bytes, const sluice_bpe *bpe,
                                const int32_t *ids, int64_t count) {
    size_t total = 0, at = 0;
    char *text = NULL;
    SLUICE__TRY(add_up(&total, bpe, ids, count));
    SLUICE__TRY(sluice__alloc(&text, total + 1, 1));
    for (int64_t k = 0; k < count; k++) {
        const sluice__token *const token = &bpe->tokens.list[ids[k]];
        if (token->bytes > 0) memcpy(text + at, bpe->tokens.bytes + token->at, token->bytes);
        at += token->bytes;
    }
    *out   = text;
    *bytes = total;
    return SLUICE_OK;
}
