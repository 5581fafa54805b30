/* SPDX-License-Identifier: MIT */
/* byte_tokenizer.c -- the tokenizer of models that are trained on plain bytes, as files that
 * Hugging Face's readers take: 256 entries, whose ids are the bytes, and no merges. */
#include <inttypes.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/io/json.h"
#include "runtime/tokenizer/alphabet.h"
#include "runtime/tokenizer/tokenizer_files.h"

/* ---- the files ---- */

static sluice_status print_vocabulary(sluice__text *to) {
    for (int byte = 0; byte < 256; byte++) {
        char character[3];
        sluice__alphabet_print(character, byte);
        SLUICE__TRY(sluice__json_add_text(to, byte == 0 ? "\n      " : ",\n      ", character));
        SLUICE__TRY(sluice__text_add(to, ": %d", byte));
    }
    return SLUICE_OK;
}

/* Nothing is added to a text, and no pattern cuts it: its tokens are its bytes. */
#define BYTES                                                                                      \
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": false, "             \
    "\"use_regex\": false}"

static sluice_status print_tokenizer(sluice__text *to) {
    SLUICE__TRY(sluice__text_add(to, "{\n  \"version\": \"1.0\",\n"
                                     "  \"truncation\": null,\n"
                                     "  \"padding\": null,\n"
                                     "  \"added_tokens\": [],\n"
                                     "  \"normalizer\": null,\n"
                                     "  \"pre_tokenizer\": " BYTES ",\n"
                                     "  \"post_processor\": null,\n"
                                     "  \"decoder\": " BYTES ",\n"
                                     "  \"model\": {\n    \"type\": \"BPE\",\n"
                                     "    \"dropout\": null,\n    \"unk_token\": null,\n"
                                     "    \"continuing_subword_prefix\": null,\n"
                                     "    \"end_of_word_suffix\": null,\n"
                                     "    \"fuse_unk\": false,\n    \"byte_fallback\": false,\n"
                                     "    \"vocab\": {"));
    SLUICE__TRY(print_vocabulary(to));
    return sluice__text_add(to, "\n    },\n    \"merges\": []\n  }\n}\n");
}

static sluice_status print_config(sluice__text *to, int64_t length) {
    return sluice__text_add(to,
                            "{\n  \"add_prefix_space\": false,\n"
                            "  \"clean_up_tokenization_spaces\": false,\n"
                            "  \"model_max_length\": %" PRId64 ",\n"
                            "  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n}\n",
                            length);
}

static sluice_status add(sluice_tokenizer *to, const char *name, sluice__text *text,
                         sluice_status status) {
    if (status == SLUICE_OK) status = sluice__tokenizer_add(to, name, text->bytes, text->length);
    if (status != SLUICE_OK) sluice__free(text->bytes);
    *text = (sluice__text){0};
    return status;
}

static sluice_status add_files(sluice_tokenizer *to, int64_t length) {
    sluice__text text = {0};
    SLUICE__TRY(add(to, "tokenizer.json", &text, print_tokenizer(&text)));
    return add(to, "tokenizer_config.json", &text, print_config(&text, length));
}

sluice_status sluice_tokenizer_of_bytes(sluice_tokenizer **out, int64_t length) {
    sluice_tokenizer *made = NULL;
    SLUICE__TRY(sluice__alloc(&made, 1, sizeof *made));
    const sluice_status status = add_files(made, length);
    if (status == SLUICE_OK)
        *out = made;
    else
        sluice_tokenizer_free(made);
    return status;
}
