/* SPDX-License-Identifier: MIT */
/* test_saves.c -- saves of a run: what is in their folders, what another number of ranks reads from
 * them, which stay, and what is refused. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/byte_gpt.h"
#include "tests/support/counting.h"
#include "tests/support/trainer.h"

#include "sluice/allocator.h"
#include "sluice/file.h"

enum { LENGTH = 8, SAMPLES = 8, MICROBATCHES = 4, STEPS = 8, WINDOWS = 60 };

/* ---- a run, its ranks and schedule ---- */

typedef struct way {
    const char *schedule;
    int ranks;
} way;

static const way ways[] = {{"gpipe", 1}, {"1f1b", 2}, {"zbv", 2}, {"1f1b", 3}, {"zb1p", 4}};
enum { WAYS = sizeof ways / sizeof *ways };

static byte_gpt prepare(void) {
    const sluice_gpt_config config = {256, LENGTH, 8, 2, 2, true, 0.1F};
    return byte_gpt_open(&config, WINDOWS);
}

static trainer start(const byte_gpt *with, const way *how, const char *optimizer, uint64_t seed) {
    const sluice_schedule_options plan = {sizeof plan, .ranks = how->ranks,
                                          .microbatches = MICROBATCHES};
    sluice_pipeline_options settings   = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_run_options options         = SLUICE_RUN_OPTIONS_INIT;
    const sluice_sgd_config sgd        = {0.9, 0.1};
    sluice_schedule *schedule;
    trainer made;
    settings.samples = SAMPLES;
    settings.threads = 1;
    settings.seed    = seed;
    assert_ok(sluice_optimizer_find(&settings.optimizer, optimizer));
    if (strcmp(optimizer, "sgd") == 0) settings.optimizer_config = &sgd;
    assert_ok(sluice_schedule_generate(&schedule, how->schedule, &plan));
    assert_ok(
        sluice_pipeline_plan_and_open(&made.pipeline, with->model, schedule, NULL, &settings));
    sluice_schedule_free(schedule);
    options.steps         = STEPS;
    options.seed          = 7;
    options.learning_rate = (sluice_learning_rate){0.02, 0.002, 2, STEPS, SLUICE_DECAY_COSINE};
    assert_ok(sluice_run_open(&made.run, made.pipeline, with->model, with->corpus, &options));
    return made;
}

/* ---- files ---- */

static bool exists(const char *path) {
    struct stat about;
    return stat(path, &about) == 0;
}

static char *read_text(const char *path) {
    FILE *const file = fopen(path, "rb");
    char *const text = calloc(1, 1 << 20);
    if (!file || !text) fail_msg("'%s' cannot be read", path);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    (void)fclose(file);
    return text;
}

