/* SPDX-License-Identifier: MIT */
/*
 * family.h -- model families: from a preset's name or a config.json to a model.
 *
 * A family turns a configuration into layers and names. The library has a table of families; a
 * program that uses only this header can train any of them. Fields that only one family has are in
 * that family's header (gpt2.h).
 */
#ifndef SLUICE_FAMILY_H
#define SLUICE_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/model.h"
#include "sluice/status.h"
#include "sluice/tensor.h"

/* Lists end with NULL. */
typedef struct sluice_family {
    size_t size;
    const char *name; /* "gpt2": also the "model_type" of its config.json */
    const char *const *presets;
    /* Its files of weights: */
    const char *prefix;         /* names may come without it ("transformer.") */
    const char *const *ignored; /* tensors whose names end so hold nothing learned */
    const char *head;           /* a file of a tied model may have this tensor if it equals */
    const char *embedding;      /* this one */
} sluice_family;

/* All of them; NULL ends the list. */
SLUICE_API const sluice_family *const *sluice_families(void);

/* The usual initializer_range. */
#define SLUICE_INITIALIZER_RANGE 0.02

enum { SLUICE_MORE_EOS = 7 };

/* A configuration of one family: a plain value. */
typedef struct sluice_model_config {
    const sluice_family *family;
    float dropout; /* rate wherever the family drops; belongs to a run, so files give 0 */
    double initializer_range; /* standard deviation of initial weights; 0: the usual one */
    /* Ids of special tokens, which are kept for those who generate text; -1: none. */
    int64_t bos_token, eos_token, pad_token;
    int64_t
        more_eos[SLUICE_MORE_EOS]; /* further ones that end a text: as many as `more_eos_count` */
    int more_eos_count;
    sluice_type stored; /* of the weights in files that are written: F32 or BF16 */
    int64_t own[24];    /* only the family's code reads it */
} sluice_model_config;

/* The preset called `name`, of any family. `vocabulary` is used where the preset leaves it open.
 * E_ARGUMENT with the list of names. */
SLUICE_API sluice_status sluice_model_config_preset(sluice_model_config *out, const char *name,
                                                    int64_t vocabulary);
/* Hugging Face's config.json: "model_type" says which family reads it, GPT-2 where it is missing.
 * E_IO, E_PARSE (which key is missing or wrong), E_UNSUPPORTED (another type, a value that would
 * change the arithmetic, or a field that is not known). */
SLUICE_API sluice_status sluice_model_config_read(sluice_model_config *out, const char *path);
/* Dropout is written too. E_IO, E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_model_config_write(const char *path,
                                                   const sluice_model_config *config);

/* Numbers that every family has. */
typedef struct sluice_model_numbers {
    int64_t blocks, width, heads;
    int64_t vocabulary, positions; /* longest sequence */
    bool tied;                     /* the output head uses the token embedding */
} sluice_model_numbers;
SLUICE_API sluice_model_numbers sluice_model_config_numbers(const sluice_model_config *config);
/* "6 blocks, width 128, 4 heads, vocabulary 256", truncated to `bytes` including its NUL. */
SLUICE_API void sluice_model_config_summary(char *out, size_t bytes,
                                            const sluice_model_config *config);
/* What else tells two models of the family apart, though their parameters may have the same shapes:
 * ", norms with 1e-06, rotary base 10000"; truncated alike. Empty for GPT-2. */
SLUICE_API void sluice_model_config_details(char *out, size_t bytes,
                                            const sluice_model_config *config);

/* A model on sequences of `length` tokens. Release with sluice_model_free(). E_ARGUMENT,
 * E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_model_from_config(sluice_model **out,
                                                  const sluice_model_config *config,
                                                  int64_t length);

/* The same layers and parameters, to generate with: samples are single tokens of one sequence of at
 * most `capacity` tokens, which the model must have positions for; their keys and values are kept,
 * and the last layer is of the kind logits. For plans for inference. E_ARGUMENT, E_UNSUPPORTED (the
 * family does not generate), E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_model_for_generation(sluice_model **out,
                                                     const sluice_model_config *config,
                                                     int64_t capacity);

#endif
