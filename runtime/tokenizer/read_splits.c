/* SPDX-License-Identifier: MIT */
/* read_splits.c -- how a text is prepared and cut into words: "normalizer" and "pre_tokenizer". */
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/tokenizer/pattern.h"
#include "runtime/tokenizer/read_bpe.h"

/* ---- normalizer ---- */

static sluice_status read_nfc(sluice_bpe *to, json_t *object) {
    static const char *const known[] = {"type", NULL};
    const char *type                 = NULL;
    SLUICE__TRY(sluice__bpe_type(&type, object, "the normalizer"));
    if (strcmp(type, "NFC") != 0)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "a normalizer of type '%.60s' is not supported; NFC is", type);
    SLUICE__TRY(sluice__bpe_keys(object, known, "the normalizer"));
    if (to->composes) return SLUICE_OK;
    to->composes = true;
    return sluice__composer_make(&to->composer);
}

sluice_status sluice__read_normalizer(sluice_bpe *to, json_t *object) {
    static const char *const known[] = {"type", "normalizers", NULL};
    const char *type                 = NULL;
    size_t index;
    json_t *part;
    if (!object || json_is_null(object)) return SLUICE_OK;
    SLUICE__TRY(sluice__bpe_type(&type, object, "the normalizer"));
    if (strcmp(type, "Sequence") != 0) return read_nfc(to, object);
    SLUICE__TRY(sluice__bpe_keys(object, known, "the normalizer"));
    if (!json_is_array(json_object_get(object, "normalizers")))
        return sluice__fail(SLUICE_E_PARSE, "the normalizer has no list of \"normalizers\"");
    json_array_foreach(json_object_get(object, "normalizers"), index, part) {
        SLUICE__TRY(read_nfc(to, part));
    }
    return SLUICE_OK;
}

/* ---- pre_tokenizer ---- */

sluice_status sluice__add_split(sluice_bpe *to, const char *pattern, bool is_literal) {
    if (to->split_count == SLUICE__MAX_SPLITS)
        return sluice__fail(SLUICE_E_UNSUPPORTED, "more than %d patterns are not supported",
                            SLUICE__MAX_SPLITS);
    SLUICE__TRY(sluice__splitter_make(&to->splits[to->split_count], pattern, is_literal));
    to->split_count++;
    return SLUICE_OK;
}

static sluice_status read_byte_level(sluice_bpe *to, json_t *object) {
    static const char *const known[] = {"type", "add_prefix_space", "trim_offsets", "use_regex",
                                        NULL};
    static const char where[]        = "the ByteLevel pre-tokenizer";
    bool has_space = false, has_pattern = false;
    SLUICE__TRY(sluice__bpe_keys(object, known, where));
    SLUICE__TRY(sluice__bpe_flag(&has_space, object, "add_prefix_space", true, where));
    SLUICE__TRY(sluice__bpe_flag(&has_pattern, object, "use_regex", true, where));
    if (has_space) to->space_at = to->split_count;
    return has_pattern ? sluice__add_split(to, sluice__gpt2_pattern, false) : SLUICE_OK;
}

static sluice_status check_split(json_t *object, const char *where) {
    static const char *const known[] = {"type", "pattern", "behavior", "invert", NULL};
    const char *behavior             = NULL;
    bool is_inverted                 = false;
    SLUICE__TRY(sluice__bpe_keys(object, known, where));
    SLUICE__TRY(sluice__bpe_text(&behavior, object, "behavior", where));
    SLUICE__TRY(sluice__bpe_flag(&is_inverted, object, "invert", false, where));
    if (!behavior || strcmp(behavior, "Isolated") != 0 || is_inverted)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "%s has behavior '%.40s'%s; 'Isolated' is supported", where,
                            behavior ? behavior : "", is_inverted ? ", inverted" : "");
    return SLUICE_OK;
}

static sluice_status read_split(sluice_bpe *to, json_t *object) {
    static const char where[]    = "a Split pre-tokenizer";
    json_t *const pattern        = json_object_get(object, "pattern");
    const char *const regex      = json_string_value(json_object_get(pattern, "Regex"));
    const char *const characters = json_string_value(json_object_get(pattern, "String"));
    SLUICE__TRY(check_split(object, where));
    if (json_object_size(pattern) != 1 || (!regex && !characters))
        return sluice__fail(SLUICE_E_PARSE, "%s has neither a Regex nor a String as its pattern",
                            where);
    return sluice__add_split(to, regex ? regex : characters, !regex);
}

static sluice_status read_digits(sluice_bpe *to, json_t *object) {
    static const char *const known[] = {"type", "individual_digits", NULL};
    static const char where[]        = "the Digits pre-tokenizer";
    bool is_each                     = false;
    SLUICE__TRY(sluice__bpe_keys(object, known, where));
    SLUICE__TRY(sluice__bpe_flag(&is_each, object, "individual_digits", false, where));
    return sluice__add_split(to, is_each ? sluice__digit_pattern : sluice__digits_pattern, false);
}

static sluice_status read_part(sluice_bpe *to, bool *is_done, json_t *object) {
    const char *type = NULL;
    SLUICE__TRY(sluice__bpe_type(&type, object, "a pre-tokenizer"));
    if (*is_done)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "a pre-tokenizer (%.60s) after ByteLevel is not supported", type);
    if (strcmp(type, "Split") == 0) return read_split(to, object);
    if (strcmp(type, "Digits") == 0) return read_digits(to, object);
    *is_done = strcmp(type, "ByteLevel") == 0;
    if (*is_done) return read_byte_level(to, object);
    return sluice__fail(SLUICE_E_UNSUPPORTED,
                        "a pre-tokenizer of type '%.60s' is not supported; ByteLevel, and Split "
                        "and Digits before it, are",
                        type);
}

static sluice_status read_parts(sluice_bpe *to, bool *is_done, json_t *object) {
    static const char *const known[] = {"type", "pretokenizers", NULL};
    json_t *const list               = json_object_get(object, "pretokenizers");
    size_t index;
    json_t *part;
    SLUICE__TRY(sluice__bpe_keys(object, known, "the pre-tokenizer"));
    if (!json_is_array(list))
        return sluice__fail(SLUICE_E_PARSE, "the pre-tokenizer has no list of \"pretokenizers\"");
    json_array_foreach(list, index, part) {
        SLUICE__TRY(read_part(to, is_done, part));
    }
    return SLUICE_OK;
}

sluice_status sluice__read_splits(sluice_bpe *to, json_t *object) {
    const char *type = NULL;
    bool is_done     = false;
    if (object && !json_is_null(object)) {
        SLUICE__TRY(sluice__bpe_type(&type, object, "the pre-tokenizer"));
        if (strcmp(type, "Sequence") == 0)
            SLUICE__TRY(read_parts(to, &is_done, object));
        else
            SLUICE__TRY(read_part(to, &is_done, object));
    }
    if (is_done) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED,
                        "the tokenizer has no ByteLevel pre-tokenizer: only BPE on bytes is "
                        "supported");
}
