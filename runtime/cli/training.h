/* SPDX-License-Identifier: MIT */
/* training.h -- what the files of `sluice train` share. */
#ifndef SLUICE_CLI_TRAINING_H
#define SLUICE_CLI_TRAINING_H

#include <stdio.h>

#include "costs.h"

/* ---- options (train_options.c, train_settle.c): 0 or NULL: not given ----
 */

enum { PATH_BYTES = 4096 };

/* The optimizer: its options on the command line, and the resulting configuration. */
typedef struct train_optimizer {
    const sluice_optimizer_kind *kind;
    double betas[2], momentum, weight_decay;
    void *config; /* the kind's configuration; release with free() */
} train_optimizer;

/* No option is given. */
#define TRAIN_OPTIMIZER_INIT                                                                       \
    { .betas = {-1, -1}, .momentum = -1, .weight_decay = -1 }

typedef struct train_options {
    cli_texts data;
    const char *model, *tokenizer, *init, *out, *log, *trace;
    const char *resume;            /* a folder; NULL: the run is new */
    char chosen_out[PATH_BYTES];   /* `out`, where only --resume names it */
    char chosen_model[PATH_BYTES]; /* `model`, where it is the save's */
    bool allow_changes;
    int64_t save_every;  /* steps; 0: not by steps */
    double save_minutes; /* 0: not by time */
    bool save_async;
    int keep;
    size_t shard_bytes;        /* of the largest file of a save */
    sluice_type save_type;     /* of the weights in it */
    const char *plan;          /* the file */
    sluice_plan_file *planned; /* what it says; NULL: there is none */
    const char *device;
    const char *transport; /* NULL: not named */
    const char *blas;      /* what multiplies on the CPU; NULL: the device is another one */
    bool is_virtual;
    bool plans_itself; /* no option shapes the pipeline */
    cli_schedule_choice schedule;
    cost_choice costs;   /* on virtual devices; split and recompute on all */
    double scale;        /* of costs on virtual devices; 0: 1 */
    size_t memory_limit; /* per rank */
    int threads;
    int ranks_per_device; /* 0: not named */
    sluice_precision precision;
    int64_t batch, seq, steps, eval_every;
    int64_t warmup;          /* -1: not named */
    double lr, min_lr, clip; /* lr, min_lr < 0: not named */
    double timeout;          /* seconds */
    int64_t skip_nonfinite;
    float dropout;
    sluice_decay decay;
    train_optimizer optimizer;
    uint64_t seed;
    bool quiet, json, explain_memory, ledger, overwrite;
} train_options;

/* Read all options, and check each alone and, where that needs no files, with the others. */
int train_read_options(train_options *options, const cli_command *command, int argc, char **argv);
void train_free_options(train_options *options);
/* Set defaults, and refuse options that do not fit each other. */
int train_settle_options(train_options *options, const cli_given *given);

/* Read --plan, if it is given, and set the options that it decides; refuse those
 * that are given next to it. */
int train_take_plan(train_options *options);
/* An option that is given and shapes the pipeline, but not the micro-batches; NULL: there is none.
 */
const char *train_find_pipeline_option(const train_options *options);
/* The schedule of a plan, which errors call `name` if it is text. */
void train_schedule_of(cli_schedule_choice *out, const sluice_plan_file *file, const char *name);

/* ---- the optimizer (train_optimizer.c) ---- */

extern const cli_option train_optimizer_options[]; /* of a train_optimizer */
/* Make the configuration from the options that are given; refuse those that the kind does not have.
 */
int train_settle_optimizer(train_optimizer *optimizer);

/* ---- failures (problem.c) ---- */

/* cli_report(), with this command's option for a deadline. */
int train_report(sluice_status status);

/* ---- what is trained (problem.c) ---- */

/* What decides the result of the run, by the names of options (settings.c). */
enum { TRAIN_SETTINGS = 32 };
typedef struct train_settings {
    sluice_setting list[TRAIN_SETTINGS];
    char values[TRAIN_SETTINGS][384];
    int count;
} train_settings;

