/* SPDX-License-Identifier: MIT */
/*
 * test_failing_files.c -- each write, flush and rename of a save fails, or is the last thing before
 * a kill: the command says so in a sentence, nothing that was saved is lost, and a resumed run ends
 * with the weights of one whose disk works.
 */
#include <signal.h>
#include <unistd.h>

#include "tests/support/command_run.h"

enum { MAX_CALLS = 400 };

static struct {
    folder files;
    char text[128], config[128], base[128], out[128], output[128], errors[128], count[128];
    char expected[64];
    bool background; /* saves are written in the background */
} all;

static void name_path(char path[128], const char *name) {
    (void)snprintf(path, 128, "%s/%s", all.files.path, name);
}

static command_line make_line(const char *option, const char *out) {
    command_line line = {{SLUICE_COMMAND,
                          "train",
                          all.text,
                          "--model",
                          all.config,
                          "--seq",
                          "8",
                          "--batch",
                          "4",
                          "-m",
                          "2",
                          "--steps",
                          "3",
                          "--threads",
                          "1",
                          "--ranks",
                          "2",
                          "--save-every",
                          "1",
                          "--shard-size",
                          "1MB",
                          "--quiet"},
                         NULL,
                         {{NULL}},
                         all.output,
                         all.errors};
    command_add(&line, option);
    command_add(&line, out);
    if (all.background) command_add(&line, "--save-async");
    return line;
}

/* A run that was stopped after its first save. Some of its files are of one write, some of several.
 */
static void begin(void) {
    static const char config[] =
        "{\"model_type\": \"gpt2\", \"vocab_size\": 40000, \"n_positions\": "
        "16, \"n_embd\": 8, \"n_layer\": 1, \"n_head\": 2}";
    char text[600];
    all.files = folder_make_in_memory();
    name_path(all.text, "text");
    name_path(all.config, "tiny.json");
    name_path(all.base, "base");
    name_path(all.out, "out");
    name_path(all.output, "output");
    name_path(all.errors, "errors");
    name_path(all.count, "count");
    for (size_t k = 0; k < sizeof text; k++) text[k] = (char)('a' + (k * k + 3 * k) % 26);
    folder_write(&all.files, "text", text, sizeof text);
    folder_write(&all.files, "tiny.json", config, sizeof config - 1);
    command_line line = make_line("--out", all.base);
    command_add(&line, "--keep");
    command_add(&line, "3");
    const command_end end = command_run(&line);
    if (end.status != 0) fail_msg("undisturbed, it exits with %d: %s", end.status, end.errors);
    assert_in_range(strlen(end.output), 10, sizeof all.expected - 1);
    memcpy(all.expected, end.output, strlen(end.output) + 1);
    command_shell("cd '%s' && rm -r *.safetensors state.json config.json saves/step-*[23]",
                  all.base);
}

/* Resume from the base; call number `at` goes wrong. */
static command_end resume(const char *at, const char *how) {
    command_line line = make_line("--resume", all.out);
    command_shell("rm -rf '%s' && cp -r '%s' '%s'", all.out, all.base, all.out);
    line.preload         = SLUICE_FAILING_FILES;
    line.variables[0][0] = "SLUICE_FAIL_AT", line.variables[0][1] = at;
    line.variables[1][0] = "SLUICE_FAIL_HOW", line.variables[1][1] = how;
    line.variables[2][0] = "SLUICE_FAIL_COUNT", line.variables[2][1] = all.count;
    return command_run(&line);
}

static int count_calls(const char *how) {
    const command_end end = resume("0", how);
    if (end.status != 0 || strcmp(end.output, all.expected) != 0)
        fail_msg("without a failure it exits with %d and prints '%s': %s", end.status, end.output,
                 end.errors);
    FILE *const file = fopen(all.count, "r");
    char text[32]    = "";
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    (void)fclose(file);
    const int count = (int)strtol(text, NULL, 10);
    assert_in_range(count, 20, MAX_CALLS);
    return count;
}

static void expect_an_error(const command_end *end, const char *at, const char *how) {
    const bool killed = strcmp(how, "kill") == 0;
    if (killed && end->status != -SIGKILL)
        fail_msg("killed at call %s it exits with %d: %s", at, end->status, end->errors);
    if (!killed && end->status == 0 && strcmp(end->output, all.expected) != 0)
        fail_msg("call %s fails (%s): it succeeds with '%s'", at, how, end->output);
    if (!killed && end->status != 0 &&
        (end->status != 1 || strncmp(end->errors, "sluice: ", 8) != 0 ||
         !strstr(end->errors, "cannot ") || !strstr(end->errors, "No space left on device")))
        fail_msg("call %s fails (%s): it exits with %d and says '%s'", at, how, end->status,
                 end->errors);
}

static void fail_each(const char *how) {
    begin();
    const int count = count_calls(how);
    int failed      = 0;
    for (int n = 1; n <= count; n++) {
        char at[16];
        (void)snprintf(at, sizeof at, "%d", n);
        const command_end end = resume(at, how);
        expect_an_error(&end, at, how);
        failed += end.status != 0;
        const command_line line = make_line("--resume", all.out);
        const command_end after = command_run(&line);
        if (after.status != 0 || strcmp(after.output, all.expected) != 0)
            fail_msg("call %s of %d fails (%s); resumed, it exits with %d and prints '%s' rather "
                     "than '%s': %s",
                     at, count, how, after.status, after.output, all.expected, after.errors);
    }
    printf("%s: %d calls, %d of them ended the run\n", how, count, failed);
    assert_in_range(failed, count / 2, count);
    folder_remove(&all.files);
}

static void a_call_that_fails_loses_nothing(void **state) {
    (void)state;
    fail_each("once");
}

static void a_disk_that_fills_up_loses_nothing(void **state) {
    (void)state;
    fail_each("all");
}

static void in_the_background_a_call_that_fails_loses_nothing(void **state) {
    (void)state;
    all.background = true;
    fail_each("once");
    all.background = false;
}

/* The first byte of one write is another on the disk. */
static void what_the_disk_has_is_read_again(void **state) {
    (void)state;
    begin();
    const int count = count_calls("change");
    for (int n = 2; n <= count; n++) { /* the first is a file that is removed again */
        char at[16];
        (void)snprintf(at, sizeof at, "%d", n);
        const command_end end = resume(at, "change");
        if (end.status > 1 || !strstr(end.errors, "does not read back as it was written"))
            fail_msg("write %s of %d changes a byte; it exits with %d and says '%s'", at, count,
                     end.status, end.errors);
    }
    folder_remove(&all.files);
}

static void a_kill_between_any_two_calls_loses_nothing(void **state) {
    (void)state;
    fail_each("kill");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_fails_loses_nothing),
        cmocka_unit_test(in_the_background_a_call_that_fails_loses_nothing),
        cmocka_unit_test(a_disk_that_fills_up_loses_nothing),
        cmocka_unit_test(what_the_disk_has_is_read_again),
        cmocka_unit_test(a_kill_between_any_two_calls_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
