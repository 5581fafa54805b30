/* SPDX-License-Identifier: MIT */
/* init.c -- --init: weights from a safetensors file or a folder into the pipeline. */
#include "training.h"

static int load(const train_problem *problem, const sluice_safetensors *file) {
    const sluice_status status = sluice_pipeline_load_weights(problem->pipeline, problem->model,
                                                              problem->config.family, file);
    if (status != SLUICE_E_ARGUMENT) return cli_report(status);
    return cli_fail(CLI_FAILED, "%s; --model must be the model it was saved from",
                    sluice_last_error()->what);
}

int train_load_weights(const train_problem *problem, const char *path) {
    sluice_safetensors *file = NULL;
    CLI_TRY(cli_report_or(sluice_safetensors_open(&file, path),
                          "--init takes a readable safetensors file, or a folder with one"));
    const int failed = load(problem, file);
    sluice_safetensors_close(file);
    return failed;
}
