/* SPDX-License-Identifier: MIT */
/* save.c -- the folder of a run's results: proven writable before the run, filled after it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "training.h"

bool train_path(char path[PATH_BYTES], const char *out, const char *name) {
    const int length = snprintf(path, PATH_BYTES, "%s/%s", out, name);
    return length > 0 && length < PATH_BYTES;
}

/* Permissions are not enough to know (root, a full or a read-only disk): write a byte. */
static bool can_write(const char *out) {
    char path[PATH_BYTES];
    if (!train_path(path, out, ".writable-XXXXXX")) {
        errno = ENAMETOOLONG;
        return false;
    }
    const int file = mkstemp(path);
    if (file < 0) return false;
    const bool good = write(file, "", 1) == 1;
    const int why   = errno;
    close(file);
    unlink(path);
    errno = why;
    return good;
}

int train_prepare_out(const char *out, bool *made) {
    *made = mkdir(out, 0777) == 0;
    if (!*made && errno != EEXIST)
        return cli_fail(CLI_FAILED, "--out '%s' cannot be created: %s; name another folder", out,
                        strerror(errno));
    if (can_write(out)) return CLI_OK;
    return cli_fail(CLI_FAILED, "--out '%s' cannot be written to: %s; name another folder", out,
                    strerror(errno));
}

static void free_tensors(sluice_named_tensor *tensors, float **values, int count) {
    for (int t = 0; values && t < count; t++) free(values[t]);
    free(values);
    free(tensors);
}

/* The distinct parameters, in model order. */
static int read_tensors(const train_problem *problem, sluice_named_tensor *tensors, float **values,
                        int *count) {
    for (int u = 0; u < sluice_model_use_count(problem->model); u++) {
        const sluice_parameter_use *const use = sluice_model_use(problem->model, u);
        if (use->first != u) continue;
        const sluice_shape *const shape = &use->parameter.shape;
        float *const parameter          = malloc(sluice_shape_bytes(shape) + 1);
        if (!parameter) return cli_fail(CLI_FAILED, "host memory exhausted");
        values[*count]  = parameter;
        tensors[*count] = (sluice_named_tensor){use->name, *shape, parameter};
        ++*count;
        CLI_TRY(cli_report(sluice_pipeline_read_parameter(parameter, sluice_shape_count(shape),
                                                          problem->pipeline, use->name)));
    }
    return CLI_OK;
}

static int save_weights(const train_problem *problem, const char *path) {
    const size_t uses                  = (size_t)sluice_model_use_count(problem->model);
    sluice_named_tensor *const tensors = calloc(uses + 1, sizeof *tensors);
    float **const values               = calloc(uses + 1, sizeof *values);
    int count                          = 0;
    int failed                         = CLI_OK;
    if (!tensors || !values)
        failed = cli_fail(CLI_FAILED, "host memory exhausted");
    else
        failed = read_tensors(problem, tensors, values, &count);
    if (!failed) failed = cli_report(sluice_safetensors_write(path, tensors, count));
    free_tensors(tensors, values, count);
    return failed;
}

int train_save(const train_problem *problem, const char *out) {
    char path[PATH_BYTES];
    if (!train_path(path, out, "model.safetensors"))
        return cli_fail(CLI_FAILED, "--out is longer than a path may be");
    CLI_TRY(save_weights(problem, path));
    (void)train_path(path, out, "config.json"); /* shorter, so that it fits */
    return cli_report(sluice_model_config_write(path, &problem->config));
}