typedef struct train_problem {
    const char *name; /* of the model: the preset, or the file */
    sluice_model_config config;
    int64_t seq;
    sluice_corpus *corpus;
    sluice_corpus *text; /* of which `corpus` has the tokens; NULL: it is the data */
    sluice_model *model;
    sluice_schedule *schedule;
    sluice_split *split;   /* NULL: left to the library */
    bool *recompute;       /* per stage */
    given_costs planned;   /* what a plan says: `given` if it has seconds */
    sluice_plan_file *own; /* what the command planned by itself; NULL: it did not */
    sluice_plan *plan;
    sluice_pipeline *pipeline;
    sluice_run *run;
    json_t *notes; /* sentences about options that do nothing sensible; NULL: there are none */
    train_settings settings;
    double last_save;            /* when: of train_clock(); 0: there is none yet */
    sluice_save *resumed;        /* the save that the run goes on from; NULL: it is new */
    sluice_tokenizer *tokenizer; /* that every save gets; NULL: there is none */
    sluice_bpe *bpe;             /* what it makes of text; NULL: the bytes, or it is not known */
} train_problem;

/* Everything up to the first step; cheap checks come first. On failure free what was made. `out` is
 * taken where the run needs it before it trains. */
typedef struct train_out train_out;
int train_prepare(train_problem *problem, const train_options *options, train_out *out);
/* Make the plan alone; and open what runs it, pipeline and run. */
int train_make_plan(train_problem *problem, const train_options *options);
/* Refuse a run that --memory-limit does not allow, without keeping its plan. */
int train_check_limit(const train_problem *problem, const train_options *options);
/* Schedule, split, recomputation and costs of a plan, which errors call `plan`
 * (train_planned.c). */
int train_make_planned(train_problem *problem, const sluice_plan_file *file, const char *plan);
int train_make_run(train_problem *problem, const train_options *options);
/* Plan where no option shapes the pipeline, with the micro-batches that are given or usual; write
 * it to DIR/plan.json, and say it, without a folder not where it is kept; nothing if the command
 * has not planned by itself (train_auto.c). */
int train_plan_by_itself(train_problem *problem, const train_options *options);
int train_keep_plan(const train_problem *problem, const char *out);
void train_print_own_plan(const train_problem *problem, const char *out);
void train_free_problem(train_problem *problem);

/* ---- memory (memory.c) ---- */

/* A size_t: "2GiB", "2G" (the same), "500mb", "1000000". */
cli_reader train_take_bytes;
int train_choose_recompute(train_problem *problem, const train_options *options);
/* Print each rank's part of a plan, kind by kind, and how far it is from the limit (0: there is
 * none); `saves`: with the memory of saves in the background. */
void train_print_memory(const sluice_plan *plan, size_t limit, bool saves);
/* Print each rank's plan, kind by kind; the plan's memory is not allocated. A plan that needs more
 * than the limit is refused after that. */
int train_explain_memory(const train_problem *problem, const train_options *options);

/* ---- what is shown (plan_report.c, progress.c) ---- */

int train_print_plan(const train_problem *problem, const train_options *options);
/* Find what the options say and the run will not do: sentences for people and for the log
 * (train_notes.c). */
int train_find_notes(train_problem *problem, const train_options *options);
/* How often all training windows were drawn so far. */
double train_epoch(const train_problem *problem, const train_options *options);

typedef struct train_progress {
    bool live;  /* one line, rewritten */
    bool shown; /* the line is on the screen now */
    int64_t steps, every;
    int64_t from;            /* the step that the run goes on from */
    double started, printed; /* seconds of a steady clock */
} train_progress;

double train_clock(void);
void train_progress_start(train_progress *progress, const train_options *options);

/* The results of a step. */
typedef struct train_step {
    sluice_run_result run;
    int ranks;
    double epoch;                     /* how often all training windows were drawn, up to here */
    double held_out_before, held_out; /* NaN: not evaluated */
    const char *weights;              /* of the last step: 16 hex digits; NULL */
    const char *blas;                 /* of the first step on the CPU; NULL */
    /* of virtual devices, whose losses and norms mean nothing */
    bool is_virtual;
    double simulated; /* seconds */
    double planned;   /* likewise, that --plan predicts; 0: it does not say */
    json_t *warnings; /* sentences about the run; borrowed; NULL: none */
} train_step;
void train_progress_step(train_progress *progress, const train_step *step);
/* End the live line: something else is printed below it. */
void train_progress_leave(train_progress *progress);

/* ---- virtual devices (train_virtual.c): costs instead of a model, no data, nothing to save ----
 */

int train_virtual(const train_options *options);
/* Schedule, split, recomputation and costs of a plan; and what stands for its model, with as many
 * layers as the plan has, or one for each stage if it names none (train_planned.c). */
int train_load_planned(sluice_schedule **schedule, given_costs *costs, const sluice_plan_file *file,
                       const char *plan);
int train_make_virtual_model(sluice_model **out, const sluice_schedule *schedule,
                             const train_options *options);

