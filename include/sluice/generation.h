/* SPDX-License-Identifier: MIT */
/*
 * generation.h -- text from a model, token by token: a sequence whose keys and values are kept, the
 * choice of the next token, and bytes that become characters.
 *
 *     sluice_model_for_generation(&model, &config, 1024);
 *     sluice_generation_options(&options, 4, 1024);           // then plan and open the pipeline
 *     sluice_generator_open(&generator, pipeline, model);
 *     sluice_generator_next(&token, generator, prompt, count, &sampling, 0);
 *     sluice_generator_next(&token, generator, &token, 1, &sampling, 1);      // and so on
 *
 * Tokens do not depend on ranks, threads and devices' memory: a prompt is cut at the same places
 * whatever they are, and the random numbers depend on the seed and the token's number alone.
 */
#ifndef SLUICE_GENERATION_H
#define SLUICE_GENERATION_H

#include <stddef.h>
#include <stdint.h>

#include "sluice/model.h"
#include "sluice/pipeline.h"
#include "sluice/status.h"

/* ---- the sequence ---- */

enum { SLUICE_PROMPT_TOKENS = 64 }; /* of a micro-batch while a prompt is read, at most */

/* What the options of a pipeline that generates must say: inference, a program for prompts of so
 * many micro-batches, for which the schedule "forward-only" is made, and one for single tokens.
 * `capacity` is the model's. */
SLUICE_API void sluice_generation_options(sluice_pipeline_options *options, int microbatches,
                                          int64_t capacity);

typedef struct sluice_generator sluice_generator;

/* Pipeline and model, one of sluice_model_for_generation(), must outlive it; a pipeline has one
 * generator at a time. Release with sluice_generator_close(). E_ARGUMENT, E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_generator_open(sluice_generator **out, sluice_pipeline *pipeline,
                                               const sluice_model *model);
SLUICE_API void sluice_generator_close(sluice_generator *generator); /* NULL is fine */

/*
 * The next tokens of the sequence, at least one, and the one that `chooser` takes to follow them
 * (pipeline.h); NULL: none, and `next` is not used. It is chosen on the rank that has the logits,
 * and comes from there with the ranks' reports.
 * E_ARGUMENT (more than the cache has room for, one that is not below the vocabulary: nothing is
 * added), and what sluice_pipeline_forward() returns: the pipeline then goes no further.
 */
SLUICE_API sluice_status sluice_generator_add(int32_t *next, sluice_generator *generator,
                                              const int32_t *tokens, int64_t count,
                                              const sluice_chooser *chooser);
SLUICE_API int64_t sluice_generator_vocabulary(const sluice_generator *generator);
SLUICE_API int64_t sluice_generator_tokens(const sluice_generator *generator); /* added so far */
SLUICE_API int64_t sluice_generator_capacity(const sluice_generator *generator);
/* Begin another sequence. */
SLUICE_API void sluice_generator_reset(sluice_generator *generator);

/* ---- the next token ---- */

typedef struct sluice_sampling {
    double temperature; /* logits are divided by it; 0: the most probable token */
    int64_t top_k;      /* only the k most probable tokens; 0: all */
    double top_p;       /* of those only the most probable that together have at least this share
                         * (Holtzman et al. 2020); 1: all */
    uint64_t seed;
} sluice_sampling;
/* One field a line, in the order of the struct: C++17 has no designated initializers. */
/* clang-format off */
#define SLUICE_SAMPLING_INIT      \
    {                             \
        /* temperature */ 1.0,    \
        /* top_k       */ 0,      \
        /* top_p       */ 1.0,    \
        /* seed        */ 1       \
    }
/* clang-format on */

/*
 * Token number `number` (from 0) of a text that is sampled: a function of the arguments alone. Of
 * tokens with the same logit the one with the smaller id counts as more probable.
 * E_ARGUMENT (a parameter out of range), E_NONFINITE (a logit is not a finite number),
 * E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_next_token(int32_t *out, const float *logits, int64_t count,
                                           const sluice_sampling *sampling, int64_t number);

/* sluice_generator_add() with such a choice. */
SLUICE_API sluice_status sluice_generator_next(int32_t *next, sluice_generator *generator,
                                               const int32_t *tokens, int64_t count,
                                               const sluice_sampling *sampling, int64_t number);

/* ---- bytes to characters ---- */

/* UTF-8 that comes in pieces, which may end within a character. Start from {0}. */
typedef struct sluice_utf8 {
    char held[4]; /* the begin of a character */
    int count;
} sluice_utf8;

/* Bytes that sluice_utf8_add() writes at most for `bytes` bytes: what is no character becomes
 * U+FFFD. */
#define SLUICE_UTF8_BYTES(bytes) (3 * ((size_t)(bytes) + 4))
/* Write the characters that are whole now to `out`, and return their bytes. What is invalid becomes
 * U+FFFD as Python's "replace" has it. */
SLUICE_API size_t sluice_utf8_add(char *out, sluice_utf8 *state, const char *bytes, size_t count);
/* The text is over: what is held is no character. */
SLUICE_API size_t sluice_utf8_end(char *out, sluice_utf8 *state);

#endif
