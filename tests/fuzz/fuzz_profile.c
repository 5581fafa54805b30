/* SPDX-License-Identifier: MIT */
/*
 * fuzz_profile.c -- any bytes as a profile. Oracle: in an accepted profile every number is finite
 * and not negative, tables ascend, a stage costs as much as its layers, and it prints as a profile
 * that parses to the same.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "sluice/profile.h"
#include "tests/fuzz/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static bool is_time(double value) {
    return isfinite(value) && value >= 0;
}

static void check_layer(const sluice_profile_layer *layer) {
    if (!layer->name || !layer->kind || !is_time(layer->forward_s) || !is_time(layer->input_s) ||
        !is_time(layer->weight_s) || !is_time(layer->recompute_s) || layer->parameters < 0)
        oracle_fail("a layer that cannot be");
}

/* A single stage costs as much as all layers. */
static void check_sum(const sluice_profile *profile, const sluice_profile_table *table) {
    const sluice_action f           = {SLUICE_ACTION_F, 0, 0, 0};
    const sluice_action *const list = &f;
    const int count                 = 1;
    sluice_schedule *schedule       = NULL;
    sluice_split *split             = malloc(sizeof *split);
    sluice_cost cost;
    sluice_stage_bytes held;
    double recompute, update;
    const sluice_profile_costs out = {&cost, &recompute, &held, &update};
    if (!split || sluice_schedule_from_lists(&schedule, "one", &list, &count, 1) != SLUICE_OK)
        oracle_fail("one stage");
    if (sluice_profile_split(split, table, 1) == SLUICE_OK) {
        if (sluice_profile_stages(&out, profile, table, split, schedule, 2) != SLUICE_OK)
            oracle_fail("its own split does not fit");
        double forward = 0;
        for (int l = 0; l < table->layer_count; l++) forward += table->layers[l].forward_s;
        if (fabs(forward - cost.forward) > 1e-9 * (1 + forward)) oracle_fail("a sum that is none");
    }
    sluice_schedule_free(schedule);
    free(split);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    sluice_profile *profile = NULL;
    if (sluice_profile_parse(&profile, (const char *)data, bytes, "fuzz") != SLUICE_OK) {
        if (profile || sluice_last_error()->what[0] == '\0')
            oracle_fail("a refusal without a message");
        return 0;
    }
    if (!is_time(profile->latency_s) || !is_time(profile->bytes_per_s) ||
        !is_time(profile->update_s_per_parameter) ||
        !(profile->overlap >= 0 && profile->overlap <= 1))
        oracle_fail("a link that cannot be");
    oracle_print(profile);
    for (int t = 0; t < profile->table_count; t++) {
        const sluice_profile_table *const table = &profile->tables[t];
        if (table->layer_count < 1 || (t > 0 && table->microbatch <= table[-1].microbatch))
            oracle_fail("tables that cannot be");
        for (int l = 0; l < table->layer_count; l++) check_layer(&table->layers[l]);
        check_sum(profile, table);
    }
    sluice_profile_free(profile);
    return 0;
}
