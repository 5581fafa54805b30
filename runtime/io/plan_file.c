/* SPDX-License-Identifier: MIT */
/* plan_file.c -- reading plans (docs/formats.md). */
#include "runtime/io/plan_check.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/fields.h"
#include "runtime/io/json.h"
#include "runtime/io/link_costs.h"
#include "sluice/file.h"

enum { WHERE = SLUICE__LINK_COSTS_WHERE, MAX_RANKS = SLUICE_MAX_STAGES, MAX_NUMBER = 1 << 30 };

static const int64_t MAX_LARGE = (int64_t)1 << 50;

/* ---- optional fields ---- */

static sluice_status take_text(char **out, const json_t *object, const char *key,
                               const char *where) {
    const char *text;
    if (!json_object_get(object, key)) return SLUICE_OK;
    SLUICE__TRY(sluice__field_text(&text, object, key, where));
    if (text[0] == '\0') return sluice__fail(SLUICE_E_PARSE, "%s: \"%s\" is empty", where, key);
    return sluice__copy_text(out, text);
}

static sluice_status take_count(int64_t *out, const json_t *object, const char *key,
                                const char *where) {
    if (!json_object_get(object, key)) return SLUICE_OK;
    SLUICE__TRY(sluice__field_count(out, object, key, 1, where));
    if (*out <= MAX_NUMBER) return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE, "%s: \"%s\" is %lld, more than %d", where, key,
                        (long long)*out, MAX_NUMBER);
}

static sluice_status take_int(int *out, const json_t *object, const char *key, const char *where) {
    int64_t number = *out;
    SLUICE__TRY(take_count(&number, object, key, where));
    *out = (int)number;
    return SLUICE_OK;
}

static sluice_status take_number(double *out, const json_t *object, const char *key,
                                 const char *where) {
    if (!json_object_get(object, key)) return SLUICE_OK;
    return sluice__field_number(out, object, key, where);
}

/* ---- stages ---- */

static sluice_status read_layer(int *out, const json_t *stage, const char *key, const char *where) {
    int64_t layer = 0;
    SLUICE__TRY(sluice__field_count(&layer, stage, key, 0, where));
    if (layer > MAX_NUMBER)
        return sluice__fail(SLUICE_E_PARSE, "%s: \"%s\" is %lld, more than %d", where, key,
                            (long long)layer, MAX_NUMBER);
    *out = (int)layer;
    return SLUICE_OK;
}

static sluice_status read_recompute(bool *out, const json_t *stage, const char *where) {
    const json_t *value = json_object_get(stage, "recompute");
    if (value && !json_is_boolean(value))
        return sluice__fail(SLUICE_E_PARSE, "%s: \"recompute\" is not true or false", where);
    *out = json_is_true(value);
    return SLUICE_OK;
}

static sluice_status read_cost(sluice_plan_file_stage *out, const json_t *stage,
                               const char *where) {
    out->has_cost = json_object_get(stage, "forward_s") != NULL;
    if (!out->has_cost) return SLUICE_OK;
    SLUICE__TRY(sluice__field_number(&out->cost.forward, stage, "forward_s", where));
    SLUICE__TRY(sluice__field_number(&out->cost.input, stage, "input_s", where));
    SLUICE__TRY(sluice__field_number(&out->cost.weight, stage, "weight_s", where));
    return sluice__field_number(&out->recompute_s, stage, "recompute_s", where);
}

/* Bytes and parameters may be more than what is counted elsewhere. */
static sluice_status take_large(int64_t *out, const json_t *object, const char *key,
                                const char *where) {
    if (!json_object_get(object, key)) return SLUICE_OK;
    SLUICE__TRY(sluice__field_count(out, object, key, 1, where));
    if (*out <= MAX_LARGE) return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE, "%s: \"%s\" is %lld, more than 2^50", where, key,
                        (long long)*out);
}

