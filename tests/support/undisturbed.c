/* SPDX-License-Identifier: MIT */
/* undisturbed.c -- the folder of runs that are disturbed, and the end that they must have. */
#include "tests/support/undisturbed.h"

enum { TEXT_BYTES = 1800 };

static void name_path(const undisturbed *it, char path[128], const char *name) {
    (void)snprintf(path, 128, "%s/%s", it->files.path, name);
}

undisturbed undisturbed_make(int vocabulary) {
    undisturbed made = {.files = folder_make_in_memory()};
    char config[160];
    name_path(&made, made.text, "text");
    name_path(&made, made.config, "tiny.json");
    name_path(&made, made.base, "base");
    name_path(&made, made.out, "out");
    name_path(&made, made.output, "output");
    name_path(&made, made.errors, "errors");
    name_path(&made, made.list, "list");
    folder_write_text(&made.files, "text", TEXT_BYTES);
    (void)snprintf(config, sizeof config,
                   "{\"model_type\": \"gpt2\", \"vocab_size\": %d, \"n_positions\": 16, "
                   "\"n_embd\": 8, \"n_layer\": 1, \"n_head\": 2}",
                   vocabulary);
    folder_write(&made.files, "tiny.json", config, strlen(config));
    return made;
}

void undisturbed_remove(const undisturbed *it) {
    folder_remove(&it->files);
}

command_line undisturbed_line(const undisturbed *it, const char *program,
                              const char *const *options, const char *from, const char *path) {
    command_line line = {.arguments = {program, "train", it->text, "--model", it->config, "--batch",
                                       "4", "--threads", "1", "--quiet", from, path},
                         .output    = it->output,
                         .errors    = it->errors};
    for (; *options; options++) command_add(&line, *options);
    return line;
}

void undisturbed_run(undisturbed *it, const command_line *line) {
    const command_end end = command_run(line);
    if (end.status != 0) fail_msg("undisturbed, it exits with %d: %s", end.status, end.errors);
    assert_in_range(strlen(end.output), 10, sizeof it->expected - 1);
    memcpy(it->expected, end.output, strlen(end.output) + 1);
}

void undisturbed_restore(const undisturbed *it) {
    command_shell("rm -rf '%s' && cp -r '%s' '%s'", it->out, it->base, it->out);
}

void undisturbed_expect(const undisturbed *it, const command_end *end, const char *format, ...) {
    char when[256];
    va_list arguments;
    if (end->status == 0 && strcmp(end->output, it->expected) == 0) return;
    va_start(arguments, format);
    (void)vsnprintf(when, sizeof when, format, arguments);
    va_end(arguments);
    fail_msg("%s it exits with %d and prints '%s' rather than '%s': %s", when, end->status,
             end->output, it->expected, end->errors);
}
