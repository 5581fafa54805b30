/* SPDX-License-Identifier: MIT */
/* test_hub_folders.c -- folders as others make them (tests/system/reference), of every family, type
 * and number of files: loaded on any number of ranks with the same bits and in little memory,
 * trained, saved, and started from again. */
#include <sys/stat.h>

#include "tests/support/counting.h"
#include "tests/support/files.h"
#include "tests/support/trainer.h"

#include "sluice/allocator.h"
#include "sluice/pipeline.h"
#include "sluice/save.h"
#include "sluice/weights.h"

#define REFERENCE SLUICE_SOURCE "/tests/system/reference/"

enum { LENGTH = 16, SAMPLES = 4, WORDS = 80 };

static const char *const names[] = {"llama", "llama-biased", "mistral", "qwen2", "qwen3"};
enum { NAMES = sizeof names / sizeof *names };

/* ---- a folder, opened ---- */

typedef struct hub {
    sluice_model_config config;
    sluice_model *model;
    sluice_safetensors *file;
} hub;

static hub open_folder(const char *at) {
    hub it;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/config.json", at);
    assert_ok(sluice_model_config_read(&it.config, path));
    assert_ok(sluice_model_from_config(&it.model, &it.config, LENGTH));
    assert_ok(sluice_safetensors_open(&it.file, at));
    return it;
}

static hub open_hub(const char *name) {
    char path[200];
    (void)snprintf(path, sizeof path, REFERENCE "%s", name);
    return open_folder(path);
}

static void close_hub(hub *it) {
    sluice_safetensors_close(it->file);
    sluice_model_free(it->model);
}

static sluice_pipeline *open_on(const hub *it, int ranks) {
    const sluice_schedule_options plan = {sizeof plan, .ranks = ranks, .microbatches = 2};
    sluice_pipeline_options options    = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_schedule *schedule          = NULL;
    sluice_pipeline *pipeline          = NULL;
    options.samples                    = SAMPLES;
    options.threads                    = 1;
    options.seed                       = (uint64_t)ranks; /* other initial weights */
    assert_ok(sluice_schedule_generate(&schedule, ranks == 3 ? "zb1p" : "1f1b", &plan));
    assert_ok(sluice_pipeline_plan_and_open(&pipeline, it->model, schedule, NULL, &options));
    sluice_schedule_free(schedule);
    return pipeline;
}

static void load(sluice_pipeline *pipeline, const hub *it) {
    assert_ok(sluice_pipeline_load_weights(pipeline, it->model, it->config.family, it->file));
}

static int32_t word(int64_t n, int64_t s, int64_t t) {
    return (int32_t)((7 * n + 5 * s + (s % 3 + 1) * t) % WORDS);
}

static sluice_status load_words(void *context, void *to, int64_t first, int64_t samples) {
    const int64_t n = *(const int64_t *)context;
    for (int64_t k = 0; k < samples * LENGTH; k++)
        ((int32_t *)to)[k] = word(n, first + k / LENGTH, k % LENGTH);
    return SLUICE_OK;
}

static sluice_status load_next_words(void *context, void *to, int64_t first, int64_t samples) {
    const int64_t n = *(const int64_t *)context;
    for (int64_t k = 0; k < samples * LENGTH; k++)
        ((int32_t *)to)[k] = word(n, first + k / LENGTH, k % LENGTH + 1);
    return SLUICE_OK;
}

static void go(sluice_pipeline *pipeline, int steps) {
    for (int64_t n = 0; n < steps; n++) {
        sluice_result result;
        const sluice_batch batch = {SAMPLES,
                                    SAMPLES * LENGTH,
                                    {{"inputs", load_words, &n}, {"targets", load_next_words, &n}},
                                    1e-3};
        assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
    }
}

/* ---- tests ---- */