static sluice_status read_stage(sluice_plan_file_stage *out, json_t *stage, const char *where) {
    static const char *const known[] = {"first_layer", "last_layer",   "recompute",
                                        "forward_s",   "input_s",      "weight_s",
                                        "recompute_s", "output_bytes", NULL};
    SLUICE__TRY(sluice__fields_check(stage, known, where));
    SLUICE__TRY(read_layer(&out->first, stage, "first_layer", where));
    SLUICE__TRY(read_layer(&out->last, stage, "last_layer", where));
    SLUICE__TRY(read_recompute(&out->recompute, stage, where));
    SLUICE__TRY(take_large(&out->output_bytes, stage, "output_bytes", where));
    return read_cost(out, stage, where);
}

/* ---- ranks ---- */

static sluice_status read_stages(sluice_plan_file_rank *out, const json_t *rank,
                                 const char *where) {
    const json_t *stages;
    SLUICE__TRY(sluice__field_list(&stages, rank, "stages", where));
    const size_t count = json_array_size(stages);
    if (count > SLUICE_MAX_STAGES)
        return sluice__fail(SLUICE_E_PARSE, "%s has %zu stages, more than %d", where, count,
                            SLUICE_MAX_STAGES);
    SLUICE__TRY(sluice__alloc(&out->stages, count, sizeof *out->stages));
    out->stage_count = (int)count;
    for (size_t s = 0; s < count; s++) {
        char name[WHERE + 32];
        (void)snprintf(name, sizeof name, "%s, stage %zu", where, s);
        SLUICE__TRY(read_stage(&out->stages[s], json_array_get(stages, s), name));
    }
    return SLUICE_OK;
}

static sluice_status read_rank(sluice_plan_file_rank *out, json_t *rank, const char *where) {
    static const char *const known[] = {"device", "stages", "update_s", NULL};
    const char *text;
    SLUICE__TRY(sluice__fields_check(rank, known, where));
    SLUICE__TRY(sluice__field_text(&text, rank, "device", where));
    SLUICE__TRY(sluice__copy_text(&out->device, text));
    SLUICE__TRY(take_number(&out->update_s, rank, "update_s", where));
    return read_stages(out, rank, where);
}

static sluice_status read_ranks(sluice_plan_file *file, const json_t *object, const char *quoted) {
    const json_t *ranks;
    SLUICE__TRY(sluice__field_list(&ranks, object, "ranks", quoted));
    const size_t count = json_array_size(ranks);
    if (count > MAX_RANKS)
        return sluice__fail(SLUICE_E_PARSE, "%s has %zu ranks, more than %d", quoted, count,
                            MAX_RANKS);
    SLUICE__TRY(sluice__alloc(&file->ranks, count, sizeof *file->ranks));
    file->rank_count = (int)count;
    for (size_t r = 0; r < count; r++) {
        char where[WHERE];
        (void)snprintf(where, sizeof where, "%s, rank %zu", quoted, r);
        SLUICE__TRY(read_rank(&file->ranks[r], json_array_get(ranks, r), where));
    }
    return SLUICE_OK;
}

/* ---- schedule, micro-batches ---- */

static sluice_status read_schedule(sluice_plan_file *file, const json_t *object,
                                   const char *quoted) {
    static const char *const known[]        = {"name", "chunks", "slack", "group", NULL},
                             *const alone[] = {"csv", NULL};
    json_t *schedule                        = json_object_get(object, "schedule");
    char where[WHERE];
    (void)snprintf(where, sizeof where, "the schedule of %s", quoted);
    if (!schedule) return sluice__fail(SLUICE_E_PARSE, "%s has no \"schedule\"", quoted);
    const bool is_csv = json_is_object(schedule) && json_object_get(schedule, "csv");
    SLUICE__TRY(sluice__fields_check(schedule, is_csv ? alone : known, where));
    if (is_csv) return take_text(&file->csv, schedule, "csv", where);
    SLUICE__TRY(take_text(&file->schedule, schedule, "name", where));
    if (!file->schedule)
        return sluice__fail(SLUICE_E_PARSE, "%s has neither \"name\" nor \"csv\"", where);
    SLUICE__TRY(take_int(&file->chunks, schedule, "chunks", where));
    SLUICE__TRY(take_int(&file->group, schedule, "group", where));
    return take_number(&file->slack, schedule, "slack", where);
}

