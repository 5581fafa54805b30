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

#include "tests/support/undisturbed.h"

enum { KILLS = SLUICE_KILLS, RANKS = 4 };

static const char *const schedules[] = {"1f1b", "gpipe", "zb1p", "zbv"};

static undisturbed all;
static double whole_seconds; /* of the run that nobody disturbs */

static double now(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* A run into, or from, the folder: on so many ranks, with that schedule. */
static command_line make_line(const char *option, const char *out, const char *ranks,
                              const char *schedule) {
    static const char *const options[] = {
        "--model",      "gpt-nano", "--seq",     "16",  "-m",           "4", "--steps", "24",
        "--eval-every", "7",        "--dropout", "0.1", "--save-every", "1", NULL};
    command_line line = undisturbed_line(&all, SLUICE_COMMAND, options, option, out);
    command_add(&line, "--ranks");
    command_add(&line, ranks);
    command_add(&line, "--schedule");
    command_add(&line, schedule);
    if (strcmp(option, "--out") == 0) command_add(&line, "--overwrite"); /* a log without a save */
    return line;
}

static void begin(void) {
    all                     = undisturbed_make(256);
    const command_line line = make_line("--out", all.base, "2", "1f1b");
    const double started    = now();
    undisturbed_run(&all, &line);
    whole_seconds = now() - started;
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
    undisturbed_expect(&all, end, "after %d kills, on %s ranks,", kills, ranks);
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
        if (run_until(share * (whole_seconds < 0.9 ? whole_seconds : 0.9), kills, &random))
            ends++;
        else
            kills++;
    }
    const command_line line = make_line(has_save() ? "--resume" : "--out", all.out, "3", "1f1b");
    const command_end end   = command_run(&line);
    expect_right(&end, kills, "3");
    printf("%d kills; %d runs came to their end, each with the undisturbed weights\n", kills,
           ends + 1);
    undisturbed_remove(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_that_is_killed_ends_as_if_it_were_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
