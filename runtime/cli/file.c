/* SPDX-License-Identifier: MIT */
/* file.c -- files named on the command line: endings, writing text. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "ends.h"

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
                    cli_output_reason());
}

static bool is_fifo(FILE *file) {
    struct stat found;
    return fstat(fileno(file), &found) == 0 && S_ISFIFO(found.st_mode);
}

/* Permissions are not enough to know: open the file, and leave everything as it was. */
int cli_check_writable(const char *path) {
    const bool is_new = access(path, F_OK) != 0;
    FILE *const file  = cli_open_output(path, true);
    if (!file) return cannot_write(path);
    if (is_fifo(file)) return CLI_OK; /* its reader would take a close for the end */
    fclose(file);
    if (is_new) unlink(path);
    return CLI_OK;
}

typedef struct target {
    FILE *file;
    char *part; /* what is written until all of it is; NULL: the file itself */
    const char *path;
} target;

static sluice_status take_text(void *context, const char *text, size_t bytes) {
    const target *const to = context;
    if (fwrite(text, 1, bytes, to->file) == bytes) return SLUICE_OK;
    return sluice_fail(SLUICE_E_IO, "'%s' cannot be written: %s; name another file", to->path,
                       strerror(errno));
}

/* The kind of what is there, links not followed; 0: nothing. */
static mode_t kind_of(const char *path) {
    struct stat found;
    return lstat(path, &found) == 0 ? found.st_mode & S_IFMT : 0;
}

/* A device, a pipe or a link is written where it is. */
static bool can_be_replaced(const char *path) {
    const mode_t kind = kind_of(path);
    return kind == 0 || kind == S_IFREG;
}

/* Half of it: never a device. */
static void remove_half(const target *to) {
    const mode_t kind = kind_of(to->path);
    if (to->part)
        unlink(to->part);
    else if (kind == S_IFREG || kind == S_IFLNK)
        unlink(to->path);
}

static void open_part(target *to) {
    char *part = NULL;
    if (!can_be_replaced(to->path) || asprintf(&part, "%s.part", to->path) < 0) return;
    to->file = cli_open_output(part, false);
    if (!to->file) {
        free(part);
        return;
    }
    to->part = part;
    cli_remove_on_signal(part);
}

/* Returns whether the file is as it should be. */
static bool close_target(target *to, bool is_whole) {
    bool good = fclose(to->file) == 0 && is_whole;
    if (to->part) good = good && rename(to->part, to->path) == 0;
    const int reason = errno;
    if (!good) remove_half(to);
    cli_remove_on_signal(NULL);
    free(to->part);
    errno = reason;
    return good;
}

int cli_write_file(const char *path, cli_content *content, const void *what) {
    target to = {.path = path};
    open_part(&to);
    if (!to.file) to.file = cli_open_output(path, false);
    if (!to.file) return cannot_write(path);
    const sluice_status status = content(take_text, &to, what);
    const bool good            = close_target(&to, status == SLUICE_OK);
    if (status != SLUICE_OK) return cli_report(status);
    return good ? CLI_OK : cannot_write(path);
}

static sluice_status give_text(sluice_take_text *take, void *to, const void *text) {
    return take(to, text, strlen(text));
}

int cli_write_text(const char *path, const char *text) {
    return cli_write_file(path, give_text, text);
}
