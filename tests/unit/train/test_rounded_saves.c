/* SPDX-License-Identifier: MIT */
/* test_rounded_saves.c -- saves whose weights are bfloat16: what is in their files, and that a run
 * goes on from them with the same bits as from float32. */
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/support/byte_gpt.h"
#include "tests/support/trainer.h"

#include "sluice/allocator.h"
#include "sluice/file.h"
#include "sluice/weights.h"

/* The table has more elements than are rounded at once. */
enum { LENGTH = 8, WIDTH = 24, SAMPLES = 8, MICROBATCHES = 4, STEPS = 6, WINDOWS = 60 };

static byte_gpt prepare(void) {
    const sluice_gpt_config config = {256, LENGTH, WIDTH, 2, 2, true, 0.1F};
    return byte_gpt_open(&config, WINDOWS);
}

static trainer start(const byte_gpt *with, const char *schedule, int ranks, const char *optimizer) {
    const sluice_schedule_options plan = {sizeof plan, .ranks = ranks,
                                          .microbatches = MICROBATCHES};
    sluice_pipeline_options settings   = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_run_options options         = SLUICE_RUN_OPTIONS_INIT;
    sluice_schedule *list;
    trainer made;
    settings.samples = SAMPLES;
    settings.threads = 1;
    settings.seed    = (uint64_t)ranks;
    assert_ok(sluice_optimizer_find(&settings.optimizer, optimizer));
    assert_ok(sluice_schedule_generate(&list, schedule, &plan));
    assert_ok(sluice_pipeline_plan_and_open(&made.pipeline, with->model, list, NULL, &settings));
    sluice_schedule_free(list);
    options.steps = STEPS;
    options.seed  = 7;
    assert_ok(sluice_run_open(&made.run, made.pipeline, with->model, with->corpus, &options));
    return made;
}

static sluice_save_options rounded(const byte_gpt *with) {
    sluice_save_options options = byte_gpt_save_options(with);
    options.type                = SLUICE_TYPE_BF16;
    return options;
}

