/* SPDX-License-Identifier: MIT */
/*
 * llama.h -- the configuration that Llama, Mistral, Qwen 2 and Qwen 3 share, and what tells the
 * four apart.
 *
 *   llama.c          the four families, and the layers of their models
 *   llama_presets.c  configurations by name
 *   llama_fields.c   config.json
 *   llama_rotary.c   the fields of rotary positions in it
 */
#ifndef SLUICE_MODEL_LLAMA_H
#define SLUICE_MODEL_LLAMA_H

#include "runtime/model/families/families.h"
#include "runtime/model/families/hub_fields.h"

typedef struct sluice__llama {
    int64_t vocabulary, positions, width, hidden, layers, heads, kv_heads, head_width;
    float epsilon; /* of the norms */
    sluice_rotary_frequencies rotary;
    bool tied, has_qkv_bias, has_projection_bias, has_mlp_bias;
} sluice__llama;

/* What tells one family from the others. */
typedef struct sluice__llama_kind {
    const char *architecture;     /* "LlamaForCausalLM" */
    int64_t kv_heads, head_width; /* where config.json is silent; 0: heads, width / heads */
    bool has_qkv_bias;            /* always */
    bool may_have_attention_bias; /* "attention_bias": of q, k, v and the projection */
    bool may_have_mlp_bias;       /* "mlp_bias" */
    bool has_head_norm;           /* norms of q and k */
    bool writes_window;           /* "sliding_window": null */
    bool writes_use_window;       /* "use_sliding_window": false */
    int64_t window;               /* where config.json is silent; 0: none */
    sluice__family_fields fields; /* of config.json */
} sluice__llama_kind;

const sluice__llama_kind *sluice__llama_kind_of(const sluice_model_config *config);
/* `out` has its family. */
void sluice__llama_to_model_config(sluice_model_config *out, const sluice__llama *own);
sluice__llama sluice__llama_own(const sluice_model_config *config);

/* ---- presets ---- */

extern const char *const sluice__llama_presets[], *const sluice__mistral_presets[],
                                                      *const sluice__qwen2_presets[],
                                                          *const sluice__qwen3_presets[];
sluice_status sluice__llama_preset(sluice_model_config *out, const char *name, int64_t vocabulary);

/* ---- config.json ---- */

extern const sluice__llama_kind sluice__llama_own_kind, sluice__mistral_own_kind,
    sluice__qwen2_own_kind, sluice__qwen3_own_kind;
sluice_status sluice__llama_read(sluice_model_config *out, const sluice__config_file *file);
void sluice__llama_write(sluice__config_file *file, const sluice_model_config *config);

/* `own` has its positions. E_PARSE, E_UNSUPPORTED. */
sluice_status sluice__read_rotary(sluice__llama *own, const sluice__config_file *file);
/* ", rotary base 10000", and the scaling. */
void sluice__rotary_details(char *out, size_t bytes, const sluice_rotary_frequencies *rotary);
void sluice__write_rotary(sluice__config_file *file, const sluice__llama *own);

#endif
