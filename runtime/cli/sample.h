/* SPDX-License-Identifier: MIT */
/* sample.h -- what the files of `sluice sample` share. */
#ifndef SLUICE_CLI_SAMPLE_H
#define SLUICE_CLI_SAMPLE_H

#include "inference.h"

enum { SAMPLE_STOPS = 16 };

/* What the folder says of its tokens, and the prompt in them. */
typedef struct sample_prompt {
    char *text; /* with a zero behind it */
    size_t bytes;
    int32_t *ids;
    int64_t count;               /* of ids */
    int64_t stops[SAMPLE_STOPS]; /* tokens that end a text */
    int stop_count;
} sample_prompt;

/* Read the prompt (`file` "-": standard input) and make tokens of it; what a model is always begun
 * with comes first. */
int sample_read_prompt(sample_prompt *out, inference_subject *subject,
                       const inference_options *options, const char *text, const char *file);
/* Find the tokens that end a text: of generation_config.json or config.json. */
int sample_find_stops(sample_prompt *out, const inference_subject *subject);
bool sample_is_stop(const sample_prompt *prompt, int32_t token);
/* The bytes that a token adds to a text: none if it is a special one. `byte` is where they are for
 * a model of bytes. */
const char *sample_bytes_of(size_t *count, const inference_subject *subject, int32_t token,
                            char *byte);
void sample_free_prompt(sample_prompt *prompt);

#endif
