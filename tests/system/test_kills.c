/* SPDX-License-Identifier: MIT */
/*
 * test_kills.c -- the command is killed again and again while it trains and saves, and resumed with
 * other ranks and schedules each time: it ends with the weights of a run that nobody disturbs.
 * SLUICE_KILLS says how often (20), SLUICE_SEED when.
 */
#include <glob.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/command_run.h"

enum { KILLS = SLUICE_KILLS, RANKS = 4 };

static const char *const schedules[] = {"1f1b", "gpipe", "zb1p", "zbv"};

static struct {
    folder files;
    char text[128], out[128], output[128], errors[128];
    char expected[64]; /* the last line */
    double seconds;    /* of a run that nobody disturbs */
} all;

static double now(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static const char *path_in(char path[128], const char *name) {
    (void)snprintf(path, 128, "%s/%s", all.files.path, name);
    return path;
}

/* A run into, or from, the folder: on so many ranks, with that schedule. */
static command_line make_line(const char *option, const char *out, const char *ranks,
                              const char *schedule) {
    command_line line = {
        {SLUICE_COMMAND, "train",        all.text, "--model",      "gpt-nano", "--seq",
         "16",           "--batch",      "4",      "-m",           "4",        "--steps",
         "24",           "--threads",    "1",      "--eval-every", "7",        "--dropout",
         "0.1",          "--save-every", "1",      "--quiet"},
        NULL,
        {{NULL}},
        all.output,
        all.errors};
    command_add(&line, option);
    command_add(&line, out);
    command_add(&line, "--ranks");
    command_add(&line, ranks);
    command_add(&line, "--schedule");
    command_add(&line, schedule);
    if (strcmp(option, "--out") == 0) command_add(&line, "--overwrite"); /* a log without a save */
    return line;
}

static void begin(void) {
    char whole[128], text[1800];
    all.files = folder_make_in_memory();
    path_in(all.text, "text");
    path_in(all.out, "out");
    path_in(all.output, "output");
    path_in(all.errors, "errors");
    for (size_t k = 0; k < sizeof text; k++) text[k] = (char)('a' + (k * k + 3 * k) % 26);
    folder_write(&all.files, "text", text, sizeof text);
    const command_line line = make_line("--out", path_in(whole, "whole"), "2", "1f1b");
    const double started    = now();
    const command_end end   = command_run(&line);
    all.seconds             = now() - started;
    if (end.status != 0) fail_msg("undisturbed, it exits with %d: %s", end.status, end.errors);
    assert_in_range(strlen(end.output), 10, sizeof all.expected - 1);
    memcpy(all.expected, end.output, strlen(end.output));
}

/* Whether a save has been there: then it must be possible to resume. */
static bool has_save(void) {
    char saves[160], state[160];
    glob_t found = {0};
    (void)snprintf(saves, sizeof saves, "%s/saves/step-*", all.out);
    (void)snprintf(state, sizeof state, "%s/state.json", all.out);
    (void)glob(saves, 0, NULL, &found);
    (void)glob(state, GLOB_APPEND, NULL, &found);
    const bool there = found.gl_pathc > 0;
    globfree(&found);
    return there;
}

static void expect_right(const command_end *end, int kills, const char *ranks) {
    if (end->status != 0)
        fail_msg("after %d kills it exits with %d on %s ranks: %s", kills, end->status, ranks,
                 end->errors);
    if (strcmp(end->output, all.expected) != 0)
        fail_msg("after %d kills it ends on %s ranks with '%s', undisturbed with '%s'", kills,
                 ranks, end->output, all.expected);
}

/* One start, killed after `seconds`; whether it came to its end before. */
static bool run_until(double seconds, int kills, uint64_t *random) {
    char ranks[4];
    (void)snprintf(ranks, sizeof ranks, "%d", test_random_int(random, 1, RANKS));
    const char *const schedule = schedules[test_random_int(random, 0, 3)];
    const bool resumes         = has_save();
    const command_line line = make_line(resumes ? "--resume" : "--out", all.out, ranks, schedule);
    const pid_t process     = command_start(&line);
    nap(seconds);
    (void)kill(process, SIGKILL);
    const command_end end = command_wait(process, &line);
    if (end.status == -SIGKILL) return false;
    expect_right(&end, kills, ranks);
    command_shell("rm -rf '%s'", all.out);
    return true;
}

static void a_run_that_is_killed_ends_as_if_it_were_not(void **state) {
    (void)state;
    const char *const given = getenv("SLUICE_KILLS");
    const int wanted        = given ? (int)strtol(given, NULL, 10) : KILLS;
    uint64_t random         = test_seed();
    int kills = 0, ends = 0;
    begin();
    while (kills < wanted) {
        const double share = (double)test_random_int(&random, 1, 1000) / 1000;
        if (run_until(share * (all.seconds < 0.9 ? all.seconds : 0.9), kills, &random))
            ends++;
        else
            kills++;
    }
    const command_line line = make_line(has_save() ? "--resume" : "--out", all.out, "3", "1f1b");
    const command_end end   = command_run(&line);
    expect_right(&end, kills, "3");
    printf("%d kills; %d runs came to their end, each with the undisturbed weights\n", kills,
           ends + 1);
    folder_remove(&all.files);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_that_is_killed_ends_as_if_it_were_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
