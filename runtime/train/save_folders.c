/* SPDX-License-Identifier: MIT */
/* save_folders.c -- the saves of a run in its output folder: which stay, and the one at the end. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/folders.h"
#include "runtime/io/weight_names.h"
#include "runtime/train/saves.h"

/* ---- names ---- */

int64_t sluice__save_step_of(const char *name) {
    static const char start[] = "step-";
    const char *const digits  = name + sizeof start - 1;
    if (strncmp(name, start, sizeof start - 1) != 0) return -1;
    const size_t length = strspn(digits, "0123456789");
    if (length < 8 || length > 18 || digits[length] != '\0') return -1;
    return strtoll(digits, NULL, 10);
}

/* A save of a run is OUT/saves/step-N; any other folder is OUT itself. */
sluice_status sluice_save_home(char **out, const char *folder) {
    char *named = NULL, *saves = NULL;
    SLUICE__TRY(sluice__path_plain(&named, folder));
    sluice_status status = sluice__path_parent(&saves, named);
    if (status == SLUICE_OK) {
        const char *const name = sluice__path_last(named);
        const bool is_save =
            (sluice__save_step_of(name) >= 0 || sluice__save_step_of_old(name) >= 0) &&
            strcmp(sluice__path_last(saves), SLUICE__SAVES_FOLDER) == 0;
        status = is_save ? sluice__path_parent(out, saves) : sluice__copy_text(out, named);
    }
    sluice__free(saves);
    sluice__free(named);
    return status;
}

static sluice_status name_save(char **out, const char *saves, int64_t step) {
    char name[32];
    (void)snprintf(name, sizeof name, "step-%08" PRId64, step);
    return sluice__path_join(out, saves, name);
}

/* ---- which stay ---- */

/* A save that was being replaced, where the file system cannot swap two names, lies under this name
 * meanwhile. */
int64_t sluice__save_step_of_old(const char *name) {
    char shown[32];
    const size_t length = strlen(name), tail = strlen(".old");
    if (name[0] != '.' || length <= tail || length >= sizeof shown) return -1;
    if (strcmp(name + length - tail, ".old") != 0) return -1;
    (void)snprintf(shown, sizeof shown, "%.*s", (int)(length - tail - 1), name + 1);
    return sluice__save_step_of(shown);
}

static int by_step(const void *a, const void *b) {
    const int64_t one   = sluice__save_step_of(*(char *const *)a),
                  other = sluice__save_step_of(*(char *const *)b);
    return (one > other) - (one < other);
}

static void remove_one(const char *folder, const char *name) {
    char *path = NULL;
    if (sluice__path_join(&path, folder, name) == SLUICE_OK) sluice__path_remove(path);
    sluice__free(path);
}

/* The newest `keep` saves stay, and nothing of those that were not finished. */
static void remove_saves(const sluice__listing *names, const char *saves, int keep) {
    if (names->count > 0) qsort(names->list, (size_t)names->count, sizeof *names->list, by_step);
    for (int k = names->count - 1; k >= 0; k--) {
        const bool is_save = sluice__save_step_of(names->list[k]) >= 0,
                   is_part = strncmp(names->list[k], ".step-", 6) == 0;
        if (is_part || (is_save && keep-- <= 0)) remove_one(saves, names->list[k]);
    }
}

static sluice_status keep_newest(const char *saves, int keep) {
    sluice__listing names = {0};
    sluice_status status  = sluice__folder_list(&names, saves);
    if (status == SLUICE_OK) remove_saves(&names, saves, keep);
    sluice__listing_free(&names);
    return status;
}

/* The tokenizer that an earlier run has left in `out`, by the list of its state.json: what others
 * have put there stays. */
static sluice_status forget_tokenizer(const char *out) {
    sluice_save *before  = NULL;
    sluice_status status = sluice__save_open_state(&before, out);
    if (status != SLUICE_E_HOST_MEMORY) status = SLUICE_OK; /* without the list there is none */
    for (int k = 0; before && status == SLUICE_OK && k < before->files.count; k++) {
        if (!sluice__is_tokenizer_file(before->files.list[k].name)) continue;
        remove_one(out, before->files.list[k].name);
    }
    sluice_save_close(before);
    return status;
}

