/* SPDX-License-Identifier: MIT */
/* file.c -- files named on the command line: endings, writing text. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

bool cli_ends_in(const char *name, const char *ending) {
    const size_t length = strlen(name), tail = strlen(ending);
    return length > tail && strcmp(name + length - tail, ending) == 0;
}

const char *cli_last_of(const char *path) {
    const char *const slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- writing ---- */

static int cannot_write(const char *path) {
    return cli_fail(CLI_FAILED, "'%s' cannot be written: %s; name another file", path,
                    strerror(errno));
}

/* Permissions are not enough to know: open the file, and leave everything as it was. */
int cli_check_writable(const char *path) {
    const bool is_new = access(path, F_OK) != 0;
    FILE *const file  = fopen(path, "a");
    if (!file) return cannot_write(path);
    fclose(file);
    if (is_new) unlink(path);
    return CLI_OK;
}

typedef struct target {
    FILE *file;
    const char *path;
} target;

static sluice_status take_text(void *context, const char *text, size_t bytes) {
    const target *const to = context;
    if (fwrite(text, 1, bytes, to->file) == bytes) return SLUICE_OK;
    return sluice_fail(SLUICE_E_IO, "'%s' cannot be written: %s; name another file", to->path,
                       strerror(errno));
}

int cli_write_file(const char *path, cli_content *content, const void *what) {
    target to = {fopen(path, "w"), path};
    if (!to.file) return cannot_write(path);
    const sluice_status status = content(take_text, &to, what);
    const bool closed          = fclose(to.file) == 0;
    if (status == SLUICE_OK && closed) return CLI_OK;
    const int failed = status == SLUICE_OK ? cannot_write(path) : cli_report(status);
    unlink(path); /* remove half a file */
    return failed;
}

static sluice_status give_text(sluice_take_text *take, void *to, const void *text) {
    return take(to, text, strlen(text));
}

int cli_write_text(const char *path, const char *text) {
    return cli_write_file(path, give_text, text);
}
