/* SPDX-License-Identifier: MIT */
/* read_added.c -- tokens that are found before words are, special ones among them. */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/tokenizer/read_bpe.h"

/* Its text composed, if it is looked for in composed texts. */
static sluice_status add_to_tree(sluice_bpe *to, const sluice__new_token *token, int32_t id) {
    const sluice__added_token added = {id, token->is_word, token->takes_left, token->takes_right};
    const size_t bytes              = strlen(token->text);
    sluice__composed text           = {0};
    if (!token->is_composed) return sluice__added_add(&to->as_is, &added, token->text, bytes);
    if (!to->composes) return sluice__added_add(&to->composed, &added, token->text, bytes);
    sluice_status status = sluice__compose(&text, &to->composer, token->text, bytes);
    if (status == SLUICE_OK)
        status = sluice__added_add(&to->composed, &added, text.text, text.bytes);
    sluice__composed_free(&text);
    return status;
}

sluice_status sluice__add_token(sluice_bpe *to, const json_t *vocabulary,
                                const sluice__new_token *token, const char *where) {
    const json_t *const known = json_object_get(vocabulary, token->text);
    const int64_t id          = known ? json_integer_value(known) : token->id;
    if (token->id >= 0 && token->id != id)
        return sluice__fail(SLUICE_E_PARSE, "%s: added token '%.60s' has id %lld, and %lld as well",
                            where, token->text, (long long)token->id, (long long)id);
    if (!known)
        SLUICE__TRY(sluice__tokens_add(&to->tokens, id, token->text, strlen(token->text), false));
    if (token->is_special) to->tokens.list[id].is_special = true;
    return add_to_tree(to, token, (int32_t)id);
}

/* ---- tokenizer.json ---- */

static sluice_status read_token(sluice__new_token *out, json_t *object, const char *where) {
    static const char *const known[] = {"id",     "content",    "single_word", "lstrip",
                                        "rstrip", "normalized", "special",     NULL};
    const json_t *const id           = json_object_get(object, "id");
    SLUICE__TRY(sluice__bpe_keys(object, known, where));
    SLUICE__TRY(sluice__bpe_text(&out->text, object, "content", where));
    if (!out->text || !json_is_integer(id))
        return sluice__fail(SLUICE_E_PARSE, "%s: one has no \"content\" or no \"id\"", where);
    out->id = json_integer_value(id);
    if (out->id < 0 || out->id > SLUICE__MAX_TOKEN_ID)
        return sluice__fail(SLUICE_E_PARSE, "%s: '%.60s' has id %lld; ids are from 0 to %d here",
                            where, out->text, (long long)out->id, SLUICE__MAX_TOKEN_ID);
    SLUICE__TRY(sluice__bpe_flag(&out->is_special, object, "special", false, where));
    SLUICE__TRY(sluice__bpe_flag(&out->is_word, object, "single_word", false, where));
    SLUICE__TRY(sluice__bpe_flag(&out->takes_left, object, "lstrip", false, where));
    SLUICE__TRY(sluice__bpe_flag(&out->takes_right, object, "rstrip", false, where));
    return sluice__bpe_flag(&out->is_composed, object, "normalized", !out->is_special, where);
}

/* The `tokenizers` library numbers those that are not in the vocabulary itself, whatever the file
 * says: where the two differ, no id can be right. */
static sluice_status check_id(const json_t *vocabulary, const sluice__new_token *token,
                              int64_t *next, const char *where) {
    const json_t *const known = json_object_get(vocabulary, token->text);
    if (!known && token->id != *next)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "%s: '%.60s' has id %lld, and would get %lld from the tokenizers "
                            "library, which numbers tokens that are not in the vocabulary",
                            where, token->text, (long long)token->id, (long long)*next);
    if (token->id >= *next) *next = token->id + 1;
    return SLUICE_OK;
}

sluice_status sluice__read_added(sluice_bpe *to, const json_t *vocabulary, json_t *list,
                                 const char *where) {
    int64_t next = (int64_t)json_object_size(vocabulary);
    size_t index;
    json_t *object;
    if (!list || json_is_null(list)) return SLUICE_OK;
    if (!json_is_array(list)) return sluice__fail(SLUICE_E_PARSE, "%s is not a list", where);
    json_array_foreach(list, index, object) {
        sluice__new_token token = {0};
        SLUICE__TRY(read_token(&token, object, where));
        if (token.text[0] == '\0') continue; /* it is found nowhere */
        SLUICE__TRY(check_id(vocabulary, &token, &next, where));
        SLUICE__TRY(sluice__add_token(to, vocabulary, &token, where));
    }
    return SLUICE_OK;
}
