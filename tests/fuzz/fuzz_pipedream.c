/* SPDX-License-Identifier: MIT */
/*
 * fuzz_pipedream.c -- any bytes as the text of PipeDream's profiler. Oracle: an accepted one has
 * layers that hold something finite, whose names do not repeat, and prints as a profile that parses
 * to the same.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "runtime/io/pipedream.h"
#include "tests/fuzz/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_layer(const sluice_profile_layer *layer, const sluice_profile_layer *next) {
    if (strncmp(layer->name, "node", 4) != 0 || layer->kind[0] == '\0' ||
        !isfinite(layer->forward_s) || !isfinite(layer->input_s) || layer->forward_s < 0 ||
        layer->input_s < 0)
        oracle_fail("a layer that cannot be");
    if (next && strcmp(layer->name, next->name) == 0) oracle_fail("a layer twice");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    sluice_profile *profile = NULL;
    if (sluice__pipedream_parse(&profile, (const char *)data, bytes, "'fuzz'") != SLUICE_OK) {
        if (profile || sluice_last_error()->what[0] == '\0')
            oracle_fail("a refusal without a message");
        return 0;
    }
    const sluice_profile_table *const table = &profile->tables[0];
    for (int l = 0; l < table->layer_count; l++)
        check_layer(&table->layers[l], l > 0 ? &table->layers[l - 1] : NULL);
    if (table->layer_count > 0) oracle_print(profile);
    sluice_profile_free(profile);
    return 0;
}
