/* SPDX-License-Identifier: MIT */
/*
 * test_pytorch.c -- the command trains as PyTorch does: tests/system/reference/ has weights,
 * tokens, and the losses and norms of 10 steps, and of 20 in bf16, made by make.py; `sluice train
 * --init` reproduces them, for each family.
 */
#include "tests/support/files.h"

#include <jansson.h>
#include <math.h>

#define REFERENCE SLUICE_SOURCE "/tests/system/reference"
enum { FAMILIES = 5 }; /* models in families.json */

/* A run, and how far its losses and norms may be from PyTorch's. */
typedef struct run {
    const char *options;
    int steps;
    double loss, norm; /* relative */
} run;

static json_t *load_reference(const char *path) {
    json_error_t error;
    json_t *reference = json_load_file(path, 0, &error);
    if (!reference) fail_msg("%s", error.text);
    return reference;
}

static double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) fail_msg("the log has no \"%s\"", key);
    return json_number_value(value);
}

static void assert_near(const json_t *step, const char *key, double tolerance, const json_t *kind,
                        int n, const char *words) {
    const double got = number(step, key);
    const double expected =
        json_number_value(json_array_get(json_object_get(kind, key), (size_t)n));
    if (fabs(got - expected) > tolerance * fabs(expected))
        fail_msg("%s: step %d has %s %.9g, PyTorch %.9g", words, n + 1, key, got, expected);
}

/* Run the command and compare each line of its log. */
static void compare(const json_t *kind, const char *name, const run *with) {
    const folder out = folder_make();
    char command[1024], line[4096], words[128];
    snprintf(words, sizeof words, "%s, %s", name, with->options);
    snprintf(command, sizeof command,
             "\"$SLUICE\" train --data \"$REFERENCE/tokens.bin\" "
             "--model \"$REFERENCE/%s\" --init \"$REFERENCE/%s\" "
             "--seq 16 --batch 4 --steps %d --lr 1e-3 --decay none --warmup 0 --weight-decay 0.1 "
             "--betas 0.9,0.95 --clip 2 --seed 1 --threads 1 --json --out %s/out %s",
             name, name, with->steps, out.path, with->options);
    setenv("SLUICE", SLUICE_COMMAND, 1); /* paths may have blanks and quotes */
    setenv("REFERENCE", REFERENCE, 1);
    FILE *log = popen(command, "r");
    assert_non_null(log);
    int steps = 0;
    while (fgets(line, sizeof line, log)) {
        json_error_t error;
        json_t *step = json_loads(line, JSON_REJECT_DUPLICATES, &error);
        if (!step) fail_msg("%s: '%s' is no JSON: %s", words, line, error.text);
        if (json_object_get(step, "loss")) {
            assert_near(step, "loss", with->loss, kind, steps, words);
            assert_near(step, "norm", with->norm, kind, steps, words);
            steps++;
        }
        json_decref(step);
    }
    assert_int_equal(pclose(log), 0);
    if (steps != with->steps) fail_msg("%s: the log has %d steps", words, steps);
    folder_remove(&out);
}

static const run fp32[] = {{"--ranks 1 --microbatches 1", 10, 1e-4, 1e-4},
                           {"--ranks 2 --microbatches 4 --schedule 1f1b", 10, 1e-4, 1e-4},
                           {"--ranks 3 --microbatches 3 --schedule gpipe", 10, 1e-4, 1e-4}};

static void a_tied_model_trains_as_in_pytorch(void **state) {
    (void)state;
    json_t *reference = load_reference(REFERENCE "/reference.json");
    for (int k = 0; k < 3; k++) compare(json_object_get(reference, "tied"), "tied", &fp32[k]);
    json_decref(reference);
}

static void an_untied_model_trains_as_in_pytorch(void **state) {
    (void)state;
    json_t *reference = load_reference(REFERENCE "/reference.json");
    for (int k = 0; k < 3; k++) compare(json_object_get(reference, "untied"), "untied", &fp32[k]);
    json_decref(reference);
}

/* Everything that is an object in the file is a model. */
static void compare_all(const char *file, int expected, const run *runs, int count) {
    json_t *reference = load_reference(file);
    const char *name;
    const json_t *kind;
    int models = 0;
    json_object_foreach(reference, name, kind) {
        if (!json_is_object(kind)) continue;
        for (int k = 0; k < count; k++) compare(kind, name, &runs[k]);
        models++;
    }
    assert_int_equal(models, expected);
    json_decref(reference);
}

static void every_family_trains_as_in_pytorch(void **state) {
    (void)state;
    compare_all(REFERENCE "/families.json", FAMILIES, fp32, 3);
}

/* Both round each result to bf16, but not the same sums. */
static void all_train_in_bf16_as_in_pytorch(void **state) {
    (void)state;
    static const run runs[] = {
        {"--precision bf16 --ranks 1 --microbatches 1", 20, 2e-3, 2e-2},
        {"--precision bf16 --ranks 2 --microbatches 4 --schedule zb1p", 20, 2e-3, 2e-2}};
    compare_all(REFERENCE "/bf16.json", FAMILIES + 2, runs, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tied_model_trains_as_in_pytorch),
        cmocka_unit_test(an_untied_model_trains_as_in_pytorch),
        cmocka_unit_test(every_family_trains_as_in_pytorch),
        cmocka_unit_test(all_train_in_bf16_as_in_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