/* What a file has for a tensor is what the rank has that holds it. */
static void check_values(sluice_pipeline *pipeline, const hub *it, const char *what) {
    for (int k = 0; k < sluice_pipeline_state_count(pipeline); k++) {
        const sluice_state state = sluice_pipeline_state_at(pipeline, k);
        const int64_t count      = sluice_shape_count(&state.shape);
        float own[WORDS * 40], stored[WORDS * 40];
        if (state.kind != SLUICE_STATE_PARAMETER) continue;
        const sluice_stored_tensor *const tensor = sluice_safetensors_find(it->file, state.name);
        if (!tensor) fail_msg("%s: the folder has no '%s'", what, state.name);
        assert_ok(sluice_safetensors_read(stored, tensor, 0, count));
        assert_ok(sluice_pipeline_read_parameter(own, count, pipeline, state.name));
        if (memcmp(own, stored, (size_t)count * sizeof *own) != 0)
            fail_msg("%s: '%s' is loaded with other values than those in the file", what,
                     state.name);
    }
}

static void folders_load_and_train_alike_on_any_number_of_ranks(void **state) {
    (void)state;
    for (int n = 0; n < NAMES; n++) {
        hub it         = open_hub(names[n]);
        uint64_t first = 0;
        for (int ranks = 1; ranks <= 4; ranks++) {
            sluice_pipeline *const pipeline = open_on(&it, ranks);
            load(pipeline, &it);
            check_values(pipeline, &it, names[n]);
            go(pipeline, 3);
            const uint64_t digest = digest_of(pipeline);
            if (ranks == 1) first = digest;
            if (digest != first)
                fail_msg("%s trains to %016llx on %d ranks, and to %016llx on one", names[n],
                         (unsigned long long)digest, ranks, (unsigned long long)first);
            sluice_pipeline_close(pipeline);
        }
        close_hub(&it);
    }
}

/* What is saved is a folder like those: same names, same model, whose weights are these. */
static void check_saved(const folder *in, const char *name, sluice_type type) {
    sluice_save_options options = SLUICE_SAVE_OPTIONS_INIT;
    char path[128];
    hub it                        = open_hub(name);
    sluice_pipeline *const before = open_on(&it, 2);
    load(before, &it);
    if (type == SLUICE_TYPE_F32) go(before, 2); /* else the values are those of the file's type */
    options.config      = &it.config;
    options.shard_bytes = 8192;
    options.type        = type;
    (void)snprintf(path, sizeof path, "%s/%s-%d", in->path, name, (int)type);
    assert_ok(sluice_pipeline_save(before, path, &options));
    hub saved = open_folder(path);
    assert_ptr_equal(saved.config.family, it.config.family);
    assert_memory_equal(saved.config.own, it.config.own, sizeof it.config.own);
    sluice_pipeline *const after = open_on(&saved, 3);
    load(after, &saved);
    if (digest_of(after) != digest_of(before))
        fail_msg("%s saved as %s is loaded as other weights", name, sluice_type_name(type));
    sluice_pipeline_close(after);
    sluice_pipeline_close(before);
    close_hub(&saved);
    close_hub(&it);
}

static void saved_folders_start_another_run(void **state) {
    (void)state;
    const folder in = folder_make();
    for (int n = 0; n < NAMES; n++) {
        check_saved(&in, names[n], SLUICE_TYPE_F32);
        if (strcmp(names[n], "mistral") != 0) /* whose file is F16 */
            check_saved(&in, names[n], SLUICE_TYPE_BF16);
    }
    folder_remove(&in);
}

/* A piece at a time, also where three are one parameter. */
static void a_load_takes_less_memory_than_the_largest_tensor(void **state) {
    (void)state;
    enum { LARGEST = WORDS * 24 * 4, REST = 1024 };
    count_allocations();
    for (int n = 0; n < NAMES; n++) {
        hub it                          = open_hub(names[n]);
        sluice_pipeline *const pipeline = open_on(&it, 2);
        const long long before          = begin_counted_peak();
        load(pipeline, &it);
        const long long taken = counted_peak() - before;
        if (taken > LARGEST + REST)
            fail_msg("loading %s takes %lld bytes of host memory; the largest tensor has %d",
                     names[n], taken, LARGEST);
        sluice_pipeline_close(pipeline);
        close_hub(&it);
    }
    sluice_allocator_set(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_load_and_train_alike_on_any_number_of_ranks),
        cmocka_unit_test(saved_folders_start_another_run),
        cmocka_unit_test(a_load_takes_less_memory_than_the_largest_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
