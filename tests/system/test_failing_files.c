/* SPDX-License-Identifier: MIT */
/*
 * test_failing_files.c -- each write, flush and rename of a save fails, or is the last thing before
 * a kill: the command says so in a sentence, nothing that was saved is lost, and a resumed run ends
 * with the weights of one whose disk works.
 *
 * Each way of going wrong is tried at every fifth call, from another one on (SLUICE_SEED), so that
 * together they try each call once. SLUICE_LONG=1: each way at each call.
 */
#include <signal.h>
#include <unistd.h>

#include "tests/support/undisturbed.h"

enum { MAX_CALLS = 400 };

static struct {
    undisturbed run;
    bool background; /* saves are written in the background */
    int shift;       /* from the seed: at which calls each way begins */
} all;

static command_line make_line(const char *option, const char *out) {
    static const char *const options[] = {
        "--seq",        "8", "-m",           "2",   "--steps", "3", "--ranks", "2",
        "--save-every", "1", "--shard-size", "1MB", NULL};
    command_line line = undisturbed_line(&all.run, SLUICE_COMMAND, options, option, out);
    if (all.background) command_add(&line, "--save-async");
    return line;
}

/* Whether call `n` goes wrong in the way with this number. */
static bool is_tried(int n, int way) {
    enum { WAYS = 5 };
    return getenv("SLUICE_LONG") || (n + way + all.shift) % WAYS == 0;
}

/* A run that was stopped after its first save. Some of its files are of one write, some of several.
 */
static void begin(void) {
    all.run           = undisturbed_make(40000);
    command_line line = make_line("--out", all.run.base);
    command_add(&line, "--keep");
    command_add(&line, "3");
    undisturbed_run(&all.run, &line);
    command_shell("cd '%s' && rm -r *.safetensors state.json config.json saves/step-*[23]",
                  all.run.base);
}

/* Resume from the base; call number `at` goes wrong. */
static command_end resume(const char *at, const char *how) {
    command_line line = make_line("--resume", all.run.out);
    undisturbed_restore(&all.run);
    line.preload         = SLUICE_FAILING_FILES;
    line.variables[0][0] = "SLUICE_FAIL_AT", line.variables[0][1] = at;
    line.variables[1][0] = "SLUICE_FAIL_HOW", line.variables[1][1] = how;
    line.variables[2][0] = "SLUICE_FAIL_COUNT", line.variables[2][1] = all.run.list;
    return command_run(&line);
}

static int count_calls(const char *how) {
    const command_end end = resume("0", how);
    undisturbed_expect(&all.run, &end, "without a failure");
    FILE *const file = fopen(all.run.list, "r");
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
    if (!killed && end->status == 0 && strcmp(end->output, all.run.expected) != 0)
        fail_msg("call %s fails (%s): it succeeds with '%s'", at, how, end->output);
    if (!killed && end->status != 0 &&
        (end->status != 1 || strncmp(end->errors, "sluice: ", 8) != 0 ||
         !strstr(end->errors, "cannot ") || !strstr(end->errors, "No space left on device")))
        fail_msg("call %s fails (%s): it exits with %d and says '%s'", at, how, end->status,
                 end->errors);
}

static void fail_each(const char *how, int way) {
    begin();
    const int count = count_calls(how);
    int failed = 0, tried = 0;
    for (int n = 1; n <= count; n++) {
        char at[16];
        if (!is_tried(n, way)) continue;
        (void)snprintf(at, sizeof at, "%d", n);
        const command_end end = resume(at, how);
        expect_an_error(&end, at, how);
        failed += end.status != 0;
        tried++;
        const command_line line = make_line("--resume", all.run.out);
        const command_end after = command_run(&line);
        undisturbed_expect(&all.run, &after, "resumed after call %s of %d failed (%s),", at, count,
                           how);
    }
    printf("%s: %d of %d calls, %d of them ended the run\n", how, tried, count, failed);
    assert_in_range(failed, tried / 2, tried);
    undisturbed_remove(&all.run);
}

static void a_call_that_fails_loses_nothing(void **state) {
    (void)state;
    fail_each("once", 0);
}

static void a_disk_that_fills_up_loses_nothing(void **state) {
    (void)state;
    fail_each("all", 2);
}

static void in_the_background_a_call_that_fails_loses_nothing(void **state) {
    (void)state;
    all.background = true;
    fail_each("once", 1);
    all.background = false;
}

/* The first byte of one write is another on the disk. */
static void what_the_disk_has_is_read_again(void **state) {
    (void)state;
    begin();
    const int count = count_calls("change");
    for (int n = 2; n <= count; n++) { /* the first is a file that is removed again */
        char at[16];
        if (!is_tried(n, 4)) continue;
        (void)snprintf(at, sizeof at, "%d", n);
        const command_end end = resume(at, "change");
        if (end.status > 1 || !strstr(end.errors, "does not read back as it was written"))
            fail_msg("write %s of %d changes a byte; it exits with %d and says '%s'", at, count,
                     end.status, end.errors);
    }
    undisturbed_remove(&all.run);
}

static void a_kill_between_any_two_calls_loses_nothing(void **state) {
    (void)state;
    fail_each("kill", 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_fails_loses_nothing),
        cmocka_unit_test(in_the_background_a_call_that_fails_loses_nothing),
        cmocka_unit_test(a_disk_that_fills_up_loses_nothing),
        cmocka_unit_test(what_the_disk_has_is_read_again),
        cmocka_unit_test(a_kill_between_any_two_calls_loses_nothing),
    };
    all.shift = (int)(test_seed() / 2 % 5); /* of odd numbers */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
