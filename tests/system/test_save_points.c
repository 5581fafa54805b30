/* SPDX-License-Identifier: MIT */
/*
 * test_save_points.c -- at each point of a run's saves, between any two of their steps, the run
 * is killed, asked to end, or asked so twice; resumed with another number of ranks it ends with the
 * weights of a run that nobody disturbs. SLUICE_POINTS says at every how manieth point (1).
 */
#include <signal.h>

#include "tests/support/undisturbed.h"

enum { MAX_POINTS = 400, STRIDE = SLUICE_POINTS, TERM = 128 + SIGTERM };

static struct {
    undisturbed run;
    char points[MAX_POINTS][160];
    int count;
} all;

static command_line make_line(const char *option, const char *out, const char *ranks) {
    static const char *const options[] = {"--seq",        "8", "-m",     "2", "--steps", "4",
                                          "--save-every", "2", "--keep", "1", NULL};
    command_line line = undisturbed_line(&all.run, SLUICE_WATCHED, options, option, out);
    command_add(&line, "--ranks");
    command_add(&line, ranks);
    return line;
}

/* Two more steps, of which the first is saved, and then the end: from the save after step 1 on. */
static command_end resume(const char *at, const char *how) {
    command_line line = make_line("--resume", all.run.out, "2");
    undisturbed_restore(&all.run);
    line.variables[0][0] = "SLUICE_WATCH_AT", line.variables[0][1] = at;
    line.variables[1][0] = "SLUICE_WATCH_HOW", line.variables[1][1] = how;
    line.variables[2][0] = "SLUICE_WATCH_LIST", line.variables[2][1] = all.run.list;
    return command_run(&line);
}

static void read_points(void) {
    FILE *const file = fopen(all.run.list, "r");
    assert_non_null(file);
    for (all.count = 0; fgets(all.points[all.count], sizeof all.points[0], file); all.count++) {
        all.points[all.count][strcspn(all.points[all.count], "\n")] = '\0';
        assert_in_range(all.count, 0, MAX_POINTS - 2);
    }
    (void)fclose(file);
}

/* The run passes this one, of a path that ends so. */
static void expect_point(const char *point, const char *path) {
    const size_t length = strlen(point), tail = strlen(path);
    for (int k = 0; k < all.count; k++) {
        const char *const line = all.points[k];
        if (strncmp(line, point, length) == 0 && strlen(line) > tail &&
            strcmp(line + strlen(line) - tail, path) == 0)
            return;
    }
    fail_msg("of its %d points none is '%s: ...%s'", all.count, point, path);
}

static void expect_points(void) {
    static const char *const steps[] = {"begun", "written", "flushed", "read back"};
    static const char *const files[] = {"model.safetensors", "optimizer.safetensors", "state.json",
                                        "tokenizer.json"};
    for (size_t s = 0; s < 4; s++)
        for (size_t f = 0; f < 4; f++) expect_point(steps[s], files[f]);
    for (size_t f = 0; f < 4; f++) expect_point("renamed", files[f]);
    expect_point("made", "/saves");
    expect_point("listed", "/saves");
    expect_point("renamed", "/saves/step-00000002");
    expect_point("renamed", "/saves/step-00000004");
    expect_point("removed", "/saves/step-00000001");
    expect_point("taken away", "/saves/step-00000001");
}

/* A run whose last save is that of step 1, and the points of one that goes on from there. */
static void begin(void) {
    all.run           = undisturbed_make(256);
    command_line line = make_line("--out", all.run.base, "2");
    command_add(&line, "--save-every");
    command_add(&line, "1");
    command_add(&line, "--keep");
    command_add(&line, "9");
    undisturbed_run(&all.run, &line);
    command_shell("cd '%s' && rm -r *.safetensors *.json saves/step-*[234]", all.run.base);
    const command_end whole = resume("0", "kill");
    undisturbed_expect(&all.run, &whole, "resumed without a disturbance");
    read_points();
    expect_points();
}

/* ---- each point ---- */

static void expect_kill(const command_end *end, const char *point) {
    if (end->status != -SIGKILL)
        fail_msg("killed at '%s' it exits with %d: %s", point, end->status, end->errors);
}

/* The first one: what is being done is finished, and then saved. */
static void expect_finish(const command_end *end, const char *point) {
    const bool says = strstr(end->errors, "saving; again to stop without\n") &&
                      strstr(end->errors, "sluice: interrupted after step ");
    if (end->status != TERM || !says || strncmp(end->output, "weights ", 8) != 0)
        fail_msg("asked to end at '%s' it exits with %d, prints '%s' and says '%s'", point,
                 end->status, end->output, end->errors);
}

/* The second one ends it at once. */
static void expect_stop(const command_end *end, const char *point) {
    if (end->status != TERM || strstr(end->errors, "interrupted after") || end->output[0] != '\0')
        fail_msg("asked twice to end at '%s' it exits with %d, prints '%s' and says '%s'", point,
                 end->status, end->output, end->errors);
}

static void cross(const char *how, void (*expect)(const command_end *, const char *), int stride) {
    static const char *const ranks[] = {"1", "3", "2", "4"};
    const char *const given          = getenv("SLUICE_POINTS");
    int seen                         = 0;
    if (given) stride = (int)strtol(given, NULL, 10);
    begin();
    for (int n = 1; n <= all.count; n += stride, seen++) {
        char at[16];
        (void)snprintf(at, sizeof at, "%d", n);
        const command_end end = resume(at, how);
        expect(&end, all.points[n - 1]);
        const command_line line = make_line("--resume", all.run.out, ranks[seen % 4]);
        const command_end after = command_run(&line);
        undisturbed_expect(&all.run, &after, "resumed on %s ranks after '%s' at '%.160s'",
                           ranks[seen % 4], how, all.points[n - 1]);
    }
    printf("%s: at %d of %d points\n", how, seen, all.count);
    undisturbed_remove(&all.run);
}

static void a_kill_at_any_point_of_a_save_loses_nothing(void **state) {
    (void)state;
    cross("kill", expect_kill, STRIDE);
}

static void a_signal_at_any_point_of_a_save_ends_with_a_save(void **state) {
    (void)state;
    cross("term", expect_finish, 4 * STRIDE);
}

static void a_second_signal_at_any_point_ends_at_once_and_loses_nothing(void **state) {
    (void)state;
    cross("term twice", expect_stop, 8 * STRIDE - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kill_at_any_point_of_a_save_loses_nothing),
        cmocka_unit_test(a_signal_at_any_point_of_a_save_ends_with_a_save),
        cmocka_unit_test(a_second_signal_at_any_point_ends_at_once_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
