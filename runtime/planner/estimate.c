/* SPDX-License-Identifier: MIT */
/* estimate.c -- the one place that estimates seconds from what layers describe: their FLOPs and
 * bytes at the rates of a kind of device. */
#include <math.h>

#include "runtime/base/error.h"
#include "sluice/plan.h"
#include "sluice/split_search.h"

static double seconds_of(const sluice_work *work, const sluice_device_rates *rates) {
    return fmax(work->flops / rates->flops_per_s, work->bytes / rates->bytes_per_s);
}

sluice_status sluice_model_estimate(sluice_profile_layer **out, const sluice_model *model,
                                    int64_t samples, sluice_precision precision,
                                    const sluice_device_rates *rates) {
    const int layers           = sluice_model_layer_count(model);
    sluice_profile_layer *rows = NULL;
    sluice_status status       = SLUICE_OK;
    SLUICE__TRY(sluice_model_rows(&rows, model, samples, precision));
    for (int l = 0; l < layers; l++) {
        sluice_layer_description layer;
        SLUICE__TRY_OUT(sluice_model_describe(&layer, model, l, samples, precision));
        rows[l].forward_s = rows[l].recompute_s = seconds_of(&layer.forward, rates);
        rows[l].input_s                         = seconds_of(&layer.input, rates);
        rows[l].weight_s                        = seconds_of(&layer.weight, rates);
    }
    *out = rows;
    rows = NULL;
out:
    sluice_model_rows_free(rows, layers);
    return status;
}
