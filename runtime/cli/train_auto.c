/* SPDX-License-Identifier: MIT */
/* train_auto.c -- `sluice train` where no option shapes the pipeline: it plans by itself, for as
 * many ranks as there are devices or cores. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "model_options.h"
#include "subject.h"
#include "training.h"

#define PLAN_FILE "plan.json"

enum { EFFORT = 60, RUNNERS_UP = 8, ALL_RANKS_TO = 8, MAX_SEARCHES = 24 };

/* Steps that an estimate does not tell apart. */
static const double alike = 1.05;

typedef struct auto_plan {
    const train_problem *problem;
    const train_options *options;
    const char *kind; /* of the devices */
    bool is_host;     /* ranks share the cores of this machine */
    int ranks;        /* at most */
    size_t limit;     /* bytes of a rank; 0: none */
    sluice_plan_result *found[MAX_SEARCHES];
    int count;
} auto_plan;

/* ---- what there is ---- */

static int find_devices(auto_plan *it) {
    const train_options *const options = it->options;
    const sluice_device_ops *ops       = sluice_devices()[0];
    const char *const device           = options->device ? options->device : ops->name;
    int there                          = 0;
    CLI_TRY(cli_report(sluice_device_find(&ops, device)));
    CLI_TRY(cli_count_devices(&there, device));
    it->kind    = ops->name;
    it->is_host = there == 0;
    it->ranks   = there > 0 ? there : cli_cores() / (options->threads > 0 ? options->threads : 1);
    const int layers = sluice_model_layer_count(it->problem->model);
    if (it->ranks > layers) it->ranks = layers;
    if (it->ranks < 1) it->ranks = 1;
    it->limit = options->memory_limit;
    return it->limit > 0 ? CLI_OK : cli_find_free(&it->limit, device);
}

/* What one of so many ranks has of the cores. */
static int threads_of(const auto_plan *it, int ranks) {
    const int given = it->options->threads, cores = cli_cores();
    if (!it->is_host) return 0;
    return given > 0 ? given : cores > ranks ? cores / ranks : 1;
}

/* ---- the search ---- */

static sluice_plan_search_options settings_of(const auto_plan *it, int ranks) {
    const train_options *const options  = it->options;
    const int m                         = options->schedule.microbatches;
    sluice_plan_search_options settings = SLUICE_PLAN_SEARCH_OPTIONS_INIT;
    settings.model                      = it->problem->model;
    settings.min_ranks                  = ranks;
    settings.ranks                      = ranks;
    settings.threads                    = threads_of(it, ranks);
    settings.batch         = (options->batch + m - 1) / m * m; /* all as large as the largest */
    settings.microbatches  = m;
    settings.device        = it->kind;
    settings.precision     = options->precision;
    settings.working_bytes = cli_working_bytes(it->kind, options->precision);
    settings.states        = options->optimizer.kind->state_count(options->optimizer.config);
    settings.memory_limit  = it->limit;
    settings.effort        = EFFORT;
    settings.runners_up    = RUNNERS_UP;
    settings.ascending     = true;
    settings.brief         = true;
    return settings;
}

/* A search for just so many ranks; `*status` says whether a plan fits. */
static int look_at(auto_plan *it, sluice_status *status, int ranks) {
    const sluice_plan_search_options settings = settings_of(it, ranks);
    *status = sluice_plan_search(&it->found[it->count], &settings);
    if (*status == SLUICE_E_DEVICE_MEMORY) return CLI_OK;
    CLI_TRY(cli_report(*status));
    it->count++;
    return CLI_OK;
}

/* As in a search over all of them. */
static bool is_tried(const auto_plan *it, int ranks) {
    return ranks <= ALL_RANKS_TO || (ranks & (ranks - 1)) == 0 || ranks == it->ranks;
}

/* Ranks that share cores are slower the more there are, so each number has a search of its own. */
static int search(auto_plan *it) {
    sluice_status status = SLUICE_OK;
    for (int ranks = 1; ranks <= it->ranks; ranks++)
        if (is_tried(it, ranks)) CLI_TRY(look_at(it, &status, ranks));
    return it->count > 0 ? CLI_OK : cli_report(status); /* what as many as there are lack */
}

/* ---- the choice ---- */

static double shortest_step(const auto_plan *it) {
    double step = it->found[0]->choices[0].step;
    for (int k = 1; k < it->count; k++)
        if (it->found[k]->choices[0].step < step) step = it->found[k]->choices[0].step;
    return step;
}

/* Some are as good as the fastest: of those, the one whose fullest rank has the smallest memory. */
static const sluice_plan_choice *choose(const auto_plan *it) {
    const double max               = alike * shortest_step(it);
    const sluice_plan_choice *best = NULL;
    for (int k = 0; k < it->count; k++)
        for (int c = 0; c < it->found[k]->count; c++) {
            const sluice_plan_choice *const choice = &it->found[k]->choices[c];
            if (choice->step <= max &&
                (!best || sluice_plan_choice_bytes(choice) < sluice_plan_choice_bytes(best)))
                best = choice;
        }
    return best;
}

