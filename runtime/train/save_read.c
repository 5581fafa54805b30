/* SPDX-License-Identifier: MIT */
/* save_read.c -- saves found, checked, and read into a pipeline. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/executor/executor.h"
#include "runtime/io/folders.h"
#include "runtime/train/saves.h"
#include "sluice/file.h"

/* ---- one save ---- */

static sluice_status check_file(const char *path, const sluice__checksum *written) {
    sluice__checksum there = {0};
    SLUICE__TRY(sluice__checksum_file(&there, path));
    if (there.bytes != written->bytes)
        return sluice__fail(SLUICE_E_PARSE,
                            "'%s' is damaged: it has %" PRId64 " bytes, not %" PRId64, path,
                            there.bytes, written->bytes);
    if (there.hash == written->hash) return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE,
                        "'%s' is damaged: its checksum is %016" PRIx64 ", not %016" PRIx64, path,
                        there.hash, written->hash);
}

/* All of them, or the one of this name. */
static sluice_status check_files(const sluice_save *save, const char *name) {
    for (int k = 0; k < save->files.count; k++) {
        char *path = NULL;
        if (name && strcmp(save->files.list[k].name, name) != 0) continue;
        SLUICE__TRY(sluice__path_join(&path, save->folder, save->files.list[k].name));
        const sluice_status status = check_file(path, &save->files.list[k].sum);
        sluice__free(path);
        SLUICE__TRY(status);
    }
    return SLUICE_OK;
}

sluice_status sluice__save_open_state(sluice_save **out, const char *folder) {
    sluice_save *save;
    SLUICE__TRY(sluice__alloc(&save, 1, sizeof *save));
    sluice_status status = sluice__copy_text(&save->folder, folder);
    if (status == SLUICE_OK) status = sluice__save_state_read(save);
    if (status == SLUICE_OK)
        *out = save;
    else
        sluice_save_close(save);
    return status;
}

static sluice_status open_with(sluice_save **out, const char *folder, const char *name) {
    sluice_save *save;
    SLUICE__TRY(sluice__save_open_state(&save, folder));
    const sluice_status status = check_files(save, name);
    if (status == SLUICE_OK)
        *out = save;
    else
        sluice_save_close(save);
    return status;
}

void sluice_save_close(sluice_save *save) {
    if (!save) return;
    json_decref(save->object);
    sluice__save_files_free(&save->files);
    sluice__free(save->folder);
    sluice__free(save);
}

const char *sluice_save_folder(const sluice_save *save) {
    return save->folder;
}

sluice_run_state sluice_save_state(const sluice_save *save) {
    return save->at.run;
}

sluice_counters sluice_save_counters(const sluice_save *save) {
    return save->at.counters;
}

const char *sluice_save_setting(const sluice_save *save, const char *name) {
    return json_string_value(json_object_get(json_object_get(save->object, "settings"), name));
}

/* ---- the newest of several ---- */

/* Folders that may be saves, and their steps; the newest last. */
typedef struct candidate {
    char *folder;
    int64_t step;
} candidate;

typedef struct candidates {
    candidate *list;
    int count;
} candidates;

static sluice_status add(candidates *to, const char *folder, const char *name, int64_t step) {
    char *path = NULL;
    int at     = to->count;
    SLUICE__TRY(sluice__grow(&to->list, (size_t)to->count + 1, sizeof *to->list));
    SLUICE__TRY(sluice__path_join(&path, folder, name));
    for (; at > 0 && to->list[at - 1].step > step; at--) to->list[at] = to->list[at - 1];
    to->list[at] = (candidate){path, step};
    to->count++;
    return SLUICE_OK;
}

/* The folder itself, whose step only its state.json says; if that is damaged, it is the last step:
 * the run was at its end. */
static sluice_status add_own(candidates *to, const char *folder) {
    sluice_save *own = NULL;
    char *path       = NULL;
    SLUICE__TRY(sluice__path_join(&path, folder, SLUICE__STATE_FILE));
    const bool there = sluice__path_exists(path);
    sluice__free(path);
    if (!there) return SLUICE_OK;
    const int64_t step =
        sluice__save_open_state(&own, folder) == SLUICE_OK ? own->at.run.step : INT64_MAX;
    sluice_save_close(own);
    return add(to, folder, NULL, step);
}