/* Nearest, ties to even: by arithmetic on the integers that bits are. */
static float nearest(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t low = bits & 0xFFFF, up = bits - low + 0x10000;
    const bool rises = low > 0x8000 || (low == 0x8000 && (bits >> 16 & 1));
    bits             = rises ? up : bits - low;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static const sluice_stored_tensor *find(const sluice_safetensors *file, const char *prefix,
                                        const char *name) {
    char full[128];
    (void)snprintf(full, sizeof full, "%s%s", prefix, name);
    const sluice_stored_tensor *const tensor = sluice_safetensors_find(file, full);
    if (!tensor) fail_msg("%s has no '%s'", sluice_safetensors_path(file), full);
    return tensor;
}

/* One parameter: rounded in the model's file, whole next to the optimizer's state. */
static void check_parameter(const sluice_state *state, const trainer *it,
                            const sluice_safetensors *model, const sluice_safetensors *optimizer) {
    const int64_t count                      = sluice_shape_count(&state->shape);
    const sluice_stored_tensor *const stored = find(model, "", state->name);
    const sluice_stored_tensor *const master = find(optimizer, "master/", state->name);
    float *const own = malloc((size_t)count * sizeof *own), *const got = malloc((size_t)count * 4);
    assert_true(own && got);
    assert_string_equal(stored->type, "BF16");
    assert_string_equal(master->type, "F32");
    assert_ok(sluice_pipeline_read_parameter(own, count, it->pipeline, state->name));
    assert_ok(sluice_safetensors_read(got, master, 0, count));
    assert_memory_equal(own, got, (size_t)count * sizeof *own);
    assert_ok(sluice_safetensors_read(got, stored, 0, count));
    for (int64_t i = 0; i < count; i++)
        if (got[i] != nearest(own[i]))
            fail_msg("element %d of '%s' is %.9g, and %.9g in the file; the nearest is %.9g",
                     (int)i, state->name, (double)own[i], (double)got[i], (double)nearest(own[i]));
    free(own), free(got);
}

static void check_files(const byte_gpt *with, const trainer *it) {
    sluice_safetensors *model = NULL, *optimizer = NULL;
    assert_ok(sluice_safetensors_open(&model, folder_path(&with->files, "out/model.safetensors")));
    assert_ok(sluice_safetensors_open(&optimizer,
                                      folder_path(&with->files, "out/optimizer.safetensors")));
    for (int k = 0; k < sluice_pipeline_state_count(it->pipeline); k++) {
        const sluice_state state = sluice_pipeline_state_at(it->pipeline, k);
        if (state.kind == SLUICE_STATE_PARAMETER) check_parameter(&state, it, model, optimizer);
    }
    sluice_safetensors_close(model);
    sluice_safetensors_close(optimizer);
}

static void expect_text(const char *path, const char *words) {
    char *text   = NULL;
    size_t bytes = 0;
    assert_ok(sluice_file_read(&text, &bytes, path));
    if (!strstr(text, words)) fail_msg("'%s' has no %s", path, words);
    sluice_text_free(text);
}

static void weights_are_rounded_and_masters_kept(void **state) {
    (void)state;
    byte_gpt with                     = prepare();
    const sluice_save_options options = rounded(&with);
    trainer it                        = start(&with, "1f1b", 2, "adamw");
    trainer_go(&it, 2);
    assert_ok(sluice_pipeline_save(it.pipeline, folder_path(&with.files, "out"), &options));
    check_files(&with, &it);
    expect_text(folder_path(&with.files, "out/config.json"), "\"torch_dtype\": \"bfloat16\"");
    trainer_close(&it);
    byte_gpt_close(&with);
}

/* From either type, on other ranks, with an optimizer that has state and one that has none. */
static void check_resume(const byte_gpt *with, const char *optimizer, bool in_shards) {
    sluice_save_options options = rounded(with);
    char out[96];
    sluice_save *save = NULL;
    trainer before    = start(with, "1f1b", 2, optimizer);
    trainer after     = start(with, "gpipe", 3, optimizer);
    if (in_shards) options.shard_bytes = 2048;
    (void)snprintf(out, sizeof out, "%s/%s-%d", with->files.path, optimizer, in_shards);
    trainer_go(&before, 3);
    assert_int_equal(mkdir(out, 0700), 0);
    assert_ok(sluice_run_save(before.run, out, 1, &options));
    assert_ok(sluice_save_find(&save, out, NULL, NULL));
    assert_ok(sluice_run_load(after.run, save));
    sluice_save_close(save);
    if (trainer_digest(&after) != trainer_digest(&before))
        fail_msg("%s: the weights that are resumed are not the masters", optimizer);
    trainer_go(&before, STEPS - 3);
    trainer_go(&after, STEPS - 3);
    if (trainer_digest(&after) != trainer_digest(&before))
        fail_msg("%s: resumed from bfloat16, the run ends with other weights", optimizer);
    trainer_close(&before);
    trainer_close(&after);
}

static void runs_go_on_with_the_same_bits(void **state) {
    (void)state;
    byte_gpt with = prepare();
    check_resume(&with, "adamw", false);
    check_resume(&with, "adamw", true);
    check_resume(&with, "sgd", false);
    byte_gpt_close(&with);
}

/* As others use the folder: the weights that are in it. */
static void the_folder_starts_another_run(void **state) {
    (void)state;
    byte_gpt with                     = prepare();
    const sluice_save_options options = rounded(&with);
    trainer it = start(&with, "1f1b", 2, "adamw"), other = start(&with, "gpipe", 1, "adamw");
    sluice_safetensors *file = NULL;
    float own[WIDTH], got[WIDTH];
    trainer_go(&it, 1);
    assert_ok(sluice_pipeline_save(it.pipeline, folder_path(&with.files, "out"), &options));
    assert_ok(sluice_safetensors_open(&file, folder_path(&with.files, "out")));
    assert_ok(sluice_pipeline_load_weights(other.pipeline, with.model, with.config.family, file));
    sluice_safetensors_close(file);
    assert_ok(
        sluice_pipeline_read_parameter(own, WIDTH, it.pipeline, "transformer.h.0.ln_1.weight"));
    assert_ok(
        sluice_pipeline_read_parameter(got, WIDTH, other.pipeline, "transformer.h.0.ln_1.weight"));
    for (int i = 0; i < WIDTH; i++) assert_true(got[i] == nearest(own[i]));
    trainer_close(&it);
    trainer_close(&other);
    byte_gpt_close(&with);
}

static void other_types_are_refused(void **state) {
    (void)state;
    byte_gpt with               = prepare();
    sluice_save_options options = byte_gpt_save_options(&with);
    trainer it                  = start(&with, "gpipe", 1, "sgd");
    options.type                = SLUICE_TYPE_F16;
    assert_refused(sluice_pipeline_save(it.pipeline, folder_path(&with.files, "out"), &options),
                   SLUICE_E_UNSUPPORTED, "weights cannot be saved as float16; float32 or bfloat16");
    trainer_close(&it);
    byte_gpt_close(&with);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_rounded_and_masters_kept),
        cmocka_unit_test(runs_go_on_with_the_same_bits),
        cmocka_unit_test(the_folder_starts_another_run),
        cmocka_unit_test(other_types_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
