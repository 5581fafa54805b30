/* SPDX-License-Identifier: MIT */
/* test_deadline.c -- the deadline counts from the last instruction that any rank has finished, not
 * from the begin of the step. */
#include "tests/support/schedule_tools.h"

#include "sluice/pipeline.h"
#include "sluice/virtual.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_step_of_short_actions_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
