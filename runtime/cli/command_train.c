/* SPDX-License-Identifier: MIT */
/* command_train.c -- `sluice train`: plan, steps, held-out losses, results. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "ends.h"
#include "training.h"

typedef struct train_run {
    const train_options *options;
    train_problem problem;
    train_progress progress;
    FILE *log;
    bool talks;      /* neither --quiet nor --json */
    train_step step; /* the last one */
    bool is_over, has_waited;
    sluice_status failure; /* after E_DEADLINE a rank may still be inside the model */
    char weights[17];
} train_run;

/* ---- what a signal says ---- */

/* Called as soon as it is known that there is another step. */
static void announce_step(const train_run *run) {
    char words[128];
    snprintf(words, sizeof words, "finishing step %lld, then saving; again to stop without",
             (long long)sluice_run_get_state(run->problem.run).step + 1);
    cli_hold_signals(words);
}

static void announce_save(void) {
    cli_hold_signals("saving; again to stop without");
}

/* ---- steps ---- */

/* A failure of the run is printed below the live line. */
static int report(train_run *run, sluice_status status) {
    if (status == SLUICE_OK) return CLI_OK;
    train_progress_leave(&run->progress);
    run->failure = status;
    return train_report(status);
}

static int evaluate(train_run *run, double *loss, const char *when) {
    const long long windows = (long long)sluice_run_held_out(run->problem.run);
    CLI_TRY(report(run, sluice_run_evaluate(loss, run->problem.run)));
    if (!run->talks) return CLI_OK;
    train_progress_leave(&run->progress);
    const double shown = isnan(*loss) ? fabs(*loss) : *loss; /* nan has no sign worth saying */
    printf("held-out loss %.4f nats per token %s (%lld window%s)\n", shown, when, windows,
           windows == 1 ? "" : "s");
    fflush(stdout);
    return CLI_OK;
}

static int digest(train_run *run) {
    uint64_t value = 0;
    CLI_TRY(report(run, sluice_pipeline_digest(&value, run->problem.pipeline)));
    snprintf(run->weights, sizeof run->weights, "%016" PRIx64, value);
    run->step.weights = run->weights;
    return CLI_OK;
}

static void show_step(train_run *run) {
    const sluice_run_result *const it = &run->step.run;
    if (it->reason) {
        train_progress_leave(&run->progress);
        (void)cli_fail(CLI_OK, "%s; skipped, %lld of at most %lld", it->reason,
                       (long long)it->skipped, (long long)run->options->skip_nonfinite);
    } else if (run->talks)
        train_progress_step(&run->progress, &run->step);
}

/* A signal has come, or nobody sees what is printed. */
static bool is_stopped(void) {
    return cli_seen_signal() != 0 || cli_has_lost_output();
}

static int log_step(train_run *run, const train_step *step) {
    return train_log_step(&run->log, run->options->json ? stdout : NULL, step);
}

/* A disk that is full now may not be at the next save: what has been trained is not given up. */
static int report_save(train_run *run, sluice_status status) {
    if (status != SLUICE_E_IO && status != SLUICE_E_HOST_MEMORY) return report(run, status);
    train_progress_leave(&run->progress);
    return cli_fail(CLI_OK, "not saved: %s; the next save tries again", sluice_last_error()->what);
}

/* What waits for a slow disk is said once. */
static int save_step(train_run *run) {
    if (!run->has_waited && train_save_waits(&run->problem, run->options)) {
        run->has_waited = true;
        train_progress_leave(&run->progress);
        (void)cli_fail(CLI_OK,
                       "the save after step %" PRId64 " waits until the one before it is written; "
                       "fewer saves would not",
                       run->step.run.step);
    }
    return report_save(run, train_save_step(&run->problem, run->options));
}

/* One step, with held-out loss and digest if they are due. */
static int run_step(train_run *run, train_step *step) {
    CLI_TRY(report(run, sluice_run_step(&step->run, run->problem.run)));
    step->epoch    = train_epoch(&run->problem, run->options);
    step->warnings = step->run.step == 1 ? run->problem.notes : NULL;
    step->blas     = step->run.step == run->progress.from + 1 ? run->options->blas : NULL;
    show_step(run);
    step->held_out = NAN;
    if (step->run.step > 1) step->held_out_before = NAN;
    if (is_stopped() || sluice_run_evaluates(run->problem.run)) {
        char when[48];
        snprintf(when, sizeof when, "after step %" PRId64, step->run.step);
        const int failed = evaluate(run, &step->held_out, when);
        if (failed) {
            (void)log_step(run, step); /* the step itself is done */
            return failed;
        }
    }
    run->is_over = is_stopped() || sluice_run_is_done(run->problem.run);
    if (run->is_over)
        announce_save();
    else
        announce_step(run);
    if (run->is_over) CLI_TRY(digest(run));
    CLI_TRY(log_step(run, step));
    return save_step(run);
}

/* Until the last step, or the one during which the run was stopped. */
static int run_steps(train_run *run) {
    const int64_t done        = sluice_run_get_state(run->problem.run).step;
    run->step.held_out_before = NAN;
    if (done == 0) CLI_TRY(evaluate(run, &run->step.held_out_before, "before step 1"));
    train_progress_start(&run->progress, run->options);
    run->progress.from = done;
    if (sluice_run_is_done(run->problem.run)) return digest(run);
    announce_step(run);
    while (!run->is_over) CLI_TRY(run_step(run, &run->step));
    return CLI_OK;
}

