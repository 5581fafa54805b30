/* SPDX-License-Identifier: MIT */
/* split_option.c -- the one place that reads a split from the command line: layers of each stage,
 * or a layout of Megatron-LM. */
#include <stdlib.h>
#include <string.h>

#include "split_option.h"

static int parse_counts(sluice_split *out, const char *text, int layers, int stages) {
    const sluice_status status = sluice_split_parse(out, text, strlen(text), layers, stages);
    if (status == SLUICE_OK) return CLI_OK;
    return cli_fail(CLI_USAGE, "%s; --split '%s' must list the layers of each stage",
                    sluice_last_error()->what, text);
}

static int parse_layout(sluice_split *out, const char *text, const sluice_profile_layer *rows,
                        int layers, int stages) {
    sluice_layout_layer *const parts = calloc((size_t)layers, sizeof *parts);
    if (!parts) return cli_fail(CLI_FAILED, "host memory exhausted");
    sluice_status status = sluice_rows_layout(parts, rows, layers);
    if (status == SLUICE_OK) status = sluice_layout_parse(out, text, strlen(text), parts, layers);
    free(parts);
    if (status != SLUICE_OK)
        return cli_fail(CLI_USAGE, "%s; --layout is '%s'", sluice_last_error()->what, text);
    if (out->stages == stages) return CLI_OK;
    return cli_fail(CLI_USAGE, "--layout '%s' has %d stages, and the schedule %d", text,
                    out->stages, stages);
}

int cli_check_stages(int stages, int layers, const char *name) {
    if (stages <= layers) return CLI_OK;
    return cli_fail(CLI_USAGE, "%d stages are more than the %d layers of %s; name at most %d",
                    stages, layers, name, layers);
}

int cli_check_split(const char *split, const char *layout) {
    if (!split || !layout) return CLI_OK;
    return cli_fail(CLI_USAGE, "--split and --layout both say what stages have; name one of them");
}

int cli_read_split(sluice_split **out, const char *split, const char *layout,
                   const sluice_profile_layer *rows, int layers, int stages) {
    CLI_TRY(cli_check_split(split, layout));
    if (!split && !layout) return CLI_OK;
    sluice_split *const made = malloc(sizeof *made);
    if (!made) return cli_fail(CLI_FAILED, "host memory exhausted");
    const int failed = split ? parse_counts(made, split, layers, stages)
                             : parse_layout(made, layout, rows, layers, stages);
    if (failed)
        free(made);
    else
        *out = made;
    return failed;
}

int cli_read_split_of_model(sluice_split **out, const char *split, const char *layout,
                            const sluice_model *model, int stages) {
    const int layers = sluice_model_layer_count(model);
    sluice_profile_layer *rows;
    CLI_TRY(cli_report(sluice_model_rows(&rows, model, 1, SLUICE_PRECISION_FP32)));
    const int failed = cli_read_split(out, split, layout, rows, layers, stages);
    sluice_model_rows_free(rows, layers);
    return failed;
}

int cli_stages_of_split(int *out, const char *split, const char *layout) {
    *out = 0;
    if (layout) {
        if (sluice_layout_stages(out, layout, strlen(layout)) == SLUICE_OK) return CLI_OK;
        return cli_fail(CLI_USAGE, "%s; --layout is '%s'", sluice_last_error()->what, layout);
    }
    for (const char *c = split; c && *c; c++) *out += *c == ',';
    if (split) ++*out;
    return CLI_OK;
}
