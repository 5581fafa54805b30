/* SPDX-License-Identifier: MIT */
/* safetensors_read.c -- named tensors of one file, or of the files of a folder, read in pieces. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/alloc.h"
#include "runtime/base/convert.h"
#include "runtime/base/error.h"
#include "runtime/base/half.h"
#include "runtime/base/text.h"
#include "runtime/io/folders.h"
#include "runtime/io/shard_index.h"

enum { PIECE = 16384 /* elements that are converted at once */ };

typedef const sluice__shard_tensor *tensor_ref;

struct sluice_safetensors {
    char *path;
    sluice__shard *shards;
    int shard_count;
    tensor_ref *tensors; /* in the order of files, and in each of its data */
    tensor_ref *by_name;
    int count;
};

/* ---- opening ---- */

static int compare_names(const void *left, const void *right) {
    const tensor_ref *a = left, *b = right;
    return strcmp((*a)->about.name, (*b)->about.name);
}

static sluice_status list_tensors(sluice_safetensors *file) {
    size_t count = 0;
    for (int s = 0; s < file->shard_count; s++) count += (size_t)file->shards[s].count;
    SLUICE__TRY(sluice__alloc(&file->tensors, count, sizeof *file->tensors));
    SLUICE__TRY(sluice__alloc(&file->by_name, count, sizeof *file->by_name));
    for (int s = 0; s < file->shard_count; s++)
        for (int t = 0; t < file->shards[s].count; t++)
            file->tensors[file->count++] = &file->shards[s].tensors[t];
    if (count == 0) return SLUICE_OK;
    memcpy(file->by_name, file->tensors, count * sizeof *file->by_name);
    qsort(file->by_name, count, sizeof *file->by_name, compare_names);
    return SLUICE_OK;
}

static sluice_status open_shard(sluice_safetensors *file, const char *path) {
    SLUICE__TRY(sluice__shard_open(&file->shards[file->shard_count], path));
    file->shard_count++;
    return SLUICE_OK;
}

static sluice_status open_single(sluice_safetensors *file, const char *path) {
    SLUICE__TRY(sluice__alloc(&file->shards, 1, sizeof *file->shards));
    return open_shard(file, path);
}

/* The path of `name` next to `path`, of which `folder` bytes name the folder. */
static sluice_status open_next_to(sluice_safetensors *file, const char *path, size_t folder,
                                  const char *name) {
    sluice__text text = {0};
    SLUICE__TRY(sluice__text_add(&text, "%.*s%s", (int)folder, path, name));
    const sluice_status status = open_shard(file, text.bytes);
    sluice__free(text.bytes);
    return status;
}

static sluice_status open_all(sluice_safetensors *file, const sluice__shard_index *index) {
    const char *const slash = strrchr(index->path, '/');
    const size_t folder     = slash ? (size_t)(slash + 1 - index->path) : 0;
    SLUICE__TRY(sluice__alloc(&file->shards, (size_t)index->count, sizeof *file->shards));
    for (int k = 0; k < index->count; k++)
        SLUICE__TRY(open_next_to(file, index->path, folder, index->files[k]));
    return sluice__index_check(index, file->shards);
}

/* `folder` NULL: only the index was named. */
static sluice_status open_index(sluice_safetensors *file, const char *path, const char *folder) {
    sluice__shard_index index;
    SLUICE__TRY(sluice__index_open(&index, path));
    sluice_status status = open_all(file, &index);
    if (status == SLUICE_OK && folder)
        status = sluice__check_orphans(folder, index.files, index.count);
    sluice__index_close(&index);
    return status;
}

static bool exists(const char *path, mode_t kind) {
    struct stat about;
    return stat(path, &about) == 0 && (kind == 0 || (about.st_mode & S_IFMT) == kind);
}

static sluice_status open_folder(sluice_safetensors *file, const char *folder) {
    static const char *const only[] = {SLUICE__SINGLE_NAME};
    char *index = NULL, *single = NULL;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__path_join(&index, folder, SLUICE__INDEX_NAME));
    SLUICE__TRY_OUT(sluice__path_join(&single, folder, SLUICE__SINGLE_NAME));
    if (exists(index, 0)) {
        status = open_index(file, index, folder);
    } else if (exists(single, 0)) {
        SLUICE__TRY_OUT(sluice__check_orphans(folder, only, 1));
        status = open_single(file, single);
    } else {
        status = sluice__fail(
            SLUICE_E_IO, "folder '%s' has neither " SLUICE__SINGLE_NAME " nor " SLUICE__INDEX_NAME,
            folder);
    }
