/* SPDX-License-Identifier: MIT */
/* shard_index.c -- the files that an index names, and that index, files and folder agree. */
#include "runtime/io/shard_index.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/folders.h"
#include "runtime/io/json.h"
#include "runtime/io/weight_names.h"

enum { MAX_INDEX = 100000000 };

/* ---- the index ---- */

/* A file next to the index, whatever a hostile index says. */
static bool is_file_name(const char *name) {
    if (!name || name[0] == '\0' || name[0] == '.' || strlen(name) > 255) return false;
    for (; *name; name++)
        if (*name == '/' || (unsigned char)*name < 0x20 || *name == 0x7f) return false;
    return true;
}

static json_t *map_of(const sluice__shard_index *index) {
    return json_object_get(index->object, "weight_map");
}

static int compare_names(const void *left, const void *right) {
    const char *const *a = left, *const *b = right;
    return strcmp(*a, *b);
}

static sluice_status list_files(sluice__shard_index *index) {
    json_t *map = map_of(index), *value;
    const char *name;
    if (!json_is_object(map) || json_object_size(map) == 0)
        return sluice__fail(SLUICE_E_PARSE, "'%s' has no \"weight_map\" of one entry or more",
                            index->path);
    SLUICE__TRY(sluice__alloc(&index->files, json_object_size(map), sizeof *index->files));
    int count = 0;
    json_object_foreach(map, name, value) {
        index->files[count] = json_string_value(value);
        if (!is_file_name(index->files[count++]))
            return sluice__fail(SLUICE_E_PARSE,
                                "'%s' does not name a file in its folder for tensor '%.200s'",
                                index->path, name);
    }
    qsort(index->files, (size_t)count, sizeof *index->files, compare_names);
    for (int k = 0; k < count; k++)
        if (k == 0 || strcmp(index->files[k], index->files[index->count - 1]) != 0)
            index->files[index->count++] = index->files[k];
    return SLUICE_OK;
}

sluice_status sluice__index_open(sluice__shard_index *out, const char *path) {
    sluice__shard_index index = {0};
    SLUICE__TRY(sluice__json_file(&index.object, path, MAX_INDEX));
    sluice_status status = sluice__copy_text(&index.path, path);
    if (status == SLUICE_OK) status = list_files(&index);
    if (status == SLUICE_OK)
        *out = index;
    else
        sluice__index_close(&index);
    return status;
}

void sluice__index_close(sluice__shard_index *index) {
    json_decref(index->object);
    sluice__free(index->files);
    sluice__free(index->path);
}

/* ---- index and files agree ---- */

static const sluice__shard *shard_of(const sluice__shard_index *index, const sluice__shard *shards,
                                     const char *file) {
    const char **found =
        bsearch(&file, index->files, (size_t)index->count, sizeof *index->files, compare_names);
    return found ? &shards[found - index->files] : NULL;
}

static bool has_tensor(const sluice__shard *shard, const char *name) {
    return strcmp(name, "__metadata__") != 0 && json_object_get(shard->header, name);
}

static sluice_status check_entries(const sluice__shard_index *index, const sluice__shard *shards) {
    const char *name;
    json_t *value;
    json_object_foreach(map_of(index), name, value) {
        const sluice__shard *const shard = shard_of(index, shards, json_string_value(value));
        if (!shard || !has_tensor(shard, name))
            return sluice__fail(SLUICE_E_PARSE,
                                "'%s' says that tensor '%.200s' is in %s, which does not have it",
                                index->path, name, json_string_value(value));
    }
    return SLUICE_OK;
}

static sluice_status check_tensors(const sluice__shard_index *index, const sluice__shard *shard,
                                   const char *file) {
    for (int t = 0; t < shard->count; t++) {
        const char *const name  = shard->tensors[t].about.name;
        const char *const entry = json_string_value(json_object_get(map_of(index), name));
        if (entry && strcmp(entry, file) == 0) continue;
        return sluice__fail(SLUICE_E_PARSE, "'%s' has tensor '%.200s', which the index %s %s",
                            shard->file.path, name, entry ? "says is in" : "does not list",
                            entry ? entry : "at all");
    }
    return SLUICE_OK;
}

sluice_status sluice__index_check(const sluice__shard_index *index, const sluice__shard *shards) {
    SLUICE__TRY(check_entries(index, shards));
    for (int k = 0; k < index->count; k++)
        SLUICE__TRY(check_tensors(index, &shards[k], index->files[k]));
    return SLUICE_OK;
}

/* ---- orphans ---- */

static bool is_listed(const char *name, const char *const *files, int count) {
    for (int k = 0; k < count; k++)
        if (strcmp(name, files[k]) == 0) return true;
    return false;
}

sluice_status sluice__check_orphans(const char *folder, const char *const *files, int count) {
    sluice__listing names;
    sluice_status status = sluice__folder_list(&names, folder);
    for (int k = 0; status == SLUICE_OK && k < names.count; k++) {
        const char *const name = names.list[k];
        if (!sluice__is_shard_name(name, "model") && strcmp(name, SLUICE__SINGLE_NAME) != 0)
            continue;
        if (is_listed(name, files, count)) continue;
        (void)sluice__fail(SLUICE_E_PARSE, "folder '%s' has %s, which belongs to no index", folder,
                           name);
        status = sluice__hint(SLUICE_E_PARSE, "remove what is left of another save, or name the "
                                              "file that you mean");
    }
    sluice__listing_free(&names);
    return status;
}