/* ---- the last step (last_step.c) ---- */

/* The simulator's input for the last step: the times of its actions, in seconds. */
typedef struct train_costs {
    sluice_simulation_costs costs; /* points into what follows */
    sluice_cost *stages;
    double *recompute, *updates;
    bool given; /* from the command line rather than measured */
} train_costs;
/* Release with train_free_costs(), after a failure too. */
int train_read_costs(train_costs *out, const sluice_pipeline *pipeline);
void train_free_costs(train_costs *costs);

int train_print_last_step(const sluice_pipeline *pipeline, const train_costs *costs,
                          double measured_idle);
/* Draw the simulated and the measured step in one picture or trace. */
int train_write_last_step(const char *path, const sluice_pipeline *pipeline,
                          const train_costs *costs, long long step);
/* Print two rows per rank, measured and simulated (ledger_table.c). */
int train_print_ledger(const sluice_pipeline *pipeline, const sluice_ledger *measured,
                       const train_costs *costs);

/* ---- the folder of results (out_folder.c) ---- */

struct train_out {
    const char *path;
    int lock;  /* the file that says that it is in use; -1: none */
    bool made; /* it was not there before */
};

/* Refuse a folder that cannot be written to, or that another run uses or has filled. One that is
 * taken already is fine. */
int train_take_out(train_out *folder, const train_options *options);
/* Refuse a run whose saves do not fit into --out. */
int train_check_space(const train_problem *problem, const train_options *options);
/* After a failure a folder that was made is removed if it is empty. */
void train_leave_out(train_out *folder, bool failed);

/* ---- what is kept (log.c, save.c, init.c) ---- */

/* Create the folder if needed, which `*made` reports, and prove that files can be created in it. */
int train_prepare_out(const char *out, bool *made);
/* On virtual devices NULL, unless there is a --log. A resumed run adds to the log it had. */
int train_open_log(FILE **log, const train_options *options, const sluice_save *resumed);
/* Write one JSON object on a line of each file that is not NULL. A log that cannot be written is
 * closed, which is said, and NULL from then on. */
int train_log_step(FILE **log, FILE *copy, const train_step *step);
void train_close_log(FILE *log); /* or NULL */

/* Whether a save is due after this step while the one before it is still being written. */
bool train_save_waits(const train_problem *problem, const train_options *options);
/* Save the run if a save is due after this step. E_IO and E_HOST_MEMORY: this one, or the one that
 * was being written, has failed. */
sluice_status train_save_step(train_problem *problem, const train_options *options);

/* ---- going on from a save (settings.c, resume.c) ---- */

int train_make_settings(train_settings *out, const train_problem *problem,
                        const train_options *options);
/* Where the results go: what --out says, or else --resume. */
int train_choose_out(train_options *options);
/* Whether --out is the folder of the run that --resume goes on. */
bool train_goes_on_in_out(const train_options *options);
/* What decides the result and is not given is as in the newest save of --resume (inherit.c). */
int train_inherit_options(train_options *options, const cli_given *given);
/* What is said if there is no save. */
extern const char train_resume_hint[];
/* Say why a save is not used: a sluice_save_damaged. */
void train_say_damaged(void *context, const char *folder);
/* The save that --resume means. */
int train_find_save(train_problem *problem, const train_options *options);
/* Before the pipeline is opened: refuse the save if the run is another one. */
int train_check_save(train_problem *problem, const train_options *options);
/* Read it into pipeline and run. */
int train_take_save(train_problem *problem, const train_options *options);
/* Leave the lines up to `step` in the log. */
int train_cut_log(const char *path, int64_t step);

/* Find the tokenizer of the text and of every save: the one that is named, of the save that is
 * resumed, of the folder that --model or --init names; and at last, when the model is known, that
 * of plain bytes (train_tokenizer.c). */
int train_choose_tokenizer(train_problem *problem, const train_options *options);
int train_add_byte_tokenizer(train_problem *problem);
/* Where the text is not trained on as its bytes: its tokens, in OUT/tokens.bin, instead of it
 * (train_tokens.c). */
int train_tokenize(train_problem *problem, const train_options *options, train_out *out);
/* Read --init into the pipeline, which must have exactly the model's parameters. */
int train_load_weights(const train_problem *problem, const char *path);
/* Save the run in --out, at its end. */
int train_save(train_problem *problem, const train_options *options);
/* DIR/NAME in `path`; false if it does not fit. */
bool train_path(char path[PATH_BYTES], const char *out, const char *name);

#endif
