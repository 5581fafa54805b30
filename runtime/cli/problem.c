/* SPDX-License-Identifier: MIT */
/* problem.c -- from options to an open pipeline: corpus, model, schedule, split; its failures. */
#include <stdlib.h>
#include <string.h>

#include "model_options.h"
#include "split_option.h"
#include "training.h"

/* ---- failures ---- */

int train_report(sluice_status status) {
    const sluice_error *const error = sluice_last_error();
    if (status != SLUICE_E_DEADLINE) return cli_report(status);
    return cli_fail(CLI_FAILED, "%s; if a single action can take that long, raise --timeout",
                    error->what);
}

/* ---- model and data ---- */

/* Without what this command writes itself: results, logs, and what it prints. */
static sluice_status open_corpus(train_problem *problem, const train_options *options) {
    const char *const written[] = {options->out,    options->log,  options->trace,
                                   options->resume, "/dev/stdout", "/dev/stderr"};
    return sluice_corpus_open_except(&problem->corpus, options->data.text, options->data.count,
                                     problem->seq, written, sizeof written / sizeof *written);
}

/* With the tokenizer that a save has, text is made into the same tokens. */
static int find_tokenizer(train_problem *problem, const train_options *options, train_out *out) {
    if (options->resume && options->explain_memory)
        CLI_TRY(cli_report_or(sluice_save_find_state(&problem->resumed, options->resume),
                              train_resume_hint));
    else if (options->resume) {
        CLI_TRY(train_take_out(out, options));
        CLI_TRY(train_find_save(problem, options));
    }
    return train_choose_tokenizer(problem, options);
}

/* What a preset gets that takes the data's. */
static int64_t find_vocabulary(const train_problem *problem) {
    return problem->bpe ? sluice_bpe_vocabulary(problem->bpe)
                        : sluice_corpus_vocabulary(problem->corpus);
}

static int make_model(train_problem *problem, const train_options *options, train_out *out) {
    /* First for its positions: the vocabulary is the data's, which are read by their number. */
    CLI_TRY(cli_read_model(&problem->config, problem->name, 0));
    CLI_TRY(cli_choose_length(&problem->seq, options->seq, &problem->config, problem->name));
    CLI_TRY(cli_report_or(open_corpus(problem, options),
                          "--data takes readable text files, folders or .bin files"));
    CLI_TRY(find_tokenizer(problem, options, out));
    CLI_TRY(cli_read_model(&problem->config, problem->name, find_vocabulary(problem)));
    CLI_TRY(train_tokenize(problem, options, out));
    CLI_TRY(cli_report(sluice_corpus_set_vocabulary(
        problem->corpus, sluice_model_config_numbers(&problem->config).vocabulary)));
    problem->config.dropout = options->dropout;
    return cli_report(sluice_model_from_config(&problem->model, &problem->config, problem->seq));
}

/* ---- schedule and split ---- */

static int check_schedule(const train_problem *problem, const train_options *options) {
    const int stages = sluice_schedule_stages(problem->schedule);
    const int layers = sluice_model_layer_count(problem->model);
    const int m      = sluice_schedule_microbatches(problem->schedule);
    if (!sluice_schedule_trains(problem->schedule))
        return cli_fail(CLI_USAGE,
                        "schedule '%s' has no backward and trains nothing; "
                        "choose another of those that `sluice schedule --list` prints",
                        options->schedule.name);
    CLI_TRY(cli_check_stages(stages, layers, problem->name));
    if (m > options->batch)
        return cli_fail(CLI_USAGE,
                        "%s has %d micro-batches and --batch %lld samples; name a larger "
                        "--batch",
                        options->schedule.name, m, (long long)options->batch);
    return CLI_OK;
}

int train_prepare(train_problem *problem, const train_options *options, train_out *out) {
    problem->name = options->model;
    CLI_TRY(make_model(problem, options, out));
    if (options->planned) {
        CLI_TRY(train_make_planned(problem, options->planned, options->plan));
        return check_schedule(problem, options);
    }
    if (options->plans_itself) {
        CLI_TRY(train_plan_by_itself(problem, options));
        return train_make_planned(problem, problem->own, "the plan");
    }
    CLI_TRY(cli_load_schedule(&problem->schedule, &options->schedule));
    CLI_TRY(check_schedule(problem, options));
    CLI_TRY(train_choose_recompute(problem, options));
    return cli_read_split_of_model(&problem->split, options->costs.split, options->costs.layout,
                                   problem->model, sluice_schedule_stages(problem->schedule));
}

