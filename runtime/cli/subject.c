/* SPDX-License-Identifier: MIT */
/* subject.c -- MODEL or PROFILE on the command line: which of them a name is. */
#include "subject.h"

#include <string.h>

#include "model_options.h"

int cli_take_subject(void *field, const cli_option *option, const char *name, const char *text) {
    if (*(const char **)field)
        return cli_fail(CLI_USAGE, "'%s' is a second model or profile; name one", text);
    return cli_take_text(field, option, name, text);
}

/* What `sluice profile` writes has its key; PipeDream's text begins with a node. */
static bool is_profile(const char *text) {
    return strncmp(text + strspn(text, " \t\r\n"), "node", 4) == 0 ||
           strstr(text, "\"sluice_profile\"");
}

/* What is no profile must be a model: a preset's name, or a config.json. `read`: what came of
 * reading it as a file. */
static int check_model_name(const char *name, sluice_status read) {
    const bool is_file = read == SLUICE_OK;
    if (is_file && !cli_ends_in(name, ".json"))
        return cli_fail(
            CLI_USAGE, "'%s' is no profile, and a model is a preset's name or a config.json", name);
    if (is_file || !(strchr(name, '/') || cli_ends_in(name, ".json") || cli_ends_in(name, ".txt")))
        return CLI_OK;
    return cli_report_or(read, "give a preset's name, a config.json or a profile");
}

int cli_find_subject(bool *is_a_profile, const char *name, const char *example) {
    char *text   = NULL;
    size_t bytes = 0;
    if (!name)
        return cli_fail(CLI_USAGE, "no model or profile is named; for example: sluice %s", example);
    *is_a_profile = false;
    if (cli_is_model_folder(name)) return CLI_OK;
    const sluice_status read = sluice_file_read(&text, &bytes, name);
    *is_a_profile            = read == SLUICE_OK && is_profile(text);
    sluice_text_free(text);
    return *is_a_profile ? CLI_OK : check_model_name(name, read);
}

size_t (*cli_working_bytes(const char *device, sluice_precision precision))(const sluice_shape *) {
    const sluice_device_ops *ops = NULL;
    if (sluice_device_find(&ops, device ? device : "cpu") != SLUICE_OK) return NULL;
    const sluice_operations *const operations = ops->operations(precision);
    return operations ? operations->working_bytes : NULL;
}
