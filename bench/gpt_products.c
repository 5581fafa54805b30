/* SPDX-License-Identifier: MIT */
/* gpt_products.c -- what a step of a GPT or a Llama consists of. */
#include "gpt_products.h"

#include "bench.h"
#include "runtime/device/blocks.h"

void list_products(product list[LAYERS], const sluice_gpt_config *config, llama_widths llama,
                   int64_t rows) {
    const int64_t w = config->width, slab = sluice__slab_rows(rows);
    const int64_t keys              = llama.kv_heads > 0 ? w / config->heads * llama.kv_heads : w;
    const int64_t inner             = llama.kv_heads > 0 ? llama.hidden : 4 * w;
    const int64_t first             = llama.kv_heads > 0 ? 2 * inner : inner; /* gates too */
    const int64_t sides[][2]        = {{w, w + 2 * keys}, {w, w}, {w, first}, {inner, w}};
    static const char *const what[] = {"attention, in", "attention, out", "MLP, in", "MLP, out"};
    for (int k = 0; k < LAYERS - 1; k++) {
        list[k] = (product){.name = what[k], .times = (int)config->layers};
        for (int a = 0; a < BENCH_ACTIONS; a++)
            list[k].action[a] = bench_linear((bench_action)a, rows, sides[k][0], sides[k][1]);
    }
    list[LAYERS - 1] = (product){.name = "head, a slab", .times = (int)sluice__blocks(rows, slab)};
    for (int a = 0; a < BENCH_ACTIONS; a++)
        list[LAYERS - 1].action[a] = bench_head((bench_action)a, slab, w, config->vocabulary);
}

double step_flops(const sluice_model *model, int64_t samples, int microbatches) {
    double flops = 0;
    for (int l = 0; l < sluice_model_layer_count(model); l++) {
        sluice_layer_description layer;
        bench_check(
            sluice_model_describe(&layer, model, l, samples / microbatches, SLUICE_PRECISION_FP32));
        flops += layer.forward.flops + layer.input.flops + layer.weight.flops;
    }
    return flops * microbatches;
}

sluice_status load_tokens(void *context, void *to, int64_t first, int64_t samples) {
    const random_tokens *const of = context;
    for (int64_t k = 0; k < samples * of->length; k++) {
        const uint32_t hashed = (uint32_t)(first * of->length + k) * 2654435761U;
        ((int32_t *)to)[k]    = (int32_t)((int64_t)(hashed >> 4) % of->vocabulary);
    }
    return SLUICE_OK;
}