out:
    sluice__free(index);
    sluice__free(single);
    return status;
}

static sluice_status open_any(sluice_safetensors *file, const char *path) {
    const size_t length = strlen(path), end = sizeof ".json" - 1;
    SLUICE__TRY(sluice__copy_text(&file->path, path));
    if (exists(path, S_IFDIR)) return open_folder(file, path);
    if (length > end && strcmp(path + length - end, ".json") == 0)
        return open_index(file, path, NULL);
    return open_single(file, path);
}

sluice_status sluice_safetensors_open(sluice_safetensors **out, const char *path) {
    sluice_safetensors *file;
    SLUICE__TRY(sluice__alloc(&file, 1, sizeof *file));
    sluice_status status = open_any(file, path);
    if (status == SLUICE_OK) status = list_tensors(file);
    if (status == SLUICE_OK)
        *out = file;
    else
        sluice_safetensors_close(file);
    return status;
}

void sluice_safetensors_close(sluice_safetensors *file) {
    if (!file) return;
    for (int s = 0; s < file->shard_count; s++) sluice__shard_close(&file->shards[s]);
    sluice__free(file->shards);
    sluice__free(file->tensors);
    sluice__free(file->by_name);
    sluice__free(file->path);
    sluice__free(file);
}

/* ---- its tensors ---- */

const char *sluice_safetensors_path(const sluice_safetensors *file) {
    return file->path;
}

int sluice_safetensors_count(const sluice_safetensors *file) {
    return file->count;
}

const sluice_stored_tensor *sluice_safetensors_tensor(const sluice_safetensors *file, int index) {
    return &file->tensors[index]->about;
}

const sluice_stored_tensor *sluice_safetensors_find(const sluice_safetensors *file,
                                                    const char *name) {
    const sluice__shard_tensor wanted = {.about = {.name = name}};
    const tensor_ref key              = &wanted;
    const tensor_ref *const found     = file->count == 0
                                            ? NULL
                                            : bsearch(&key, file->by_name, (size_t)file->count,
                                                      sizeof *file->by_name, compare_names);
    return found ? &(*found)->about : NULL;
}

/* ---- values ---- */

static void widen(float *to, const uint16_t *from, int64_t count, bool is_half) {
    if (is_half)
        sluice__widen_halves(to, from, count);
    else
        sluice__convert(to, SLUICE_TYPE_F32, from, SLUICE_TYPE_BF16, count);
}

static sluice_status read_narrow(float *values, const sluice__shard_tensor *from, uint64_t offset,
                                 int64_t count) {
    const bool is_half = strcmp(from->about.type, "F16") == 0;
    uint16_t piece[PIECE];
    while (count > 0) {
        const int64_t now = count < PIECE ? count : PIECE;
        SLUICE__TRY(
            sluice__input_read(piece, &from->shard->file, offset, (size_t)now * sizeof *piece));
        widen(values, piece, now, is_half);
        values += now;
        offset += (uint64_t)now * sizeof *piece;
        count -= now;
    }
    return SLUICE_OK;
}

sluice_status sluice_safetensors_read(float *values, const sluice_stored_tensor *tensor,
                                      int64_t first, int64_t count) {
    const sluice__shard_tensor *const from = (const sluice__shard_tensor *)(const void *)tensor;
    const int64_t all                      = sluice_shape_count(&tensor->shape);
    if (first < 0 || count < 0 || first > all || count > all - first)
        return sluice__fail(
            SLUICE_E_ARGUMENT, "elements %lld to %lld are read of tensor '%.200s', which has %lld",
            (long long)first, (long long)first + count, tensor->name, (long long)all);
    const bool is_wide = strcmp(tensor->type, "F32") == 0;
    if (!is_wide && strcmp(tensor->type, "F16") != 0 && strcmp(tensor->type, "BF16") != 0)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "tensor '%.200s' of '%s' is %s; only F32, F16 and BF16 are read",
                            tensor->name, tensor->file, tensor->type);
    const uint64_t offset = from->shard->data + from->begin + (uint64_t)first * from->element_bytes;
    if (!is_wide) return read_narrow(values, from, offset, count);
    return sluice__input_read(values, &from->shard->file, offset, (size_t)count * sizeof *values);
}
