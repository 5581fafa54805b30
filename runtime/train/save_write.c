/* SPDX-License-Identifier: MIT */
/* save_write.c -- a folder with a run's state: filled under another name, and renamed when all of
 * it is on the disk. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/executor/executor.h"
#include "runtime/io/folders.h"
#include "runtime/train/saves.h"

/* ---- what is in the folder ---- */

static sluice_status write_config(sluice__save_files *files, const char *folder,
                                  const sluice_save_options *options) {
    static const char name[] = "config.json";
    sluice_model_config config;
    char *path           = NULL;
    sluice__checksum sum = {0};
    if (!options->config) return SLUICE_OK;
    config        = *options->config;
    config.stored = options->type;
    SLUICE__TRY(sluice__path_join(&path, folder, name));
    sluice_status status = sluice_model_config_write(path, &config);
    if (status == SLUICE_OK) status = sluice__checksum_file(&sum, path);
    if (status == SLUICE_OK) status = sluice__save_files_add(files, name, &sum);
    sluice__free(path);
    return status;
}

static sluice_status fill(const char *folder, const sluice__save_source *source,
                          const sluice_save_options *options) {
    sluice__save_files files = {0};
    sluice_status status     = SLUICE_OK;
    SLUICE__TRY(sluice__folder_make(folder));
    SLUICE__TRY_OUT(write_config(&files, folder, options));
    SLUICE__TRY_OUT(sluice__save_tokenizer(&files, folder, options->tokenizer));
    SLUICE__TRY_OUT(sluice__save_tensors(&files, source, folder, options));
    SLUICE__TRY_OUT(sluice__save_state_write(&files, folder, &source->at, options));
    status = sluice__folder_sync(folder);
out:
    sluice__save_files_free(&files);
    return status;
}

/* ---- the folder's name ---- */

typedef struct names {
    char *parent, *part, *old; /* the last two are hidden, next to the folder */
} names;

static sluice_status make_hidden(char **out, const char *parent, const char *folder,
                                 const char *ending) {
    sluice__text text = {0};
    const sluice_status status =
        sluice__text_add(&text, "%s/.%s%s", parent, sluice__path_last(folder), ending);
    return sluice__text_take(out, &text, status);
}

static sluice_status make_names(names *out, const char *folder) {
    SLUICE__TRY(sluice__path_parent(&out->parent, folder));
    SLUICE__TRY(make_hidden(&out->part, out->parent, folder, ".part"));
    return make_hidden(&out->old, out->parent, folder, ".old");
}

/* A folder that is not empty cannot be renamed over. Where the file system cannot swap two names,
 * the old one is moved away first. */
static sluice_status move_in(const names *by, const char *folder) {
    if (!sluice__path_exists(folder)) return sluice__path_move(by->part, folder);
    if (sluice__path_swap(by->part, folder)) return SLUICE_OK;
    SLUICE__TRY(sluice__path_move(folder, by->old));
    const sluice_status status = sluice__path_move(by->part, folder);
    if (status != SLUICE_OK) (void)rename(by->old, folder);
    return status;
}

sluice_status sluice__save_write(const char *folder, const sluice__save_source *source,
                                 const sluice_save_options *options) {
    names by             = {0};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(make_names(&by, folder));
    /* Killed between two renames, or both failed: what was there lies under the other name. */
    if (!sluice__path_exists(folder)) (void)rename(by.old, folder);
    sluice__path_remove(by.part);
    sluice__path_remove(by.old);
    status = fill(by.part, source, options);
    if (status == SLUICE_OK) status = move_in(&by, folder);
    if (status == SLUICE_OK) status = sluice__folder_sync(by.parent);
    sluice__path_remove(by.part);
    if (sluice__path_exists(folder)) sluice__path_remove(by.old);
out:
    sluice__free(by.parent);
    sluice__free(by.part);
    sluice__free(by.old);
    return status;
}

/* ---- the whole ---- */

sluice_status sluice__save_settle(sluice_save_options *out, const sluice_save_options *given) {
    *out = (sluice_save_options)SLUICE_SAVE_OPTIONS_INIT;
    if (!given) return SLUICE_OK;
    if (given->size == 0 || given->size > sizeof *out) {
        sluice__fail(SLUICE_E_ARGUMENT, "the save options have a size of %zu bytes", given->size);
        return sluice__hint(SLUICE_E_ARGUMENT, "start from SLUICE_SAVE_OPTIONS_INIT");
    }
    memcpy(out, given, given->size);
    if (out->type == SLUICE_TYPE_F32 || out->type == SLUICE_TYPE_BF16) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED, "weights cannot be saved as %s; float32 or bfloat16",
                        sluice_type_name(out->type));
}

sluice__save_source sluice__save_source_of(sluice_pipeline *pipeline, const sluice_run_state *run) {
    return (sluice__save_source){
        .pipeline = pipeline,
        .at       = {*run, sluice_pipeline_counters(pipeline), pipeline->options.optimizer->name}};
}

sluice_status sluice_pipeline_save(sluice_pipeline *pipeline, const char *folder,
                                   const sluice_save_options *given) {
    const sluice_counters now        = sluice_pipeline_counters(pipeline);
    const sluice_run_state state     = {now.steps, now.steps - now.updates, now.steps, now.seed};
    const sluice__save_source source = sluice__save_source_of(pipeline, &state);
    sluice_save_options options;
    char *plain = NULL;
    SLUICE__TRY(sluice__save_settle(&options, given));
    SLUICE__TRY(sluice__path_plain(&plain, folder));
    const sluice_status status = sluice__save_write(plain, &source, &options);
    sluice__free(plain);
    return status;
}