static sluice_status read_microbatches(sluice_plan_file *file, const json_t *object,
                                       const char *quoted) {
    const json_t *list;
    SLUICE__TRY(sluice__field_list(&list, object, "microbatches", quoted));
    const size_t count = json_array_size(list);
    if (count > MAX_NUMBER)
        return sluice__fail(SLUICE_E_PARSE, "%s has %zu micro-batches, more than %d", quoted, count,
                            MAX_NUMBER);
    SLUICE__TRY(sluice__alloc(&file->microbatches, count, sizeof *file->microbatches));
    file->microbatch_count = (int)count;
    for (size_t i = 0; i < count; i++) {
        const json_t *samples = json_array_get(list, i);
        if (!json_is_integer(samples) || json_integer_value(samples) < 1 ||
            json_integer_value(samples) > MAX_NUMBER)
            return sluice__fail(SLUICE_E_PARSE,
                                "micro-batch %zu of %s is not a number of samples from 1 to %d", i,
                                quoted, MAX_NUMBER);
        file->microbatches[i] = json_integer_value(samples);
    }
    return SLUICE_OK;
}

/* ---- what was predicted ---- */

static sluice_status read_each(sluice_plan_file *file, const json_t *predicted, const char *key,
                               bool are_bytes, const char *where) {
    const json_t *list;
    SLUICE__TRY(sluice__field_list(&list, predicted, key, where));
    if (json_array_size(list) != (size_t)file->rank_count)
        return sluice__fail(SLUICE_E_PARSE, "%s: \"%s\" has %zu numbers for %d ranks", where, key,
                            json_array_size(list), file->rank_count);
    for (int r = 0; r < file->rank_count; r++) {
        const json_t *value = json_array_get(list, (size_t)r);
        const double number = json_is_number(value) ? json_number_value(value) : -1;
        if (!(number >= 0 && number < 1e18) || (are_bytes && !json_is_integer(value)))
            return sluice__fail(SLUICE_E_PARSE, "%s: \"%s\" of rank %d is no number of 0 or more",
                                where, key, r);
        if (are_bytes)
            file->ranks[r].bytes = (size_t)json_integer_value(value);
        else
            file->ranks[r].inner_idle = number;
    }
    return SLUICE_OK;
}

static sluice_status read_predicted(sluice_plan_file *file, const json_t *object,
                                    const char *quoted) {
    static const char *const known[] = {"step_s", "makespan_idle", "inner_idle", "bytes", NULL};
    json_t *predicted                = json_object_get(object, "predicted");
    char where[WHERE];
    (void)snprintf(where, sizeof where, "what %s predicts", quoted);
    if (!predicted) return SLUICE_OK;
    file->has_predicted = true;
    SLUICE__TRY(sluice__fields_check(predicted, known, where));
    SLUICE__TRY(sluice__field_number(&file->step_s, predicted, "step_s", where));
    SLUICE__TRY(sluice__field_number(&file->makespan_idle, predicted, "makespan_idle", where));
    SLUICE__TRY(read_each(file, predicted, "inner_idle", false, where));
    return read_each(file, predicted, "bytes", true, where);
}

static sluice_status read_links(sluice_plan_file *file, json_t *object, const char *quoted) {
    sluice__link_costs links = {0};
    SLUICE__TRY(sluice__link_costs_read(&links, object, quoted));
    file->has_default_link = links.has_default;
    file->latency_s        = links.latency_s;
    file->bytes_per_s      = links.bytes_per_s;
    file->link_count       = links.count;
    file->links            = links.list;
    sluice__free(links.spreads);
    return SLUICE_OK;
}

/* ---- the whole ---- */

