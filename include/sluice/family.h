/* SPDX-License-Identifier: MIT */
/*
 * family.h -- model families: from a preset's name or a config.json to a model.
 *
 * A family turns a configuration into layers and names. The library has a table of them; a program
 * that asks this header only trains any of them. What is one family's own is in its header
 * (gpt2.h).
 */
#ifndef SLUICE_FAMILY_H
#define SLUICE_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/model.h"
#include "sluice/status.h"

/* Lists end with NULL. */
typedef struct sluice_family {
    size_t size;
    const char *name; /* "gpt2": also the "model_type" of its config.json */
    const char *const *presets;
    /* Of its files with weights: */
    const char *prefix;         /* names may lack it ("transformer.") */
    const char *const *ignored; /* tensors whose names end so carry nothing that is learned */
    const char *head;           /* where it is tied, a file may have this one too if it equals */
    const char *embedding;      /* this one */
} sluice_family;

/* All there are; ends with NULL. */
SLUICE_API const sluice_family *const *sluice_families(void);

/* A configuration of one family: a plain value. */
typedef struct sluice_model_config {
    const sluice_family *family;
    float dropout;   /* rate at the family's places; that of a run, no file says it: 0 */
    int64_t own[24]; /* known to the family's code only */
} sluice_model_config;

/* The configuration called `name`, of whichever family has it. `vocabulary` is used where the
 * preset leaves that open. E_ARGUMENT with the list of names. */
SLUICE_API sluice_status sluice_model_config_preset(sluice_model_config *out, const char *name,
                                                    int64_t vocabulary);
/* Hugging Face's config.json: "model_type" says which family reads it, GPT-2 where that is missing.
 * E_IO, E_PARSE (which key is missing or wrong), E_UNSUPPORTED (another type, or a value that
 * changes the arithmetic into one that is not computed here). */
SLUICE_API sluice_status sluice_model_config_read(sluice_model_config *out, const char *path);
/* Dropout is written. E_IO, E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_model_config_write(const char *path,
                                                   const sluice_model_config *config);

/* What every family has a number for. */
typedef struct sluice_model_numbers {
    int64_t blocks, width, heads;
    int64_t vocabulary, positions; /* of a sequence: at most */
    bool tied;                     /* the output head uses the token embedding */
} sluice_model_numbers;
SLUICE_API sluice_model_numbers sluice_model_config_numbers(const sluice_model_config *config);
/* "6 blocks, width 128, 4 heads, vocabulary 256", cut to `bytes` with its zero. */
SLUICE_API void sluice_model_config_summary(char *out, size_t bytes,
                                            const sluice_model_config *config);

/* A model on sequences of `length` tokens. Release with sluice_model_free(). E_ARGUMENT,
 * E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_model_from_config(sluice_model **out,
                                                  const sluice_model_config *config,
                                                  int64_t length);

#endif
