/* SPDX-License-Identifier: MIT */
/* log.c -- the run's log: one JSON object per step, one line each. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio_ext.h>
#include <string.h>
#include <unistd.h>

#include "training.h"

int train_open_log(FILE **log, const train_options *options, const sluice_save *resumed) {
    char path[PATH_BYTES];
    const char *name = options->log;
    if (!name && options->is_virtual) return CLI_OK;
    if (!name) {
        if (!train_path(path, options->out, "log.jsonl"))
            return cli_fail(CLI_USAGE, "--out is longer than a path may be");
        name = path;
    }
    /* The log of another run, which --overwrite replaces, is not continued. */
    const bool goes_on = resumed && (options->log || train_goes_on_in_out(options));
    if (goes_on) CLI_TRY(train_cut_log(name, sluice_save_state(resumed).step));
    *log = cli_open_output(name, goes_on);
    if (*log) return CLI_OK;
    return cli_fail(CLI_FAILED, "log '%s' cannot be written: %s; name another with --log", name,
                    cli_output_reason());
}

/* A *_new function of jansson takes over the value, accepts NULL, and returns the failure. */
static bool add_number(json_t *object, const char *key, double value) {
    return json_object_set_new(object, key, json_real(value)) == 0;
}

static bool add_inner_idle(json_t *object, const train_step *step) {
    json_t *const list = json_array();
    bool good          = list != NULL;
    for (int r = 0; good && r < step->ranks; r++)
        good = json_array_append_new(list, json_real(step->run.result.inner_idle[r])) == 0;
    return json_object_set_new(object, "inner_idle", list) == 0 && good;
}

/* The ledger by entry, in seconds. */
static json_t *ledger_of(const sluice_ledger *ledger) {
    json_t *const object = json_object();
    bool good            = object != NULL;
    for (int e = 0; good && e < SLUICE_LEDGER_ENTRIES; e++)
        good = add_number(object, sluice_ledger_name((sluice_ledger_entry)e), ledger->time[e]);
    if (good) good = add_number(object, "unaccounted", ledger->unaccounted);
    if (good) good = add_number(object, "on_core", ledger->on_core);
    if (good) return object;
    json_decref(object);
    return NULL;
}

static bool add_ledgers(json_t *object, const train_step *step) {
    json_t *const list = json_array();
    bool good          = list != NULL;
    for (int r = 0; good && r < step->ranks; r++)
        good = json_array_append_new(list, ledger_of(&step->run.result.ledger[r])) == 0;
    return json_object_set_new(object, "ledger", list) == 0 && good;
}

static bool add_text(json_t *object, const char *key, const char *text) {
    return !text || json_object_set_new(object, key, json_string(text)) == 0;
}

static bool add_warnings(json_t *object, const train_step *step) {
    return !step->warnings || json_object_set(object, "warnings", step->warnings) == 0;
}

/* A skipped minibatch has a reason instead of numbers. */
static bool add_result(json_t *object, const train_step *step) {
    if (!add_warnings(object, step)) return false;
    if (step->run.reason)
        return add_number(object, "lr", step->run.learning_rate) &&
               add_number(object, "epoch", step->epoch) &&
               add_text(object, "reason", step->run.reason);
    return add_number(object, "loss", step->run.result.loss) &&
           add_number(object, "lr", step->run.learning_rate) &&
           add_number(object, "epoch", step->epoch) &&
           add_number(object, "norm", step->run.result.norm) &&
           add_number(object, "tokens_per_s", step->run.tokens_per_s) &&
           add_number(object, "step_s", step->run.result.seconds) &&
           add_number(object, "makespan_idle", step->run.result.makespan_idle) &&
           add_inner_idle(object, step) && add_ledgers(object, step);
}

/* Nothing is computed: times are all there is. */
static bool add_virtual_result(json_t *object, const train_step *step) {
    if (!add_warnings(object, step)) return false;
    return add_number(object, "step_s", step->run.result.seconds) &&
           add_number(object, "simulated_s", step->simulated) &&
           (step->planned == 0 || add_number(object, "planned_s", step->planned)) &&
           add_number(object, "makespan_idle", step->run.result.makespan_idle) &&
           add_inner_idle(object, step) && add_ledgers(object, step);
}

static json_t *make_object(const train_step *step) {
    json_t *const object = json_object();
    bool good = object && json_object_set_new(object, "step", json_integer(step->run.step)) == 0 &&
                (step->is_virtual ? add_virtual_result(object, step) : add_result(object, step));
    if (good && step->run.skipped > 0)
        good = json_object_set_new(object, "skipped", json_integer(step->run.skipped)) == 0;
    if (good && !isnan(step->held_out_before))
        good = add_number(object, "held_out_loss_before", step->held_out_before);
    if (good && !isnan(step->held_out)) good = add_number(object, "held_out_loss", step->held_out);
    if (good)
        good = add_text(object, "weights", step->weights) && add_text(object, "blas", step->blas);
    if (good) return object;
    json_decref(object);
    return NULL;
}

static void note_failure(void) {
    (void)cli_fail(CLI_OK, "the log cannot be written: %s; the run goes on without",
                   strerror(errno));
}

static bool write_line(FILE *file, const json_t *object) {
    return json_dumpf(object, file, JSON_COMPACT) == 0 && fputc('\n', file) != EOF &&
           fflush(file) == 0;
}

/* Half a line is removed. */
static void give_up(FILE *log, off_t whole) {
    note_failure();
    __fpurge(log);
    const bool is_cut = ftruncate(fileno(log), whole) == 0;
    (void)is_cut; /* nothing to cut in a device or a pipe */
    fclose(log);
}

void train_close_log(FILE *log) {
    if (log && fclose(log) != 0) note_failure();
}

int train_log_step(FILE **log, FILE *copy, const train_step *step) {
    json_t *const object = make_object(step);
    if (!object)
        return cli_fail(CLI_FAILED,
                        "step %lld has a number that JSON cannot hold, or host memory "
                        "is exhausted",
                        (long long)step->run.step);
    const off_t whole = *log ? ftello(*log) : 0;
    if (*log && !write_line(*log, object)) {
        give_up(*log, whole);
        *log = NULL;
    }
    if (copy) (void)write_line(copy, object); /* standard output: checked where it is written */
    json_decref(object);
    return CLI_OK;
}
