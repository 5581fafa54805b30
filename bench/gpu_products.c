/* SPDX-License-Identifier: MIT */
/* gpu_products.c -- what is trained on a card, and the matrix products in it. */
#include "gpu_products.h"

#include "bench.h"
#include "runtime/device/blocks.h"

sluice_gpt_config model_config(const setting *on) {
    sluice_gpt_config config;
    bench_check(sluice_gpt_preset(&config, on->preset, 256));
    return config;
}

sluice_model *make_model(const setting *on) {
    const sluice_gpt_config config = model_config(on);
    sluice_model *model            = NULL;
    bench_check(sluice_gpt_model(&model, &config, on->length));
    return model;
}

void list_products(product list[LAYERS], const setting *on) {
    const sluice_gpt_config c = model_config(on);
    const int64_t rows = on->samples / on->microbatches * on->length, w = c.width;
    const int64_t slab              = sluice__slab_rows(rows);
    const int64_t sides[][2]        = {{w, 3 * w}, {w, w}, {w, 4 * w}, {4 * w, w}};
    static const char *const what[] = {"attention, in", "attention, out", "MLP, in", "MLP, out"};
    for (int k = 0; k < LAYERS - 1; k++) {
        list[k] = (product){.name = what[k], .times = (int)c.layers};
        for (int a = 0; a < BENCH_ACTIONS; a++)
            list[k].action[a] = bench_linear((bench_action)a, rows, sides[k][0], sides[k][1]);
    }
    list[LAYERS - 1] = (product){.name = "head, a slab", .times = (int)((rows + slab - 1) / slab)};
    for (int a = 0; a < BENCH_ACTIONS; a++)
        list[LAYERS - 1].action[a] = bench_head((bench_action)a, slab, w, c.vocabulary);
}

double step_flops(const setting *on) {
    sluice_model *const model = make_model(on);
    double flops              = 0;
    for (int l = 0; l < sluice_model_layer_count(model); l++) {
        sluice_layer_description layer;
        bench_check(sluice_model_describe(&layer, model, l, on->samples / on->microbatches,
                                          SLUICE_PRECISION_FP32));
        flops += layer.forward.flops + layer.input.flops + layer.weight.flops;
    }
    sluice_model_free(model);
    return flops * on->microbatches;
}
