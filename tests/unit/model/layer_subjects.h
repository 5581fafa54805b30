/* SPDX-License-Identifier: MIT */
/* layer_subjects.h -- layers with configurations and inputs of many kinds, compared with float64 in
 * test_layer.c. */
#ifndef SLUICE_TESTS_LAYER_SUBJECTS_H
#define SLUICE_TESTS_LAYER_SUBJECTS_H

#include "sluice/layer.h"

typedef struct subject {
    const char *name;
    const sluice_layer_kind *(*kind)(void);
    const void *config;
    sluice_shape input;
    int64_t tokens; /* integer inputs are below this */
} subject;

/* Of some of them, for test_layer_descriptions.c. */
extern const sluice_embedding_config layer_embedding, layer_words_only;
extern const sluice_attention_config layer_attention, layer_llama;
extern const sluice_layernorm_config layer_layernorm;
extern const sluice_classifier_config layer_classifier;
extern const sluice_linear_config layer_linear, layer_plain_linear;
extern const sluice_mlp_config layer_plain_mlp;
extern const sluice_embedding_config layer_llama_words;
extern const sluice_attention_config layer_llama_pieces, layer_qwen3;
extern const sluice_mlp_config layer_llama_mlp, layer_llama_gated;

extern const subject layer_subjects[];
extern const int layer_subject_count;

enum { LAYER_CLASSES = 13 }; /* of classifiers */

#endif
