/* SPDX-License-Identifier: MIT */
/* families.h -- what a family's file provides; families.c has the table. */
#ifndef SLUICE_MODEL_FAMILIES_H
#define SLUICE_MODEL_FAMILIES_H

#include "runtime/io/config_file.h"
#include "sluice/family.h"

/* Configurations passed in are of this family. Outputs have their family, and no dropout yet. */
typedef struct sluice__family {
    sluice_family about; /* first, so that a sluice_family can be cast back */
    const void *kind;    /* only the family's code reads them */
    /* `name` is one of about.presets. */
    sluice_status (*preset)(sluice_model_config *out, const char *name, int64_t vocabulary);
    sluice_status (*read)(sluice_model_config *out, const sluice__config_file *file);
    void (*write)(sluice__config_file *file, const sluice_model_config *config);
    sluice_model_numbers (*numbers)(const sluice_model_config *config);
    void (*summary)(char *out, size_t bytes, const sluice_model_config *config);
    void (*details)(char *out, size_t bytes, const sluice_model_config *config); /* NULL: none */
    /* Checks the configuration and the length. */
    sluice_status (*model)(sluice_model **out, const sluice_model_config *config, int64_t length);
    /* The same layers to generate with, and the capacity checked; NULL: it does not generate. */
    sluice_status (*generation)(sluice_model **out, const sluice_model_config *config,
                                int64_t capacity);
} sluice__family;

extern const sluice__family sluice__family_gpt2, sluice__family_llama, sluice__family_mistral,
    sluice__family_qwen2, sluice__family_qwen3;

/* E_ARGUMENT: no preset of `families` (ends with NULL) is called `name`; the hint lists them. */
sluice_status sluice__refuse_preset(const char *name, const sluice_family *const *families);

/* The last layer: a loss, or logits where the model generates. */
sluice_status sluice__add_head(sluice_model *model, const sluice_classifier_config *config,
                               bool generates);

#endif
