/* SPDX-License-Identifier: MIT */
/* save.c -- the folder of a run's results: proven writable before the run, filled after it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "training.h"

bool train_path(char path[PATH_BYTES], const char *out, const char *name) {
    const int length = snprintf(path, PATH_BYTES, "%s/%s", out, name);
    return length > 0 && length < PATH_BYTES;
}

/* Permissions are not enough to know (root, a full or a read-only disk): write a byte. */
static bool can_write(const char *out) {
    char path[PATH_BYTES];
    if (!train_path(path, out, ".writable-XXXXXX")) {
        errno = ENAMETOOLONG;
        return false;
    }
    const int file = mkstemp(path);
    if (file < 0) return false;
    const bool good = write(file, "", 1) == 1;
    const int why   = errno;
    close(file);
    unlink(path);
    errno = why;
    return good;
}

int train_prepare_out(const char *out, bool *made) {
    *made = mkdir(out, 0777) == 0;
    if (!*made && errno != EEXIST)
        return cli_fail(CLI_FAILED, "--out '%s' cannot be created: %s; name another folder", out,
                        strerror(errno));
    if (can_write(out)) return CLI_OK;
    return cli_fail(CLI_FAILED, "--out '%s' cannot be written to: %s; name another folder", out,
                    strerror(errno));
}

static sluice_save_options saving_of(const train_problem *problem, const train_options *options) {
    sluice_save_options saving = SLUICE_SAVE_OPTIONS_INIT;
    saving.config              = &problem->config;
    saving.settings            = problem->settings.list;
    saving.setting_count       = problem->settings.count;
    saving.tokenizer           = problem->tokenizer;
    saving.shard_bytes         = options->shard_bytes;
    saving.type                = options->save_type;
    return saving;
}

static bool is_due(const train_problem *problem, const train_options *options) {
    const int64_t step = sluice_run_get_state(problem->run).step;
    if (options->save_every > 0 && step % options->save_every == 0) return true;
    return options->save_minutes > 0 &&
           train_clock() - problem->last_save >= 60 * options->save_minutes;
}

/* The last step is saved at the end. */
bool train_save_waits(const train_problem *problem, const train_options *options) {
    return sluice_run_is_saving(problem->run) && is_due(problem, options) &&
           !sluice_run_is_done(problem->run);
}

sluice_status train_save_step(train_problem *problem, const train_options *options) {
    const sluice_save_options saving = saving_of(problem, options);
    if (problem->last_save == 0) problem->last_save = train_clock();
    const bool is_over = sluice_run_is_done(problem->run);
    if (!is_due(problem, options) || is_over)
        return sluice_run_is_saving(problem->run) ? SLUICE_OK
                                                  : sluice_run_finish_save(problem->run);
    problem->last_save = train_clock();
    return sluice_run_save(problem->run, options->out, options->keep, &saving);
}

int train_save(train_problem *problem, const train_options *options) {
    const sluice_save_options saving = saving_of(problem, options);
    const bool keeps                 = options->save_every > 0 || options->save_minutes > 0;
    return cli_report(
        sluice_run_save_end(problem->run, options->out, keeps ? options->keep : 0, &saving));
}
