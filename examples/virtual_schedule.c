/* SPDX-License-Identifier: MIT */
/* virtual_schedule.c -- a schedule in text, in real time on devices that compute nothing. */
#include "sluice/sluice.h"
#include <stdio.h>
#include <string.h>

enum { STAGES = 4, MICROBATCHES = 4 };

/* Stages 0 and 3 are on rank 0, 1 and 2 on rank 1: a V. I passes the gradient on, W waits for a
 * gap. A forward and an I of the other chunk are a group: a device may overlap them. */
static const char text[] =
    "0F0,0F1,0F2,3F0,3I0,3W0,3F1,(0F3;3I1)OVERLAP_F_B,3W1,(3F2;0I0)OVERLAP_F_B,3I2,0W0,3W2,"
    "(3F3;0I1)OVERLAP_F_B,3I3,0W1,3W3,0I2,0W2,0I3,0W3\n"
    "1F0,2F0,1F1,2F1,2I0,(1F2;1I0)OVERLAP_F_B,2W0,(2F2;2I1)OVERLAP_F_B,1W0,(1F3;1I1)OVERLAP_F_B,"
    "2W1,(2F3;2I2)OVERLAP_F_B,1W1,1I2,2I3,1I3,2W2,1W2,2W3,1W3\n";

/* Seconds of F, I and W. */
static const sluice_cost stages[STAGES] = {
    {0.004, 0.004, 0.004}, {0.004, 0.004, 0.004}, {0.004, 0.004, 0.004}, {0.004, 0.004, 0.004}};

/* Open, simulate and run a step; groups take `overlap` times the sum of their actions. */
static bool run(double *simulated, const sluice_model *model, const sluice_schedule *schedule,
                double overlap) {
    sluice_pipeline *pipe                 = NULL;
    sluice_simulation *simulation         = NULL;
    char *drawing                         = NULL;
    sluice_result result                  = {0};
    const sluice_simulation_costs seconds = {
        .stages = stages, .latency = 0.001, .overlap = overlap};
    sluice_pipeline_options settings = SLUICE_PIPELINE_OPTIONS_INIT;
    const sluice_batch batch         = sluice_virtual_batch(MICROBATCHES);
    settings.device                  = "virtual";
    settings.samples                 = MICROBATCHES;
    settings.costs                   = &seconds;
    bool failed =
        sluice_pipeline_plan_and_open(&pipe, model, schedule, NULL, &settings) ||
        sluice_program_simulate(&simulation, sluice_pipeline_program(pipe), &seconds) ||
        sluice_simulation_draw(&drawing, simulation, sluice_pipeline_program(pipe), 100) ||
        sluice_pipeline_step(&result, pipe, &batch);
    if (!failed) {
        *simulated = simulation->step;
        printf("%sgroups take %g of their sum: simulated %.1f ms, measured %.1f ms\n\n", drawing,
               overlap, 1e3 * simulation->step, 1e3 * result.seconds);
        failed = result.seconds < 0.999 * simulation->step; /* no action is shorter than it costs */
    }
    sluice_text_free(drawing);
    sluice_simulation_free(simulation);
    sluice_pipeline_close(pipe);
    return !failed;
}

int main(void) {
    sluice_schedule *schedule = NULL;
    sluice_model *model       = NULL;
    double sum = 0, overlapped = 0;
    const bool ran = sluice_schedule_parse(&schedule, text, strlen(text)) == SLUICE_OK &&
                     sluice_virtual_model(&model, NULL, STAGES, 0) == SLUICE_OK &&
                     run(&sum, model, schedule, 1) && run(&overlapped, model, schedule, 0.75);
    if (!ran) printf("%s\n", sluice_last_error()->what);
    sluice_model_free(model);
    sluice_schedule_free(schedule);
    return !ran || overlapped >= sum;
}
