/* SPDX-License-Identifier: MIT */
/* profile.c -- reading profiles: what layers cost and hold (docs/formats.md). */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/fields.h"
#include "runtime/io/json.h"
#include "runtime/io/link_costs.h"
#include "runtime/io/pipedream.h"
#include "runtime/io/profile_check.h"
#include "sluice/file.h"
#include "sluice/profile.h"

enum { VERSION = 1, WHERE = SLUICE__LINK_COSTS_WHERE, MAX_LAYERS = 1 << 20 };

static sluice_status copy_field(char **out, const json_t *object, const char *key,
                                const char *where) {
    const char *text;
    SLUICE__TRY(sluice__field_text(&text, object, key, where));
    return sluice__copy_text(out, text);
}

static sluice_status copy_field_if(char **out, const json_t *object, const char *key,
                                   const char *where) {
    return json_object_get(object, key) ? copy_field(out, object, key, where) : SLUICE_OK;
}

/* ---- tables ---- */

static sluice_status read_spread(sluice_profile_spread *out, json_t *spread, const char *of) {
    static const char *const known[] = {"forward_s", "input_s", "weight_s", "recompute_s", NULL};
    char where[WHERE + 48];
    (void)snprintf(where, sizeof where, "%s, the spread", of);
    SLUICE__TRY(sluice__fields_check(spread, known, where));
    SLUICE__TRY(sluice__field_number(&out->forward_s, spread, "forward_s", where));
    SLUICE__TRY(sluice__field_number(&out->input_s, spread, "input_s", where));
    SLUICE__TRY(sluice__field_number(&out->weight_s, spread, "weight_s", where));
    return sluice__field_number(&out->recompute_s, spread, "recompute_s", where);
}

/* What files may leave out. */
static sluice_status read_layer_options(sluice_profile_layer *out, const json_t *layer,
                                        const char *where) {
    json_t *const spread = json_object_get(layer, "spread");
    SLUICE__TRY(copy_field_if(&out->tie, layer, "tie", where));
    if (json_object_get(layer, "state_bytes"))
        SLUICE__TRY(sluice__field_bytes(&out->state_bytes, layer, "state_bytes", where));
    return spread ? read_spread(&out->spread, spread, where) : SLUICE_OK;
}

static sluice_status read_layer(sluice_profile_layer *out, json_t *layer, const char *where) {
    static const char *const known[] = {"name",
                                        "kind",
                                        "tie",
                                        "forward_s",
                                        "input_s",
                                        "weight_s",
                                        "recompute_s",
                                        "saved_bytes",
                                        "parameter_bytes",
                                        "input_to_weight_bytes",
                                        "scratch_bytes",
                                        "output_bytes",
                                        "parameters",
                                        "state_bytes",
                                        "spread",
                                        NULL};
    SLUICE__TRY(sluice__fields_check(layer, known, where));
    SLUICE__TRY(copy_field(&out->name, layer, "name", where));
    SLUICE__TRY(copy_field(&out->kind, layer, "kind", where));
    SLUICE__TRY(read_layer_options(out, layer, where));
    SLUICE__TRY(sluice__field_number(&out->forward_s, layer, "forward_s", where));
    SLUICE__TRY(sluice__field_number(&out->input_s, layer, "input_s", where));
    SLUICE__TRY(sluice__field_number(&out->weight_s, layer, "weight_s", where));
    SLUICE__TRY(sluice__field_number(&out->recompute_s, layer, "recompute_s", where));
    SLUICE__TRY(sluice__field_bytes(&out->parameter_bytes, layer, "parameter_bytes", where));
    SLUICE__TRY(sluice__field_bytes(&out->saved_bytes, layer, "saved_bytes", where));
    SLUICE__TRY(
        sluice__field_bytes(&out->input_to_weight_bytes, layer, "input_to_weight_bytes", where));
    SLUICE__TRY(sluice__field_bytes(&out->scratch_bytes, layer, "scratch_bytes", where));
    SLUICE__TRY(sluice__field_bytes(&out->output_bytes, layer, "output_bytes", where));
    SLUICE__TRY(sluice__field_count(&out->parameters, layer, "parameters", 0, where));
    if (out->parameters > (int64_t)1 << 40)
        return sluice__fail(SLUICE_E_PARSE, "%s: \"parameters\" is %lld, more than 2^40", where,
                            (long long)out->parameters);
    return SLUICE_OK;
}

static sluice_status read_table(sluice_profile_table *out, json_t *table, const char *where) {
    static const char *const known[] = {"microbatch", "layers", NULL};
    const json_t *layers;
    SLUICE__TRY(sluice__fields_check(table, known, where));
    SLUICE__TRY(sluice__field_count(&out->microbatch, table, "microbatch", 1, where));
    SLUICE__TRY(sluice__field_list(&layers, table, "layers", where));
    const size_t count = json_array_size(layers);
    if (count > MAX_LAYERS)
        return sluice__fail(SLUICE_E_PARSE, "%s has %zu layers, more than %d", where, count,
                            MAX_LAYERS);
    SLUICE__TRY(sluice__alloc(&out->layers, count, sizeof *out->layers));
    out->layer_count = (int)count;
    for (size_t l = 0; l < count; l++) {
        char layer[WHERE + 32];
        (void)snprintf(layer, sizeof layer, "%s, layer %zu", where, l);
        SLUICE__TRY(read_layer(&out->layers[l], json_array_get(layers, l), layer));
    }
    return SLUICE_OK;
}

