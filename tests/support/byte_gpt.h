/* SPDX-License-Identifier: MIT */
/* byte_gpt.h -- what runs need that train a GPT on the bytes of a text: both, in a folder. */
#ifndef SLUICE_TESTS_BYTE_GPT_H
#define SLUICE_TESTS_BYTE_GPT_H

#include "tests/support/files.h"

#include "sluice/gpt2.h"
#include "sluice/save.h"

typedef struct byte_gpt {
    folder files;
    sluice_corpus *corpus;
    sluice_model *model;
    sluice_model_config config;
} byte_gpt;

/* The file "text" of so many windows, each as long as the model's positions. */
byte_gpt byte_gpt_open(const sluice_gpt_config *config, int windows);
void byte_gpt_close(byte_gpt *it);

/* Saves that know the model. */
sluice_save_options byte_gpt_save_options(const byte_gpt *it);

/* A corpus of the file "text", which is written into the folder. */
sluice_corpus *open_text(const folder *in, int64_t bytes, int64_t length);

#endif
