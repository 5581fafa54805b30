/* SPDX-License-Identifier: MIT */
/* split_result.c -- what a split gives stages and ranks: seconds, the plan's bytes, the baselines,
 * the layout. */
#include <math.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/planner/split_problem.h"

/* ---- the plan's bytes ---- */

sluice_plan_options sluice__split_plan_options(const sluice__split_problem *p) {
    sluice_plan_options options = SLUICE_PLAN_OPTIONS_INIT;
    options.samples             = p->microbatch * sluice_schedule_microbatches(p->schedule);
    options.precision           = p->options.precision;
    options.working_bytes       = p->options.working_bytes;
    options.states              = p->options.states;
    options.recompute           = p->options.recompute;
    return options;
}

static sluice_status bytes_of_model(size_t *bytes, const sluice__split_problem *p,
                                    const sluice_split *split) {
    const sluice_plan_options options = sluice__split_plan_options(p);
    sluice_plan *plan                 = NULL;
    SLUICE__TRY(sluice_plan_make(&plan, p->options.model, p->schedule, split, &options));
    for (int r = 0; r < p->ranks; r++) bytes[r] = sluice_plan_arena(plan, r);
    sluice_plan_free(plan);
    return SLUICE_OK;
}

sluice_status sluice__split_compile(sluice_program **out, const sluice__split_problem *problem,
                                    const sluice_split *split,
                                    const sluice_simulation_costs *costs) {
    const sluice__split_problem *p = problem;
    const size_t stages            = (size_t)split->stages;
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_profile_costs arrays    = {0};
    sluice_status status           = SLUICE_OK;
    options.samples                = sluice_schedule_microbatches(p->schedule);
    options.recompute              = p->options.recompute;
    options.costs                  = costs;
    SLUICE__TRY_OUT(sluice__alloc(&arrays.costs, stages, sizeof *arrays.costs));
    SLUICE__TRY_OUT(sluice__alloc(&arrays.recompute, stages, sizeof *arrays.recompute));
    SLUICE__TRY_OUT(sluice__alloc(&arrays.bytes, stages, sizeof *arrays.bytes));
    SLUICE__TRY_OUT(sluice__alloc(&arrays.updates, (size_t)p->ranks, sizeof *arrays.updates));
    SLUICE__TRY_OUT(sluice_profile_stages(&arrays, p->profile, p->table, split, p->schedule,
                                          p->options.states));
    options.bytes = arrays.bytes;
    status        = sluice_program_compile(out, p->schedule, NULL, NULL, &options);
out:
    sluice__free(arrays.costs);
    sluice__free(arrays.recompute);
    sluice__free(arrays.bytes);
    sluice__free(arrays.updates);
    return status;
}

static sluice_status bytes_of_profile(size_t *bytes, const sluice__split_problem *p,
                                      const sluice_split *split) {
    sluice_program *program = NULL;
    SLUICE__TRY(sluice__split_compile(&program, p, split, NULL));
    for (int r = 0; r < p->ranks; r++) bytes[r] = sluice_program_memory(program, r).arena;
    sluice_program_free(program);
    return SLUICE_OK;
}

sluice_status sluice__split_bytes(size_t *bytes, const sluice__split_problem *problem,
                                  const sluice_split *split) {
    return problem->options.model ? bytes_of_model(bytes, problem, split)
                                  : bytes_of_profile(bytes, problem, split);
}

int sluice__split_short_rank(const sluice__split_problem *problem, const size_t *bytes) {
    int rank   = -1;
    size_t max = 0;
    for (int r = 0; r < problem->ranks; r++) {
        const size_t limit = problem->limits[r];
        if (limit == 0 || bytes[r] <= limit || bytes[r] - limit <= max) continue;
        max  = bytes[r] - limit;
        rank = r;
    }
    return rank;
}

/* ---- stages and ranks ---- */

static double layer_seconds(const sluice__split_problem *p, int stage, int layer) {
    const sluice_profile_layer *row = &p->rows[p->stage_ranks[stage]][layer];
    const bool again                = p->options.recompute && p->options.recompute[stage];
    return row->forward_s + row->input_s + row->weight_s + (again ? row->recompute_s : 0);
}

static void fill_stages(sluice_split_result *out, const sluice__split_problem *p) {
    for (int s = 0; s < out->stages; s++) {
        sluice_split_stage *stage = &out->stage[s];
        stage->rank               = p->stage_ranks[s];
        for (int l = out->split.first[s]; l < out->split.first[s + 1]; l++) {
            stage->seconds += layer_seconds(p, s, l);
            stage->parameters += p->rows[0][l].parameters;
        }
    }
}

static sluice_status fill_ranks(sluice_split_result *out, const sluice__split_problem *p,
                                const size_t *bytes) {
    sluice_partition_load *loads;
    SLUICE__TRY(sluice__alloc(&loads, (size_t)p->ranks, sizeof *loads));
    const sluice_status status = sluice_partition_loads(loads, &p->partition, &out->split);
    for (int r = 0; status == SLUICE_OK && r < p->ranks; r++)
        out->rank[r] = (sluice_split_rank){loads[r].seconds, loads[r].seconds, loads[r].parameters,
                                           bytes[r], p->limits[r]};
    for (int s = 0; status == SLUICE_OK && s < out->stages; s++)
        out->rank[out->stage[s].rank].transfer -= out->stage[s].seconds;
    for (int r = 0; r < p->ranks; r++) /* a sum in another order is not 0 where it should be */
        if (out->rank[r].transfer < 1e-12 * out->rank[r].seconds) out->rank[r].transfer = 0;
    sluice__free(loads);
    return status;
}

