/* SPDX-License-Identifier: MIT */
/* llama_presets.c -- configurations of Llama, Mistral, Qwen 2 and Qwen 3 by name, as published; the
 * small ones are for training from scratch on bytes. */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/model/families/llama.h"

#define PLAIN(base)                                                                                \
    { base, SLUICE_ROTARY_SCALING_NONE, 0, 0, 0, 0 }
#define LLAMA3(factor)                                                                             \
    { 5e5F, SLUICE_ROTARY_SCALING_LLAMA3, factor, 1, 4, 8192 }

typedef struct preset {
    const char *name;
    sluice__llama own; /* a vocabulary of 0 is the caller's */
    int64_t bos, eos;
} preset;

/* Vocabulary, positions, width, hidden, blocks, heads, key/value heads, width of a head; epsilon;
 * rotary positions; tied, biases; tokens that begin and end a text. */
/* clang-format off */
static const preset presets[] = {
    {"llama-nano",   {0,      128,    64,   176,   4,  4,  2, 16,  1e-5F, PLAIN(1e4F), true,  false, false, false}, -1, -1},
    {"llama-mini",   {0,      256,    128,  352,   6,  4,  2, 32,  1e-5F, PLAIN(1e4F), true,  false, false, false}, -1, -1},
    {"llama-160m",   {32000,  2048,   768,  3072,  12, 12, 12, 64, 1e-6F, PLAIN(1e4F), false, false, false, false}, 1, 2},
    {"llama-1b",     {128256, 131072, 2048, 8192,  16, 32, 8, 64,  1e-5F, LLAMA3(32),  true,  false, false, false}, 128000, 128001},
    {"llama-3b",     {128256, 131072, 3072, 8192,  28, 24, 8, 128, 1e-5F, LLAMA3(32),  true,  false, false, false}, 128000, 128001},
    {"llama-8b",     {128256, 131072, 4096, 14336, 32, 32, 8, 128, 1e-5F, LLAMA3(8),   false, false, false, false}, 128000, 128001},
    {"mistral-7b",   {32768,  32768,  4096, 14336, 32, 32, 8, 128, 1e-5F, PLAIN(1e6F), false, false, false, false}, 1, 2},
    {"qwen2-0.5b",   {151936, 32768,  896,  4864,  24, 14, 2, 64,  1e-6F, PLAIN(1e6F), true,  true,  false, false}, 151643, 151643},
    {"qwen2-1.5b",   {151936, 131072, 1536, 8960,  28, 12, 2, 128, 1e-6F, PLAIN(1e6F), true,  true,  false, false}, 151643, 151643},
    {"qwen2-7b",     {152064, 131072, 3584, 18944, 28, 28, 4, 128, 1e-6F, PLAIN(1e6F), false, true,  false, false}, 151643, 151643},
    {"qwen3-0.6b",   {151936, 40960,  1024, 3072,  28, 16, 8, 128, 1e-6F, PLAIN(1e6F), true,  false, false, false}, 151643, 151645},
    {"qwen3-1.7b",   {151936, 40960,  2048, 6144,  28, 16, 8, 128, 1e-6F, PLAIN(1e6F), true,  false, false, false}, 151643, 151645},
    {"qwen3-4b",     {151936, 40960,  2560, 9728,  36, 32, 8, 128, 1e-6F, PLAIN(1e6F), true,  false, false, false}, 151643, 151645},
    {"qwen3-8b",     {151936, 40960,  4096, 12288, 36, 32, 8, 128, 1e-6F, PLAIN(1e6F), false, false, false, false}, 151643, 151645},
};
/* clang-format on */

const char *const sluice__llama_presets[]   = {"llama-nano", "llama-mini", "llama-160m", "llama-1b",
                                               "llama-3b",   "llama-8b",   NULL};
const char *const sluice__mistral_presets[] = {"mistral-7b", NULL};
const char *const sluice__qwen2_presets[]   = {"qwen2-0.5b", "qwen2-1.5b", "qwen2-7b", NULL};
const char *const sluice__qwen3_presets[]   = {"qwen3-0.6b", "qwen3-1.7b", "qwen3-4b", "qwen3-8b",
                                               NULL};

sluice_status sluice__llama_preset(sluice_model_config *out, const char *name, int64_t vocabulary) {
    for (size_t k = 0; k < sizeof presets / sizeof *presets; k++) {
        if (strcmp(presets[k].name, name) != 0) continue;
        sluice__llama own = presets[k].own;
        if (own.vocabulary == 0) own.vocabulary = vocabulary;
        if (own.vocabulary < 1)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "%s is given a vocabulary of %" PRId64 "; it must be at least 1",
                                name, vocabulary);
        sluice__llama_to_model_config(out, &own);
        out->bos_token = presets[k].bos;
        out->eos_token = presets[k].eos;
        return SLUICE_OK;
    }
    return sluice__refuse_preset(name, (const sluice_family *[]){out->family, NULL});
}
