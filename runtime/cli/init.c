/* SPDX-License-Identifier: MIT */
/* init.c -- weights from a safetensors file into the pipeline: all of them, and nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "training.h"

static const char prefix[] = "transformer.";

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* Parameter `name` of the file, whose names may lack "transformer.". */
static const sluice_named_tensor *find_tensor(const sluice_safetensors *file, const char *name) {
    const sluice_named_tensor *const tensor = sluice_safetensors_find(file, name);
    if (tensor || strncmp(name, prefix, strlen(prefix)) != 0) return tensor;
    return sluice_safetensors_find(file, name + strlen(prefix));
}

static void print_shape(char *out, size_t bytes, const sluice_shape *shape) {
    size_t length = (size_t)snprintf(out, bytes, "(");
    for (int d = 0; d < shape->rank; d++)
        length += (size_t)snprintf(out + length, bytes - length, "%s%lld", d ? ", " : "",
                                   (long long)shape->dims[d]);
    snprintf(out + length, bytes - length, ")");
}

static bool shapes_equal(const sluice_shape *a, const sluice_shape *b) {
    return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof a->dims[0]) == 0;
}

/* ---- checks: before the first value is written ---- */

static int check_use(const sluice_safetensors *file, const char *path,
                     const sluice_parameter_use *use) {
    const sluice_named_tensor *const tensor = find_tensor(file, use->name);
    if (!tensor)
        return cli_fail(CLI_FAILED,
                        "%s has no tensor '%s'; --model must be the model it was saved "
                        "from",
                        path, use->name);
    if (shapes_equal(&tensor->shape, &use->parameter.shape)) return CLI_OK;
    char there[128], wanted[128];
    print_shape(there, sizeof there, &tensor->shape);
    print_shape(wanted, sizeof wanted, &use->parameter.shape);
    return cli_fail(CLI_FAILED,
                    "'%s' in %s has shape %s and the model's has %s; --model must be "
                    "the model it was saved from",
                    use->name, path, there, wanted);
}

static bool is_known(const train_problem *problem, const char *name) {
    for (int u = 0; u < sluice_model_use_count(problem->model); u++) {
        const char *const known = sluice_model_use(problem->model, u)->name;
        if (strcmp(name, known) == 0) return true;
        if (strncmp(known, prefix, strlen(prefix)) == 0 &&
            strcmp(name, known + strlen(prefix)) == 0)
            return true;
    }
    return false;
}

/* Causal masks that some files carry along; attention here needs none. */
static bool is_mask(const char *name) {
    return ends_with(name, ".attn.bias") || ends_with(name, ".attn.masked_bias");
}

/* Beside a tied embedding a head is welcome if it says the same. */
static bool is_same_head(const sluice_safetensors *file, const sluice_named_tensor *tensor) {
    const sluice_named_tensor *const table = find_tensor(file, "transformer.wte.weight");
    return strcmp(tensor->name, "lm_head.weight") == 0 && table &&
           shapes_equal(&table->shape, &tensor->shape) &&
           memcmp(table->values, tensor->values, sluice_shape_bytes(&table->shape)) == 0;
}

static int check_extra(const train_problem *problem, const sluice_safetensors *file,
                       const char *path) {
    for (int t = 0; t < sluice_safetensors_count(file); t++) {
        const sluice_named_tensor *const tensor = sluice_safetensors_tensor(file, t);
        if (is_known(problem, tensor->name) || is_mask(tensor->name)) continue;
        if (problem->config.tied && is_same_head(file, tensor)) continue;
        return cli_fail(CLI_FAILED,
                        "%s has a tensor '%s' that the model has not; --model must be "
                        "the model it was saved from",
                        path, tensor->name);
    }
    return CLI_OK;
}

/* ---- the whole ---- */

static int write_use(const train_problem *problem, const sluice_safetensors *file,
                     const sluice_parameter_use *use) {
    const sluice_named_tensor *const tensor = find_tensor(file, use->name);
    const size_t bytes                      = sluice_shape_bytes(&tensor->shape);
    float *const values                     = malloc(bytes > 0 ? bytes : 1);
    if (!values) return cli_fail(CLI_FAILED, "host memory exhausted");
    memcpy(values, tensor->values, bytes); /* may be unaligned in the file */
    const int failed = cli_report(sluice_pipeline_write_parameter(
        problem->pipeline, use->name, values, sluice_shape_count(&tensor->shape)));
    free(values);
    return failed;
}

static int load(const train_problem *problem, const sluice_safetensors *file, const char *path) {
    const int uses = sluice_model_use_count(problem->model);
    for (int u = 0; u < uses; u++)
        CLI_TRY(check_use(file, path, sluice_model_use(problem->model, u)));
    CLI_TRY(check_extra(problem, file, path));
    for (int u = 0; u < uses; u++) {
        const sluice_parameter_use *const use = sluice_model_use(problem->model, u);
        if (use->first == u) CLI_TRY(write_use(problem, file, use));
    }
    return CLI_OK;
}

int train_load_weights(const train_problem *problem, const char *path) {
    sluice_safetensors *file = NULL;
    CLI_TRY(cli_report_or(sluice_safetensors_open(&file, path),
                          "--init takes a readable safetensors file"));
    const int failed = load(problem, file, path);
    sluice_safetensors_close(file);
    return failed;
}
