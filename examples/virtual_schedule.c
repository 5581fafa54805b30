/* SPDX-License-Identifier: MIT */
/* virtual_schedule.c -- a custom schedule in text, run in real time on devices that compute
 * nothing.
 */
#include "sluice/sluice.h"
#include <stdio.h>
#include <string.h>

enum { P = 2, STAGES = 4, M = 4 };

/* Stages 0 and 3 are on rank 0, 1 and 2 on rank 1: a V. I passes the gradient on, W waits for a
 * gap. A forward and an I of the other chunk are a group: a device may overlap them. */
static const char text[] =
    "0F0,0F1,0F2,3F0,3I0,3W0,3F1,(0F3;3I1)OVERLAP_F_B,3W1,(3F2;0I0)OVERLAP_F_B,3I2,0W0,3W2,"
    "(3F3;0I1)OVERLAP_F_B,3I3,0W1,3W3,0I2,0W2,0I3,0W3\n"
    "1F0,2F0,1F1,2F1,2I0,(1F2;1I0)OVERLAP_F_B,2W0,(2F2;2I1)OVERLAP_F_B,1W0,(1F3;1I1)OVERLAP_F_B,"
    "2W1,(2F3;2I2)OVERLAP_F_B,1W1,1I2,2I3,1I3,2W2,1W2,2W3,1W3\n";

/* How many groups the lists have; they are numbered from 1. */
static int count_groups(const sluice_schedule *schedule) {
    int groups = 0;
    for (int r = 0; r < P; r++) {
        int count = 0, last = 0;
        const sluice_action *const list = sluice_schedule_list(&count, schedule, r);
        for (int a = 0; a < count; a++)
            if (list[a].group > last) last = list[a].group;
        groups += last;
    }
    return groups;
}

int main(void) {
    sluice_schedule *schedule     = NULL;
    sluice_model *model           = NULL;
    sluice_pipeline *pipe         = NULL;
    sluice_simulation *simulation = NULL;
    char *drawing                 = NULL;
    const sluice_cost each = {0.004, 0.004, 0.004}, stages[STAGES] = {each, each, each, each};
    const sluice_simulation_costs seconds = {.stages = stages, .latency = 0.001};
    sluice_pipeline_options settings      = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_result result                  = {0};
    const sluice_batch batch              = sluice_virtual_batch(M);
    settings.device                       = "virtual";
    settings.samples                      = M;
    settings.costs                        = &seconds;
    bool failed                           = sluice_schedule_parse(&schedule, text, strlen(text)) ||
                  sluice_virtual_model(&model, NULL, STAGES, 0) ||
                  sluice_pipeline_plan_and_open(&pipe, model, schedule, NULL, &settings) ||
                  sluice_program_simulate(&simulation, sluice_pipeline_program(pipe), &seconds) ||
                  sluice_simulation_draw(&drawing, simulation, sluice_pipeline_program(pipe), 100);
    if (!failed) printf("%s%d groups\n", drawing, count_groups(schedule));
    for (int n = 0; n < 3 && !failed; n++) {
        failed = sluice_pipeline_step(&result, pipe, &batch);
        if (!failed)
            printf("step %d: %.2f ms, simulated %.2f ms\n", n + 1, 1e3 * result.seconds,
                   1e3 * simulation->step);
    }
    if (failed) printf("%s\n", sluice_last_error()->what);
    failed = failed || result.seconds < 0.999 * simulation->step || count_groups(schedule) != 7;
    sluice_text_free(drawing);
    sluice_simulation_free(simulation);
    sluice_pipeline_close(pipe);
    sluice_model_free(model);
    sluice_schedule_free(schedule);
    return failed;
}
