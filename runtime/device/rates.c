/* SPDX-License-Identifier: MIT */
/* rates.c -- the one table of what kinds of devices do in a second, for estimates without them. */
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "sluice/device.h"

/* What products of the sizes of layers reach, not what data sheets promise: one core with AVX2, one
 * GPU of the H100's class. Only ratios matter for a split. */
typedef struct row {
    const char *kind;
    double flops[SLUICE_PRECISIONS]; /* fp32, tf32, bf16 */
    double bytes_per_s, latency_s, link_bytes_per_s;
    double serial; /* share of a thread's time that more threads do not shorten; 1: none compute */
} row;

/* Two threads of a rank took gpt-mini through a step 1.93 times as fast as one, on two quiet cores.
 */
static const row table[] = {
    {"cpu", {80e9, 80e9, 80e9}, 10e9, 5e-6, 5e9, 0.04},
    {"cuda", {40e12, 300e12, 600e12}, 2.5e12, 10e-6, 100e9, 1},
};
enum { KINDS = sizeof table / sizeof *table };

const char *sluice_device_rates_kind(int index) {
    return index < KINDS ? table[index].kind : NULL;
}

static sluice_status find(const row **out, const char *device) {
    const size_t length = strcspn(device, ":"); /* in front of which of them */
    char names[64]      = "";
    for (size_t k = 0; k < KINDS; k++) {
        *out = &table[k];
        if (strlen(table[k].kind) == length && strncmp(table[k].kind, device, length) == 0)
            return SLUICE_OK;
        sluice__add_name(names, sizeof names, " ", table[k].kind);
    }
    sluice__fail(SLUICE_E_ARGUMENT, "no rates are known for a device of the kind '%s'", device);
    return sluice__hint(SLUICE_E_ARGUMENT, "choose one of: %s", names);
}

sluice_status sluice_device_rates_of(sluice_device_rates *out, const char *device,
                                     sluice_precision precision) {
    const row *found;
    if ((int)precision < 0 || (int)precision >= SLUICE_PRECISIONS)
        return sluice__fail(SLUICE_E_UNSUPPORTED, "precision %d does not exist", (int)precision);
    SLUICE__TRY(find(&found, device));
    *out = (sluice_device_rates){found->flops[precision], found->bytes_per_s, found->latency_s,
                                 found->link_bytes_per_s};
    return SLUICE_OK;
}

sluice_status sluice_device_speedup(double *out, const char *device, int threads) {
    const row *found;
    SLUICE__TRY(find(&found, device));
    *out = threads > 1 ? 1 / (found->serial + (1 - found->serial) / threads) : 1;
    return SLUICE_OK;
}
