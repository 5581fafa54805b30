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
#include "runtime/io/mapped.h"
#include "sluice/profile.h"

enum { VERSION = 1, WHERE = 400, MAX_LAYERS = 1 << 20, MAX_RANK = 1 << 20 };

static sluice_status copy_field(char **out, const json_t *object, const char *key,
                                const char *where) {
    const char *text;
    SLUICE__TRY(sluice__field_text(&text, object, key, where));
    return sluice__copy_text(out, text);
}

static sluice_status read_bytes(size_t *out, const json_t *object, const char *key,
                                const char *where) {
    const int64_t max = (int64_t)1 << 40; /* so that sums over layers cannot overflow */
    int64_t bytes;
    SLUICE__TRY(sluice__field_count(&bytes, object, key, 0, where));
    if (bytes > max)
        return sluice__fail(SLUICE_E_PARSE, "%s: \"%s\" is %lld, more than 1 TiB", where, key,
                            (long long)bytes);
    *out = (size_t)bytes;
    return SLUICE_OK;
}

/* ---- tables ---- */

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
                                        NULL};
    SLUICE__TRY(sluice__fields_check(layer, known, where));
    SLUICE__TRY(copy_field(&out->name, layer, "name", where));
    SLUICE__TRY(copy_field(&out->kind, layer, "kind", where));
    if (json_object_get(layer, "tie")) SLUICE__TRY(copy_field(&out->tie, layer, "tie", where));
    SLUICE__TRY(sluice__field_number(&out->forward_s, layer, "forward_s", where));
    SLUICE__TRY(sluice__field_number(&out->input_s, layer, "input_s", where));
    SLUICE__TRY(sluice__field_number(&out->weight_s, layer, "weight_s", where));
    SLUICE__TRY(sluice__field_number(&out->recompute_s, layer, "recompute_s", where));
    SLUICE__TRY(read_bytes(&out->parameter_bytes, layer, "parameter_bytes", where));
    SLUICE__TRY(read_bytes(&out->saved_bytes, layer, "saved_bytes", where));
    SLUICE__TRY(read_bytes(&out->input_to_weight_bytes, layer, "input_to_weight_bytes", where));
    SLUICE__TRY(read_bytes(&out->scratch_bytes, layer, "scratch_bytes", where));
    SLUICE__TRY(read_bytes(&out->output_bytes, layer, "output_bytes", where));
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

static sluice_status read_speed(double *latency, double *bandwidth, const json_t *link,
                                const char *where) {
    SLUICE__TRY(sluice__field_number(latency, link, "latency_s", where));
    SLUICE__TRY(sluice__field_number(bandwidth, link, "bytes_per_s", where));
    if (*bandwidth > 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE, "%s: \"bytes_per_s\" is 0", where);
}

static sluice_status read_link(sluice_link_cost *out, json_t *link, const char *where) {
    static const char *const known[] = {"from", "to", "latency_s", "bytes_per_s", NULL};
    int64_t from, to;
    SLUICE__TRY(sluice__fields_check(link, known, where));
    SLUICE__TRY(sluice__field_count(&from, link, "from", 0, where));
    SLUICE__TRY(sluice__field_count(&to, link, "to", 0, where));
    if (from == to || from > MAX_RANK || to > MAX_RANK)
        return sluice__fail(SLUICE_E_PARSE, "%s goes from rank %lld to rank %lld", where,
                            (long long)from, (long long)to);
    out->from = (int)from;
    out->to   = (int)to;
    return read_speed(&out->latency, &out->bandwidth, link, where);
}

static sluice_status read_default_link(sluice_profile *profile, const json_t *object,
                                       const char *name) {
    static const char *const known[] = {"latency_s", "bytes_per_s", NULL};
    json_t *const link               = json_object_get(object, "default_link");
    char where[WHERE];
    if (!link) return SLUICE_OK; /* transfers are free */
    (void)snprintf(where, sizeof where, "%s, the default link", name);
    SLUICE__TRY(sluice__fields_check(link, known, where));
    return read_speed(&profile->latency_s, &profile->bytes_per_s, link, where);
}

static sluice_status read_links(sluice_profile *profile, const json_t *object, const char *name) {
    const json_t *links = json_object_get(object, "links");
    SLUICE__TRY(read_default_link(profile, object, name));
    if (!links) return SLUICE_OK;
    if (!json_is_array(links) || json_array_size(links) > MAX_LAYERS)
        return sluice__fail(SLUICE_E_PARSE, "%s: \"links\" is not a list of at most %d", name,
                            MAX_LAYERS);
    const size_t count = json_array_size(links);
    SLUICE__TRY(sluice__alloc(&profile->links, count, sizeof *profile->links));
    profile->link_count = (int)count;
    for (size_t l = 0; l < count; l++) {
        char where[WHERE];
        (void)snprintf(where, sizeof where, "%s, link %zu", name, l);
        SLUICE__TRY(read_link(&profile->links[l], json_array_get(links, l), where));
    }
    return SLUICE_OK;
}

/* ---- sums ---- */

/* Each time is finite; the sums that stages and ranks are made of have to be, too. */
static sluice_status check_sums(const sluice_profile *profile, const char *name) {
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

static sluice_status read_profile(sluice_profile *profile, json_t *object, const char *name) {
    static const char *const known[] = {"sluice_profile", "device", "tables",
                                        "default_link",   "links",  "update_s_per_parameter",
                                        "overlap",        NULL};
    int64_t version;
    SLUICE__TRY(sluice__field_count(&version, object, "sluice_profile", 1, name));
    if (version != VERSION)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "%s is a profile of version %lld, and this library reads version %d",
                            name, (long long)version, VERSION);
    SLUICE__TRY(sluice__fields_check(object, known, name));
    SLUICE__TRY(copy_field(&profile->device, object, "device", name));
    SLUICE__TRY(read_tables(profile, object, name));
    SLUICE__TRY(read_links(profile, object, name));
    SLUICE__TRY(read_overlap(profile, object, name));
    SLUICE__TRY(sluice__field_number(&profile->update_s_per_parameter, object,
                                     "update_s_per_parameter", name));
    return check_sums(profile, name);
}

sluice_status sluice_profile_parse(sluice_profile **out, const char *text, size_t bytes,
                                   const char *name) {
    char quoted[WHERE - 64];
    json_t *object          = NULL;
    sluice_profile *profile = NULL;
    sluice_status status    = SLUICE_OK;
    (void)snprintf(quoted, sizeof quoted, "'%s'", name);
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
    sluice__mapped file;
    SLUICE__TRY(sluice__map(&file, path));
    const sluice_status status =
        sluice_profile_parse(out, (const char *)file.bytes, file.size, path);
    sluice__unmap(&file);
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
    sluice__free(profile->device);
    sluice__free(profile);
}
