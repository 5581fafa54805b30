/* SPDX-License-Identifier: MIT */
/* test_bpe_files.c -- which files make a tokenizer, and what is refused with which sentence. */
#include <jansson.h>

#include "runtime/base/alloc.h"
#include "runtime/tokenizer/tokenizer_files.h"
#include "tests/support/tokenizers.h"

static void add_file(sluice_tokenizer *to, const char *name, const char *text) {
    char *copy = NULL;
    assert_ok(sluice__copy_text(&copy, text));
    assert_ok(sluice__tokenizer_add(to, name, copy, strlen(text)));
}

static sluice_tokenizer *no_files(void) {
    sluice_tokenizer *made = NULL;
    assert_ok(sluice_tokenizer_read(&made, "/no/such/folder"));
    return made;
}

/* What is made of it, or why not. Releases the files. */
static sluice_bpe *make(sluice_tokenizer *files, sluice_status status, const char *why) {
    sluice_bpe *made = NULL;
    if (status == SLUICE_OK)
        assert_ok(sluice_bpe_make(&made, files));
    else
        assert_refused(sluice_bpe_make(&made, files), status, why);
    assert_true((made != NULL) == (status == SLUICE_OK));
    sluice_tokenizer_free(files);
    return made;
}

/* ---- tokenizer.json, with a part that is another ---- */

static json_t *json_of(const char *text) {
    json_error_t error;
    json_t *const value = json_loads(text, JSON_DECODE_ANY, &error);
    if (!value) fail_msg("'%s' is no JSON: %s", text, error.text);
    return value;
}

/* The tokenizer of bytes, as JSON. */
static json_t *base(void) {
    sluice_tokenizer *files = NULL;
    assert_ok(sluice_tokenizer_of_bytes(&files, 8));
    json_t *const object = json_of(sluice__tokenizer_file_of(files, "tokenizer.json")->bytes);
    sluice_tokenizer_free(files);
    return object;
}

/* "model.vocab.ab": the part of that path becomes `value`, "-" removes it. */
static void change(json_t *object, const char *path, const char *value) {
    char key[64];
    const char *dot;
    while ((dot = strchr(path, '.'))) {
        (void)snprintf(key, sizeof key, "%.*s", (int)(dot - path), path);
        object = json_object_get(object, key), path = dot + 1;
    }
    if (strcmp(value, "-") == 0)
        json_object_del(object, path);
    else
        json_object_set_new(object, path, json_of(value));
}

static sluice_bpe *make_of(json_t *object, sluice_status status, const char *why) {
    char *const text              = json_dumps(object, 0);
    sluice_tokenizer *const files = no_files();
    add_file(files, "tokenizer.json", text);
    free(text);
    json_decref(object);
    return make(files, status, why);
}

typedef struct refusal {
    const char *path, *value;
    sluice_status status;
    const char *why;
} refusal;

#define PARSE       SLUICE_E_PARSE
#define UNSUPPORTED SLUICE_E_UNSUPPORTED
#define SPLIT(pattern, behavior)                                                                   \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":" pattern           \
    ",\"behavior\":\"" behavior "\",\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_"       \
    "space\":false,\"use_regex\":false}]}"
#define REGEX(text)     SPLIT("{\"Regex\":\"" text "\"}", "Isolated")
#define ADDED(id, text) "[{\"id\":" id ",\"content\":\"" text "\"}]"
#define NOT_SAME(part)  "'" part "' in a regular expression is not supported: "

