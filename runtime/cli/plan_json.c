/* SPDX-License-Identifier: MIT */
/* plan_json.c -- what `sluice plan` prints for scripts: plans as they are kept in files. */
#include <string.h>

#include "plan_command.h"
#include "schedule_tools.h"

/* NULL: it cannot be made, which was said. */
static json_t *plan_of(const plan_job *job, const plan_answer *answer,
                       const sluice_plan_choice *choice) {
    sluice_plan_file *file = NULL;
    char *text             = NULL;
    json_t *object         = NULL;
    if (plan_make_file(&file, job, answer, choice) == CLI_OK &&
        cli_report(sluice_plan_file_print(&text, file)) == CLI_OK)
        object = json_loads(text, 0, NULL);
    sluice_text_free(text);
    sluice_plan_file_free(file);
    return object;
}

static json_t *plans_of(const plan_job *job, const plan_answer *answer) {
    json_t *const list = json_array();
    for (int k = 0; list && answer->result && k < answer->result->count; k++)
        if (json_array_append_new(list, plan_of(job, answer, &answer->result->choices[k]))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* ---- advice ---- */

static const char *const kinds[SLUICE_PLAN_CHANGE_KINDS] = {"limits", "layers", "batch", "ranks"};

static json_t *short_of(const sluice_plan_change *change) {
    if (change->short_rank < 0) return json_null();
    const sluice_plan_rank *const rank = &change->plan.rank[change->short_rank];
    return json_pack("{s:i, s:I, s:I}", "rank", change->short_rank, "bytes",
                     (json_int_t)rank->bytes, "limit", (json_int_t)rank->limit);
}

static json_t *change_of(const plan_job *job, const plan_answer *answer,
                         const sluice_plan_change *change) {
    json_t *const object = json_object();
    bool good            = object != NULL;
    json_add(object, &good, "kind", json_string(kinds[change->kind]));
    json_add(object, &good, "gain", json_real(change->gain));
    if (change->kind == SLUICE_PLAN_CHANGE_LAYERS) {
        json_add(object, &good, "rank", json_integer(change->rank));
        json_add(object, &good, "idle", json_real(change->idle));
        json_add(object, &good, "layers", json_integer(change->layers));
    }
    json_add(object, &good, "short", short_of(change));
    json_add(object, &good, "plan", plan_of(job, answer, &change->plan));
    if (good) return object;
    json_decref(object);
    return NULL;
}

static json_t *advice_of(const plan_job *job, const plan_answer *answer) {
    json_t *const list = json_array();
    bool good          = list != NULL;
    for (int k = 0; k < answer->advice->count; k++)
        json_append(list, &good, change_of(job, answer, &answer->advice->changes[k]));
    if (good) return list;
    json_decref(list);
    return NULL;
}

/* ---- all ---- */

static json_t *answer_of(const plan_job *job, const plan_answer *answer) {
    const sluice_plan_result *const result = answer->result;
    json_t *const object                   = json_object();
    bool good                              = object != NULL;
    json_add(object, &good, "devices", json_string(answer->devices));
    json_add(object, &good, "plans", plans_of(job, answer));
    if (result && answer->advice) {
        json_add(object, &good, "estimate", json_boolean(result->is_estimate));
        json_add(object, &good, "simulations", json_integer(result->simulations));
        json_add(object, &good, "moves", json_integer(result->moves));
        json_add(object, &good, "configurations", json_integer(result->configurations));
        json_add(object, &good, "proven_best", json_boolean(result->is_best));
        json_add(object, &good, "proven_split", json_boolean(result->is_best_split));
        json_add(object, &good, "bound_s", json_real(result->bound));
        json_add(object, &good, "advice", advice_of(job, answer));
        json_add(object, &good, "advice_simulations", json_integer(answer->advice->simulations));
    }
    if (good) return object;
    json_decref(object);
    return NULL;
}

static json_t *answers_of(const plan_job *job) {
    json_t *const list = json_array();
    for (int k = 0; list && k < job->count; k++)
        if (json_array_append_new(list, answer_of(job, &job->answers[k]))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

int plan_print_json(const plan_job *job) {
    json_t *const object = json_object();
    bool good            = object != NULL;
    json_add(object, &good, job->model ? "model" : "profile", json_string(job->options->subject));
    json_add(object, &good, "batch", json_integer(job->options->batch));
    json_add(object, &good, "answers", answers_of(job));
    json_add(object, &good, "fastest", json_string(job->answers[job->fastest].devices));
    return json_print(object, good);
}
