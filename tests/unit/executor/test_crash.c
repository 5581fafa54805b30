/* SPDX-License-Identifier: MIT */
/* test_crash.c -- a test that crashes says which test, rank and instruction it was, on any thread:
 * this program runs itself with a crash on purpose. */
#include "tests/support/schedule_tools.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/executor/executor.h"
#include "sluice/virtual.h"

/* ---- the crashes ---- */

static void crash_in_b(sluice__rank *rank, const sluice_instruction *at) {
    if (rank->index == 1 && at->kind == SLUICE_INSTRUCTION_BACKWARD && at->microbatch == 2)
        (void)raise(SIGSEGV);
}

static void abort_in_wait(sluice__rank *rank, const sluice_instruction *at) {
    if (rank->index == 1 && at->kind == SLUICE_INSTRUCTION_WAIT && at->microbatch == 0) abort();
}

/* A step of 1f1b on two virtual devices. */
static void step_with(void (*watch)(sluice__rank *rank, const sluice_instruction *at)) {
    sluice_cost cost[MAX_STAGES];
    const sluice_simulation_costs costs = equal_costs(cost, 0, 0, 0);
    sluice_schedule *schedule           = generate_schedule("1f1b", 2, 4);
    const sluice__parts parts           = {.watch = watch};
    sluice_pipeline_options options     = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_model *model                 = NULL;
    sluice_pipeline *pipeline           = NULL;
    sluice_result result;
    options.device  = "virtual";
    options.samples = 4;
    options.costs   = &costs;
    assert_ok(sluice_virtual_model(&model, NULL, 2, 2));
    assert_ok(sluice__pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options, &parts));
    const sluice_batch batch = sluice_virtual_batch(options.samples);
    assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    sluice_schedule_free(schedule);
}

static void a_rank_crashes(void **state) {
    (void)state;
    step_with(crash_in_b);
}

static void a_rank_aborts(void **state) {
    (void)state;
    step_with(abort_in_wait);
}

static void the_test_crashes(void **state) {
    (void)state;
    (void)raise(SIGSEGV);
}

static const struct CMUnitTest crashing[] = {
    cmocka_unit_test(a_rank_crashes),
    cmocka_unit_test(a_rank_aborts),
    cmocka_unit_test(the_test_crashes),
};

static int crash(const char *name) {
    cmocka_set_test_filter(name);
    return cmocka_run_group_tests(crashing, NULL, NULL);
}

/* ---- what they say ---- */

/* This program with that argument: what it writes to stderr, and how it ends. */
static int run_myself(char *said, size_t bytes, const char *name) {
    char command[128];
    (void)snprintf(command, sizeof command, "exec /proc/%d/exe %s 2>&1 >/dev/null", (int)getpid(),
                   name);
    (void)fflush(NULL);
    FILE *const out = popen(command, "r");
    if (!out) fail_msg("cannot run %s", command);
    const size_t count = fread(said, 1, bytes - 1, out);
    said[count]        = '\0';
    return pclose(out);
}

static void expect_crash(const char *name, int signal_number, const char *expected) {
    char said[4096];
    const int status = run_myself(said, sizeof said, name);
    if (!strstr(said, expected))
        fail_msg("a crash on purpose says '%s', expected '%s'", said, expected);
    if (signal_number > 0 && (!WIFSIGNALED(status) || WTERMSIG(status) != signal_number))
        fail_msg("%s ends with status %d, expected an end by signal %d", name, status,
                 signal_number);
    if (signal_number == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) == 0))
        fail_msg("%s ends with status %d: after a crash on the test's thread cmocka goes on, and "
                 "counts a failure",
                 name, status);
}

static void a_crash_says_where_it_was(void **state) {
    (void)state;
    expect_crash("a_rank_crashes", SIGSEGV,
                 "ERROR: segmentation fault in the test a_rank_crashes, rank 1, at 1B2\n");
    expect_crash("a_rank_aborts", SIGABRT,
                 "ERROR: abort in the test a_rank_aborts, rank 1, at wait of 1F0\n");
    expect_crash("the_test_crashes", 0,
                 "ERROR: segmentation fault in the test the_test_crashes, its own thread\n");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_says_where_it_was),
    };
    return argc > 1 ? crash(argv[1]) : cmocka_run_group_tests(tests, NULL, NULL);
}
