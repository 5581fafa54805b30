/* SPDX-License-Identifier: MIT */
/* gpt2.h -- the GPT-2 family (Radford et al. 2019), by its fields. */
#ifndef SLUICE_GPT2_H
#define SLUICE_GPT2_H

#include <stdbool.h>
#include <stdint.h>

#include "sluice/family.h"
#include "sluice/model.h"
#include "sluice/status.h"

typedef struct sluice_gpt_config {
    int64_t vocabulary, positions, width, layers, heads;
    bool tied;     /* the output head uses the token embedding */
    float dropout; /* rate after embedding, in attention probabilities and in both branches */
} sluice_gpt_config;

/*
 * The configuration called `name`: "gpt-nano", "gpt-mini", "gpt2-124m", "gpt2-350m", "gpt2-774m",
 * "gpt2-1.5b". `vocabulary` is used where the preset leaves it open (nano, mini).
 * E_ARGUMENT with the list of names.
 */
SLUICE_API sluice_status sluice_gpt_preset(sluice_gpt_config *out, const char *name,
                                           int64_t vocabulary);
/* A model on sequences of `length` tokens (<= positions). Layers: wte+wpe, then attention block and
 * MLP block per layer, the final layernorm, the head: 2 * layers + 3. Parameter names are
 * Hugging Face's ("transformer.h.0.attn.c_attn.weight"). */
SLUICE_API sluice_status sluice_gpt_model(sluice_model **out, const sluice_gpt_config *config,
                                          int64_t length);

/* Conversion to the configuration of any family, which is what files are read into and written
 * from; and back: E_ARGUMENT if it belongs to another family. */
SLUICE_API void sluice_gpt_to_model_config(sluice_model_config *out,
                                           const sluice_gpt_config *config);
SLUICE_API sluice_status sluice_gpt_from_model_config(sluice_gpt_config *out,
                                                      const sluice_model_config *config);

#endif
