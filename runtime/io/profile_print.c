/* SPDX-License-Identifier: MIT */
/* profile_print.c -- a profile as JSON, and as a file: a layer a line, to be edited by hand. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/json.h"
#include "runtime/io/link_costs.h"
#include "runtime/io/write.h"
#include "sluice/profile.h"

/* ---- layers ---- */

static bool is_known(const sluice_profile_spread *spread) {
    return spread->forward_s > 0 || spread->input_s > 0 || spread->weight_s > 0 ||
           spread->recompute_s > 0;
}

static sluice_status add_times(sluice__text *text, const char *first, double forward, double input,
                               double weight, double recompute) {
    SLUICE__TRY(sluice__json_add_number(text, first, forward));
    SLUICE__TRY(sluice__json_add_number(text, ", \"input_s\": ", input));
    SLUICE__TRY(sluice__json_add_number(text, ", \"weight_s\": ", weight));
    return sluice__json_add_number(text, ", \"recompute_s\": ", recompute);
}

static sluice_status add_sizes(sluice__text *text, const sluice_profile_layer *layer) {
    return sluice__text_add(text,
                            ", \"parameter_bytes\": %zu, \"saved_bytes\": %zu, "
                            "\"input_to_weight_bytes\": %zu, \"scratch_bytes\": %zu, "
                            "\"output_bytes\": %zu, \"parameters\": %lld",
                            layer->parameter_bytes, layer->saved_bytes,
                            layer->input_to_weight_bytes, layer->scratch_bytes, layer->output_bytes,
                            (long long)layer->parameters);
}

static sluice_status add_layer(sluice__text *text, const sluice_profile_layer *layer) {
    const sluice_profile_spread *const spread = &layer->spread;
    SLUICE__TRY(sluice__json_add_text(text, "{\"name\": ", layer->name));
    SLUICE__TRY(sluice__json_add_text(text, ", \"kind\": ", layer->kind));
    if (layer->tie) SLUICE__TRY(sluice__json_add_text(text, ", \"tie\": ", layer->tie));
    SLUICE__TRY(add_times(text, ", \"forward_s\": ", layer->forward_s, layer->input_s,
                          layer->weight_s, layer->recompute_s));
    SLUICE__TRY(add_sizes(text, layer));
    if (layer->state_bytes > 0)
        SLUICE__TRY(sluice__text_add(text, ", \"state_bytes\": %zu", layer->state_bytes));
    if (is_known(spread)) {
        SLUICE__TRY(add_times(text, ", \"spread\": {\"forward_s\": ", spread->forward_s,
                              spread->input_s, spread->weight_s, spread->recompute_s));
        SLUICE__TRY(sluice__text_add(text, "}"));
    }
    return sluice__text_add(text, "}");
}

static sluice_status add_table(sluice__text *text, const sluice_profile_table *table) {
    SLUICE__TRY(sluice__text_add(text, "{\"microbatch\": %lld, \"layers\": [",
                                 (long long)table->microbatch));
    for (int l = 0; l < table->layer_count; l++) {
        SLUICE__TRY(sluice__text_add(text, l == 0 ? "\n   " : ",\n   "));
        SLUICE__TRY(add_layer(text, &table->layers[l]));
    }
    return sluice__text_add(text, "]}");
}

/* ---- the whole ---- */

static sluice_status add_links(sluice__text *text, const sluice_profile *profile) {
    const sluice__link_costs links = {
        .has_default = profile->bytes_per_s > 0,
        .latency_s   = profile->latency_s,
        .bytes_per_s = profile->bytes_per_s,
        .spread      = profile->default_link_spread,
        .count       = profile->link_count,
        .list        = profile->links,
        .spreads     = profile->link_spreads,
    };
    return sluice__link_costs_print(text, &links);
}

static sluice_status add_all(sluice__text *text, const sluice_profile *profile) {
    SLUICE__TRY(
        sluice__json_add_text(text, "{\"sluice_profile\": 1,\n \"device\": ", profile->device));
    SLUICE__TRY(sluice__json_add_known_text(text, ",\n \"model\": ", profile->model));
    SLUICE__TRY(sluice__json_add_known_text(text, ",\n \"precision\": ", profile->precision));
    SLUICE__TRY(sluice__json_add_known_text(text, ",\n \"optimizer\": ", profile->optimizer));
    SLUICE__TRY(sluice__json_add_known_count(text, ",\n \"sequence\": ", profile->sequence));
    SLUICE__TRY(sluice__json_add_known_count(text, ",\n \"threads\": ", profile->threads));
    SLUICE__TRY(sluice__json_add_known_count(text, ",\n \"ranks\": ", profile->ranks));
    for (int t = 0; t < profile->table_count; t++) {
        SLUICE__TRY(sluice__text_add(text, t == 0 ? ",\n \"tables\": [\n  " : ",\n  "));
        SLUICE__TRY(add_table(text, &profile->tables[t]));
    }
    SLUICE__TRY(sluice__text_add(text, "]"));
    SLUICE__TRY(add_links(text, profile));
    SLUICE__TRY(sluice__json_add_known_number(text, ",\n \"overlap\": ", profile->overlap));
    SLUICE__TRY(sluice__json_add_known_number(
        text, ",\n \"update_spread_s_per_parameter\": ", profile->update_spread_s_per_parameter));
    SLUICE__TRY(sluice__json_add_number(
        text, ",\n \"update_s_per_parameter\": ", profile->update_s_per_parameter));
    return sluice__text_add(text, "}\n");
}

sluice_status sluice_profile_print(char **out, const sluice_profile *profile) {
    sluice__text text = {0};
    return sluice__text_take(out, &text, add_all(&text, profile));
}

sluice_status sluice_profile_write(const char *path, const sluice_profile *profile) {
    char *text = NULL;
    SLUICE__TRY(sluice_profile_print(&text, profile));
    const sluice_status status = sluice__write_text(path, text);
    sluice__free(text);
    return status;
}
