/* SPDX-License-Identifier: MIT */
/* train_planned.c -- what a plan decides, for training and for virtual devices: schedule, split,
 * recomputation, costs. */
#include <stdlib.h>

#include "model_options.h"
#include "training.h"

/* ---- schedule, split, costs ---- */

static int allocate(given_costs *out, const sluice_schedule *schedule,
                    const sluice_plan_file *file) {
    const size_t stages = (size_t)sluice_schedule_stages(schedule),
                 ranks  = (size_t)sluice_schedule_ranks(schedule);
    out->split          = malloc(sizeof *out->split);
    out->stages         = calloc(stages, sizeof *out->stages);
    out->recompute      = calloc(stages, sizeof *out->recompute);
    out->recomputes     = calloc(stages, sizeof *out->recomputes);
    out->updates        = calloc(ranks, sizeof *out->updates);
    out->links          = calloc((size_t)file->link_count + 1, sizeof *out->links);
    return out->split && out->stages && out->recompute && out->recomputes && out->updates &&
                   out->links
               ? CLI_OK
               : cli_fail(CLI_FAILED, "host memory exhausted");
}

/* When sends are waited for follows these, as in what was simulated. */
static void fill_costs(given_costs *out, const sluice_plan_file *file) {
    for (int l = 0; l < file->link_count; l++) out->links[l] = file->links[l];
    out->given = file->ranks[0].stages[0].has_cost;
    out->costs = (sluice_simulation_costs){.stages     = out->stages,
                                           .recompute  = out->recompute,
                                           .updates    = out->updates,
                                           .latency    = file->latency_s,
                                           .bandwidth  = file->bytes_per_s,
                                           .links      = out->links,
                                           .link_count = file->link_count,
                                           .overlap    = file->overlap};
}

/* A schedule as text has a number of its own. */
static int check_microbatches(const sluice_schedule *schedule, const sluice_plan_file *file,
                              const char *plan) {
    const int m = sluice_schedule_microbatches(schedule);
    if (m == file->microbatch_count) return CLI_OK;
    return cli_fail(CLI_USAGE, "'%s' has %d micro-batches, and its schedule %d", plan,
                    file->microbatch_count, m);
}

int train_load_planned(sluice_schedule **schedule, given_costs *costs, const sluice_plan_file *file,
                       const char *plan) {
    cli_schedule_choice choice;
    train_schedule_of(&choice, file, plan);
    CLI_TRY(cli_load_schedule(schedule, &choice));
    CLI_TRY(check_microbatches(*schedule, file, plan));
    CLI_TRY(allocate(costs, *schedule, file));
    CLI_TRY(cli_report(sluice_plan_file_stages(costs->split, costs->recomputes, costs->stages,
                                               costs->recompute, costs->updates, file, *schedule)));
    fill_costs(costs, file);
    return CLI_OK;
}

/* ---- the model ---- */

static int count_layers(const sluice_plan_file *file) {
    int count = 0;
    for (int r = 0; r < file->rank_count; r++)
        for (int s = 0; s < file->ranks[r].stage_count; s++)
            if (file->ranks[r].stages[s].last >= count) count = file->ranks[r].stages[s].last + 1;
    return count;
}

static int check_model(const sluice_model *model, const sluice_model_config *config,
                       const sluice_plan_file *file, const char *plan) {
    const int layers = count_layers(file), own = sluice_model_layer_count(model);
    const int64_t vocabulary = sluice_model_config_numbers(config).vocabulary,
                  parameters = sluice_model_parameter_count(model);
    if (file->vocabulary != 0 && file->vocabulary != vocabulary)
        return cli_fail(CLI_FAILED,
                        "'%s' is for a vocabulary of %lld, and the data's is %lld; plan with "
                        "--vocabulary %lld",
                        plan, (long long)file->vocabulary, (long long)vocabulary,
                        (long long)vocabulary);
    if (layers != own)
        return cli_fail(CLI_FAILED, "'%s' is for %d layers, and %s has %d; plan again", plan,
                        layers, file->model, own);
    if (file->parameters == 0 || file->parameters == parameters) return CLI_OK;
    return cli_fail(CLI_FAILED,
                    "'%s' is for %lld parameters, and %s has %lld: it has changed since; plan "
                    "again",
                    plan, (long long)file->parameters, file->model, (long long)parameters);
}

int train_make_planned(train_problem *problem, const sluice_plan_file *file, const char *plan) {
    given_costs *const costs = &problem->planned;
    CLI_TRY(train_load_planned(&problem->schedule, costs, file, plan));
    problem->split     = costs->split;
    problem->recompute = costs->recomputes;
    costs->split       = NULL;
    costs->recomputes  = NULL;
    return check_model(problem->model, &problem->config, file, plan);
}

/* ---- virtual devices ---- */

/* The plan's own model, with what its ties send after the last backward. */
static int read_model(sluice_model **out, const sluice_plan_file *file, const char *plan) {
    sluice_model_config config;
    int64_t length = 0;
    CLI_TRY(cli_read_model(&config, file->model, file->vocabulary));
    CLI_TRY(cli_choose_length(&length, file->sequence, &config, file->model));
    CLI_TRY(cli_report(sluice_model_from_config(out, &config, length)));
    return check_model(*out, &config, file, plan);
}

static void fill_outputs(sluice_stage_bytes *out, const sluice_plan_file *file,
                         const sluice_schedule *schedule) {
    for (int r = 0; r < file->rank_count; r++) {
        const sluice_plan_file_stage *stage = file->ranks[r].stages;
        for (int s = 0; s < sluice_schedule_stages(schedule); s++)
            if (sluice_schedule_stage_rank(schedule, s) == r)
                out[s].output = (size_t)stage++->output_bytes;
    }
}

/* A layer for each stage, which sends what the plan says. */
static int make_layers(sluice_model **out, const sluice_plan_file *file,
                       const sluice_schedule *schedule) {
    const int stages                = sluice_schedule_stages(schedule);
    sluice_stage_bytes *const bytes = calloc((size_t)stages, sizeof *bytes);
    if (!bytes) return cli_fail(CLI_FAILED, "host memory exhausted");
    fill_outputs(bytes, file, schedule);
    const int failed = cli_report(sluice_virtual_model(out, bytes, stages, cli_usual_states()));
    free(bytes);
    return failed;
}

int train_make_virtual_model(sluice_model **out, const sluice_schedule *schedule,
                             const train_options *options) {
    const sluice_plan_file *const file = options->planned;
    return file->model ? read_model(out, file, options->plan) : make_layers(out, file, schedule);
}