static const refusal refusals[] = {
    {"more", "1", UNSUPPORTED,
     "tokenizer.json has \"more\", which is not known, and might change the tokens"},
    {"model", "-", PARSE, "tokenizer.json has no \"model\""},
    {"model.type", "\"Unigram\"", UNSUPPORTED,
     "tokenizer.json has a model of type 'Unigram'; BPE on bytes is supported"},
    {"model.type", "\"WordPiece\"", UNSUPPORTED,
     "tokenizer.json has a model of type 'WordPiece'; BPE on bytes is supported"},
    {"model.type", "3", PARSE, "tokenizer.json: \"type\" is not a text"},
    {"model.dropout", "0.1", UNSUPPORTED,
     "tokenizer.json: \"dropout\" makes tokens by chance, which is not supported"},
    {"model.continuing_subword_prefix", "\"##\"", UNSUPPORTED,
     "tokenizer.json: \"continuing_subword_prefix\" is '##', which is not supported"},
    {"model.end_of_word_suffix", "\"</w>\"", UNSUPPORTED,
     "tokenizer.json: \"end_of_word_suffix\" is '</w>', which is not supported"},
    {"model.other", "true", UNSUPPORTED,
     "the model of tokenizer.json has \"other\", which is not known, and might change the tokens"},
    {"model.ignore_merges", "1", PARSE,
     "tokenizer.json: \"ignore_merges\" is neither true nor false"},
    {"model.vocab", "[]", PARSE, "tokenizer.json has no object of tokens"},
    {"model.vocab", "{\"xy\":0}", UNSUPPORTED,
     "tokenizer.json has a token for none of the 256 bytes: only BPE on bytes is supported"},
    {"model.vocab.xy", "\"7\"", PARSE,
     "tokenizer.json: the id of token 'xy' is not a whole number"},
    {"model.vocab.xy", "1.5", PARSE, "tokenizer.json: the id of token 'xy' is not a whole number"},
    {"model.vocab.xy", "-1", PARSE, "token 'xy' has id -1; ids are from 0 to 1048575 here"},
    {"model.vocab.xy", "99999999999", PARSE,
     "token 'xy' has id 99999999999; ids are from 0 to 1048575 here"},
    {"model.vocab.xy", "65", PARSE, "two tokens have id 65, and 'xy' is one of them"},
    {"model.merges", "-", PARSE, "tokenizer.json has no list of \"merges\""},
    {"model.merges", "[\"a b\"]", PARSE,
     "tokenizer.json: merge 1 needs token 'ab', which is not there"},
    {"model.merges", "[[\"a\", \"zz\"]]", PARSE,
     "tokenizer.json: merge 1 needs token 'zz', which is not there"},
    {"model.merges", "[\"ab\"]", PARSE,
     "tokenizer.json: merge 1, 'ab', is not two tokens with a space between them"},
    {"model.merges", "[\"a b c\"]", PARSE,
     "tokenizer.json: merge 1, 'a b c', is not two tokens with a space between them"},
    {"model.merges", "[[\"a\"]]", PARSE,
     "tokenizer.json: merge 1 is neither \"a b\" nor [\"a\", \"b\"]"},
    {"model.merges", "[7]", PARSE, "tokenizer.json: merge 1 is neither \"a b\" nor [\"a\", \"b\"]"},
    {"normalizer", "{\"type\":\"Lowercase\"}", UNSUPPORTED,
     "a normalizer of type 'Lowercase' is not supported; NFC is"},
    {"normalizer",
     "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":"
     "\"NFKC\"}]}",
     UNSUPPORTED, "a normalizer of type 'NFKC' is not supported; NFC is"},
    {"normalizer", "{\"type\":\"Sequence\"}", PARSE,
     "the normalizer has no list of \"normalizers\""},
    {"normalizer", "{}", PARSE, "the normalizer has no \"type\""},
    {"pre_tokenizer", "null", UNSUPPORTED,
     "the tokenizer has no ByteLevel pre-tokenizer: only BPE on bytes is supported"},
    {"pre_tokenizer", "{\"type\":\"Metaspace\",\"replacement\":\"_\"}", UNSUPPORTED,
     "a pre-tokenizer of type 'Metaspace' is not supported; ByteLevel, and Split and Digits before "
     "it, are"},
    {"pre_tokenizer",
     "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},{\"type\":\"Digits\"}]}",
     UNSUPPORTED, "a pre-tokenizer (Digits) after ByteLevel is not supported"},
    {"pre_tokenizer", "{\"type\":\"Sequence\"}", PARSE,
     "the pre-tokenizer has no list of \"pretokenizers\""},
    {"pre_tokenizer", "{\"type\":\"ByteLevel\",\"more\":1}", UNSUPPORTED,
     "the ByteLevel pre-tokenizer has \"more\", which is not known, and might change the tokens"},
    {"pre_tokenizer", SPLIT("{\"Regex\":\"a\"}", "Removed"), UNSUPPORTED,
     "a Split pre-tokenizer has behavior 'Removed'; 'Isolated' is supported"},
    {"pre_tokenizer", SPLIT("\"a\"", "Isolated"), PARSE,
     "a Split pre-tokenizer has neither a Regex nor a String as its pattern"},
    {"pre_tokenizer", REGEX("(a"), PARSE,
     "the regular expression '(a' is wrong: missing closing parenthesis"},
    {"pre_tokenizer", REGEX("[a"), PARSE, "a regular expression ends inside brackets"},
    {"pre_tokenizer", REGEX("a*"), UNSUPPORTED,
     "the pattern 'a*' matches an empty text, so that it cuts nothing"},
    {"pre_tokenizer", REGEX(""), UNSUPPORTED,
     "the pattern '' matches an empty text, so that it cuts nothing"},
    {"pre_tokenizer", REGEX("\\\\w+"), UNSUPPORTED,
     NOT_SAME("\\w") "its meaning is not known to be the same"},
    {"pre_tokenizer", REGEX("a\\\\b"), UNSUPPORTED,
     NOT_SAME("\\b") "its meaning is not known to be the same"},
    {"pre_tokenizer", REGEX("a\\\\"), UNSUPPORTED,
     NOT_SAME("\\") "its meaning is not known to be the same"},
    {"pre_tokenizer", REGEX("^a"), UNSUPPORTED,
     NOT_SAME("^") "what matches must not depend on the text before it"},
    {"pre_tokenizer", REGEX("a{2}+"), UNSUPPORTED, NOT_SAME("{2}+") "counts without ? or +"},
    {"pre_tokenizer", REGEX("a{,2}"), UNSUPPORTED,
     NOT_SAME("{,2}") "counts are {n}, {n,} or {n,m}"},
    {"pre_tokenizer", REGEX("[a[b]]"), UNSUPPORTED, NOT_SAME("[") "no brackets inside brackets"},
    {"pre_tokenizer", REGEX("[a&&b]"), UNSUPPORTED, NOT_SAME("&&") "not inside brackets"},
    {"pre_tokenizer", REGEX("[\\\\S]"), UNSUPPORTED, NOT_SAME("\\S") "not inside brackets"},
    {"pre_tokenizer", REGEX("[]a]"), UNSUPPORTED, NOT_SAME("[]") "an empty pair of brackets"},
    {"pre_tokenizer", REGEX("(?x:a)"), UNSUPPORTED, NOT_SAME("(?x:") "this kind of group"},
    {"pre_tokenizer", REGEX("(*FAIL)"), UNSUPPORTED, NOT_SAME("(*") "a verb"},
    {"pre_tokenizer", REGEX("\\\\pL"), UNSUPPORTED,
     NOT_SAME("\\p") "it must be followed by a name in braces"},
    {"pre_tokenizer", REGEX("(?i:'st)"), UNSUPPORTED,
     NOT_SAME("st") "one letter may stand for both in (?i:...)"},
    {"decoder", "{\"type\":\"Metaspace\"}", UNSUPPORTED,
     "a decoder of type 'Metaspace' is not supported; ByteLevel is"},
    {"post_processor", "{\"type\":\"BertProcessing\"}", UNSUPPORTED,
     "a post-processor of type 'BertProcessing' is not supported; ByteLevel and one "
     "TemplateProcessing are"},
    {"post_processor", "{\"type\":\"TemplateProcessing\",\"single\":[],\"special_tokens\":{}}",
     PARSE, "the post-processor has a template without the text"},
    {"post_processor",
     "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}}],"
     "\"special_tokens\":{}}",
     PARSE, "the post-processor has a special token without a list of ids"},
    {"post_processor",
     "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}}],"
     "\"special_tokens\":{\"<s>\":{\"ids\":[256]}}}",
     PARSE, "the post-processor has id 256, and there is no such token"},
    {"added_tokens", "{}", PARSE, "\"added_tokens\" of tokenizer.json is not a list"},
    {"added_tokens", "[1]", PARSE, "\"added_tokens\" of tokenizer.json is not an object"},
    {"added_tokens", "[{\"id\":256}]", PARSE,
     "\"added_tokens\" of tokenizer.json: one has no \"content\" or no \"id\""},
    {"added_tokens", ADDED("300", "<s>"), UNSUPPORTED,
     "\"added_tokens\" of tokenizer.json: '<s>' has id 300, and would get 256 from the tokenizers "
     "library, which numbers tokens that are not in the vocabulary"},
    {"added_tokens", ADDED("-5", "<s>"), PARSE,
     "\"added_tokens\" of tokenizer.json: '<s>' has id -5; ids are from 0 to 1048575 here"},
    {"added_tokens", ADDED("5", "a"), PARSE,
     "\"added_tokens\" of tokenizer.json: added token 'a' has id 5, and 97 as well"},
    {"added_tokens", "[{\"id\":97,\"content\":\"a\"},{\"id\":97,\"content\":\"a\"}]", PARSE,
     "added token 'a' is there twice"},
};

