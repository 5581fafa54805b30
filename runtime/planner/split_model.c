/* SPDX-License-Identifier: MIT */
/* split_model.c -- the split that balances the FLOPs of a model's stages. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "sluice/plan.h"

sluice_status sluice_split_from_model(sluice_split *out, const sluice_model *model, int stages,
                                      int64_t samples, int microbatches) {
    const int layers      = sluice_model_layer_count(model);
    const int64_t largest = (samples + microbatches - 1) / microbatches;
    sluice_cost *costs;
    SLUICE__TRY(sluice__alloc(&costs, (size_t)layers, sizeof *costs));
    sluice_status status = SLUICE_OK;
    for (int l = 0; l < layers; l++) {
        sluice_layer_description layer;
        SLUICE__TRY_OUT(sluice_model_describe(&layer, model, l, largest, SLUICE_PRECISION_FP32));
        costs[l] = (sluice_cost){layer.forward.flops, layer.input.flops, layer.weight.flops};
    }
    status = sluice_split_minmax(out, costs, layers, stages);
out:
    sluice__free(costs);
    return status;
}
