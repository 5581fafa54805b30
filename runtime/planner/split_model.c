/* SPDX-License-Identifier: MIT */
/* split_model.c -- the split that balances the FLOPs of a model's stages. */
#include "runtime/base/error.h"
#include "sluice/plan.h"
#include "sluice/profile.h"

sluice_status sluice_split_from_model(sluice_split *out, const sluice_model *model, int stages,
                                      int64_t samples, int microbatches) {
    const int64_t largest      = (samples + microbatches - 1) / microbatches;
    sluice_profile_table table = {.layer_count = sluice_model_layer_count(model)};
    SLUICE__TRY(sluice_model_rows(&table.layers, model, largest, SLUICE_PRECISION_FP32));
    const sluice_status status = sluice_profile_split(out, &table, stages);
    sluice_model_rows_free(table.layers, table.layer_count);
    return status;
}