static int compare_tables(const void *left, const void *right) {
    const sluice_profile_table *a = left, *b = right;
    return a->microbatch < b->microbatch ? -1 : a->microbatch > b->microbatch;
}

static bool texts_equal(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* All tables have the same layers, and different micro-batches. */
static sluice_status check_tables(const sluice_profile *profile, const char *name) {
    const sluice_profile_table *first = &profile->tables[0];
    for (int t = 1; t < profile->table_count; t++) {
        const sluice_profile_table *table = &profile->tables[t];
        const long long size              = (long long)table->microbatch;
        if (table->microbatch == table[-1].microbatch)
            return sluice__fail(SLUICE_E_PARSE, "%s has two tables of micro-batches of %lld", name,
                                size);
        if (table->layer_count != first->layer_count)
            return sluice__fail(SLUICE_E_PARSE,
                                "%s: the tables of micro-batches of %lld and %lld have %d and %d "
                                "layers",
                                name, (long long)first->microbatch, size, first->layer_count,
                                table->layer_count);
        for (int l = 0; l < table->layer_count; l++)
            if (!texts_equal(table->layers[l].name, first->layers[l].name) ||
                !texts_equal(table->layers[l].kind, first->layers[l].kind) ||
                !texts_equal(table->layers[l].tie, first->layers[l].tie))
                return sluice__fail(
                    SLUICE_E_PARSE,
                    "%s: layer %d differs between the tables of micro-batches of %lld and %lld",
                    name, l, size, (long long)first->microbatch);
    }
    return SLUICE_OK;
}

static sluice_status read_tables(sluice_profile *profile, const json_t *object, const char *name) {
    const json_t *tables;
    SLUICE__TRY(sluice__field_list(&tables, object, "tables", name));
    const size_t count = json_array_size(tables);
    if (count > MAX_LAYERS)
        return sluice__fail(SLUICE_E_PARSE, "%s has %zu tables, more than %d", name, count,
                            MAX_LAYERS);
    SLUICE__TRY(sluice__alloc(&profile->tables, count, sizeof *profile->tables));
    profile->table_count = (int)count;
    for (size_t t = 0; t < count; t++) {
        char where[WHERE];
        (void)snprintf(where, sizeof where, "%s, table %zu", name, t);
        SLUICE__TRY(read_table(&profile->tables[t], json_array_get(tables, t), where));
    }
    qsort(profile->tables, count, sizeof *profile->tables, compare_tables);
    return check_tables(profile, name);
}

/* ---- links ---- */

static sluice_status take_links(sluice_profile *profile, json_t *object, const char *name) {
    sluice__link_costs links = {0};
    SLUICE__TRY(sluice__link_costs_read(&links, object, name));
    profile->latency_s           = links.latency_s;
    profile->bytes_per_s         = links.bytes_per_s;
    profile->default_link_spread = links.spread;
    profile->link_count          = links.count;
    profile->links               = links.list;
    profile->link_spreads        = links.spreads;
    return SLUICE_OK;
}

/* ---- sums ---- */

/* Each time is finite; the sums that stages and ranks are made of have to be, too. */
sluice_status sluice__profile_check_sums(const sluice_profile *profile, const char *name) {
    for (int t = 0; t < profile->table_count; t++) {
        const sluice_profile_table *table = &profile->tables[t];
        double actions = 0, parameters = 0;
        for (int l = 0; l < table->layer_count; l++) {
            const sluice_profile_layer *layer = &table->layers[l];
            actions += layer->forward_s + layer->input_s + layer->weight_s + layer->recompute_s;
            parameters += (double)layer->parameters;
        }
        if (!isfinite(actions) || !isfinite(profile->update_s_per_parameter * parameters))
            return sluice__fail(SLUICE_E_PARSE,
                                "%s: the times of the %s for micro-batches of %lld add up to more "
                                "than %g, the largest number",
                                name, isfinite(actions) ? "updates" : "layers",
                                (long long)table->microbatch, DBL_MAX);
    }
    return SLUICE_OK;
}

/* ---- the whole ---- */

static sluice_status read_overlap(sluice_profile *profile, const json_t *object, const char *name) {
    if (!json_object_get(object, "overlap")) return SLUICE_OK; /* groups cost their sum */
    SLUICE__TRY(sluice__field_number(&profile->overlap, object, "overlap", name));
    if (profile->overlap > 0 && profile->overlap <= 1) return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE, "%s: \"overlap\" is %g; it is more than 0, and at most 1",
                        name, profile->overlap);
}