/* After the first save of a run, saves of another run in the same folder go, and later ones of the
 * run that it goes on: newer than its own, they would be what is resumed. */
static sluice_status forget_others(const char *out, const char *saves, int64_t own, int64_t step) {
    sluice__listing names = {0};
    SLUICE__TRY(forget_tokenizer(out));
    remove_one(out, SLUICE__STATE_FILE);
    const sluice_status status = sluice__folder_list(&names, saves);
    for (int k = 0; status == SLUICE_OK && k < names.count; k++) {
        const int64_t other = sluice__save_step_of(names.list[k]);
        if (other > own && other != step) remove_one(saves, names.list[k]);
    }
    sluice__listing_free(&names);
    return status;
}

/* ---- a save ---- */

static sluice_status make_job(sluice__save_job *job, const sluice_run *run, const char *out,
                              int keep, const sluice_save_options *options) {
    const sluice_run_state state = sluice_run_get_state(run);
    *job = (sluice__save_job){sluice__save_source_of(sluice__run_pipeline(run), &state), out, keep,
                              sluice__run_own_saves(run, out), SLUICE_SAVE_OPTIONS_INIT};
    return sluice__save_settle(&job->options, options);
}

static sluice_status save_step(char **folder, const sluice__save_job *job, const char *saves) {
    const int64_t step = job->source.at.run.step;
    SLUICE__TRY(sluice__folder_make(job->out)); /* it may have been removed since the run began */
    SLUICE__TRY(sluice__folder_make(saves));
    SLUICE__TRY(sluice__folder_sync(job->out));
    SLUICE__TRY(name_save(folder, saves, step));
    SLUICE__TRY(sluice__save_write(*folder, &job->source, &job->options));
    if (job->own == INT64_MAX) return SLUICE_OK;
    return forget_others(job->out, saves, job->own, step);
}

sluice_status sluice__save_job_write(const sluice__save_job *job) {
    char *saves = NULL, *folder = NULL;
    SLUICE__TRY(sluice__path_join(&saves, job->out, SLUICE__SAVES_FOLDER));
    sluice_status status = save_step(&folder, job, saves);
    if (status == SLUICE_OK) status = keep_newest(saves, job->keep);
    sluice__free(folder);
    sluice__free(saves);
    return status;
}

/* Now, or begun in the background. */
static sluice_status save_now(sluice_run *run, const sluice__save_job *job) {
    sluice__saver *const saver = sluice__run_saver(run);
    if (saver) return sluice__saver_begin(saver, job);
    SLUICE__TRY(sluice__save_job_write(job));
    sluice__run_set_saved(run);
    return SLUICE_OK;
}

/* After an earlier save that failed this one may succeed. */
sluice_status sluice_run_save(sluice_run *run, const char *out, int keep,
                              const sluice_save_options *options) {
    sluice__save_job job;
    if (keep < 1)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d saves are to be kept; use 1 or more", keep);
    const sluice_status before = sluice_run_finish_save(run);
    const sluice_error why     = *sluice_last_error();
    SLUICE__TRY(make_job(&job, run, out, keep, options));
    SLUICE__TRY(save_now(run, &job));
    return before == SLUICE_OK ? SLUICE_OK : sluice__fail_again(&why);
}

/* ---- in the background ---- */

bool sluice_run_is_saving(const sluice_run *run) {
    const sluice__saver *const saver = sluice__run_saver(run);
    return saver && sluice__saver_is_writing(saver);
}

sluice_status sluice_run_finish_save(sluice_run *run) {
    sluice__saver *const saver = sluice__run_saver(run);
    bool has_saved             = false;
    if (saver) SLUICE__TRY(sluice__saver_finish(&has_saved, saver));
    if (has_saved) sluice__run_set_saved(run);
    return SLUICE_OK;
}

