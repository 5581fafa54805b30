/* SPDX-License-Identifier: MIT */
/* out_folder.c -- whose the folder of results is: one run at a time, no other run's, and large
 * enough. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "training.h"

/* ---- in use ---- */

/* Whether the file that is open is still the one at `path`: a run that ends removes its own. */
static bool is_there(int file, const char *path) {
    struct stat opened, there;
    return fstat(file, &opened) == 0 && stat(path, &there) == 0 && opened.st_ino == there.st_ino &&
           opened.st_dev == there.st_dev;
}

static int refuse_lock(int file, const char *out) {
    char owner[32]     = "";
    const ssize_t text = pread(file, owner, sizeof owner - 1, 0);
    (void)text; /* without a number the sentence is true, too */
    return cli_fail(CLI_FAILED,
                    "--out '%s' is in use by another run%s%.*s; wait for its end, or name another "
                    "folder",
                    out, owner[0] ? ", process " : "", (int)strcspn(owner, "\n"), owner);
}

/* The system releases it when the process ends, however that happens. A file system without locks
 * gives none. */
static int lock(train_out *folder) {
    char path[PATH_BYTES];
    if (!train_path(path, folder->path, "lock"))
        return cli_fail(CLI_FAILED, "--out is longer than a path may be");
    for (;;) {
        const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (file < 0)
            return cli_fail(CLI_FAILED, "'%s' cannot be opened: %s; name another --out", path,
                            strerror(errno));
        const bool is_taken = flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        const int failed    = is_taken ? refuse_lock(file, folder->path) : CLI_OK;
        if (!is_taken && is_there(file, path)) {
            folder->lock = file;
            return ftruncate(file, 0) == 0 && dprintf(file, "%ld\n", (long)getpid()) > 0
                       ? CLI_OK
                       : cli_fail(CLI_FAILED, "'%s' cannot be written: %s; name another --out",
                                  path, strerror(errno));
        }
        close(file);
        if (is_taken) return failed;
    }
}

/* ---- another run's ---- */

/* An empty file is what a run leaves that did not come to its first step. */
static bool has_file(const char *out, const char *name) {
    char path[PATH_BYTES];
    struct stat found;
    return train_path(path, out, name) && stat(path, &found) == 0 && found.st_size > 0;
}

/* What a run leaves that was killed in its first save is hidden, and the next run removes it. */
static int count_saves(const char *out) {
    char path[PATH_BYTES];
    DIR *const folder = train_path(path, out, "saves") ? opendir(path) : NULL;
    int count         = 0;
    if (!folder) return 0;
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += strncmp(entry->d_name, "step-", 5) == 0;
    closedir(folder);
    return count;
}

static int refuse_other_run(const char *out) {
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json",
                                        "state.json", "log.jsonl", "saves"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (strcmp(names[k], "saves") == 0 ? count_saves(out) > 0 : has_file(out, names[k]))
            return cli_fail(CLI_FAILED,
                            "--out '%s' has the %s of another run; name another folder, or replace "
                            "it with --overwrite",
                            out, names[k]);
    return CLI_OK;
}

/* ---- large enough ---- */

/* What so many bytes for each weight take in files, or a little more. */
static uint64_t bytes_of(const sluice_model *model, int per_weight) {
    uint64_t bytes = 1 << 16; /* config.json, the log, and the disk's whole blocks */
    for (int u = 0; u < sluice_model_use_count(model); u++) {
        const sluice_parameter_use *const use = sluice_model_use(model, u);
        if (use->first == u)
            bytes += (uint64_t)per_weight * ((uint64_t)sluice_shape_count(&use->parameter.shape) +
                                             64 * (uint64_t)sluice_parameter_tensor_count(use));
    }
    return bytes;
}

static int check_limit(uint64_t bytes) {
    struct rlimit files = {RLIM_INFINITY, RLIM_INFINITY};
    (void)getrlimit(RLIMIT_FSIZE, &files);
    if (files.rlim_cur == RLIM_INFINITY || files.rlim_cur >= bytes) return CLI_OK;
    return cli_fail(CLI_FAILED,
                    "a save has a file of %s, and no file may be larger than %s here; raise that "
                    "limit (ulimit -f)",
                    cli_bytes(bytes).text, cli_bytes(files.rlim_cur).text);
}

/* The largest file of a save: all of one kind, or as much as --shard-size allows. */
static uint64_t largest_file(const train_problem *problem, const train_options *options,
                             int per_weight) {
    const uint64_t all = bytes_of(problem->model, per_weight);
    uint64_t largest   = options->shard_bytes;
    for (int u = 0; u < sluice_model_use_count(problem->model); u++) {
        const uint64_t bytes =
            sluice_shape_bytes(&sluice_model_use(problem->model, u)->parameter.shape);
        if (bytes > largest) largest = bytes;
    }
    return all < largest ? all : largest + (1 << 16);
}

/* Saves for which there must be space: a new one before an old one goes. */
static int count_new_saves(const train_options *options) {
    if (options->save_every == 0 && options->save_minutes <= 0) return 1;
    const int there = count_saves(options->out);
    return there < options->keep ? options->keep + 1 - there : 1;
}

/* A file that is replaced stays until the new one is complete. */
static int check_space(const train_options *options, uint64_t bytes) {
    struct statvfs disk;
    const int count = count_new_saves(options);
    if (statvfs(options->out, &disk) != 0 || disk.f_blocks == 0) return CLI_OK; /* unknown */
    const uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (left / (uint64_t)count >= bytes) return CLI_OK;
    if (count == 1)
        return cli_fail(CLI_FAILED,
                        "a save takes %s, and --out '%s' has %s left on its disk; free disk space, "
                        "or name another folder",
                        cli_bytes(bytes).text, options->out, cli_bytes(left).text);
    return cli_fail(CLI_FAILED,
                    "a save takes %s, up to %d more of them are there at once with --keep %d, and "
                    "--out '%s' has %s left on its disk; free disk space, keep fewer, or name "
                    "another folder",
                    cli_bytes(bytes).text, count, options->keep, options->out,
                    cli_bytes(left).text);
}

/* ---- all of it ---- */

int train_take_out(train_out *folder, const train_options *options) {
    if (folder->lock >= 0) return CLI_OK;
    folder->path = options->out;
    CLI_TRY(train_prepare_out(folder->path, &folder->made));
    CLI_TRY(lock(folder));
    if (options->overwrite || train_goes_on_in_out(options)) return CLI_OK;
    return refuse_other_run(folder->path);
}

int train_check_space(const train_problem *problem, const train_options *options) {
    const train_optimizer *const optimizer = &options->optimizer;
    const int states =
        optimizer->kind->state_count(optimizer->config); /* as large as the weights */
    const int64_t besides = problem->tokenizer ? sluice_tokenizer_bytes(problem->tokenizer) : 0;
    const bool is_rounded = options->save_type != SLUICE_TYPE_F32;
    const int model       = (int)sluice_type_bytes(options->save_type);
    const int others      = 4 * (states + (is_rounded ? 1 : 0)); /* with the masters */
    CLI_TRY(check_limit(largest_file(problem, options, others > model ? others : model)));
    return check_space(options, bytes_of(problem->model, model + others) + (uint64_t)besides);
}

static void unlock(const train_out *folder) {
    char path[PATH_BYTES];
    if (train_path(path, folder->path, "lock")) (void)unlink(path);
    close(folder->lock);
}

void train_leave_out(train_out *folder, bool failed) {
    if (folder->lock >= 0) unlock(folder);
    if (failed && folder->made) (void)rmdir(folder->path); /* only if it is empty */
}
