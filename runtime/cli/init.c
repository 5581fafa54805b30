/* SPDX-License-Identifier: MIT */
/* init.c -- weights from a safetensors file into the pipeline: exactly the model's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "training.h"

typedef struct weights {
    const sluice_safetensors *file;
    const char *path;
    const sluice_family *family;
} weights;

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* The other name that a file may use for a parameter: without the family's prefix. */
static const char *short_name(const sluice_family *family, const char *name) {
    const size_t length = strlen(family->prefix);
    return strncmp(name, family->prefix, length) == 0 ? name + length : name;
}

static const sluice_named_tensor *find_tensor(const weights *in, const char *name) {
    const sluice_named_tensor *const tensor = sluice_safetensors_find(in->file, name);
    return tensor ? tensor : sluice_safetensors_find(in->file, short_name(in->family, name));
}

static void print_shape(char *out, size_t bytes, const sluice_shape *shape) {
    size_t length = (size_t)snprintf(out, bytes, "(");
    for (int d = 0; d < shape->dim_count; d++)
        length += (size_t)snprintf(out + length, bytes - length, "%s%lld", d ? ", " : "",
                                   (long long)shape->dims[d]);
    snprintf(out + length, bytes - length, ")");
}

static bool shapes_equal(const sluice_shape *a, const sluice_shape *b) {
    return a->dim_count == b->dim_count &&
           memcmp(a->dims, b->dims, (size_t)a->dim_count * sizeof a->dims[0]) == 0;
}

/* ---- checks: before the first value is written ---- */

static int check_use(const weights *in, const sluice_parameter_use *use) {
    const sluice_named_tensor *const tensor = find_tensor(in, use->name);
    if (!tensor)
        return cli_fail(CLI_FAILED,
                        "%s has no tensor '%s'; --model must be the model it was saved "
                        "from",
                        in->path, use->name);
    if (shapes_equal(&tensor->shape, &use->parameter.shape)) return CLI_OK;
    char there[128], wanted[128];
    print_shape(there, sizeof there, &tensor->shape);
    print_shape(wanted, sizeof wanted, &use->parameter.shape);
    return cli_fail(CLI_FAILED,
                    "'%s' in %s has shape %s and the model's has %s; --model must be "
                    "the model it was saved from",
                    use->name, in->path, there, wanted);
}

static bool is_known(const train_problem *problem, const char *name) {
    for (int u = 0; u < sluice_model_use_count(problem->model); u++) {
        const char *const known = sluice_model_use(problem->model, u)->name;
        if (strcmp(name, known) == 0) return true;
        if (strcmp(name, short_name(problem->config.family, known)) == 0) return true;
    }
    return false;
}

/* Tensors that some files have and no model needs. */
static bool is_ignored(const weights *in, const char *name) {
    for (const char *const *end = in->family->ignored; *end; end++)
        if (ends_with(name, *end)) return true;
    return false;
}

/* With a tied embedding a file may also have the head, if it is equal. */
static bool is_same_head(const weights *in, const sluice_named_tensor *tensor) {
    const sluice_named_tensor *const table = find_tensor(in, in->family->embedding);
    return strcmp(tensor->name, in->family->head) == 0 && table &&
           shapes_equal(&table->shape, &tensor->shape) &&
           memcmp(table->values, tensor->values, sluice_shape_bytes(&table->shape)) == 0;
}

static int check_extra(const train_problem *problem, const weights *in) {
    const bool is_tied = sluice_model_config_numbers(&problem->config).tied;
    for (int t = 0; t < sluice_safetensors_count(in->file); t++) {
        const sluice_named_tensor *const tensor = sluice_safetensors_tensor(in->file, t);
        if (is_known(problem, tensor->name) || is_ignored(in, tensor->name)) continue;
        if (is_tied && is_same_head(in, tensor)) continue;
        return cli_fail(CLI_FAILED,
                        "%s has a tensor '%s' that the model does not have; --model must be "
                        "the model it was saved from",
                        in->path, tensor->name);
    }
    return CLI_OK;
}

/* ---- the whole ---- */

static int write_use(const train_problem *problem, const weights *in,
                     const sluice_parameter_use *use) {
    const sluice_named_tensor *const tensor = find_tensor(in, use->name);
    const size_t bytes                      = sluice_shape_bytes(&tensor->shape);
    float *const values                     = malloc(bytes > 0 ? bytes : 1);
    if (!values) return cli_fail(CLI_FAILED, "host memory exhausted");
    memcpy(values, tensor->values, bytes); /* the file's may be unaligned */
    const int failed = cli_report(sluice_pipeline_write_parameter(
        problem->pipeline, use->name, values, sluice_shape_count(&tensor->shape)));
    free(values);
    return failed;
}

static int load(const train_problem *problem, const weights *in) {
    const int uses = sluice_model_use_count(problem->model);
    for (int u = 0; u < uses; u++) CLI_TRY(check_use(in, sluice_model_use(problem->model, u)));
    CLI_TRY(check_extra(problem, in));
    for (int u = 0; u < uses; u++) {
        const sluice_parameter_use *const use = sluice_model_use(problem->model, u);
        if (use->first == u) CLI_TRY(write_use(problem, in, use));
    }
    return CLI_OK;
}

int train_load_weights(const train_problem *problem, const char *path) {
    sluice_safetensors *file = NULL;
    CLI_TRY(cli_report_or(sluice_safetensors_open(&file, path),
                          "--init takes a readable safetensors file"));
    const int failed = load(problem, &(weights){file, path, problem->config.family});
    sluice_safetensors_close(file);
    return failed;
}