static sluice_status find_candidates(candidates *out, const char *folder, const char *saves) {
    sluice__listing names = {0};
    sluice_status status  = sluice__folder_list(&names, saves);
    for (int k = 0; status == SLUICE_OK && k < names.count; k++) {
        const int64_t own  = sluice__save_step_of(names.list[k]);
        const int64_t step = own >= 0 ? own : sluice__save_step_of_old(names.list[k]);
        if (step >= 0) status = add(out, saves, names.list[k], step);
    }
    sluice__listing_free(&names);
    return status == SLUICE_OK ? add_own(out, folder) : status;
}

sluice_status sluice_save_open(sluice_save **out, const char *folder) {
    return open_with(out, folder, NULL);
}

/* What is read before the rest: the model. */
static sluice_status open_description(sluice_save **out, const char *folder) {
    return open_with(out, folder, "config.json");
}

typedef sluice_status open_one(sluice_save **out, const char *folder);

static sluice_status open_newest(sluice_save **out, const candidates *among, const char *folder,
                                 open_one *open, sluice_save_damaged *damaged, void *context) {
    for (int k = among->count - 1; k >= 0; k--) {
        const sluice_status status = open(out, among->list[k].folder);
        if (status == SLUICE_OK || status == SLUICE_E_HOST_MEMORY) return status;
        if (damaged) damaged(context, among->list[k].folder);
    }
    if (among->count == 1)
        return sluice__fail(SLUICE_E_ARGUMENT, "the only save in '%s' is not whole", folder);
    if (among->count > 1)
        return sluice__fail(SLUICE_E_ARGUMENT, "none of the %d saves in '%s' is whole",
                            among->count, folder);
    return sluice__fail(SLUICE_E_ARGUMENT, "there is no save in '%s'", folder);
}

static sluice_status find(sluice_save **out, const char *folder, open_one *open,
                          sluice_save_damaged *damaged, void *context) {
    candidates among = {0};
    char *saves      = NULL;
    SLUICE__TRY(sluice__path_join(&saves, folder, SLUICE__SAVES_FOLDER));
    sluice_status status = find_candidates(&among, folder, saves);
    if (status == SLUICE_OK) status = open_newest(out, &among, folder, open, damaged, context);
    for (int k = 0; k < among.count; k++) sluice__free(among.list[k].folder);
    sluice__free(among.list);
    sluice__free(saves);
    return status;
}

sluice_status sluice_save_find(sluice_save **out, const char *folder, sluice_save_damaged *damaged,
                               void *context) {
    return find(out, folder, sluice_save_open, damaged, context);
}

sluice_status sluice_save_find_state(sluice_save **out, const char *folder) {
    return find(out, folder, open_description, NULL, NULL);
}

/* ---- into a pipeline ---- */

/* Files of tensors that are open. */
typedef struct tensor_files {
    sluice_safetensors **list;
    int count, tensors;
    int masters; /* of the tensors: those of parameters that are rounded in the model's file */
} tensor_files;

static bool is_tensor_file(const char *name) {
    const size_t length = strlen(name), tail = strlen(".safetensors");
    return length > tail && strcmp(name + length - tail, ".safetensors") == 0;
}

static int count_masters(const sluice_safetensors *file) {
    int count = 0;
    for (int t = 0; t < sluice_safetensors_count(file); t++)
        count += strncmp(sluice_safetensors_tensor(file, t)->name, SLUICE__MASTER_PREFIX,
                         sizeof SLUICE__MASTER_PREFIX - 1) == 0;
    return count;
}

static sluice_status open_files(tensor_files *out, const sluice_save *save) {
    SLUICE__TRY(sluice__alloc(&out->list, (size_t)save->files.count, sizeof(sluice_safetensors *)));
    for (int k = 0; k < save->files.count; k++) {
        char *path = NULL;
        if (!is_tensor_file(save->files.list[k].name)) continue;
        SLUICE__TRY(sluice__path_join(&path, save->folder, save->files.list[k].name));
        const sluice_status status = sluice_safetensors_open(&out->list[out->count], path);
        sluice__free(path);
        SLUICE__TRY(status);
        out->tensors += sluice_safetensors_count(out->list[out->count]);
        out->masters += count_masters(out->list[out->count++]);
    }
    return SLUICE_OK;
}

