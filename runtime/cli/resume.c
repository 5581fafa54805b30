/* SPDX-License-Identifier: MIT */
/* resume.c -- `sluice train --resume`: which save, whether the run is the same, and its log. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "training.h"

/* ---- which folder ---- */

static int name_home(char path[PATH_BYTES], const char *resume) {
    char *home = NULL;
    CLI_TRY(cli_report(sluice_save_home(&home, resume)));
    const bool fits = snprintf(path, PATH_BYTES, "%s", home) < PATH_BYTES;
    sluice_text_free(home);
    return fits ? CLI_OK : cli_fail(CLI_USAGE, "--resume is longer than a path may be");
}

int train_choose_out(train_options *o) {
    if (!o->resume && !o->out) o->out = "sluice-out";
    if (!o->resume || o->out) return CLI_OK;
    CLI_TRY(name_home(o->chosen_out, o->resume));
    o->out = o->chosen_out;
    return CLI_OK;
}

bool train_goes_on_in_out(const train_options *options) {
    char home[PATH_BYTES];
    struct stat one, other;
    return options->resume && name_home(home, options->resume) == CLI_OK && stat(home, &one) == 0 &&
           stat(options->out, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* ---- which save ---- */

void train_say_damaged(void *context, const char *folder) {
    (void)context;
    (void)cli_fail(CLI_OK, "the save '%s' is not used: %s", folder, sluice_last_error()->what);
}

/* Without a decay the number of steps changes nothing that is done. */
static bool is_changed(const sluice_save *save, const train_options *options,
                       const sluice_setting *now) {
    const char *const earlier = sluice_save_setting(save, now->name);
    if (!earlier || strcmp(earlier, now->value) == 0) return false;
    return strcmp(now->name, "steps") != 0 || options->decay != SLUICE_DECAY_NONE;
}

/* Another library of products is only there if it was asked for: no change to be refused. */
static bool is_blas(const sluice_setting *setting) {
    return strcmp(setting->name, "blas") == 0;
}

static void say_blas(const sluice_save *save, const sluice_setting *now) {
    (void)cli_fail(CLI_OK, "blas was '%s' in '%s' and is '%s' now: the result differs by rounding",
                   sluice_save_setting(save, now->name), sluice_save_folder(save), now->value);
}

/* The first change in full, others by name. */
static int compare(const sluice_save *save, const train_options *options,
                   const train_settings *now) {
    char others[512] = "";
    int first        = -1;
    for (int k = 0; k < now->count; k++) {
        const size_t used = strlen(others);
        if (!is_changed(save, options, &now->list[k])) continue;
        if (is_blas(&now->list[k]))
            say_blas(save, &now->list[k]);
        else if (first >= 0)
            (void)snprintf(others + used, sizeof others - used, "%s%s", used > 0 ? ", " : "",
                           now->list[k].name);
        else
            first = k;
    }
    if (first < 0) return CLI_OK;
    return cli_fail(
        CLI_USAGE,
        "%s was '%s' in '%s' and is '%s' now%s%s%s, which would change the result; give "
        "%s as before, or add --allow-changes",
        now->list[first].name, sluice_save_setting(save, now->list[first].name),
        sluice_save_folder(save), now->list[first].value, others[0] ? " (also changed: " : "",
        others, others[0] ? ")" : "", others[0] ? "them" : "it");
}

int train_find_save(train_problem *problem, const train_options *options) {
    return cli_report_or(
        sluice_save_find(&problem->resumed, options->resume, train_say_damaged, NULL),
        train_resume_hint);
}

int train_check_save(train_problem *problem, const train_options *options) {
    CLI_TRY(train_make_settings(&problem->settings, problem, options));
    if (!problem->resumed) return CLI_OK;
    return options->allow_changes ? CLI_OK : compare(problem->resumed, options, &problem->settings);
}

/* The seed is the option's, which may have been changed. */
int train_take_save(train_problem *problem, const train_options *options) {
    if (!problem->resumed) return CLI_OK;
    CLI_TRY(cli_report(sluice_run_load(problem->run, problem->resumed)));
    sluice_counters counters = sluice_pipeline_counters(problem->pipeline);
    sluice_run_state state   = sluice_run_get_state(problem->run);
    counters.seed            = options->seed;
    state.seed               = options->seed;
    CLI_TRY(cli_report(sluice_pipeline_set_counters(problem->pipeline, &counters)));
    return cli_report(sluice_run_set_state(problem->run, &state));
}

/* ---- its log ---- */

/* The step of a line of the log; -1 if it is none, as the last of a run that was killed. */
static int64_t step_of(const char *line) {
    json_t *const object = json_loads(line, 0, NULL);
    json_t *const step   = json_object_get(object, "step");
    const int64_t number = json_is_integer(step) ? json_integer_value(step) : -1;
    json_decref(object);
    return number;
}

/* Where the lines up to `step` end. */
static off_t end_of_steps(FILE *log, int64_t step) {
    char *line    = NULL;
    size_t size   = 0;
    off_t end     = 0;
    ssize_t bytes = getline(&line, &size, log);
    while (bytes > 0 && line[bytes - 1] == '\n') {
        const int64_t there = step_of(line);
        if (there < 0 || there > step) break;
        end += bytes;
        bytes = getline(&line, &size, log);
    }
    free(line);
    return end;
}

int train_cut_log(const char *path, int64_t step) {
    struct stat about;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) return CLI_OK;
    FILE *const log = fopen(path, "re");
    if (!log && errno == ENOENT) return CLI_OK;
    if (!log) return cli_fail(CLI_FAILED, "log '%s' cannot be read: %s", path, strerror(errno));
    const off_t end = end_of_steps(log, step);
    (void)fclose(log);
    if (truncate(path, end) == 0) return CLI_OK;
    return cli_fail(CLI_FAILED, "log '%s' cannot be written: %s", path, strerror(errno));
}
