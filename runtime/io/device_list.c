/* SPDX-License-Identifier: MIT */
/* device_list.c -- reading and printing lists of devices (docs/formats.md). */
#include "sluice/device_list.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/fields.h"
#include "runtime/io/json.h"
#include "runtime/io/link_costs.h"
#include "sluice/file.h"

enum { VERSION = 1, WHERE = SLUICE__LINK_COSTS_WHERE, MAX_RANKS = SLUICE_MAX_STAGES };
static const int64_t max_memory = (int64_t)1 << 50;

/* ---- ranks ---- */

/* The path that a list in file `name` means by `path`. */
static sluice_status resolve(char **out, const char *path, const char *name) {
    const char *const slash = strrchr(name, '/');
    const size_t folder     = slash && path[0] != '/' ? (size_t)(slash - name) + 1 : 0;
    const size_t bytes      = strlen(path) + 1;
    char *text;
    SLUICE__TRY(sluice__alloc(&text, folder + bytes, 1));
    memcpy(text, name, folder);
    memcpy(text + folder, path, bytes);
    *out = text;
    return SLUICE_OK;
}

static sluice_status read_memory(size_t *out, const json_t *rank, const char *where) {
    int64_t bytes = 0;
    if (!json_object_get(rank, "memory_bytes")) return SLUICE_OK;
    SLUICE__TRY(sluice__field_count(&bytes, rank, "memory_bytes", 1, where));
    if (bytes > max_memory)
        return sluice__fail(SLUICE_E_PARSE, "%s: \"memory_bytes\" is %lld, more than 1 PiB", where,
                            (long long)bytes);
    *out = (size_t)bytes;
    return SLUICE_OK;
}

static sluice_status read_rank(sluice_device_list_rank *out, json_t *rank, const char *where,
                               const char *name) {
    static const char *const known[] = {"name", "profile", "memory_bytes", NULL};
    const char *text                 = NULL;
    SLUICE__TRY(sluice__fields_check(rank, known, where));
    SLUICE__TRY(sluice__field_text(&text, rank, "name", where));
    SLUICE__TRY(sluice__copy_text(&out->name, text));
    SLUICE__TRY(read_memory(&out->memory_bytes, rank, where));
    if (!json_object_get(rank, "profile")) return SLUICE_OK;
    SLUICE__TRY(sluice__field_text(&text, rank, "profile", where));
    if (text[0] == '\0')
        return sluice__fail(SLUICE_E_PARSE, "%s: \"profile\" is an empty path", where);
    return resolve(&out->profile, text, name);
}

static sluice_status read_ranks(sluice_device_list *list, const json_t *object, const char *quoted,
                                const char *name) {
    const json_t *ranks;
    SLUICE__TRY(sluice__field_list(&ranks, object, "ranks", quoted));
    const size_t count = json_array_size(ranks);
    if (count > MAX_RANKS)
        return sluice__fail(SLUICE_E_PARSE, "%s has %zu ranks, more than %d", quoted, count,
                            MAX_RANKS);
    SLUICE__TRY(sluice__alloc(&list->ranks, count, sizeof *list->ranks));
    list->rank_count = (int)count;
    for (size_t r = 0; r < count; r++) {
        char where[WHERE];
        (void)snprintf(where, sizeof where, "%s, rank %zu", quoted, r);
        SLUICE__TRY(read_rank(&list->ranks[r], json_array_get(ranks, r), where, name));
    }
    return SLUICE_OK;
}

/* ---- links ---- */

static sluice_status take_links(sluice_device_list *list, json_t *object, const char *quoted) {
    sluice__link_costs links = {0};
    SLUICE__TRY(sluice__link_costs_read(&links, object, quoted));
    list->has_default_link    = links.has_default;
    list->latency_s           = links.latency_s;
    list->bytes_per_s         = links.bytes_per_s;
    list->default_link_spread = links.spread;
    list->link_count          = links.count;
    list->links               = links.list;
    list->link_spreads        = links.spreads;
    for (int l = 0; l < links.count; l++)
        if (links.list[l].from >= list->rank_count || links.list[l].to >= list->rank_count)
            return sluice__fail(SLUICE_E_PARSE,
                                "%s, link %d goes from rank %d to rank %d, and there are %d ranks",
                                quoted, l, links.list[l].from, links.list[l].to, list->rank_count);
    return SLUICE_OK;
}