static void what_would_change_tokens_is_refused(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof refusals / sizeof *refusals; k++) {
        json_t *const object = base();
        change(object, refusals[k].path, refusals[k].value);
        (void)make_of(object, refusals[k].status, refusals[k].why);
    }
}

/* A vocabulary that lacks a token for 'x'. */
static void what_is_unknown_must_have_an_id(void **state) {
    static const refusal cases[] = {
        {"model.unk_token", "\"<unk>\"", PARSE,
         "tokenizer.json: byte 0x78 has no token, and \"unk_token\", which it would get, is "
         "'<unk>', which has no id"},
        {"model.byte_fallback", "true", UNSUPPORTED,
         "tokenizer.json: \"byte_fallback\" is supported only where each of the 256 bytes has a "
         "token, and 0x78 has none"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        json_t *const object = base();
        change(object, "model.vocab.x", "-");
        change(object, cases[k].path, cases[k].value);
        (void)make_of(object, cases[k].status, cases[k].why);
    }
}

/* What a file may have besides: another way to say what is supported. */
static void what_changes_nothing_is_read(void **state) {
    static const char *const changes[][2] = {
        {"model.dropout", "0.0"},
        {"model.unk_token", "\"<unk>\""},
        {"model.continuing_subword_prefix", "\"\""},
        {"model.type", "-"},
        {"normalizer", "{\"type\":\"Sequence\",\"normalizers\":[]}"},
        {"truncation", "{\"max_length\":3}"},
        {"decoder", "-"},
        {"added_tokens", "null"},
        {"model.vocab.\xE4\xB8\xAD", "256"}, /* a token that no word becomes */
        {"pre_tokenizer", "{\"type\":\"ByteLevel\"}"},
        {"pre_tokenizer", SPLIT("{\"String\":\"ab\"}", "Isolated")},
        {"pre_tokenizer", REGEX("a$|b\\\\z|(?i:'s|'t)|[^\\\\r\\\\n\\\\p{L}]?\\\\p{L}++|.\\\\S")},
    };
    (void)state;
    for (size_t k = 0; k < sizeof changes / sizeof *changes; k++) {
        json_t *const object = base();
        change(object, changes[k][0], changes[k][1]);
        sluice_bpe_free(make_of(object, SLUICE_OK, NULL));
    }
}

/* ---- files ---- */

static void which_files_are_needed(void **state) {
    sluice_tokenizer *files = no_files();
    (void)state;
    (void)make(files, UNSUPPORTED, "there are no files of a tokenizer");
    add_file(files = no_files(), "tokenizer.model", "x");
    (void)make(files, UNSUPPORTED,
               "tokenizer.model is of SentencePiece, which is not supported: BPE on bytes is");
    add_file(files = no_files(), "vocab.json", "{}");
    (void)make(files, UNSUPPORTED,
               "there is vocab.json, and neither merges.txt nor tokenizer.json: only BPE is "
               "supported, which has merges");
    add_file(files = no_files(), "tokenizer.json", "[]");
    (void)make(files, PARSE, "tokenizer.json is not a JSON object");
    add_file(files = no_files(), "tokenizer.json", "{\"model\": ");
    (void)make(files, PARSE, "tokenizer.json, line 1, byte 10: unexpected token near end of file");
}

/* ---- vocab.json and merges.txt, and what is said of them ---- */

/* The 256 bytes, "ab" 256 and "<x>" 257. */
static sluice_tokenizer *pair_of_files(const char *merges) {
    sluice_tokenizer *const files = no_files();
    json_t *const object          = base();
    json_t *const vocabulary      = json_object_get(json_object_get(object, "model"), "vocab");
    json_object_set_new(vocabulary, "ab", json_integer(256));
    json_object_set_new(vocabulary, "<x>", json_integer(257));
    char *const text = json_dumps(vocabulary, 0);
    add_file(files, "vocab.json", text);
    add_file(files, "merges.txt", merges);
    free(text);
    json_decref(object);
    return files;
}

static void expect_ids(sluice_bpe *bpe, const char *text, const int32_t *expected, int64_t count) {
    tokenizer by = {"the pair of files", bpe, NULL};
    assert_ok(sluice_bpe_encoder_make(&by.encoder, bpe));
    sluice_ids got = tokenizer_encode(&by, text, strlen(text));
    tokenizer_compare(&got, &(sluice_ids){(int32_t *)expected, count, count}, by.kind, text);
    sluice_ids_free(&got);
    tokenizer_close(&by);
}

/* What is on both sides of them merges; one that is not UTF-8 is between two texts. */
static void bytes_without_a_token_are_left_out(void **state) {
    static const int32_t merged[] = {256, 'y', 'a', 'b'}, known[] = {'a', '?', 'b', '?', '?'},
                         fused[] = {'a', '?', 'b', '?', '?'};
    static const char text[]     = "axxb\xFFx";
    (void)state;
    for (int k = 0; k < 3; k++) {
        json_t *const object = base();
        change(object, "model.vocab.x", "-");
        change(object, "model.vocab.\xC3\xBF", "-");
        change(object, "model.vocab.ab", "256");
        change(object, "model.merges", "[\"a b\"]");
        if (k > 0) change(object, "model.unk_token", "\"?\"");
        if (k > 1) change(object, "model.fuse_unk", "true");
        sluice_bpe *const bpe = make_of(object, SLUICE_OK, NULL);
        if (k == 0)
            expect_ids(bpe,
                       "axxbxy\xFFxa\xFF"
                       "b",
                       merged, 4);
        if (k == 1) expect_ids(bpe, "axb\xFFx", known, 5);
        if (k == 2) expect_ids(bpe, text, fused, 5);
    }
}

static void a_pair_of_files_is_a_tokenizer(void **state) {
    static const int32_t plain[] = {256, '<', 'x', '>'}, special[] = {256, 257},
                         spaced[] = {' ', 256};
    sluice_tokenizer *files       = pair_of_files("#version: 0.2\r\na b\r\n\n");
    (void)state;
    expect_ids(make(files, SLUICE_OK, NULL), "ab<x>", plain, 4);
    files = pair_of_files("a b\n");
    add_file(files, "special_tokens_map.json", "{\"bos_token\": {\"content\": \"<x>\"}}");
    expect_ids(make(files, SLUICE_OK, NULL), "ab<x>", special, 2);
    files = pair_of_files("a b");
    add_file(files, "tokenizer_config.json",
             "{\"added_tokens_decoder\": {\"257\": {\"content\": \"<x>\", \"special\": true}}}");
    expect_ids(make(files, SLUICE_OK, NULL), "ab<x>", special, 2);
    files = pair_of_files("a b");
    add_file(files, "tokenizer_config.json",
             "{\"tokenizer_class\": \"GPT2Tokenizer\", \"add_prefix_space\": true}");
    expect_ids(make(files, SLUICE_OK, NULL), "ab", spaced, 2);
}

static void added_tokens_have_ids_of_their_own(void **state) {
    static const int32_t expected[] = {300, 256, 301};
    sluice_tokenizer *files         = pair_of_files("a b");
    int64_t count                   = 0;
    (void)state;
    add_file(files, "added_tokens.json", "{\"<y>\": 300, \"<z>\": 301}");
    add_file(files, "tokenizer_config.json",
             "{\"add_bos_token\": true, \"bos_token\": \"<y>\", \"tokenizer_class\": "
             "\"Qwen2Tokenizer\"}");
    sluice_bpe *const bpe = make(files, SLUICE_OK, NULL);
    assert_int_equal(sluice_bpe_vocabulary(bpe), 302);
    assert_true(sluice_bpe_is_special(bpe, 300));
    assert_false(sluice_bpe_is_special(bpe, 301));
    assert_int_equal(sluice_bpe_before(&count, bpe)[0], 300);
    expect_ids(bpe, "<y>ab<z>", expected, 3);
}

static void wrong_pairs_are_refused(void **state) {
    static const char *const cases[][3] = {
        {"tokenizer_config.json", "{\"tokenizer_class\": \"LlamaTokenizer\"}",
         "tokenizer_config.json says 'LlamaTokenizer', which is not supported from vocab.json and "
         "merges.txt; GPT2Tokenizer and Qwen2Tokenizer are"},
        {"special_tokens_map.json", "{\"pad_token\": \"<pad>\"}",
         "special token '<pad>' has no id: it is neither in vocab.json nor in added_tokens.json"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        sluice_tokenizer *const files = pair_of_files("a b");
        add_file(files, cases[k][0], cases[k][1]);
        (void)make(files, UNSUPPORTED, cases[k][2]);
    }
    (void)make(pair_of_files("a b\na c\n"), PARSE,
               "merges.txt: merge 2 needs token 'ac', which is not there");
    (void)make(pair_of_files("a b c\n"), PARSE,
               "merges.txt: merge 1, 'a b c', is not two tokens with a space between them");
    sluice_tokenizer *const zeros = pair_of_files("a b");
    zeros->list[1].bytes[1]       = '\0'; /* of "a b" */
    (void)make(zeros, PARSE,
               "merges.txt: merge 1, 'a', is not two tokens with a space between them");
    sluice_tokenizer *const nul_in_one = pair_of_files("a? b");
    nul_in_one->list[1].bytes[1]       = '\0'; /* which jansson would take for its end */
    (void)make(nul_in_one, PARSE,
               "merges.txt: merge 1, 'a', is not two tokens with a space between them");
    sluice_tokenizer *const files = pair_of_files("a b");
    add_file(files, "added_tokens.json", "{\"<y>\": 97}");
    (void)make(files, PARSE, "two tokens have id 97, and '<y>' is one of them");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_would_change_tokens_is_refused),
        cmocka_unit_test(what_is_unknown_must_have_an_id),
        cmocka_unit_test(what_changes_nothing_is_read),
        cmocka_unit_test(bytes_without_a_token_are_left_out),
        cmocka_unit_test(which_files_are_needed),
        cmocka_unit_test(a_pair_of_files_is_a_tokenizer),
        cmocka_unit_test(added_tokens_have_ids_of_their_own),
        cmocka_unit_test(wrong_pairs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
