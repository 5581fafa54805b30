/* SPDX-License-Identifier: MIT */
/* plan_print.c -- a plan as JSON, and as a file: a stage a line. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/json.h"
#include "runtime/io/link_costs.h"
#include "runtime/io/plan_check.h"
#include "runtime/io/write.h"

/* ---- parts ---- */

static sluice_status add_stage(sluice__text *text, const sluice_plan_file_stage *stage) {
    SLUICE__TRY(sluice__text_add(text,
                                 "{\"first_layer\": %d, \"last_layer\": %d, \"recompute\": %s",
                                 stage->first, stage->last, stage->recompute ? "true" : "false"));
    if (stage->has_cost) {
        SLUICE__TRY(sluice__json_add_number(text, ", \"forward_s\": ", stage->cost.forward));
        SLUICE__TRY(sluice__json_add_number(text, ", \"input_s\": ", stage->cost.input));
        SLUICE__TRY(sluice__json_add_number(text, ", \"weight_s\": ", stage->cost.weight));
        SLUICE__TRY(sluice__json_add_number(text, ", \"recompute_s\": ", stage->recompute_s));
    }
    SLUICE__TRY(sluice__json_add_known_count(text, ", \"output_bytes\": ", stage->output_bytes));
    return sluice__text_add(text, "}");
}

static sluice_status add_rank(sluice__text *text, const sluice_plan_file_rank *rank) {
    SLUICE__TRY(sluice__json_add_text(text, "{\"device\": ", rank->device));
    SLUICE__TRY(sluice__json_add_known_number(text, ", \"update_s\": ", rank->update_s));
    SLUICE__TRY(sluice__text_add(text, ", \"stages\": ["));
    for (int s = 0; s < rank->stage_count; s++) {
        SLUICE__TRY(sluice__text_add(text, s == 0 ? "\n    " : ",\n    "));
        SLUICE__TRY(add_stage(text, &rank->stages[s]));
    }
    return sluice__text_add(text, "]}");
}

static sluice_status add_schedule(sluice__text *text, const sluice_plan_file *file) {
    if (file->csv) {
        SLUICE__TRY(sluice__json_add_text(text, ",\n \"schedule\": {\"csv\": ", file->csv));
        return sluice__text_add(text, "}");
    }
    SLUICE__TRY(sluice__json_add_text(text, ",\n \"schedule\": {\"name\": ", file->schedule));
    SLUICE__TRY(sluice__json_add_known_count(text, ", \"chunks\": ", file->chunks));
    SLUICE__TRY(sluice__json_add_known_number(text, ", \"slack\": ", file->slack));
    SLUICE__TRY(sluice__json_add_known_count(text, ", \"group\": ", file->group));
    return sluice__text_add(text, "}");
}

static sluice_status add_predicted(sluice__text *text, const sluice_plan_file *file) {
    if (!file->has_predicted) return SLUICE_OK;
    SLUICE__TRY(sluice__json_add_number(text, ",\n \"predicted\": {\"step_s\": ", file->step_s));
    SLUICE__TRY(sluice__json_add_number(text, ", \"makespan_idle\": ", file->makespan_idle));
    for (int r = 0; r < file->rank_count; r++)
        SLUICE__TRY(sluice__json_add_number(text, r == 0 ? ", \"inner_idle\": [" : ", ",
                                            file->ranks[r].inner_idle));
    for (int r = 0; r < file->rank_count; r++)
        SLUICE__TRY(sluice__json_add_count(text, r == 0 ? "], \"bytes\": [" : ", ",
                                           (int64_t)file->ranks[r].bytes));
    return sluice__text_add(text, "]}");
}

static sluice_status add_links(sluice__text *text, const sluice_plan_file *file) {
    const sluice__link_costs links = {.has_default = file->has_default_link,
                                      .latency_s   = file->latency_s,
                                      .bytes_per_s = file->bytes_per_s,
                                      .count       = file->link_count,
                                      .list        = file->links};
    return sluice__link_costs_print(text, &links);
}

static sluice_status add_head(sluice__text *text, const sluice_plan_file *file) {
    SLUICE__TRY(sluice__text_add(text, "{\"sluice_plan\": 1"));
    SLUICE__TRY(sluice__json_add_known_text(text, ",\n \"model\": ", file->model));
    SLUICE__TRY(sluice__json_add_known_text(text, ",\n \"profile\": ", file->profile));
    SLUICE__TRY(sluice__json_add_known_count(text, ",\n \"sequence\": ", file->sequence));
    SLUICE__TRY(sluice__json_add_known_count(text, ",\n \"vocabulary\": ", file->vocabulary));
    SLUICE__TRY(sluice__json_add_known_count(text, ",\n \"parameters\": ", file->parameters));
    SLUICE__TRY(sluice__json_add_count(text, ",\n \"batch\": ", file->batch));
    for (int i = 0; i < file->microbatch_count; i++)
        SLUICE__TRY(sluice__json_add_count(text, i == 0 ? ",\n \"microbatches\": [" : ", ",
                                           file->microbatches[i]));
    SLUICE__TRY(sluice__text_add(text, "]"));
    SLUICE__TRY(add_schedule(text, file));
    SLUICE__TRY(sluice__json_add_known_text(text, ",\n \"optimizer\": ", file->optimizer));
    SLUICE__TRY(sluice__json_add_known_text(text, ",\n \"precision\": ", file->precision));
    return sluice__json_add_known_count(text, ",\n \"threads\": ", file->threads);
}

static sluice_status add_all(sluice__text *text, const sluice_plan_file *file) {
    SLUICE__TRY(add_head(text, file));
    for (int r = 0; r < file->rank_count; r++) {
        SLUICE__TRY(sluice__text_add(text, r == 0 ? ",\n \"ranks\": [\n  " : ",\n  "));
        SLUICE__TRY(add_rank(text, &file->ranks[r]));
    }
    SLUICE__TRY(sluice__text_add(text, "]"));
    SLUICE__TRY(add_predicted(text, file));
    SLUICE__TRY(sluice__json_add_known_number(text, ",\n \"overlap\": ", file->overlap));
    SLUICE__TRY(add_links(text, file));
    return sluice__text_add(text, "}\n");
}

/* ---- the whole ---- */

sluice_status sluice_plan_file_print(char **out, const sluice_plan_file *file) {
    sluice__text text = {0};
    return sluice__text_take(out, &text, add_all(&text, file));
}

sluice_status sluice_plan_file_write(const char *path, const sluice_plan_file *file) {
    char *text = NULL;
    SLUICE__TRY(sluice_plan_file_print(&text, file));
    const sluice_status status = sluice__write_text(path, text);
    sluice__free(text);
    return status;
}
