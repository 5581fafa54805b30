/* SPDX-License-Identifier: MIT */
/* model_options.c -- reading which model, device and precision. */
#include "model_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEFAULT_SEQ = 128, BYTES = 256 };
#define CLI_MODEL_HINT "--model takes a preset's name, a config.json or a folder with one"

static bool is_config_file(const char *model) {
    return strchr(model, '/') || cli_ends_in(model, ".json");
}

const char *cli_model_help(void) {
    static char text[512];
    size_t length = 0;
    for (const sluice_family *const *family = sluice_families(); *family; family++)
        for (const char *const *preset = (*family)->presets; *preset; preset++)
            length += (size_t)snprintf(text + length, sizeof text - length, "%s%s, ", *preset,
                                       strcmp(*preset, CLI_MODEL) == 0 ? " (the default)" : "");
    snprintf(text + length, sizeof text - length, "a config.json, or a folder with one");
    return text;
}

/* Preset number `index`, of all families. */
const char *cli_model_word(int index) {
    int count = 0;
    for (const sluice_family *const *family = sluice_families(); *family; family++)
        for (const char *const *preset = (*family)->presets; *preset; preset++)
            if (count++ == index) return *preset;
    return NULL;
}

bool cli_is_model_folder(const char *name) {
    struct stat about;
    for (int k = 0; cli_model_word(k); k++)
        if (strcmp(cli_model_word(k), name) == 0) return false;
    return stat(name, &about) == 0 && S_ISDIR(about.st_mode);
}

static sluice_status read_folder(sluice_model_config *out, const char *folder) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/config.json", folder);
    return sluice_model_config_read(out, path);
}

static sluice_status read_model(sluice_model_config *out, const char *name, int64_t vocabulary) {
    if (cli_is_model_folder(name)) return read_folder(out, name);
    if (is_config_file(name)) return sluice_model_config_read(out, name);
    return sluice_model_config_preset(out, name, vocabulary ? vocabulary : BYTES);
}

int cli_read_model(sluice_model_config *out, const char *name, int64_t vocabulary) {
    return cli_report_or(read_model(out, name, vocabulary), CLI_MODEL_HINT);
}

int cli_choose_length(int64_t *out, int64_t given, const sluice_model_config *config,
                      const char *name) {
    const int64_t positions = sluice_model_config_numbers(config).positions;
    if (given > positions)
        return cli_fail(CLI_USAGE,
                        "--seq %lld is longer than the %lld positions of %s; give at most %lld",
                        (long long)given, (long long)positions, name, (long long)positions);
    *out = given ? given : DEFAULT_SEQ < positions ? DEFAULT_SEQ : positions;
    return CLI_OK;
}

int cli_take_device(void *field, const cli_option *option, const char *name, const char *text) {
    const sluice_device_ops *ops = NULL;
    CLI_TRY(cli_report(sluice_device_find(&ops, text)));
    return cli_take_text(field, option, name, text);
}

bool cli_has_rates(const char *name) {
    for (int k = 0; sluice_device_rates_kind(k); k++)
        if (strcmp(name, sluice_device_rates_kind(k)) == 0) return true;
    return false;
}

int cli_count_devices(int *out, const char *device) {
    const sluice_device_ops *ops = NULL;
    const char *const list       = strchr(device, ':');
    CLI_TRY(cli_report(sluice_device_find(&ops, device)));
    CLI_TRY(cli_report(ops->count(out)));
    if (*out == 0 || !list) return CLI_OK;
    *out = 1;
    for (const char *at = list; *at != '\0'; at++) *out += *at == ',';
    return CLI_OK;
}

int cli_find_free(size_t *out, const char *device) {
    const sluice_device_ops *ops = NULL;
    const char *at               = strchr(device, ':');
    int there = 0, all = 0;
    *out = 0;
    CLI_TRY(cli_report(sluice_device_find(&ops, device)));
    CLI_TRY(cli_report(ops->count(&all)));
    CLI_TRY(cli_count_devices(&there, device));
    for (int d = 0; d < there; d++) {
        size_t available = 0, reserve = 0;
        char *end          = NULL;
        const long ordinal = at ? strtol(at + 1, &end, 10) : d;
        at                 = end;
        if (ordinal < 0 || ordinal >= all) continue; /* refused when the pipeline is opened */
        CLI_TRY(cli_report(ops->memory(&available, &reserve, (int)ordinal, 1)));
        const size_t left = available > reserve ? available - reserve : 1;
        if (available < SIZE_MAX && (*out == 0 || left < *out)) *out = left;
    }
    return CLI_OK;
}

const char *cli_device_word(int index) {
    int count = 0;
    for (const sluice_device_ops *const *device = sluice_devices(); *device; device++)
        if (count++ == index) return (*device)->name;
    for (const char *const *kind = sluice_device_plugins(); *kind; kind++)
        if (count++ == index) return *kind;
    return count == index ? "auto" : NULL;
}

int cli_take_precision(void *field, const cli_option *option, const char *name, const char *text) {
    int word = 0;
    CLI_TRY(cli_read_word(&word, option, name, text));
    *(sluice_precision *)field = (sluice_precision)word; /* in the order of the enum */
    return CLI_OK;
}

const char *cli_precision_name(int index) {
    return index < SLUICE_PRECISIONS ? sluice_precision_name((sluice_precision)index) : NULL;
}
