/* SPDX-License-Identifier: MIT */
/* split_json.c -- what `sluice split` prints for scripts. */
#include "schedule_tools.h"
#include "split_command.h"

static json_t *counts_of(const sluice_split *split, bool *good) {
    json_t *const list = json_array();
    for (int s = 0; s < split->stages; s++)
        json_append(list, good, json_integer(split->first[s + 1] - split->first[s]));
    return list;
}

static json_t *names_of(const sluice_split_result *r, bool *good, int stage) {
    json_t *const list = json_array();
    for (int l = r->split.first[stage]; l < r->split.first[stage + 1]; l++)
        json_append(list, good, json_string(r->layers[l].name));
    return list;
}

static json_t *stage_of(const sluice_split_result *r, bool *good, int s) {
    json_t *const object = json_object();
    json_add(object, good, "rank", json_integer(r->stage[s].rank));
    json_add(object, good, "first", json_integer(r->split.first[s]));
    json_add(object, good, "layers", names_of(r, good, s));
    json_add(object, good, "seconds", json_real(r->stage[s].seconds));
    json_add(object, good, "parameters", json_integer(r->stage[s].parameters));
    return object;
}

static json_t *rank_of(const sluice_split_result *r, bool *good, int k) {
    const sluice_split_rank *const rank = &r->rank[k];
    json_t *const object                = json_object();
    json_add(object, good, "seconds", json_real(rank->seconds));
    json_add(object, good, "transfer_seconds", json_real(rank->transfer));
    json_add(object, good, "parameters", json_integer((json_int_t)rank->parameters));
    json_add(object, good, "bytes", json_integer((json_int_t)rank->bytes));
    json_add(object, good, "limit",
             rank->limit > 0 ? json_integer((json_int_t)rank->limit) : json_null());
    return object;
}

static json_t *baseline_of(const sluice_split_result *r, bool *good, int k) {
    const sluice_split_baseline *const one = &r->baselines[k];
    json_t *const object                   = json_object();
    json_add(object, good, "name", json_string(sluice_baseline_name((sluice_baseline)k)));
    json_add(object, good, "split", counts_of(&one->split, good));
    json_add(object, good, "value", json_real(one->value));
    json_add(object, good, "seconds", json_real(one->seconds));
    json_add(object, good, "bytes", json_integer((json_int_t)one->bytes));
    json_add(object, good, "fits", json_boolean(one->fits));
    return object;
}

/* A list of what `make` makes of each index. */
static json_t *list_of(const sluice_split_result *r, bool *good, int count,
                       json_t *(*make)(const sluice_split_result *r, bool *good, int k)) {
    json_t *const list = json_array();
    for (int k = 0; k < count; k++) json_append(list, good, make(r, good, k));
    return list;
}

static void add_result(json_t *object, bool *good, const sluice_split_result *r) {
    json_add(object, good, "split", counts_of(&r->split, good));
    json_add(object, good, "stages", list_of(r, good, r->stages, stage_of));
    json_add(object, good, "ranks", list_of(r, good, r->ranks, rank_of));
    json_add(object, good, "value", json_real(r->value));
    json_add(object, good, "bound", json_real(r->bound));
    json_add(object, good, "best", json_real(r->best));
    json_add(object, good, "proven_best", json_boolean(r->is_best));
    json_add(object, good, "refused", json_integer(r->refused));
    json_add(object, good, "baselines", list_of(r, good, SLUICE_BASELINES, baseline_of));
    json_add(object, good, "layout", r->layout ? json_string(r->layout) : json_null());
    if (r->no_layout) json_add(object, good, "no_layout", json_string(r->no_layout));
}

int split_print_json(const split_job *job) {
    json_t *const object = json_object();
    bool good            = object != NULL;
    json_add(object, &good, job->model ? "model" : "profile", json_string(job->options->subject));
    if (job->devices) json_add(object, &good, "devices", json_string(job->options->devices));
    json_add(object, &good, "schedule", json_string(sluice_schedule_name(job->schedule)));
    json_add(object, &good, "placement", json_string(job->placement));
    json_add(object, &good, "microbatches",
             json_integer(sluice_schedule_microbatches(job->schedule)));
    json_add(object, &good, "microbatch_size", json_integer(job->microbatch));
    json_add(object, &good, "objective", json_string(split_objectives[job->options->objective]));
    json_add(object, &good, "estimate", json_boolean(job->result->is_estimate));
    add_result(object, &good, job->result);
    return json_print(object, good);
}