/* ---- the whole ---- */

static sluice_status read_list(sluice_device_list *list, json_t *object, const char *quoted,
                               const char *name) {
    static const char *const known[] = {"sluice_devices", "ranks", "default_link", "links", NULL};
    int64_t version                  = 0;
    SLUICE__TRY(sluice__field_count(&version, object, "sluice_devices", 1, quoted));
    if (version != VERSION)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "%s is a list of devices of version %lld, and this library reads "
                            "version %d",
                            quoted, (long long)version, VERSION);
    SLUICE__TRY(sluice__fields_check(object, known, quoted));
    SLUICE__TRY(read_ranks(list, object, quoted, name));
    return take_links(list, object, quoted);
}

sluice_status sluice_device_list_parse(sluice_device_list **out, const char *text, size_t bytes,
                                       const char *name) {
    char quoted[WHERE - 64];
    json_t *object           = NULL;
    sluice_device_list *list = NULL;
    sluice_status status     = SLUICE_OK;
    (void)snprintf(quoted, sizeof quoted, "'%s'", name);
    SLUICE__TRY(sluice__json_object(&object, text, bytes, quoted));
    SLUICE__TRY_OUT(sluice__alloc(&list, 1, sizeof *list));
    SLUICE__TRY_OUT(read_list(list, object, quoted, name));
    *out = list;
    list = NULL;
out:
    sluice_device_list_free(list);
    json_decref(object);
    return status;
}

sluice_status sluice_device_list_read(sluice_device_list **out, const char *path) {
    char *text;
    size_t bytes;
    SLUICE__TRY(sluice_file_read(&text, &bytes, path));
    const sluice_status status = sluice_device_list_parse(out, text, bytes, path);
    sluice__free(text);
    return status;
}

void sluice_device_list_free(sluice_device_list *list) {
    if (!list) return;
    for (int r = 0; r < list->rank_count; r++) {
        sluice__free(list->ranks[r].name);
        sluice__free(list->ranks[r].profile);
    }
    sluice__free(list->ranks);
    sluice__free(list->links);
    sluice__free(list->link_spreads);
    sluice__free(list);
}

/* ---- print ---- */

static sluice_status add_rank(sluice__text *text, const sluice_device_list_rank *rank) {
    SLUICE__TRY(sluice__json_add_text(text, "{\"name\": ", rank->name));
    if (rank->profile) SLUICE__TRY(sluice__json_add_text(text, ", \"profile\": ", rank->profile));
    if (rank->memory_bytes > 0)
        SLUICE__TRY(sluice__text_add(text, ", \"memory_bytes\": %zu", rank->memory_bytes));
    return sluice__text_add(text, "}");
}

static sluice_status add_all(sluice__text *text, const sluice_device_list *list) {
    const sluice__link_costs links = {
        .has_default = list->has_default_link,
        .latency_s   = list->latency_s,
        .bytes_per_s = list->bytes_per_s,
        .spread      = list->default_link_spread,
        .count       = list->link_count,
        .list        = list->links,
        .spreads     = list->link_spreads,
    };
    SLUICE__TRY(sluice__text_add(text, "{\"sluice_devices\": 1,\n \"ranks\": ["));
    for (int r = 0; r < list->rank_count; r++) {
        SLUICE__TRY(sluice__text_add(text, r == 0 ? "\n  " : ",\n  "));
        SLUICE__TRY(add_rank(text, &list->ranks[r]));
    }
    SLUICE__TRY(sluice__text_add(text, "]"));
    SLUICE__TRY(sluice__link_costs_print(text, &links));
    return sluice__text_add(text, "}\n");
}

sluice_status sluice_device_list_print(char **out, const sluice_device_list *list) {
    sluice__text text = {0};
    return sluice__text_take(out, &text, add_all(&text, list));
}