double sluice__split_value_of(const sluice__split_problem *p, const sluice_partition_load *loads) {
    const sluice_objective objective = p->options.objective;
    double value                     = 0;
    for (int r = 0; r < p->ranks; r++)
        value = fmax(value, objective == SLUICE_OBJECTIVE_MEMORY       ? loads[r].bytes
                            : objective == SLUICE_OBJECTIVE_PARAMETERS ? loads[r].parameters
                                                                       : loads[r].seconds);
    return value;
}

/* ---- baselines ---- */

static sluice_status fill_baseline(sluice_split_baseline *out, const sluice__split_problem *p,
                                   sluice_baseline which) {
    sluice_partition_load *loads = NULL;
    size_t *bytes                = NULL;
    sluice_status status         = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&loads, (size_t)p->ranks, sizeof *loads));
    SLUICE__TRY_OUT(sluice__alloc(&bytes, (size_t)p->ranks, sizeof *bytes));
    SLUICE__TRY_OUT(sluice_partition_baseline(&out->split, &p->partition, which));
    SLUICE__TRY_OUT(sluice_partition_loads(loads, &p->partition, &out->split));
    SLUICE__TRY_OUT(sluice__split_bytes(bytes, p, &out->split));
    out->fits  = sluice__split_short_rank(p, bytes) < 0;
    out->value = sluice__split_value_of(p, loads);
    for (int r = 0; r < p->ranks; r++) {
        out->seconds = fmax(out->seconds, loads[r].seconds);
        if (bytes[r] > out->bytes) out->bytes = bytes[r];
    }
out:
    sluice__free(loads);
    sluice__free(bytes);
    return status;
}

/* ---- names, layout ---- */

static sluice_status copy_rows(sluice_split_result *out, const sluice_profile_layer *rows) {
    SLUICE__TRY(sluice__alloc(&out->layers, (size_t)out->layer_count, sizeof *out->layers));
    for (int l = 0; l < out->layer_count; l++) {
        sluice_profile_layer *row = &out->layers[l];
        *row                      = rows[l];
        row->name = row->kind = row->tie = NULL;
        SLUICE__TRY(sluice__copy_text(&row->name, rows[l].name));
        if (rows[l].kind) SLUICE__TRY(sluice__copy_text(&row->kind, rows[l].kind));
        if (rows[l].tie) SLUICE__TRY(sluice__copy_text(&row->tie, rows[l].tie));
    }
    return SLUICE_OK;
}

static sluice_status fill_layout(sluice_split_result *out) {
    sluice_layout_layer *parts;
    int inside = 0;
    SLUICE__TRY(sluice__alloc(&parts, (size_t)out->layer_count, sizeof *parts));
    sluice_status status = sluice_rows_layout(parts, out->layers, out->layer_count);
    if (status == SLUICE_E_ARGUMENT)
        status = sluice__copy_text(&out->no_layout, sluice_last_error()->what);
    else
        status = sluice_layout_print(&out->layout, &inside, &out->split, parts, out->layer_count);
    sluice__free(parts);
    if (status != SLUICE_OK || out->layout || out->no_layout) return status;
    const int layer   = out->split.first[inside];
    sluice__text text = {0};
    SLUICE__TRY(sluice__text_add(&text,
                                 "stage %d begins with layer %d ('%s'), which is not the first of "
                                 "a block or of the loss, and a layout cuts only there",
                                 inside, layer, out->layers[layer].name));
    out->no_layout = text.bytes;
    return SLUICE_OK;
}

/* ---- all ---- */

sluice_status sluice__split_fill(sluice_split_result *out, const sluice__split_problem *problem,
                                 const size_t *bytes) {
    out->layer_count = problem->layers;
    out->stages      = out->split.stages;
    out->ranks       = problem->ranks;
    out->is_estimate = problem->is_estimate;
    SLUICE__TRY(copy_rows(out, problem->rows[0]));
    SLUICE__TRY(sluice__alloc(&out->stage, (size_t)out->stages, sizeof *out->stage));
    SLUICE__TRY(sluice__alloc(&out->rank, (size_t)out->ranks, sizeof *out->rank));
    SLUICE__TRY(sluice__alloc(&out->baselines, SLUICE_BASELINES, sizeof *out->baselines));
    fill_stages(out, problem);
    SLUICE__TRY(fill_ranks(out, problem, bytes));
    for (int k = 0; k < SLUICE_BASELINES; k++)
        SLUICE__TRY(fill_baseline(&out->baselines[k], problem, (sluice_baseline)k));
    return fill_layout(out);
}

void sluice_split_result_free(sluice_split_result *result) {
    if (!result) return;
    sluice_model_rows_free(result->layers, result->layer_count);
    sluice__free(result->stage);
    sluice__free(result->rank);
    sluice__free(result->baselines);
    sluice__free(result->layout);
    sluice__free(result->no_layout);
    sluice__free(result);
}
