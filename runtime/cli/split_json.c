/* SPDX-License-Identifier: MIT */
/* split_json.c -- what `sluice split` prints for scripts. */
#include "schedule_tools.h"
#include "split_command.h"

static json_t *counts_of(const sluice_split *split) {
    json_t *const list = json_array();
    for (int s = 0; list && s < split->stages; s++)
        if (json_array_append_new(list, json_integer(split->first[s + 1] - split->first[s]))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *names_of(const sluice_split_result *r, int stage) {
    json_t *const list = json_array();
    for (int l = r->split.first[stage]; list && l < r->split.first[stage + 1]; l++)
        if (json_array_append_new(list, json_string(r->layers[l].name))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *stage_of(const sluice_split_result *r, int s) {
    json_t *const object = json_object();
    bool good            = object != NULL;
    json_add(object, &good, "rank", json_integer(r->stage[s].rank));
    json_add(object, &good, "first", json_integer(r->split.first[s]));
    json_add(object, &good, "layers", names_of(r, s));
    json_add(object, &good, "seconds", json_real(r->stage[s].seconds));
    json_add(object, &good, "parameters", json_integer(r->stage[s].parameters));
    if (good) return object;
    json_decref(object);
    return NULL;
}

static json_t *rank_of(const sluice_split_rank *rank) {
    json_t *const object = json_object();
    bool good            = object != NULL;
    json_add(object, &good, "seconds", json_real(rank->seconds));
    json_add(object, &good, "transfer_seconds", json_real(rank->transfer));
    json_add(object, &good, "parameters", json_integer((json_int_t)rank->parameters));
    json_add(object, &good, "bytes", json_integer((json_int_t)rank->bytes));
    json_add(object, &good, "limit",
             rank->limit > 0 ? json_integer((json_int_t)rank->limit) : json_null());
    if (good) return object;
    json_decref(object);
    return NULL;
}

static json_t *baseline_of(const sluice_split_baseline *one, int which) {
    json_t *const object = json_object();
    bool good            = object != NULL;
    json_add(object, &good, "name", json_string(sluice_baseline_name((sluice_baseline)which)));
    json_add(object, &good, "split", counts_of(&one->split));
    json_add(object, &good, "value", json_real(one->value));
    json_add(object, &good, "seconds", json_real(one->seconds));
    json_add(object, &good, "bytes", json_integer((json_int_t)one->bytes));
    json_add(object, &good, "fits", json_boolean(one->fits));
    if (good) return object;
    json_decref(object);
    return NULL;
}

/* A list of what `make` makes of each index; NULL: no memory. */
static json_t *list_of(const sluice_split_result *r, int count,
                       json_t *(*make)(const sluice_split_result *r, int k)) {
    json_t *const list = json_array();
    for (int k = 0; list && k < count; k++)
        if (json_array_append_new(list, make(r, k))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *make_rank(const sluice_split_result *r, int k) {
    return rank_of(&r->rank[k]);
}

static json_t *make_baseline(const sluice_split_result *r, int k) {
    return baseline_of(&r->baselines[k], k);
}

static void add_result(json_t *object, bool *good, const sluice_split_result *r) {
    json_add(object, good, "split", counts_of(&r->split));
    json_add(object, good, "stages", list_of(r, r->stages, stage_of));
    json_add(object, good, "ranks", list_of(r, r->ranks, make_rank));
    json_add(object, good, "value", json_real(r->value));
    json_add(object, good, "bound", json_real(r->bound));
    json_add(object, good, "best", json_real(r->best));
    json_add(object, good, "proven_best", json_boolean(r->is_best));
    json_add(object, good, "refused", json_integer(r->refused));
    json_add(object, good, "baselines", list_of(r, SLUICE_BASELINES, make_baseline));
    json_add(object, good, "layout", r->layout ? json_string(r->layout) : json_null());
    if (r->no_layout) json_add(object, good, "no_layout", json_string(r->no_layout));
}

int split_print_json(const split_job *job) {
    static const char *const objectives[] = {"time", "memory", "parameters"};
    json_t *const object                  = json_object();
    bool good                             = object != NULL;
    json_add(object, &good, job->model ? "model" : "profile", json_string(job->options->subject));
    if (job->devices) json_add(object, &good, "devices", json_string(job->options->devices));
    json_add(object, &good, "schedule", json_string(sluice_schedule_name(job->schedule)));
    json_add(object, &good, "placement", json_string(job->placement));
    json_add(object, &good, "microbatches",
             json_integer(sluice_schedule_microbatches(job->schedule)));
    json_add(object, &good, "microbatch_size", json_integer(job->microbatch));
    json_add(object, &good, "objective", json_string(objectives[job->options->objective]));
    json_add(object, &good, "estimate", json_boolean(job->result->is_estimate));
    add_result(object, &good, job->result);
    return json_print(object, good);
}