static sluice_status check_version(json_t *object, const char *quoted) {
    int64_t version = 0, replicas = 1;
    SLUICE__TRY(sluice__field_count(&version, object, "sluice_plan", 1, quoted));
    if (version != SLUICE__PLAN_VERSION)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "%s is a plan of version %lld, and this library reads version %d",
                            quoted, (long long)version, SLUICE__PLAN_VERSION);
    SLUICE__TRY(take_count(&replicas, object, "replicas", quoted));
    if (replicas == 1) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED,
                        "%s is for %lld copies of the pipeline, and this library runs one", quoted,
                        (long long)replicas);
}

static sluice_status read_words(sluice_plan_file *file, const json_t *object, const char *quoted) {
    SLUICE__TRY(take_text(&file->model, object, "model", quoted));
    SLUICE__TRY(take_text(&file->profile, object, "profile", quoted));
    SLUICE__TRY(take_text(&file->optimizer, object, "optimizer", quoted));
    SLUICE__TRY(take_text(&file->precision, object, "precision", quoted));
    SLUICE__TRY(take_count(&file->sequence, object, "sequence", quoted));
    SLUICE__TRY(take_count(&file->vocabulary, object, "vocabulary", quoted));
    SLUICE__TRY(take_large(&file->parameters, object, "parameters", quoted));
    SLUICE__TRY(take_int(&file->threads, object, "threads", quoted));
    return take_number(&file->overlap, object, "overlap", quoted);
}

static sluice_status read_file(sluice_plan_file *file, json_t *object, const char *quoted) {
    static const char *const known[] = {
        "sluice_plan",  "model",        "profile",    "sequence",  "vocabulary",
        "batch",        "microbatches", "schedule",   "optimizer", "precision",
        "threads",      "replicas",     "ranks",      "predicted", "overlap",
        "default_link", "links",        "parameters", NULL};
    SLUICE__TRY(check_version(object, quoted));
    SLUICE__TRY(sluice__fields_check(object, known, quoted));
    SLUICE__TRY(read_words(file, object, quoted));
    SLUICE__TRY(sluice__field_count(&file->batch, object, "batch", 1, quoted));
    SLUICE__TRY(read_microbatches(file, object, quoted));
    SLUICE__TRY(read_schedule(file, object, quoted));
    SLUICE__TRY(read_ranks(file, object, quoted));
    SLUICE__TRY(read_predicted(file, object, quoted));
    SLUICE__TRY(read_links(file, object, quoted));
    return sluice__plan_file_check(file, quoted);
}

sluice_status sluice_plan_file_parse(sluice_plan_file **out, const char *text, size_t bytes,
                                     const char *name) {
    char quoted[WHERE - 64];
    json_t *object         = NULL;
    sluice_plan_file *file = NULL;
    sluice_status status   = SLUICE_OK;
    (void)snprintf(quoted, sizeof quoted, "'%s'", name);
    SLUICE__TRY(sluice__json_object(&object, text, bytes, quoted));
    SLUICE__TRY_OUT(sluice__alloc(&file, 1, sizeof *file));
    SLUICE__TRY_OUT(read_file(file, object, quoted));
    *out = file;
    file = NULL;
out:
    sluice_plan_file_free(file);
    json_decref(object);
    return status;
}

sluice_status sluice_plan_file_read(sluice_plan_file **out, const char *path) {
    char *text;
    size_t bytes;
    SLUICE__TRY(sluice_file_read(&text, &bytes, path));
    const sluice_status status = sluice_plan_file_parse(out, text, bytes, path);
    sluice__free(text);
    return status;
}

void sluice_plan_file_free(sluice_plan_file *file) {
    if (!file) return;
    for (int r = 0; r < file->rank_count; r++) {
        sluice__free(file->ranks[r].device);
        sluice__free(file->ranks[r].stages);
    }
    sluice__free(file->ranks);
    sluice__free(file->model);
    sluice__free(file->profile);
    sluice__free(file->microbatches);
    sluice__free(file->schedule);
    sluice__free(file->csv);
    sluice__free(file->optimizer);
    sluice__free(file->precision);
    sluice__free(file->links);
    sluice__free(file);
}