/* ---- what came of it ---- */

/* As a picture, as text, as a table: those that were requested. */
static int show_last_step(const train_run *run) {
    const train_options *const options    = run->options;
    const sluice_pipeline *const pipeline = run->problem.pipeline;
    train_costs costs                     = {0};
    int failed                            = train_read_costs(&costs, pipeline);
    if (!failed && options->trace)
        failed = train_write_last_step(options->trace, pipeline, &costs, run->step.run.step);
    if (!failed && run->talks)
        failed = train_print_last_step(pipeline, &costs, run->step.run.result.makespan_idle);
    if (!failed && options->ledger)
        failed = train_print_ledger(pipeline, run->step.run.result.ledger, &costs);
    train_free_costs(&costs);
    return failed;
}

/* What is in the folder, in words; its files are in docs/formats.md. */
static void show_saved(const train_run *run) {
    const train_options *const options     = run->options;
    const train_optimizer *const optimizer = &options->optimizer;
    const bool has_states                  = optimizer->kind->state_count(optimizer->config) > 0;
    printf("saved in %s: weights, config, %s, %sstate of the run%s%s%s%s\n", options->out,
           run->problem.tokenizer ? "tokenizer" : "no tokenizer",
           has_states ? "optimizer state, " : "",
           !run->log      ? ""
           : options->log ? "; log in "
                          : ", log",
           run->log && options->log ? options->log : "", options->trace ? "; last step in " : "",
           options->trace ? options->trace : "");
}

static int finish(train_run *run) {
    const train_options *const options = run->options;
    CLI_TRY(report_save(run, sluice_run_finish_save(run->problem.run)));
    CLI_TRY(train_save(&run->problem, options));
    if (run->step.run.step > 0) CLI_TRY(show_last_step(run));
    if (run->talks) show_saved(run);
    if (!options->json) printf("weights %s\n", run->weights);
    fflush(stdout);
    const int signal = cli_seen_signal();
    if (!signal && sluice_run_is_done(run->problem.run)) return CLI_OK;
    return cli_fail(signal ? CLI_SIGNAL + signal : CLI_FAILED,
                    "interrupted after step %lld of %lld; saved in %s",
                    (long long)run->step.run.step, (long long)options->steps, options->out);
}

/* Whether the failure has changed nothing, so that the weights are those of the step before: a
 * number is not finite, or the data cannot be read any more. */
static bool is_last_good(sluice_status failure) {
    return failure == SLUICE_E_NONFINITE || failure == SLUICE_E_CALLBACK;
}

static void save_last_good(train_run *run) {
    const train_options *const options = run->options;
    if (!is_last_good(run->failure) || run->step.run.step == 0) return;
    announce_save();
    if (digest(run) != CLI_OK || train_save(&run->problem, options) != CLI_OK) return;
    if (!options->json) printf("weights %s\n", run->weights);
    (void)cli_fail(CLI_OK, "the weights after step %lld are saved in %s",
                   (long long)run->step.run.step, options->out);
}

static int train(train_run *run) {
    const train_options *const options = run->options;
    CLI_TRY(train_make_run(&run->problem, options));
    cli_keep_on_without_output();
    run->step.ranks = sluice_program_ranks(sluice_pipeline_program(run->problem.pipeline));
    CLI_TRY(train_open_log(&run->log, options, run->problem.resumed));
    CLI_TRY(train_keep_plan(&run->problem, options->out));
    if (run->talks) CLI_TRY(train_print_plan(&run->problem, options));
    if (run->talks && run->problem.resumed)
        printf("resumed   from %s, after step %" PRId64 " of %" PRId64 "\n",
               sluice_save_folder(run->problem.resumed),
               sluice_save_state(run->problem.resumed).step, options->steps);
    const int failed = run_steps(run);
    if (!failed) return finish(run);
    (void)cli_report(sluice_run_finish_save(run->problem.run));
    save_last_good(run);
    return failed;
}

static int explain_memory(train_problem *problem, const train_options *options) {
    CLI_TRY(train_make_plan(problem, options));
    train_print_own_plan(problem, NULL);
    return train_explain_memory(problem, options);
}

int command_train(const cli_command *command, int argc, char **argv) {
    train_options options;
    train_run run = {.options = &options};
    train_out out = {.lock = -1};
    int failed    = train_read_options(&options, command, argc, argv);
    run.talks     = !options.quiet && !options.json;
    if (!failed && options.is_virtual) {
        failed = train_virtual(&options);
        goto out;
    }
    if (!failed) failed = train_prepare(&run.problem, &options, &out);
    if (!failed && options.explain_memory) {
        failed = explain_memory(&run.problem, &options);
        goto out;
    }
    if (!failed) failed = train_take_out(&out, &options);
    if (!failed && options.trace) failed = cli_check_writable(options.trace);
    if (!failed) failed = train(&run);
    train_close_log(run.log);
    train_leave_out(&out, failed != CLI_OK);
out:
    /* A rank may still be computing, with memory that exit() gives back. */
    if (run.failure == SLUICE_E_DEADLINE) _exit(cli_close_streams(failed));
    train_free_problem(&run.problem);
    train_free_options(&options);
    return failed;
}
