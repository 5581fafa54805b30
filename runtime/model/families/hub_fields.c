/* SPDX-License-Identifier: MIT */
/* hub_fields.c -- the fields that Hugging Face's configurations share: which change the arithmetic,
 * which are kept, which change nothing here. */
#include "runtime/model/families/hub_fields.h"

#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/text.h"

static const sluice__fixed_field fixed[] = {
    {"is_encoder_decoder", "false"},
    {"add_cross_attention", "false"},
    {"cross_attention_hidden_size", "null"},
    {"tie_encoder_decoder", "false"},
    {"pruned_heads", "{}"},
    {"quantization_config", "null"},
    {"auto_map", "null"}, /* code of the folder's own */
    {NULL, NULL},
};

/* The type of model has found the family. */
static const char *const kept[] = {"model_type",   "initializer_range", "bos_token_id",
                                   "eos_token_id", "pad_token_id",      NULL};

/* Of files and libraries, of outputs that are not computed, of heads other than the language
 * model's, and of generation. */
static const char *const idle[] = {"architectures",
                                   "dtype",
                                   "torch_dtype",
                                   "transformers_version",
                                   "tokenizer_class",
                                   "use_cache",
                                   "return_dict",
                                   "output_attentions",
                                   "output_hidden_states",
                                   "torchscript",
                                   "use_bfloat16",
                                   "gradient_checkpointing",
                                   "attn_implementation",
                                   "chunk_size_feed_forward",
                                   "is_decoder",
                                   "tf_legacy_loss",
                                   "finetuning_task",
                                   "task_specific_params",
                                   "id2label",
                                   "label2id",
                                   "num_labels",
                                   "problem_type",
                                   "prefix",
                                   "sep_token_id",
                                   "cls_token_id",
                                   "mask_token_id",
                                   "unk_token_id",
                                   "decoder_start_token_id",
                                   "max_length",
                                   "min_length",
                                   "max_new_tokens",
                                   "do_sample",
                                   "early_stopping",
                                   "num_beams",
                                   "num_beam_groups",
                                   "diversity_penalty",
                                   "temperature",
                                   "top_k",
                                   "top_p",
                                   "typical_p",
                                   "repetition_penalty",
                                   "length_penalty",
                                   "no_repeat_ngram_size",
                                   "encoder_no_repeat_ngram_size",
                                   "bad_words_ids",
                                   "num_return_sequences",
                                   "output_scores",
                                   "return_dict_in_generate",
                                   "forced_bos_token_id",
                                   "forced_eos_token_id",
                                   "remove_invalid_values",
                                   "exponential_decay_length_penalty",
                                   "suppress_tokens",
                                   "begin_suppress_tokens",
                                   NULL};

static bool is_fixed(const char *key, const sluice__fixed_field *list) {
    for (; list->key; list++)
        if (strcmp(list->key, key) == 0) return true;
    return false;
}

static bool is_known(const char *key, const void *context) {
    const sluice__family_fields *const family = context;
    return key[0] == '_' /* the library's own */ || is_fixed(key, fixed) ||
           sluice__is_listed(key, kept) || sluice__is_listed(key, idle) ||
           is_fixed(key, family->fixed) || sluice__is_listed(key, family->read) ||
           sluice__is_listed(key, family->idle);
}

static sluice_status expect_all(const sluice__config_file *file, const sluice__fixed_field *list) {
    for (; list->key; list++) SLUICE__TRY(sluice__config_expect(file, list->key, list->value));
    return SLUICE_OK;
}

sluice_status sluice__check_fields(const sluice__config_file *file,
                                   const sluice__family_fields *family) {
    SLUICE__TRY(expect_all(file, family->fixed));
    SLUICE__TRY(expect_all(file, fixed));
    const char *const other = sluice__config_other(file, is_known, family);
    if (!other) return SLUICE_OK;
    const sluice_status status =
        sluice__fail(SLUICE_E_UNSUPPORTED,
                     "\"%.64s\" in '%s' is not a known field, and could change the arithmetic",
                     other, file->path);
    return sluice__hint(status, "remove it if it changes nothing in the model");
}

sluice_status sluice__read_common(sluice_model_config *out, const sluice__config_file *file) {
    SLUICE__TRY(sluice__config_number(&out->initializer_range, file, "initializer_range",
                                      SLUICE_INITIALIZER_RANGE));
    SLUICE__TRY(sluice__config_token(&out->bos_token, file, "bos_token_id"));
    SLUICE__TRY(sluice__config_tokens(&out->eos_token, out->more_eos, &out->more_eos_count,
                                      SLUICE_MORE_EOS, file, "eos_token_id"));
    return sluice__config_token(&out->pad_token, file, "pad_token_id");
}

/* Null rather than nothing where there is none: readers take GPT-2's for what is missing. */
static void write_token(sluice__config_file *file, const char *key, int64_t token) {
    if (token < 0)
        sluice__config_set_null(file, key);
    else
        sluice__config_set_count(file, key, token);
}

static void write_ends(sluice__config_file *file, const sluice_model_config *config) {
    int64_t all[1 + SLUICE_MORE_EOS] = {config->eos_token};
    if (config->more_eos_count == 0) {
        write_token(file, "eos_token_id", config->eos_token);
        return;
    }
    memcpy(all + 1, config->more_eos, sizeof config->more_eos);
    sluice__config_set_counts(file, "eos_token_id", all, 1 + config->more_eos_count);
}

void sluice__write_common(sluice__config_file *file, const sluice_model_config *config) {
    sluice__config_set_number(file, "initializer_range", config->initializer_range);
    write_token(file, "bos_token_id", config->bos_token);
    write_ends(file, config);
    write_token(file, "pad_token_id", config->pad_token);
    sluice__config_set_text(file, "torch_dtype", sluice_type_name(config->stored));
}