static sluice_pipeline_options settings_of(const train_problem *problem,
                                           const train_options *options) {
    sluice_pipeline_options settings = SLUICE_PIPELINE_OPTIONS_INIT;
    settings.samples                 = options->batch;
    settings.device                  = options->device;
    settings.ranks_per_device        = options->ranks_per_device;
    settings.transport               = options->transport;
    settings.precision               = options->precision;
    settings.threads                 = problem->own ? problem->own->threads : options->threads;
    settings.optimizer               = options->optimizer.kind;
    settings.optimizer_config        = options->optimizer.config;
    settings.clip                    = options->clip;
    settings.seed                    = options->seed;
    settings.deadline_s              = options->timeout;
    settings.recompute               = problem->recompute;
    settings.outstanding             = (int)options->costs.outstanding;
    settings.memory_limit            = options->memory_limit;
    settings.blas                    = options->blas;
    return settings;
}

static int plan_within(sluice_plan **out, const train_problem *problem,
                       const train_options *options, size_t limit) {
    sluice_pipeline_options settings = settings_of(problem, options);
    settings.memory_limit            = limit;
    if (problem->planned.given) settings.costs = &problem->planned.costs;
    return cli_report(
        sluice_pipeline_plan(out, problem->model, problem->schedule, problem->split, &settings));
}

/* A plan that is only explained may be too large. */
int train_make_plan(train_problem *problem, const train_options *options) {
    return plan_within(&problem->plan, problem, options,
                       options->explain_memory ? 0 : options->memory_limit);
}

int train_check_limit(const train_problem *problem, const train_options *options) {
    sluice_plan *plan = NULL;
    const int refused = plan_within(&plan, problem, options, options->memory_limit);
    sluice_plan_free(plan);
    return refused;
}

static int make_pipeline(train_problem *problem, const train_options *options) {
    const sluice_pipeline_options settings = settings_of(problem, options);
    CLI_TRY(train_make_plan(problem, options));
    CLI_TRY(train_report(sluice_pipeline_open(&problem->pipeline, problem->plan, &settings)));
    return options->init && !problem->resumed ? train_load_weights(problem, options->init) : CLI_OK;
}

int train_make_run(train_problem *problem, const train_options *options) {
    sluice_run_options settings = SLUICE_RUN_OPTIONS_INIT;
    settings.steps              = options->steps;
    settings.seed               = options->seed;
    settings.learning_rate  = (sluice_learning_rate){options->lr, options->min_lr, options->warmup,
                                                     options->steps, options->decay};
    settings.skip_nonfinite = options->skip_nonfinite;
    settings.evaluate_every = options->eval_every;
    settings.save_async     = options->save_async;
    CLI_TRY(train_check_save(problem, options));
    CLI_TRY(train_add_byte_tokenizer(problem));
    CLI_TRY(train_check_space(problem, options));
    CLI_TRY(make_pipeline(problem, options));
    CLI_TRY(cli_report(sluice_run_open(&problem->run, problem->pipeline, problem->model,
                                       problem->corpus, &settings)));
    CLI_TRY(train_take_save(problem, options));
    return train_find_notes(problem, options);
}

void train_free_problem(train_problem *problem) {
    json_decref(problem->notes);
    sluice_save_close(problem->resumed);
    sluice_run_close(problem->run);
    sluice_tokenizer_free(problem->tokenizer); /* which saves of the run may read until then */
    sluice_pipeline_close(problem->pipeline);
    sluice_plan_free(problem->plan);
    free(problem->split);
    free(problem->recompute);
    given_costs_free(&problem->planned);
    sluice_plan_file_free(problem->own);
    sluice_schedule_free(problem->schedule);
    sluice_model_free(problem->model);
    sluice_bpe_free(problem->bpe);
    sluice_corpus_close(problem->text);
    sluice_corpus_close(problem->corpus);
}