static sluice_status read_number_if(double *out, const json_t *object, const char *key,
                                    const char *name) {
    return json_object_get(object, key) ? sluice__field_number(out, object, key, name) : SLUICE_OK;
}

static sluice_status read_count_if(int64_t *out, const json_t *object, const char *key, int64_t max,
                                   const char *name) {
    int64_t count;
    if (!json_object_get(object, key)) return SLUICE_OK;
    SLUICE__TRY(sluice__field_count(&count, object, key, 1, name));
    if (count > max)
        return sluice__fail(SLUICE_E_PARSE, "%s: \"%s\" is %lld, more than %lld", name, key,
                            (long long)count, (long long)max);
    *out = count;
    return SLUICE_OK;
}

/* How it was measured: files may leave it out. */
static sluice_status read_circumstances(sluice_profile *profile, const json_t *object,
                                        const char *name) {
    enum { MAX_COUNT = 1 << 20 };
    int64_t threads = 0, ranks = 0;
    SLUICE__TRY(copy_field_if(&profile->model, object, "model", name));
    SLUICE__TRY(copy_field_if(&profile->precision, object, "precision", name));
    SLUICE__TRY(copy_field_if(&profile->optimizer, object, "optimizer", name));
    SLUICE__TRY(read_count_if(&profile->sequence, object, "sequence", (int64_t)1 << 40, name));
    SLUICE__TRY(read_count_if(&threads, object, "threads", MAX_COUNT, name));
    SLUICE__TRY(read_count_if(&ranks, object, "ranks", MAX_COUNT, name));
    profile->threads = (int)threads;
    profile->ranks   = (int)ranks;
    return read_number_if(&profile->update_spread_s_per_parameter, object,
                          "update_spread_s_per_parameter", name);
}

static sluice_status read_profile(sluice_profile *profile, json_t *object, const char *name) {
    static const char *const known[] = {"sluice_profile",
                                        "device",
                                        "model",
                                        "precision",
                                        "optimizer",
                                        "sequence",
                                        "threads",
                                        "ranks",
                                        "tables",
                                        "default_link",
                                        "links",
                                        "update_s_per_parameter",
                                        "update_spread_s_per_parameter",
                                        "overlap",
                                        NULL};
    int64_t version;
    SLUICE__TRY(sluice__field_count(&version, object, "sluice_profile", 1, name));
    if (version != VERSION)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "%s is a profile of version %lld, and this library reads version %d",
                            name, (long long)version, VERSION);
    SLUICE__TRY(sluice__fields_check(object, known, name));
    SLUICE__TRY(copy_field(&profile->device, object, "device", name));
    SLUICE__TRY(read_tables(profile, object, name));
    SLUICE__TRY(take_links(profile, object, name));
    SLUICE__TRY(read_circumstances(profile, object, name));
    SLUICE__TRY(read_overlap(profile, object, name));
    SLUICE__TRY(sluice__field_number(&profile->update_s_per_parameter, object,
                                     "update_s_per_parameter", name));
    return sluice__profile_check_sums(profile, name);
}

sluice_status sluice_profile_parse(sluice_profile **out, const char *text, size_t bytes,
                                   const char *name) {
    char quoted[WHERE - 64];
    json_t *object          = NULL;
    sluice_profile *profile = NULL;
    sluice_status status    = SLUICE_OK;
    (void)snprintf(quoted, sizeof quoted, "'%s'", name);
    if (sluice__is_pipedream(text, bytes)) return sluice__pipedream_parse(out, text, bytes, quoted);
    SLUICE__TRY(sluice__json_object(&object, text, bytes, quoted));
    SLUICE__TRY_OUT(sluice__alloc(&profile, 1, sizeof *profile));
    SLUICE__TRY_OUT(read_profile(profile, object, quoted));
    *out    = profile;
    profile = NULL;
out:
    sluice_profile_free(profile);
    json_decref(object);
    return status;
}

sluice_status sluice_profile_read(sluice_profile **out, const char *path) {
    char *text;
    size_t bytes;
    SLUICE__TRY(sluice_file_read(&text, &bytes, path));
    const sluice_status status = sluice_profile_parse(out, text, bytes, path);
    sluice__free(text);
    return status;
}

static void free_table(sluice_profile_table *table) {
    for (int l = 0; table->layers && l < table->layer_count; l++) {
        sluice__free(table->layers[l].name);
        sluice__free(table->layers[l].kind);
        sluice__free(table->layers[l].tie);
    }
    sluice__free(table->layers);
}

void sluice_profile_free(sluice_profile *profile) {
    if (!profile) return;
    for (int t = 0; profile->tables && t < profile->table_count; t++)
        free_table(&profile->tables[t]);
    sluice__free(profile->tables);
    sluice__free(profile->links);
    sluice__free(profile->link_spreads);
    sluice__free(profile->device);
    sluice__free(profile->model);
    sluice__free(profile->precision);
    sluice__free(profile->optimizer);
    sluice__free(profile);
}
