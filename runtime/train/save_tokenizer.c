/* SPDX-License-Identifier: MIT */
/* save_tokenizer.c -- the files of a tokenizer, written into saves and read from them. */
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/train/saves.h"

static bool is_listed(const void *files, const char *name, const char *path) {
    const sluice__save_files *const list = files;
    (void)path;
    for (int k = 0; k < list->count; k++)
        if (strcmp(list->list[k].name, name) == 0) return true;
    return false;
}

sluice_status sluice_tokenizer_of_save(sluice_tokenizer **out, const sluice_save *save) {
    return sluice__tokenizer_read_those(out, save->folder, is_listed, &save->files);
}

static sluice_status write_bytes(void *what, sluice__output *output) {
    const sluice__tokenizer_file *const file = what;
    return sluice__output_write(output, file->bytes, file->count);
}

sluice_status sluice__save_tokenizer(sluice__save_files *files, const char *folder,
                                     const sluice_tokenizer *tokenizer) {
    for (int k = 0; tokenizer && k < tokenizer->count; k++)
        SLUICE__TRY(sluice__save_file_write(files, folder, tokenizer->list[k].name, write_bytes,
                                            &tokenizer->list[k]));
    return SLUICE_OK;
}
