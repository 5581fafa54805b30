/* SPDX-License-Identifier: MIT */
/* byte_gpt.c -- makes a text and a GPT for it. */
#include "tests/support/byte_gpt.h"

sluice_corpus *open_text(const folder *in, int64_t bytes, int64_t length) {
    const char *const path = folder_path(in, "text");
    sluice_corpus *corpus;
    folder_write_text(in, "text", (size_t)bytes);
    assert_ok(sluice_corpus_open(&corpus, &path, 1, length));
    return corpus;
}

byte_gpt byte_gpt_open(const sluice_gpt_config *config, int windows) {
    byte_gpt made = {.files = folder_make()};
    made.corpus   = open_text(&made.files, windows * config->positions + 1, config->positions);
    assert_ok(sluice_gpt_model(&made.model, config, config->positions));
    sluice_gpt_to_model_config(&made.config, config);
    return made;
}

void byte_gpt_close(byte_gpt *it) {
    sluice_model_free(it->model);
    sluice_corpus_close(it->corpus);
    folder_remove(&it->files);
}

sluice_save_options byte_gpt_save_options(const byte_gpt *it) {
    sluice_save_options options = SLUICE_SAVE_OPTIONS_INIT;
    options.config              = &it->config;
    return options;
}