static void close_files(tensor_files *files) {
    for (int k = 0; k < files->count; k++) sluice_safetensors_close(files->list[k]);
    sluice__free(files->list);
}

static const sluice_stored_tensor *find_named(const tensor_files *files, const char *name) {
    const sluice_stored_tensor *found = NULL;
    for (int k = 0; !found && k < files->count; k++)
        found = sluice_safetensors_find(files->list[k], name);
    return found;
}

/* NULL: there is none. */
static sluice_status find_master(const sluice_stored_tensor **out, const tensor_files *files,
                                 const char *name) {
    sluice__text text = {0};
    SLUICE__TRY(sluice__text_add(&text, SLUICE__MASTER_PREFIX "%s", name));
    *out = find_named(files, text.bytes);
    sluice__free(text.bytes);
    return SLUICE_OK;
}

static sluice_status find_tensor(const sluice_stored_tensor **out, const tensor_files *files,
                                 const sluice_state *state, const char *folder) {
    const sluice_stored_tensor *found = NULL;
    if (state->kind == SLUICE_STATE_PARAMETER && files->masters > 0)
        SLUICE__TRY(find_master(&found, files, state->name));
    if (!found) found = find_named(files, state->name);
    if (!found)
        return sluice__fail(SLUICE_E_ARGUMENT, "the save '%s' has no '%s'", folder, state->name);
    if (found->shape.dim_count != state->shape.dim_count ||
        found->shape.type != state->shape.type ||
        memcmp(found->shape.dims, state->shape.dims, sizeof found->shape.dims) != 0)
        return sluice__fail(SLUICE_E_ARGUMENT, "'%s' has another shape in the save '%s'",
                            state->name, folder);
    *out = found;
    return SLUICE_OK;
}

static sluice_status read_values(void *values, size_t bytes, const void *tensor, size_t at) {
    return sluice_safetensors_read(values, tensor, (int64_t)(at / sizeof(float)),
                                   (int64_t)(bytes / sizeof(float)));
}

/* All are looked up before the first is written. */
static sluice_status load(sluice_pipeline *pipeline, const tensor_files *files,
                          const char *folder) {
    const int count = sluice_pipeline_state_count(pipeline);
    for (int writes = 0; writes < 2; writes++)
        for (int k = 0; k < count; k++) {
            const sluice_state state           = sluice_pipeline_state_at(pipeline, k);
            const sluice_stored_tensor *tensor = NULL;
            SLUICE__TRY(find_tensor(&tensor, files, &state, folder));
            if (writes) SLUICE__TRY(sluice__state_fill(pipeline, k, read_values, tensor));
        }
    return SLUICE_OK;
}

static sluice_status check_count(const sluice_pipeline *pipeline, const tensor_files *files,
                                 const char *folder) {
    const int count = sluice_pipeline_state_count(pipeline),
              there = files->tensors - files->masters;
    if (there == count) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "the save '%s' has %d tensors, and the run has %d: model or optimizer "
                        "differ",
                        folder, there, count);
}

sluice_status sluice_pipeline_load(sluice_pipeline *pipeline, const sluice_save *save) {
    tensor_files files   = {0};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY(sluice__states_have_values(pipeline));
    SLUICE__TRY_OUT(open_files(&files, save));
    SLUICE__TRY_OUT(check_count(pipeline, &files, save->folder));
    SLUICE__TRY_OUT(load(pipeline, &files, save->folder));
    status = sluice_pipeline_set_counters(pipeline, &save->at.counters);
out:
    close_files(&files);
    return status;
}

sluice_status sluice_run_load(sluice_run *run, const sluice_save *save) {
    const sluice_run_state before = sluice_run_get_state(run);
    SLUICE__TRY(sluice_run_set_state(run, &save->at.run));
    sluice_status status = sluice_pipeline_load(sluice__run_pipeline(run), save);
    if (status == SLUICE_OK) status = sluice__run_set_loaded(run, save->folder, save->at.run.step);
    if (status != SLUICE_OK) (void)sluice_run_set_state(run, &before);
    return status;
}