/* Change one byte of a file, in its middle; and change it back. */
static void flip(const char *path) {
    FILE *const file = fopen(path, "r+b");
    if (!file) fail_msg("'%s' cannot be opened", path);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long middle = ftell(file) / 2;
    assert_int_equal(fseek(file, middle, SEEK_SET), 0);
    const int byte = fgetc(file);
    assert_int_equal(fseek(file, middle, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
    assert_int_equal(fclose(file), 0);
}

static void expect_same_file(const char *one, const char *other, const char *words) {
    char command[600];
    (void)snprintf(command, sizeof command, "cmp -s '%s' '%s'", one, other);
    if (system(command) != 0) fail_msg("%s: '%s' and '%s' differ", words, one, other);
}

/* ---- tests ---- */

/* Saved on p ranks, loaded on q, and saved again without a step: the same files. */
static void p_ranks_save_and_q_ranks_load(void **state) {
    (void)state;
    byte_gpt with                     = prepare();
    const sluice_save_options options = byte_gpt_save_options(&with);
    const char *const kinds[]         = {"adamw", "sgd"};
    assert_int_equal(mkdir(folder_path(&with.files, "first"), 0700), 0);
    assert_int_equal(mkdir(folder_path(&with.files, "second"), 0700), 0);
    for (int w = 0; w < 2 * WAYS; w++) {
        const way *const p = &ways[w % WAYS], *const q = &ways[(w + 1 + w / WAYS) % WAYS];
        char words[80], first[128], second[128];
        sluice_save *save;
        (void)snprintf(words, sizeof words, "%s, %s on %d, then %s on %d", kinds[w / WAYS],
                       p->schedule, p->ranks, q->schedule, q->ranks);
        (void)snprintf(first, sizeof first, "%s/first/saves/step-00000003", with.files.path);
        (void)snprintf(second, sizeof second, "%s/second/saves/step-00000003", with.files.path);
        trainer before = start(&with, p, kinds[w / WAYS], 3);
        trainer_go(&before, 3);
        assert_ok(sluice_run_save(before.run, folder_path(&with.files, "first"), 1, &options));
        const uint64_t then = trainer_digest(&before);
        trainer_go(&before, STEPS - 3);
        trainer after = start(&with, q, kinds[w / WAYS], 4);
        assert_ok(sluice_save_open(&save, first));
        assert_ok(sluice_run_load(after.run, save));
        sluice_save_close(save);
        if (trainer_digest(&after) != then)
            fail_msg("%s: the weights that are loaded are others", words);
        assert_ok(sluice_run_save(after.run, folder_path(&with.files, "second"), 1, &options));
        for (int k = 0; k < 3; k++) {
            static const char *const names[] = {"model.safetensors", "optimizer.safetensors",
                                                "state.json"};
            char one[160], other[160];
            (void)snprintf(one, sizeof one, "%s/%s", first, names[k]);
            (void)snprintf(other, sizeof other, "%s/%s", second, names[k]);
            expect_same_file(one, other, words);
        }
        trainer_go(&after, STEPS - 3);
        if (trainer_digest(&after) != trainer_digest(&before))
            fail_msg("%s: the resumed run ends with other weights than the uninterrupted one",
                     words);
        trainer_close(&before);
        trainer_close(&after);
    }
    byte_gpt_close(&with);
}

static void large_models_are_written_as_shards(void **state) {
    (void)state;
    byte_gpt with               = prepare();
    sluice_save_options options = byte_gpt_save_options(&with);
    char target[128];
    sluice_save *save;
    (void)snprintf(target, sizeof target, "%s/shards", with.files.path);
    options.shard_bytes = 4096;
    trainer before = start(&with, &ways[1], "adamw", 3), after = start(&with, &ways[3], "adamw", 4);
    trainer_go(&before, 2);
    assert_ok(sluice_pipeline_save(before.pipeline, target, &options));
    char *const index = read_text(folder_path(&with.files, "shards/model.safetensors.index.json"));
    if (!strstr(index, "\"transformer.wte.weight\": \"model-00001-of-000"))
        fail_msg("the index does not say where the embedding is: %s", index);
    free(index);
    assert_false(exists(folder_path(&with.files, "shards/model.safetensors")));
    assert_true(exists(folder_path(&with.files, "shards/optimizer.safetensors.index.json")));
    assert_ok(sluice_save_open(&save, target));
    assert_ok(sluice_pipeline_load(after.pipeline, save));
    sluice_save_close(save);
    if (trainer_digest(&after) != trainer_digest(&before))
        fail_msg("shards are loaded as other weights");
    /* One file again: nothing of the shards stays. A slash at the end says nothing. */
    (void)snprintf(target, sizeof target, "%s/shards/", with.files.path);
    assert_ok(sluice_pipeline_save(after.pipeline, target, NULL));
    assert_false(exists(folder_path(&with.files, "shards/model.safetensors.index.json")));
    trainer_close(&before);
    trainer_close(&after);
    byte_gpt_close(&with);
}

static void expect_saves(const byte_gpt *with, const char *expected) {
    char command[200], got[256] = "";
    (void)snprintf(
        command, sizeof command,
        "cd '%s/out' && find . -mindepth 1 -maxdepth 2 -name '*step*' | sort | tr '\\n' ' '",
        with->files.path);
    FILE *const list = popen(command, "r");
    assert_non_null(list);
    (void)!fread(got, 1, sizeof got - 1, list);
    (void)pclose(list);
    if (strcmp(got, expected) != 0) fail_msg("the saves are '%s', expected '%s'", got, expected);
}

static void the_newest_saves_stay(void **state) {
    (void)state;
    byte_gpt with                     = prepare();
    const sluice_save_options options = byte_gpt_save_options(&with);
    char *const out                   = strdup(folder_path(&with.files, "out"));
    trainer it                        = start(&with, &ways[1], "adamw", 3);
    sluice_save *save;
    assert_int_equal(mkdir(out, 0700), 0);
    folder_write(&with.files, "out/saves/step-00000004/x", "x", 1); /* of an earlier run */
    folder_write(&with.files, "out/saves/.step-00000002.part/x", "x", 1);
    for (int k = 0; k < 3; k++) {
        trainer_go(&it, 1);
        assert_ok(sluice_run_save(it.run, out, 2, &options));
    }
    expect_saves(&with, "./saves/step-00000002 ./saves/step-00000003 ");
    assert_ok(sluice_run_save_end(it.run, out, 0, &options));
    expect_saves(&with, "./saves/step-00000002 ");
    assert_true(exists(folder_path(&with.files, "out/state.json")));
    assert_ok(sluice_save_find(&save, out, NULL, NULL));
    assert_int_equal(sluice_save_state(save).step, 3);
    assert_int_equal(sluice_save_counters(save).updates, 3);
    assert_string_equal(sluice_save_folder(save), out);
    sluice_save_close(save);
    trainer_close(&it);
    free(out);
    byte_gpt_close(&with);
}

/* What begins 4 MiB into the embedding is not what it begins with. */
static void expect_other_pieces(const char *path) {
    enum { COUNT = 64, PIECE = (4 << 20) / sizeof(float) };
    float first[COUNT], second[COUNT];
    sluice_safetensors *file = NULL;
    assert_ok(sluice_safetensors_open(&file, path));
    const sluice_stored_tensor *const tensor =
        sluice_safetensors_find(file, "transformer.wte.weight");
    assert_non_null(tensor);
    assert_ok(sluice_safetensors_read(first, tensor, 0, COUNT));
    assert_ok(sluice_safetensors_read(second, tensor, PIECE, COUNT));
    if (memcmp(first, second, sizeof first) == 0)
        fail_msg("the pieces of 'transformer.wte.weight' that are saved are all the first");
    sluice_safetensors_close(file);
}

/* Saving and loading take pieces of a tensor, whatever its size. */
static void pieces_of_a_tensor_are_in_memory(void **state) {
    (void)state;
    enum { VOCABULARY = 60000, WIDTH = 64, PIECES = (4 << 20) + (1 << 20), MORE = 128 << 10 };
    const sluice_gpt_config config = {VOCABULARY, LENGTH, WIDTH, 4, 2, true, 0};
    byte_gpt with                  = byte_gpt_open(&config, WINDOWS);
    sluice_save *save;
    char target[128];
    (void)snprintf(target, sizeof target, "%s/one", with.files.path);
    trainer it             = start(&with, &ways[1], "adamw", 3);
    const long long before = begin_counted_peak();
    assert_ok(sluice_pipeline_save(it.pipeline, target, NULL));
    const long long saving = counted_peak() - before;
    (void)begin_counted_peak();
    expect_other_pieces(target);
    assert_ok(sluice_save_open(&save, target));
    assert_ok(sluice_pipeline_load(it.pipeline, save));
    const long long loading = counted_peak() - before;
    sluice_save_close(save);
    if (saving > PIECES + MORE || loading > PIECES + MORE)
        fail_msg("the largest tensor has %d bytes, pieces at most %d; a save takes %lld of host "
                 "memory, a load %lld",
                 VOCABULARY * WIDTH * 4, PIECES, saving, loading);
    assert_int_equal(counted_bytes(), before);
    trainer_close(&it);
    byte_gpt_close(&with);
}

typedef struct seen {
    int count;
    char text[768]; /* of the last one */
} seen;

static void see(void *context, const char *folder_of_save) {
    seen *const to = context;
    (void)folder_of_save;
    to->count++;
    (void)snprintf(to->text, sizeof to->text, "%s", sluice_last_error()->what);
}

/* A changed byte of any file: the save before it is used, and the file is named. */
static void a_damaged_save_is_not_used(void **state) {
    (void)state;
    byte_gpt with                     = prepare();
    const sluice_save_options options = byte_gpt_save_options(&with);
    static const char *const names[] = {"config.json", "model.safetensors", "optimizer.safetensors",
                                        "state.json"};
    trainer it                       = start(&with, &ways[1], "adamw", 3);
    char out[128];
    (void)snprintf(out, sizeof out, "%s/out", with.files.path);
    assert_int_equal(mkdir(out, 0700), 0);
    for (int k = 0; k < 2; k++) {
        trainer_go(&it, 1);
        assert_ok(sluice_run_save(it.run, out, 2, &options));
    }
    for (int k = 0; k < 5; k++) {
        char path[200];
        seen damaged = {0};
        sluice_save *save;
        (void)snprintf(path, sizeof path, "%s/saves/step-00000002/%s", out, names[k % 4]);
        if (k < 4)
            flip(path);
        else
            assert_int_equal(truncate(path, 100), 0); /* config.json, the last time */
        assert_ok(sluice_save_find(&save, out, see, &damaged));
        if (sluice_save_state(save).step != 1)
            fail_msg("a save whose %s is damaged is used", names[k % 4]);
        if (damaged.count != 1 || !strstr(damaged.text, path) ||
            !strstr(damaged.text, "is damaged"))
            fail_msg("damaged %s: %s", names[k % 4], damaged.text);
        sluice_save_close(save);
        if (k < 4) flip(path);
    }
    trainer_close(&it);
    byte_gpt_close(&with);
}

static void a_save_is_in_the_folder_of_its_run(void **state) {
    (void)state;
    static const struct {
        const char *save, *home;
    } cases[] = {
        {"out/saves/step-00000050", "out"},
        {"a/out/saves/step-00000050//", "a/out"},
        {"/saves/step-00000050", "/"},
        {"saves/step-00000050", "."},
        {"out/saves/.step-00000050.old", "out"},
        {"out/", "out"},
        {"out/saves", "out/saves"},
        {"out/step-00000050", "out/step-00000050"},
        {"step-00000050", "step-00000050"},
        {"/", "/"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char *home = NULL;
        assert_ok(sluice_save_home(&home, cases[k].save));
        if (strcmp(home, cases[k].home) != 0)
            fail_msg("'%s' is in '%s', expected '%s'", cases[k].save, home, cases[k].home);
        sluice_text_free(home);
    }
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    byte_gpt with                     = prepare();
    const sluice_save_options options = byte_gpt_save_options(&with);
    trainer it = start(&with, &ways[1], "adamw", 3), other = start(&with, &ways[1], "sgd", 3);
    char target[128], text[400];
    sluice_save *save;
    (void)snprintf(target, sizeof target, "%s/one", with.files.path);
    (void)snprintf(text, sizeof text, "there is no save in '%s'", target);
    assert_refused(sluice_save_find(&save, target, NULL, NULL), SLUICE_E_ARGUMENT, text);
    assert_ok(sluice_pipeline_save(it.pipeline, target, &options));
    assert_ok(sluice_save_open(&save, target));
    const uint64_t before = trainer_digest(&other);
    if (sluice_pipeline_load(other.pipeline, save) != SLUICE_E_ARGUMENT ||
        !strstr(sluice_last_error()->what, "model or optimizer differ"))
        fail_msg("AdamW's state is loaded into SGD: %s", sluice_last_error()->what);
    assert_int_equal(trainer_digest(&other), before);
    sluice_save_close(save);
    (void)snprintf(text, sizeof text,
                   "cannot create folder '%s/none/.x.part': No such file or directory",
                   with.files.path);
    (void)snprintf(target, sizeof target, "%s/none/x", with.files.path);
    assert_refused(sluice_pipeline_save(it.pipeline, target, NULL), SLUICE_E_IO, text);
    trainer_close(&it);
    trainer_close(&other);
    byte_gpt_close(&with);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p_ranks_save_and_q_ranks_load),
        cmocka_unit_test(large_models_are_written_as_shards),
        cmocka_unit_test(the_newest_saves_stay),
        cmocka_unit_test(pieces_of_a_tensor_are_in_memory),
        cmocka_unit_test(a_damaged_save_is_not_used),
        cmocka_unit_test(a_save_is_in_the_folder_of_its_run),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    count_allocations();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