/* ---- the end ---- */

/* Under a temporary name first: the name that readers know is always a whole file. */
static sluice_status publish_file(const char *from, const char *out, const char *name) {
    char *source = NULL, *target = NULL, *part = NULL;
    char hidden[280];
    sluice_status status = SLUICE_OK;
    (void)snprintf(hidden, sizeof hidden, ".%.250s.part", name);
    SLUICE__TRY_OUT(sluice__path_join(&source, from, name));
    SLUICE__TRY_OUT(sluice__path_join(&target, out, name));
    SLUICE__TRY_OUT(sluice__path_join(&part, out, hidden));
    SLUICE__TRY_OUT(sluice__path_link(source, part));
    status = sluice__path_move(part, target);
    sluice__path_remove(part); /* rename does nothing if both are links to one file */
out:
    sluice__free(source);
    sluice__free(target);
    sluice__free(part);
    return status;
}

/* Files of tensors that an earlier save has left, in another number of files; not those of other
 * names, which are somebody's. */
static bool is_stale(const char *name, const sluice__listing *names) {
    if (!sluice__is_weight_name(name, "model") && !sluice__is_weight_name(name, "optimizer"))
        return false;
    for (int k = 0; k < names->count; k++)
        if (strcmp(names->list[k], name) == 0) return false;
    return true;
}

static sluice_status remove_stale(const char *out, const sluice__listing *names) {
    sluice__listing there      = {0};
    const sluice_status status = sluice__folder_list(&there, out);
    for (int k = 0; status == SLUICE_OK && k < there.count; k++)
        if (is_stale(there.list[k], names)) remove_one(out, there.list[k]);
    sluice__listing_free(&there);
    return status;
}

/* state.json, which says that the files of `out` belong together, goes first and comes last. */
static sluice_status publish(const char *from, const char *out) {
    sluice__listing names = {0};
    char *state           = NULL;
    sluice_status status  = SLUICE_OK;
    SLUICE__TRY(sluice__path_join(&state, out, SLUICE__STATE_FILE));
    SLUICE__TRY_OUT(sluice__folder_list(&names, from));
    sluice__path_remove(state);
    for (int k = 0; k < names.count; k++)
        if (strcmp(names.list[k], SLUICE__STATE_FILE) != 0)
            SLUICE__TRY_OUT(publish_file(from, out, names.list[k]));
    SLUICE__TRY_OUT(remove_stale(out, &names));
    SLUICE__TRY_OUT(sluice__folder_sync(out));
    SLUICE__TRY_OUT(publish_file(from, out, SLUICE__STATE_FILE));
    status = sluice__folder_sync(out);
out:
    sluice__listing_free(&names);
    sluice__free(state);
    return status;
}

static sluice_status save_end(const sluice__save_job *job) {
    char *saves = NULL, *folder = NULL;
    SLUICE__TRY(sluice__path_join(&saves, job->out, SLUICE__SAVES_FOLDER));
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(save_step(&folder, job, saves));
    SLUICE__TRY_OUT(publish(folder, job->out));
    if (job->keep == 0) sluice__path_remove(folder);
    status = keep_newest(saves, job->keep > 0 ? job->keep : INT_MAX);
    (void)rmdir(saves); /* unless there are some in it */
out:
    sluice__free(folder);
    sluice__free(saves);
    return status;
}

/* After an earlier save that failed this one may succeed. */
sluice_status sluice_run_save_end(sluice_run *run, const char *out, int keep,
                                  const sluice_save_options *options) {
    sluice__save_job job;
    const sluice_status before = sluice_run_finish_save(run);
    const sluice_error why     = *sluice_last_error();
    SLUICE__TRY(make_job(&job, run, out, keep, options));
    SLUICE__TRY(save_end(&job));
    sluice__run_set_saved(run);
    return before == SLUICE_OK ? SLUICE_OK : sluice__fail_again(&why);
}
