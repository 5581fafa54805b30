/* SPDX-License-Identifier: MIT */
/* save_tensors.c -- state written as files of tensors, each straight from the rank that holds it,
 * or from a copy of all. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/convert.h"
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
    bool has_model; /* parameters; else optimizer state, and what else is not in the model's file */
    sluice_type type; /* of parameters in the model's file */
    sluice_named_tensor *tensors;
    char **owned;   /* names that are not the pipeline's; NULL: all are */
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

static sluice_status make_lists(tensor_set *set, size_t all) {
    SLUICE__TRY(sluice__alloc(&set->tensors, all, sizeof *set->tensors));
    SLUICE__TRY(sluice__alloc(&set->owned, all, sizeof *set->owned));
    SLUICE__TRY(sluice__alloc(&set->indices, all, sizeof *set->indices));
    SLUICE__TRY(sluice__alloc(&set->offset, all, sizeof *set->offset));
    return sluice__alloc(&set->first, all + 1, sizeof *set->first);
}

/* A master by its own name: the name of its parameter means what is in the model's file. */
static sluice_status name_master(tensor_set *set, const char *name) {
    sluice__text text = {0};
    SLUICE__TRY(sluice__text_add(&text, SLUICE__MASTER_PREFIX "%s", name));
    set->tensors[set->count].name = set->owned[set->count] = text.bytes;
    return SLUICE_OK;
}

static sluice_status add_state(tensor_set *set, const sluice_state *state, int index,
                               size_t offset) {
    const bool is_parameter        = state->kind == SLUICE_STATE_PARAMETER;
    sluice_named_tensor *const its = &set->tensors[set->count];
    SLUICE__TRY(check_type(state));
    *its                     = (sluice_named_tensor){state->name, state->shape, NULL};
    set->offset[set->count]  = offset;
    set->indices[set->count] = index;
    if (is_parameter && !set->has_model) SLUICE__TRY(name_master(set, state->name));
    if (set->has_model) its->shape.type = set->type;
    set->count++;
    return SLUICE_OK;
}

/* Parameters belong to the model's file; where they are rounded there, to the optimizer's, too. */
static bool belongs(const tensor_set *set, const sluice_state *state) {
    if (state->kind != SLUICE_STATE_PARAMETER) return !set->has_model;
    return set->has_model || set->type != SLUICE_TYPE_F32;
}

static sluice_status collect(tensor_set *set) {
    sluice_pipeline *const pipeline = set->source->pipeline;
    const int all                   = sluice_pipeline_state_count(pipeline);
    size_t offset                   = 0;
    SLUICE__TRY(make_lists(set, (size_t)all));
    for (int k = 0; k < all; k++) {
        const sluice_state state = sluice_pipeline_state_at(pipeline, k);
        if (belongs(set, &state)) SLUICE__TRY(add_state(set, &state, k, offset));
        offset += sluice_shape_bytes(&state.shape);
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
    for (int k = 0; set->owned && k < set->count; k++) sluice__free(set->owned[k]);
    sluice__free(set->owned);
    sluice__free(set->tensors);
    sluice__free(set->indices);
    sluice__free(set->offset);
    sluice__free(set->first);
}

/* ---- files ---- */

enum { PART = 4096 /* elements that are rounded at once */ };

static sluice_status write_bytes(void *to, const void *bytes, size_t count) {
    return sluice__output_write(to, bytes, count);
}

static sluice_status write_rounded(void *to, const void *bytes, size_t count) {
    const float *const values = bytes;
    const size_t all          = count / sizeof *values;
    uint16_t rounded[PART];
    for (size_t at = 0; at < all; at += PART) {
        const size_t now = all - at < PART ? all - at : PART;
        sluice__convert(rounded, SLUICE_TYPE_BF16, values + at, SLUICE_TYPE_F32, (int64_t)now);
        SLUICE__TRY(sluice__output_write(to, rounded, now * sizeof *rounded));
    }
    return SLUICE_OK;
}

static sluice_status write_tensor(sluice__output *output, const tensor_set *set, int k) {
    const sluice__save_source *const source = set->source;
    const bool is_rounded                   = set->tensors[k].shape.type == SLUICE_TYPE_BF16;
    sluice__take_bytes *const take          = is_rounded ? write_rounded : write_bytes;
    const int64_t elements                  = sluice_shape_count(&set->tensors[k].shape);
    if (!source->copy) return sluice__state_take(source->pipeline, set->indices[k], take, output);
    return take(output, source->copy + set->offset[k], (size_t)elements * sizeof(float));
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
                               size_t limit) {
    SLUICE__TRY(collect(set));
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
                                   const char *folder, const sluice_save_options *options) {
    tensor_set sets[]    = {{.source = source, .stem = "model", .has_model = true},
                            {.source = source, .stem = "optimizer"}};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY(sluice__states_have_values(source->pipeline));
    for (int k = 0; k < 2 && status == SLUICE_OK; k++) {
        sets[k].type = options->type;
        status       = write_set(files, &sets[k], folder, options->shard_bytes);
        free_set(&sets[k]);
    }
    return status;
}
