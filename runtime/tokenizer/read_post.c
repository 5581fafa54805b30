/* SPDX-License-Identifier: MIT */
/* read_post.c -- what a tokenizer puts before and after a text: "post_processor". */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/tokenizer/read_bpe.h"

sluice_status sluice__add_end(sluice__id_list *to, const sluice_bpe *bpe, int64_t id,
                              const char *where) {
    if (!sluice__tokens_get(&bpe->tokens, id))
        return sluice__fail(SLUICE_E_PARSE, "%s has id %lld, and there is no such token", where,
                            (long long)id);
    SLUICE__TRY(sluice__grow(&to->list, (size_t)to->count + 1, sizeof *to->list));
    to->list[to->count++] = (int32_t)id;
    return SLUICE_OK;
}

static const char where[] = "the post-processor";

static sluice_status wrong(const char *what) {
    return sluice__fail(SLUICE_E_PARSE, "%s has %s", where, what);
}

/* The ids of a special token of the template, by its name there. */
static sluice_status add_special(sluice__id_list *to, const sluice_bpe *bpe, const json_t *specials,
                                 const char *name) {
    const json_t *const ids = json_object_get(json_object_get(specials, name), "ids");
    size_t index;
    json_t *id;
    if (!json_is_array(ids)) return wrong("a special token without a list of ids");
    json_array_foreach(ids, index, id) {
        if (!json_is_integer(id)) return wrong("an id that is not a whole number");
        SLUICE__TRY(sluice__add_end(to, bpe, json_integer_value(id), where));
    }
    return SLUICE_OK;
}

static sluice_status read_template(sluice_bpe *to, json_t *object) {
    static const char *const known[] = {"type", "single", "pair", "special_tokens", NULL};
    const json_t *const specials     = json_object_get(object, "special_tokens");
    bool has_text                    = false;
    size_t index;
    json_t *item;
    SLUICE__TRY(sluice__bpe_keys(object, known, where));
    json_array_foreach(json_object_get(object, "single"), index, item) {
        const json_t *const special = json_object_get(item, "SpecialToken");
        const char *const name      = json_string_value(json_object_get(special, "id"));
        if (!name && (!json_object_get(item, "Sequence") || has_text))
            return wrong("an item that is neither a special token nor the text, once");
        has_text = has_text || !name;
        if (name) SLUICE__TRY(add_special(has_text ? &to->after : &to->before, to, specials, name));
    }
    return has_text ? SLUICE_OK : wrong("a template without the text");
}

static sluice_status read_one(sluice_bpe *to, json_t *object) {
    const char *type = NULL;
    SLUICE__TRY(sluice__bpe_type(&type, object, where));
    if (strcmp(type, "ByteLevel") == 0) return SLUICE_OK; /* about offsets */
    if (strcmp(type, "TemplateProcessing") == 0 && to->before.count + to->after.count == 0)
        return read_template(to, object);
    return sluice__fail(SLUICE_E_UNSUPPORTED,
                        "a post-processor of type '%.60s' is not supported; ByteLevel and one "
                        "TemplateProcessing are",
                        type);
}

sluice_status sluice__read_post(sluice_bpe *to, json_t *object) {
    const char *type         = NULL;
    const json_t *const list = json_object_get(object, "processors");
    size_t index;
    json_t *part;
    if (!object || json_is_null(object)) return SLUICE_OK;
    SLUICE__TRY(sluice__bpe_type(&type, object, where));
    if (strcmp(type, "Sequence") != 0) return read_one(to, object);
    if (!json_is_array(list)) return wrong("no list of \"processors\"");
    json_array_foreach(list, index, part) {
        SLUICE__TRY(read_one(to, part));
    }
    return SLUICE_OK;
}
