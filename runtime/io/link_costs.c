/* SPDX-License-Identifier: MIT */
/* link_costs.c -- what transfers between ranks cost, as files say it. */
#include "runtime/io/link_costs.h"

#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/fields.h"
#include "runtime/io/json.h"

enum { MAX_LINKS = 1 << 20, MAX_RANK = 1 << 20 };

/* ---- read ---- */

static sluice_status read_spread(sluice_profile_link_spread *out, const json_t *link,
                                 const char *of) {
    static const char *const known[] = {"latency_s", "bytes_per_s", NULL};
    json_t *const spread             = json_object_get(link, "spread");
    char where[SLUICE__LINK_COSTS_WHERE + 48];
    if (!spread) return SLUICE_OK;
    (void)snprintf(where, sizeof where, "%s, the spread", of);
    SLUICE__TRY(sluice__fields_check(spread, known, where));
    SLUICE__TRY(sluice__field_number(&out->latency_s, spread, "latency_s", where));
    return sluice__field_number(&out->bytes_per_s, spread, "bytes_per_s", where);
}

static sluice_status read_speed(double *latency, double *bandwidth, const json_t *link,
                                const char *where) {
    SLUICE__TRY(sluice__field_number(latency, link, "latency_s", where));
    SLUICE__TRY(sluice__field_number(bandwidth, link, "bytes_per_s", where));
    if (*bandwidth > 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE, "%s: \"bytes_per_s\" is 0", where);
}

static sluice_status read_link(sluice_link_cost *out, sluice_profile_link_spread *spread,
                               json_t *link, const char *where) {
    static const char *const known[] = {"from", "to", "latency_s", "bytes_per_s", "spread", NULL};
    int64_t from, to;
    SLUICE__TRY(sluice__fields_check(link, known, where));
    SLUICE__TRY(sluice__field_count(&from, link, "from", 0, where));
    SLUICE__TRY(sluice__field_count(&to, link, "to", 0, where));
    if (from == to || from > MAX_RANK || to > MAX_RANK)
        return sluice__fail(SLUICE_E_PARSE, "%s goes from rank %lld to rank %lld", where,
                            (long long)from, (long long)to);
    out->from = (int)from;
    out->to   = (int)to;
    SLUICE__TRY(read_spread(spread, link, where));
    return read_speed(&out->latency, &out->bandwidth, link, where);
}

static sluice_status read_default(sluice__link_costs *out, const json_t *object, const char *name) {
    static const char *const known[] = {"latency_s", "bytes_per_s", "spread", NULL};
    json_t *const link               = json_object_get(object, "default_link");
    char where[SLUICE__LINK_COSTS_WHERE];
    if (!link) return SLUICE_OK; /* transfers are free */
    out->has_default = true;
    (void)snprintf(where, sizeof where, "%s, the default link", name);
    SLUICE__TRY(sluice__fields_check(link, known, where));
    SLUICE__TRY(read_spread(&out->spread, link, where));
    return read_speed(&out->latency_s, &out->bytes_per_s, link, where);
}

static sluice_status read_list(sluice__link_costs *out, const json_t *object, const char *name) {
    const json_t *const links = json_object_get(object, "links");
    if (!links) return SLUICE_OK;
    if (!json_is_array(links) || json_array_size(links) > MAX_LINKS)
        return sluice__fail(SLUICE_E_PARSE, "%s: \"links\" is not a list of at most %d", name,
                            MAX_LINKS);
    const size_t count = json_array_size(links);
    bool any           = false;
    SLUICE__TRY(sluice__alloc(&out->list, count, sizeof *out->list));
    SLUICE__TRY(sluice__alloc(&out->spreads, count, sizeof *out->spreads));
    out->count = (int)count;
    for (size_t l = 0; l < count; l++) {
        char where[SLUICE__LINK_COSTS_WHERE];
        json_t *const link = json_array_get(links, l);
        (void)snprintf(where, sizeof where, "%s, link %zu", name, l);
        SLUICE__TRY(read_link(&out->list[l], &out->spreads[l], link, where));
        any = any || json_object_get(link, "spread");
    }
    if (any) return SLUICE_OK;
    sluice__free(out->spreads);
    out->spreads = NULL;
    return SLUICE_OK;
}

static void free_lists(sluice__link_costs *links) {
    sluice__free(links->list);
    sluice__free(links->spreads);
}

sluice_status sluice__link_costs_read(sluice__link_costs *out, json_t *object, const char *name) {
    sluice__link_costs links = {0};
    sluice_status status     = read_default(&links, object, name);
    if (status == SLUICE_OK) status = read_list(&links, object, name);
    if (status == SLUICE_OK)
        *out = links;
    else
        free_lists(&links);
    return status;
}

/* ---- print ---- */

/* What follows the ranks of a link, up to its end; a spread of 0 is not known. */
static sluice_status add_speed(sluice__text *text, const char *latency_key, double latency,
                               double bandwidth, const sluice_profile_link_spread *spread) {
    SLUICE__TRY(sluice__json_add_number(text, latency_key, latency));
    SLUICE__TRY(sluice__json_add_number(text, ", \"bytes_per_s\": ", bandwidth));
    if (!spread || (spread->latency_s <= 0 && spread->bytes_per_s <= 0))
        return sluice__text_add(text, "}");
    SLUICE__TRY(sluice__json_add_number(text, ", \"spread\": {\"latency_s\": ", spread->latency_s));
    SLUICE__TRY(sluice__json_add_number(text, ", \"bytes_per_s\": ", spread->bytes_per_s));
    return sluice__text_add(text, "}}");
}

sluice_status sluice__link_costs_print(sluice__text *text, const sluice__link_costs *links) {
    if (links->has_default)
        SLUICE__TRY(add_speed(text, ",\n \"default_link\": {\"latency_s\": ", links->latency_s,
                              links->bytes_per_s, &links->spread));
    if (links->count == 0) return SLUICE_OK;
    for (int l = 0; l < links->count; l++) {
        const sluice_link_cost *const at = &links->list[l];
        SLUICE__TRY(sluice__text_add(text, "%s{\"from\": %d, \"to\": %d",
                                     l == 0 ? ",\n \"links\": [\n  " : ",\n  ", at->from, at->to));
        SLUICE__TRY(add_speed(text, ", \"latency_s\": ", at->latency, at->bandwidth,
                              links->spreads ? &links->spreads[l] : NULL));
    }
    return sluice__text_add(text, "]");
}
