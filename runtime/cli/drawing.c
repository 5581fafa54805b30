/* SPDX-License-Identifier: MIT */
/* drawing.c -- time lines written to files: what a file's ending asks for, and whether it can be.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static bool ends_in(const char *path, const char *ending) {
    const size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcmp(path + length - tail, ending) == 0;
}

int cli_check_drawing(const char *option, const char *path, bool traces) {
    if (ends_in(path, ".svg") || (traces && ends_in(path, ".json"))) return CLI_OK;
    return cli_fail(CLI_USAGE, "%s is '%s'; name a file that ends in %s", option, path,
                    traces ? ".json (a trace for Perfetto) or .svg (a picture)" : ".svg");
}

static int cannot_write(const char *path) {
    return cli_fail(CLI_FAILED, "'%s' cannot be written: %s; name another file", path,
                    strerror(errno));
}

/* Permissions do not tell everything: open it, and leave things as they were. */
int cli_check_writable(const char *path) {
    const bool is_new = access(path, F_OK) != 0;
    FILE *const file  = fopen(path, "a");
    if (!file) return cannot_write(path);
    fclose(file);
    if (is_new) unlink(path);
    return CLI_OK;
}

int cli_write_drawing(const char *path, const sluice_timeline *const *timelines, int count) {
    char *text = NULL;
    CLI_TRY(cli_check(ends_in(path, ".json") ? sluice_timeline_trace(&text, timelines, count)
                                             : sluice_timeline_svg(&text, timelines, count, 0)));
    FILE *const file = fopen(path, "w");
    bool good        = file && fputs(text, file) != EOF;
    if (file && fclose(file) != 0) good = false;
    sluice_text_free(text);
    return good ? CLI_OK : cannot_write(path);
}
