/* SPDX-License-Identifier: MIT */
/* test_deadline.c -- the deadline counts from the last instruction that any rank has finished, not
 * from the begin of the step, and only time in which the process runs. */
#include "tests/support/schedule_tools.h"

#include "sluice/pipeline.h"
#include "sluice/virtual.h"

#include "runtime/executor/deadline.h"

/* Actions of 20 and 40 ms: a step of about 2 s is four times as long as the deadline, and twice as
 * long as the deadline with its period of grace would allow. */
static void a_long_step_of_short_actions_ends(void **state) {
    (void)state;
    sluice_cost cost[MAX_STAGES];
    sluice_simulation_costs costs   = equal_costs(cost, 0.02, 0.02, 0.02);
    sluice_schedule *schedule       = generate_schedule("gpipe", 2, 32);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_model *model             = NULL;
    sluice_pipeline *pipeline       = NULL;
    sluice_result result            = {0};
    options.device                  = "virtual";
    options.samples                 = sluice_schedule_microbatches(schedule);
    options.costs                   = &costs;
    options.deadline_s              = 0.5;
    assert_ok(sluice_virtual_model(&model, NULL, 2, 2));
    assert_ok(sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options));
    const sluice_batch batch = sluice_virtual_batch(options.samples);
    if (sluice_pipeline_step(&result, pipeline, &batch) != SLUICE_OK)
        fail_msg("a step of 64 actions of 20 to 40 ms ends by a deadline of %g s: every finished "
                 "instruction puts it back: %s",
                 options.deadline_s, sluice_last_error()->what);
    if (result.seconds < 3 * options.deadline_s)
        fail_msg("the step takes %g s: too short to show anything about a deadline of %g s",
                 result.seconds, options.deadline_s);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    sluice_schedule_free(schedule);
}

/* 1000 s ago anything was last finished, and the clock was last read `read` seconds ago. */
static double patience_after(double read) {
    sluice__deadline deadline = {.seconds = 10};
    sluice__progress(&deadline);
    const long long now = atomic_load(&deadline.progress_ns);
    atomic_store(&deadline.progress_ns, now - 1000000000000LL);
    atomic_store(&deadline.read_ns, now - (long long)(read * 1e9));
    (void)sluice__patience(&deadline); /* the next reading must not forget it */
    return sluice__patience(&deadline);
}

static void time_without_readings_does_not_count(void **state) {
    (void)state;
    const double ran = patience_after(0.1), stopped = patience_after(900);
    if (ran > -980)
        fail_msg("%g s are left of 10 after 1000 s in which the process ran: expected -990", ran);
    if (stopped < 9 || stopped > 10)
        fail_msg("%g s are left of 10 where the process was stopped for 900 s: expected all",
                 stopped);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_step_of_short_actions_ends),
        cmocka_unit_test(time_without_readings_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
