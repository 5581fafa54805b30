/* SPDX-License-Identifier: MIT */
/* train_plan.c -- `sluice train --plan`: a run as a plan says it, from options to costs. */
#include <stdlib.h>
#include <string.h>

#include "model_options.h"
#include "training.h"

/* ---- options ---- */

/* An option that is given although the plan decides it; NULL: there is none. */
static const char *find_decided(const train_options *o) {
    const cli_schedule_choice *const s = &o->schedule;
    return o->model             ? "model"
           : o->batch           ? "batch"
           : o->seq             ? "seq"
           : s->name            ? "schedule"
           : s->ranks           ? "ranks"
           : s->chunks          ? "chunks"
           : s->stages          ? "stages"
           : s->microbatches    ? "microbatches"
           : s->slack > 0       ? "slack"
           : s->group           ? "group"
           : s->extra_warmup    ? "extra-warmup"
           : o->costs.split     ? "split"
           : o->costs.layout    ? "layout"
           : o->costs.recompute ? "recompute"
           : o->precision       ? "precision"
           : o->optimizer.kind  ? "optimizer"
                                : NULL;
}

static int take_optimizer(train_options *o, const char *name) {
    const sluice_optimizer_kind *const *kind = sluice_optimizers();
    while (*kind && name && strcmp((*kind)->name, name) != 0) kind++;
    if (!*kind)
        return cli_fail(CLI_FAILED, "'%s' is for the optimizer '%s', which is not known", o->plan,
                        name);
    o->optimizer.kind = name ? *kind : NULL;
    return CLI_OK;
}

static int take_precision(train_options *o, const char *name) {
    for (int k = 0; name && cli_precision_name(k); k++)
        if (strcmp(cli_precision_name(k), name) == 0) {
            o->precision = (sluice_precision)k;
            return CLI_OK;
        }
    if (!name) return CLI_OK;
    return cli_fail(CLI_FAILED, "'%s' is for the precision '%s', which is not known", o->plan,
                    name);
}

static void take_schedule(cli_schedule_choice *out, const sluice_plan_file *file) {
    out->name         = file->schedule;
    out->ranks        = file->rank_count;
    out->chunks       = file->chunks;
    out->microbatches = file->microbatch_count;
    out->slack        = file->slack;
    out->group        = file->group;
}

/* A rank's device may have a name of its own, which is no kind. */
static bool is_kind(const char *name) {
    for (int k = 0; sluice_device_rates_kind(k); k++)
        if (strcmp(name, sluice_device_rates_kind(k)) == 0) return true;
    return false;
}

int train_take_plan(train_options *o) {
    if (!o->plan) return CLI_OK;
    const char *const decided = find_decided(o);
    if (decided)
        return cli_fail(CLI_USAGE, "--%s is what --plan decides; leave one of them out", decided);
    CLI_TRY(cli_report(sluice_plan_file_read(&o->planned, o->plan)));
    const sluice_plan_file *const file = o->planned;
    if (!file->model)
        return cli_fail(CLI_FAILED,
                        "'%s' is of a profile that names no model; train a plan of a model",
                        o->plan);
    if (file->csv)
        return cli_fail(CLI_FAILED,
                        "'%s' has its schedule as CSV, which --plan does not take; put it into a "
                        "file for --schedule",
                        o->plan);
    o->model = file->model;
    o->batch = file->batch;
    o->seq   = file->sequence;
    if (!o->threads) o->threads = file->threads;
    if (!o->device && is_kind(file->ranks[0].device)) o->device = file->ranks[0].device;
    take_schedule(&o->schedule, file);
    CLI_TRY(take_precision(o, file->precision));
    return take_optimizer(o, file->optimizer);
}

/* ---- schedule, split, costs ---- */

static int allocate(train_problem *problem) {
    const size_t stages = (size_t)sluice_schedule_stages(problem->schedule),
                 ranks  = (size_t)sluice_schedule_ranks(problem->schedule);
    problem->split      = malloc(sizeof *problem->split);
    problem->recompute  = calloc(stages, sizeof *problem->recompute);
    problem->planned    = calloc(1, sizeof *problem->planned);
    if (!problem->split || !problem->recompute || !problem->planned)
        return cli_fail(CLI_FAILED, "host memory exhausted");
    train_costs *const costs = problem->planned;
    costs->stages            = calloc(stages, sizeof *costs->stages);
    costs->recompute         = calloc(stages, sizeof *costs->recompute);
    costs->updates           = calloc(ranks, sizeof *costs->updates);
    return costs->stages && costs->recompute && costs->updates
               ? CLI_OK
               : cli_fail(CLI_FAILED, "host memory exhausted");
}

/* When sends are waited for follows these, as in what was simulated. */
static void fill_costs(train_costs *costs, const sluice_plan_file *file) {
    costs->costs = (sluice_simulation_costs){.stages     = costs->stages,
                                             .recompute  = costs->recompute,
                                             .updates    = costs->updates,
                                             .latency    = file->latency_s,
                                             .bandwidth  = file->bytes_per_s,
                                             .links      = file->links,
                                             .link_count = file->link_count,
                                             .overlap    = file->overlap};
}

static int check_model(const train_problem *problem, const sluice_plan_file *file,
                       const char *plan) {
    const int layers         = problem->split->first[problem->split->stages];
    const int own            = sluice_model_layer_count(problem->model);
    const int64_t vocabulary = sluice_model_config_numbers(&problem->config).vocabulary;
    if (layers != own)
        return cli_fail(CLI_FAILED, "'%s' is for %d layers, and %s has %d", plan, layers,
                        problem->name, own);
    if (file->vocabulary == 0 || file->vocabulary == vocabulary) return CLI_OK;
    return cli_fail(CLI_FAILED,
                    "'%s' is for a vocabulary of %lld, and the data's is %lld; plan with "
                    "--vocabulary %lld",
                    plan, (long long)file->vocabulary, (long long)vocabulary,
                    (long long)vocabulary);
}

int train_make_planned(train_problem *problem, const train_options *options) {
    const sluice_plan_file *const file = options->planned;
    CLI_TRY(cli_load_schedule(&problem->schedule, &options->schedule));
    CLI_TRY(allocate(problem));
    train_costs *const costs = problem->planned;
    CLI_TRY(cli_report(sluice_plan_file_stages(problem->split, problem->recompute, costs->stages,
                                               costs->recompute, costs->updates, file,
                                               problem->schedule)));
    CLI_TRY(check_model(problem, file, options->plan));
    if (file->ranks[0].stages[0].has_cost) {
        fill_costs(costs, file);
        return CLI_OK;
    }
    train_free_costs(costs);
    free(costs);
    problem->planned = NULL;
    return CLI_OK;
}
