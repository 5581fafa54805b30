/* SPDX-License-Identifier: MIT */
/* profile_print.c -- a profile as JSON, and as a file: a layer a line, to be edited by hand. */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/json.h"
#include "runtime/io/link_costs.h"
#include "runtime/io/write.h"
#include "sluice/profile.h"

/* Add `value`, which is taken. */
static sluice_status add(sluice__text *text, const char *before, json_t *value) {
    char *line = NULL;
    sluice_status status =
        sluice__json_print(&line, value, JSON_ENCODE_ANY | SLUICE__COST_DIGITS, "a profile");
    if (status == SLUICE_OK) status = sluice__text_add(text, "%s%s", before, line);
    sluice__json_free(line);
    json_decref(value);
    return status;
}

static json_t *spread_of(const sluice_profile_spread *spread) {
    return json_pack("{s:f, s:f, s:f, s:f}", "forward_s", spread->forward_s, "input_s",
                     spread->input_s, "weight_s", spread->weight_s, "recompute_s",
                     spread->recompute_s);
}

static bool is_known(const sluice_profile_spread *spread) {
    return spread->forward_s > 0 || spread->input_s > 0 || spread->weight_s > 0 ||
           spread->recompute_s > 0;
}

static json_t *layer_of(const sluice_profile_layer *layer) {
    json_t *const to = json_pack(
        "{s:s, s:s, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I}", "name", layer->name, "kind",
        layer->kind, "forward_s", layer->forward_s, "input_s", layer->input_s, "weight_s",
        layer->weight_s, "recompute_s", layer->recompute_s, "parameter_bytes",
        (json_int_t)layer->parameter_bytes, "saved_bytes", (json_int_t)layer->saved_bytes,
        "input_to_weight_bytes", (json_int_t)layer->input_to_weight_bytes, "scratch_bytes",
        (json_int_t)layer->scratch_bytes, "output_bytes", (json_int_t)layer->output_bytes,
        "parameters", (json_int_t)layer->parameters);
    if (!to) return NULL;
    if (layer->tie) json_object_set_new(to, "tie", json_string(layer->tie));
    if (layer->state_bytes > 0)
        json_object_set_new(to, "state_bytes", json_integer((json_int_t)layer->state_bytes));
    if (is_known(&layer->spread)) json_object_set_new(to, "spread", spread_of(&layer->spread));
    return to;
}

static sluice_status add_table(sluice__text *text, const sluice_profile_table *table) {
    SLUICE__TRY(sluice__text_add(text, "{\"microbatch\": %lld, \"layers\": [",
                                 (long long)table->microbatch));
    for (int l = 0; l < table->layer_count; l++)
        SLUICE__TRY(add(text, l == 0 ? "\n   " : ",\n   ", layer_of(&table->layers[l])));
    return sluice__text_add(text, "]}");
}

static sluice_status add_word(sluice__text *text, const char *key, const char *word) {
    return word ? add(text, key, json_string(word)) : SLUICE_OK;
}

static sluice_status add_count(sluice__text *text, const char *key, int64_t count) {
    return count > 0 ? sluice__text_add(text, "%s%lld", key, (long long)count) : SLUICE_OK;
}

static sluice_status add_number(sluice__text *text, const char *key, double number) {
    return number > 0 ? add(text, key, json_real(number)) : SLUICE_OK;
}

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
    SLUICE__TRY(add(text, "{\"sluice_profile\": 1,\n \"device\": ", json_string(profile->device)));
    SLUICE__TRY(add_word(text, ",\n \"model\": ", profile->model));
    SLUICE__TRY(add_word(text, ",\n \"precision\": ", profile->precision));
    SLUICE__TRY(add_word(text, ",\n \"optimizer\": ", profile->optimizer));
    SLUICE__TRY(add_count(text, ",\n \"sequence\": ", profile->sequence));
    SLUICE__TRY(add_count(text, ",\n \"threads\": ", profile->threads));
    SLUICE__TRY(add_count(text, ",\n \"ranks\": ", profile->ranks));
    for (int t = 0; t < profile->table_count; t++) {
        SLUICE__TRY(sluice__text_add(text, t == 0 ? ",\n \"tables\": [\n  " : ",\n  "));
        SLUICE__TRY(add_table(text, &profile->tables[t]));
    }
    SLUICE__TRY(sluice__text_add(text, "]"));
    SLUICE__TRY(add_links(text, profile));
    SLUICE__TRY(add_number(text, ",\n \"overlap\": ", profile->overlap));
    SLUICE__TRY(add_number(
        text, ",\n \"update_spread_s_per_parameter\": ", profile->update_spread_s_per_parameter));
    SLUICE__TRY(
        add(text, ",\n \"update_s_per_parameter\": ", json_real(profile->update_s_per_parameter)));
    return sluice__text_add(text, "}\n");
}

sluice_status sluice_profile_print(char **out, const sluice_profile *profile) {
    sluice__text text          = {0};
    const sluice_status status = add_all(&text, profile);
    if (status == SLUICE_OK)
        *out = text.bytes;
    else
        sluice__free(text.bytes);
    return status;
}

sluice_status sluice_profile_write(const char *path, const sluice_profile *profile) {
    char *text = NULL;
    sluice__writer writer;
    SLUICE__TRY(sluice_profile_print(&text, profile));
    sluice_status status = sluice__write_begin(&writer, path);
    if (status == SLUICE_OK)
        status = sluice__write_end(&writer, sluice__write(&writer, text, strlen(text)));
    sluice__free(text);
    return status;
}
