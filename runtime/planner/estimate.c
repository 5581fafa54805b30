/* SPDX-License-Identifier: MIT */
/* estimate.c -- the one place that estimates seconds from what layers describe: their FLOPs and
 * bytes at the rates of a kind of device. */
#include <math.h>
#include <string.h>

#include "runtime/base/error.h"
#include "sluice/plan.h"
#include "sluice/split_search.h"

/* What products of the sizes of layers reach, not what data sheets promise: one core with AVX2, one
 * GPU of the H100's class. Only ratios matter for a split. */
static const struct {
    const char *kind;
    double flops[SLUICE_PRECISIONS]; /* fp32, tf32, bf16 */
    sluice_device_rates rates;
} table[] = {
    {"cpu", {80e9, 80e9, 80e9}, {0, 10e9, 5e-6, 5e9, 10e9}},
    {"cuda", {40e12, 300e12, 600e12}, {0, 2.5e12, 10e-6, 100e9, 2.5e12}},
};
enum { KINDS = sizeof table / sizeof *table };

sluice_status sluice_device_rates_of(sluice_device_rates *out, const char *device,
                                     sluice_precision precision) {
    const size_t length = strcspn(device, ":"); /* "cuda:0,1" */
    for (size_t k = 0; k < KINDS; k++) {
        if (strlen(table[k].kind) != length || strncmp(table[k].kind, device, length) != 0)
            continue;
        *out             = table[k].rates;
        out->flops_per_s = table[k].flops[precision];
        return SLUICE_OK;
    }
    return sluice__hint(
        sluice__fail(SLUICE_E_ARGUMENT, "no rates are known for a device of the kind '%s'", device),
        "estimates are for: cpu cuda");
}

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
