/* SPDX-License-Identifier: MIT */
/* save_files.c -- the files of a save: each written, flushed, read back, and listed with its
 * checksum. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/io/folders.h"
#include "runtime/train/saves.h"

/* ---- the list ---- */

sluice_status sluice__save_files_add(sluice__save_files *files, const char *name,
                                     const sluice__checksum *sum) {
    SLUICE__TRY(sluice__grow(&files->list, (size_t)files->count + 1, sizeof *files->list));
    SLUICE__TRY(sluice__copy_text(&files->list[files->count].name, name));
    files->list[files->count++].sum = *sum;
    return SLUICE_OK;
}

void sluice__save_files_free(sluice__save_files *files) {
    for (int k = 0; k < files->count; k++) sluice__free(files->list[k].name);
    sluice__free(files->list);
    *files = (sluice__save_files){0};
}

/* ---- writing ---- */

sluice_status sluice__save_file_write(sluice__save_files *files, const char *folder,
                                      const char *name, sluice__fill_file *write, void *what) {
    char *path           = NULL;
    sluice__checksum sum = {0};
    sluice__output output;
    SLUICE__TRY(sluice__path_join(&path, folder, name));
    sluice_status status = sluice__output_open(&output, path, path);
    if (status == SLUICE_OK) status = sluice__output_close(&sum, &output, write(what, &output));
    if (status == SLUICE_OK) status = sluice__save_files_add(files, name, &sum);
    sluice__free(path);
    return status;
}

static sluice_status write_text(void *text, sluice__output *output) {
    const sluice__text *const it = text;
    return sluice__output_write(output, it->bytes, it->length);
}

sluice_status sluice__save_text_write(sluice__save_files *files, const char *folder,
                                      const char *name, sluice__text *text) {
    return sluice__save_file_write(files, folder, name, write_text, text);
}
