/* SPDX-License-Identifier: MIT */
/* rows_layout.c -- what layers are to a layout, by the names of their kinds. */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "sluice/plan.h"
#include "sluice/split_search.h"

static bool is_kind(const sluice_profile_layer *row, const sluice_layer_kind *kind) {
    return row->kind && strcmp(row->kind, kind->name) == 0;
}

sluice_status sluice_rows_layout(sluice_layout_layer *out, const sluice_profile_layer *rows,
                                 int layers) {
    const bool norm = layers >= 2 && is_kind(&rows[layers - 2], sluice_layer_layernorm());
    const int loss  = layers - (norm ? 2 : 1);
    for (int l = 0; l < layers; l++) {
        if (l >= loss)
            out[l] = (sluice_layout_layer){SLUICE_LAYOUT_PART_LOSS, l == loss};
        else if (is_kind(&rows[l], sluice_layer_embedding()))
            out[l] = (sluice_layout_layer){SLUICE_LAYOUT_PART_EMBEDDING, true};
        else if (is_kind(&rows[l], sluice_layer_attention()))
            out[l] = (sluice_layout_layer){SLUICE_LAYOUT_PART_BLOCK, true};
        else if (is_kind(&rows[l], sluice_layer_mlp()) && l > 0 &&
                 is_kind(&rows[l - 1], sluice_layer_attention()))
            out[l] = (sluice_layout_layer){SLUICE_LAYOUT_PART_BLOCK, false};
        else
            return sluice__hint(
                sluice__fail(SLUICE_E_ARGUMENT,
                             "layer %d ('%s') is neither an embedding nor part of a block, and a "
                             "layout has nothing else before its loss",
                             l, rows[l].name),
                "give the number of layers of each stage instead");
    }
    return SLUICE_OK;
}

sluice_status sluice_model_layout(sluice_layout_layer *out, const sluice_model *model) {
    sluice_profile_layer *rows;
    const int layers = sluice_model_layer_count(model);
    SLUICE__TRY(sluice_model_rows(&rows, model, 1, SLUICE_PRECISION_FP32));
    const sluice_status status = sluice_rows_layout(out, rows, layers);
    sluice_model_rows_free(rows, layers);
    return status;
}
