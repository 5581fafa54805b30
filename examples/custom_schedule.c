/* SPDX-License-Identifier: MIT */
/* custom_schedule.c -- a custom schedule: built from lists, verified, simulated, trained with. */
#include "sluice/sluice.h"
#include <stdio.h>

enum { P = 2, M = 4, SAMPLES = 64 };

static sluice_status load_x(void *context, void *to, int64_t first, int64_t samples) {
    for (int64_t k = 0; k < samples; k++) ((float *)to)[k] = (float)(first + k) / SAMPLES;
    return (void)context, SLUICE_OK;
}
/* The idea: micro-batches in pairs, two forward and then two backward. Stage r is on rank r. */
static sluice_status make_schedule(sluice_schedule **out) {
    static sluice_action lists[P][2 * M];
    const sluice_action *rows[P] = {lists[0], lists[1]};
    const int counts[P]          = {2 * M, 2 * M};
    for (int r = 0; r < P; r++)
        for (int n = 0; n < 2 * M; n++) {
            const sluice_action_kind kind = n % 4 < 2 ? SLUICE_ACTION_F : SLUICE_ACTION_B;
            lists[r][n]                   = (sluice_action){kind, r, n / 4 * 2 + n % 2, 0};
        }
    return sluice_schedule_from_lists(out, "pairs", rows, counts, P);
}
int main(void) {
    sluice_schedule *schedule     = NULL;
    sluice_program *program       = NULL;
    sluice_simulation *simulation = NULL;
    sluice_model *model           = NULL;
    sluice_pipeline *pipe         = NULL;
    char *drawing                 = NULL;
    const sluice_cost each = {1, 1, 1}, stages[P] = {each, each};
    const sluice_simulation_costs costs   = {.stages = stages, .latency = 0.25};
    const sluice_program_options abstract = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_pipeline_options settings      = SLUICE_PIPELINE_OPTIONS_INIT;
    const sluice_linear_config wide       = {.inputs = 1, .outputs = 32},
                               narrow     = {.inputs = 32, .outputs = 1};
    const sluice_batch batch              = {SAMPLES, SAMPLES,
                                             .parts = {{"inputs", load_x, NULL}, {"targets", load_x, NULL}},
                                             .learning_rate = 0.01};
    sluice_result result                  = {0};
    settings.samples                      = SAMPLES;
    bool failed = make_schedule(&schedule) || /* compiling verifies order, deadlocks and memory */
                  sluice_program_compile(&program, schedule, NULL, NULL, &abstract) ||
                  sluice_program_simulate(&simulation, program, &costs) ||
                  sluice_simulation_draw(&drawing, simulation, program, 80) ||
                  sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {1}}) ||
                  sluice_model_add(model, sluice_layer_linear(), &wide, "wide") ||
                  sluice_model_add(model, sluice_layer_linear(), &narrow, "narrow") ||
                  sluice_model_add(model, sluice_layer_squared_error(), NULL, "error") ||
                  sluice_pipeline_plan_and_open(&pipe, model, schedule, NULL, &settings);
    if (!failed) printf("%sidle %.1f %%\n", drawing, 100 * simulation->makespan_idle);
    for (int n = 0; n < 200 && !failed; n++) failed = sluice_pipeline_step(&result, pipe, &batch);
    printf("%s%g\n", failed ? sluice_last_error()->what : "squared error ", result.loss);
    sluice_pipeline_close(pipe);
    sluice_model_free(model);
    sluice_text_free(drawing);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
    sluice_schedule_free(schedule);
    return failed || result.loss > 0.001;
}