/* ---- the plan ---- */

/* Micro-batches as the run has them: larger ones first. */
static void set_batch(sluice_plan_file *file, int64_t batch) {
    const int m = file->microbatch_count;
    file->batch = batch;
    for (int i = 0; i < m; i++) file->microbatches[i] = batch / m + (i < batch % m);
}

static int keep(const auto_plan *it, train_problem *problem) {
    const sluice_plan_choice *const best = choose(it);
    char kept[PATH_BYTES]; /* a save's model goes with the save */
    const bool is_of_save = it->options->model == it->options->chosen_model &&
                            train_path(kept, it->options->out, "config.json");
    const sluice_plan_file_about about = {
        .model      = is_of_save ? kept : problem->name,
        .sequence   = problem->seq,
        .vocabulary = sluice_model_config_numbers(&problem->config).vocabulary,
        .parameters = sluice_model_parameter_count(problem->model),
        .optimizer  = it->options->optimizer.kind->name,
        .precision  = cli_precision_name((int)it->options->precision),
        .threads    = threads_of(it, best->ranks),
        .device     = it->kind};
    CLI_TRY(cli_report(sluice_plan_file_make(&problem->own, best, &about)));
    set_batch(problem->own, it->options->batch);
    return CLI_OK;
}

/* ---- a plan that was kept ---- */

static bool same_text(const char *a, const char *b) {
    return a && b && strcmp(a, b) == 0;
}

static bool is_for_run(const auto_plan *it, const sluice_plan_file *file) {
    const train_problem *const problem = it->problem;
    const train_options *const options = it->options;
    return file->batch == options->batch && file->sequence == problem->seq &&
           file->microbatch_count == options->schedule.microbatches &&
           file->vocabulary == sluice_model_config_numbers(&problem->config).vocabulary &&
           file->parameters == sluice_model_parameter_count(problem->model) &&
           same_text(file->optimizer, options->optimizer.kind->name) &&
           same_text(file->precision, cli_precision_name((int)options->precision));
}

/* With as many devices, or cores for each rank, as a plan of now would have. */
static bool is_for_machine(const auto_plan *it, const sluice_plan_file *file) {
    if (file->rank_count > it->ranks || file->threads != threads_of(it, file->rank_count))
        return false;
    for (int r = 0; r < file->rank_count; r++)
        if (!same_text(file->ranks[r].device, it->kind) ||
            (it->limit > 0 && file->ranks[r].bytes > it->limit))
            return false;
    return true;
}

/* The plan that a resumed run was begun with, if it would still do. */
static bool take_kept(const auto_plan *it, train_problem *problem) {
    char path[PATH_BYTES];
    sluice_plan_file *file = NULL;
    if (!it->options->resume || !train_path(path, it->options->out, PLAN_FILE)) return false;
    if (access(path, F_OK) != 0 || sluice_plan_file_read(&file, path) != SLUICE_OK) return false;
    if (is_for_run(it, file) && is_for_machine(it, file)) {
        problem->own = file;
        return true;
    }
    sluice_plan_file_free(file);
    return false;
}

int train_plan_by_itself(train_problem *problem, const train_options *options) {
    auto_plan it    = {.problem = problem, .options = options};
    int failed      = find_devices(&it);
    const bool kept = !failed && take_kept(&it, problem);
    if (!failed && !kept) failed = search(&it);
    if (!failed && !kept) failed = keep(&it, problem);
    for (int k = 0; k < it.count; k++) sluice_plan_result_free(it.found[k]);
    return failed;
}

/* ---- what is kept, and said ---- */

int train_keep_plan(const train_problem *problem, const char *out) {
    char path[PATH_BYTES];
    if (!problem->own) return CLI_OK;
    if (!train_path(path, out, PLAN_FILE))
        return cli_fail(CLI_FAILED, "--out is too long for a path to " PLAN_FILE);
    return cli_report(sluice_plan_file_write(path, problem->own));
}

static int count_recomputing(const train_problem *problem) {
    int count = 0;
    for (int s = 0; s < problem->split->stages; s++) count += problem->recompute[s];
    return count;
}

void train_print_own_plan(const train_problem *problem, const char *out) {
    const sluice_plan_file *const file = problem->own;
    const sluice_split *const split    = problem->split;
    if (!file) return;
    printf("planned   %s on %d rank%s, layers ", file->schedule, file->rank_count,
           file->rank_count == 1 ? "" : "s");
    for (int s = 0; s < split->stages; s++)
        printf("%s%d", s > 0 ? "," : "", split->first[s + 1] - split->first[s]);
    if (count_recomputing(problem) > 0)
        printf(", recomputing %d of %d stages", count_recomputing(problem), split->stages);
    printf(", a step in about %.2g s (estimate)", file->step_s);
    if (out) printf("; %s/" PLAN_FILE ", --plan runs it again", out);
    putchar('\n');
}
