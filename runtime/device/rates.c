/* SPDX-License-Identifier: MIT */
/* rates.c -- the one table of what kinds of devices do in a second, for estimates without them. */
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "sluice/device.h"

/* What products of the sizes of layers reach, not what data sheets promise: one core with AVX2, one
 * GPU of the H100's class. Only ratios matter for a split. */
static const struct {
    const char *kind;
    double flops[SLUICE_PRECISIONS]; /* fp32, tf32, bf16 */
    double bytes_per_s, latency_s, link_bytes_per_s;
} table[] = {
    {"cpu", {80e9, 80e9, 80e9}, 10e9, 5e-6, 5e9},
    {"cuda", {40e12, 300e12, 600e12}, 2.5e12, 10e-6, 100e9},
};
enum { KINDS = sizeof table / sizeof *table };

const char *sluice_device_rates_kind(int index) {
    return index < KINDS ? table[index].kind : NULL;
}

sluice_status sluice_device_rates_of(sluice_device_rates *out, const char *device,
                                     sluice_precision precision) {
    const size_t length = strcspn(device, ":"); /* in front of which of them */
    if ((int)precision < 0 || (int)precision >= SLUICE_PRECISIONS)
        return sluice__fail(SLUICE_E_UNSUPPORTED, "precision %d does not exist", (int)precision);
    for (size_t k = 0; k < KINDS; k++) {
        if (strlen(table[k].kind) != length || strncmp(table[k].kind, device, length) != 0)
            continue;
        *out = (sluice_device_rates){table[k].flops[precision], table[k].bytes_per_s,
                                     table[k].latency_s, table[k].link_bytes_per_s};
        return SLUICE_OK;
    }
    char names[64] = "";
    for (size_t k = 0; k < KINDS; k++) sluice__add_name(names, sizeof names, " ", table[k].kind);
    sluice__fail(SLUICE_E_ARGUMENT, "no rates are known for a device of the kind '%s'", device);
    return sluice__hint(SLUICE_E_ARGUMENT, "choose one of: %s", names);
}
