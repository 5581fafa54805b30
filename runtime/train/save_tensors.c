/* SPDX-License-Identifier: MIT */
/* save_tensors.c -- state written as files of tensors, each straight from the rank that holds it,
 * or from a copy of all. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/executor/executor.h"
#include "runtime/io/folders.h"
#include "runtime/io/json.h"
#include "runtime/io/safetensors_head.h"
#include "runtime/io/weight_names.h"
#include "runtime/train/saves.h"

/* Entries of the list of states that belong into files with one stem, in as many files as needed.
 */
typedef struct tensor_set {
    const sluice__save_source *source;
    const char *stem; /* "model" */
    sluice_named_tensor *tensors;
    int *indices;   /* of the list */
    size_t *offset; /* of each in a copy */
    int count;
    int *first; /* [shards + 1] */
    int shards;
} tensor_set;

/* ---- which tensors, in which file ---- */

static sluice_status check_type(const sluice_state *state) {
    if (state->shape.type == SLUICE_TYPE_F32) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED, "state '%s' is %s; saves have float32 only",
                        state->name, sluice_type_name(state->shape.type));
}

static sluice_status collect(tensor_set *set, bool parameters) {
    sluice_pipeline *const pipeline = set->source->pipeline;
    const int all                   = sluice_pipeline_state_count(pipeline);
    size_t offset                   = 0;
    SLUICE__TRY(sluice__alloc(&set->tensors, (size_t)all, sizeof *set->tensors));
    SLUICE__TRY(sluice__alloc(&set->indices, (size_t)all, sizeof *set->indices));
    SLUICE__TRY(sluice__alloc(&set->offset, (size_t)all, sizeof *set->offset));
    SLUICE__TRY(sluice__alloc(&set->first, (size_t)all + 1, sizeof *set->first));
    for (int k = 0; k < all; k++) {
        const sluice_state state = sluice_pipeline_state_at(pipeline, k);
        const size_t at          = offset;
        offset += sluice_shape_bytes(&state.shape);
        if ((state.kind == SLUICE_STATE_PARAMETER) != parameters) continue;
        SLUICE__TRY(check_type(&state));
        set->tensors[set->count]   = (sluice_named_tensor){state.name, state.shape, NULL};
        set->offset[set->count]    = at;
        set->indices[set->count++] = k;
    }
    return SLUICE_OK;
}

/* A file is full when the next tensor would exceed the limit. */
static void cut(tensor_set *set, size_t limit) {
    size_t bytes = 0;
    for (int k = 0; k < set->count; k++) {
        const size_t next = sluice_shape_bytes(&set->tensors[k].shape);
        if (k == 0 || bytes + next > limit) {
            set->first[set->shards++] = k;
            bytes                     = 0;
        }
        bytes += next;
    }
    set->first[set->shards] = set->count;
}

static void free_set(tensor_set *set) {
    sluice__free(set->tensors);
    sluice__free(set->indices);
    sluice__free(set->offset);
    sluice__free(set->first);
}

/* ---- files ---- */

static sluice_status write_bytes(void *to, const void *bytes, size_t count) {
    return sluice__output_write(to, bytes, count);
}

static sluice_status write_tensor(sluice__output *output, const tensor_set *set, int k) {
    const sluice__save_source *const source = set->source;
    if (!source->copy)
        return sluice__state_take(source->pipeline, set->indices[k], write_bytes, output);
    return sluice__output_write(output, source->copy + set->offset[k],
                                sluice_shape_bytes(&set->tensors[k].shape));
}

static sluice_status write_data(sluice__output *output, const tensor_set *set, int shard) {
    const int first = set->first[shard], end = set->first[shard + 1];
    size_t bytes = 0;
    char *head   = NULL;
    sluice_status status =
        sluice__safetensors_head(&head, &bytes, set->tensors + first, end - first, output->path);
    if (status == SLUICE_OK) status = sluice__output_write(output, head, bytes);
    sluice__free(head);
    for (int k = first; k < end && status == SLUICE_OK; k++) status = write_tensor(output, set, k);
    return status;
}

typedef struct shard {
    const tensor_set *set;
    int index;
} shard;

static sluice_status write_shard(void *what, sluice__output *output) {
    const shard *const it = what;
    return write_data(output, it->set, it->index);
}

/* ---- the index of several files, as Hugging Face writes it ---- */

static sluice_status print_index(sluice__text *to, const tensor_set *set) {
    char name[SLUICE__WEIGHT_NAME_BYTES];
    int64_t bytes = 0;
    for (int k = 0; k < set->count; k++)
        bytes += (int64_t)sluice_shape_bytes(&set->tensors[k].shape);
    SLUICE__TRY(sluice__json_add_count(to, "{\n  \"metadata\": {\n    \"total_size\": ", bytes));
    SLUICE__TRY(sluice__text_add(to, "\n  },\n  \"weight_map\": {"));
    for (int s = 0; s < set->shards; s++) {
        sluice__weight_name(name, set->stem, s, set->shards);
        for (int k = set->first[s]; k < set->first[s + 1]; k++) {
            SLUICE__TRY(
                sluice__json_add_text(to, k == 0 ? "\n    " : ",\n    ", set->tensors[k].name));
            SLUICE__TRY(sluice__json_add_text(to, ": ", name));
        }
    }
    return sluice__text_add(to, "\n  }\n}\n");
}

static sluice_status write_index(sluice__save_files *files, const tensor_set *set,
                                 const char *folder) {
    char name[SLUICE__WEIGHT_NAME_BYTES];
    sluice__text text    = {0};
    sluice_status status = print_index(&text, set);
    (void)snprintf(name, sizeof name, "%s.safetensors.index.json", set->stem);
    if (status == SLUICE_OK) status = sluice__save_text_write(files, folder, name, &text);
    sluice__free(text.bytes);
    return status;
}

/* ---- both sets ---- */

static sluice_status write_set(sluice__save_files *files, tensor_set *set, const char *folder,
                               bool parameters, size_t limit) {
    SLUICE__TRY(collect(set, parameters));
    cut(set, limit);
    for (int s = 0; s < set->shards; s++) {
        char name[SLUICE__WEIGHT_NAME_BYTES];
        shard it = {set, s};
        sluice__weight_name(name, set->stem, s, set->shards);
        SLUICE__TRY(sluice__save_file_write(files, folder, name, write_shard, &it));
    }
    return set->shards > 1 ? write_index(files, set, folder) : SLUICE_OK;
}

sluice_status sluice__save_tensors(sluice__save_files *files, const sluice__save_source *source,
                                   const char *folder, size_t shard_bytes) {
    tensor_set sets[]    = {{.source = source, .stem = "model"},
                            {.source = source, .stem = "optimizer"}};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY(sluice__states_have_values(source->pipeline));
    for (int k = 0; k < 2 && status == SLUICE_OK; k++) {
        status = write_set(files, &sets[k], folder, k == 0, shard_bytes);
        free_set(&sets[k]);
    }
    return status;
}
