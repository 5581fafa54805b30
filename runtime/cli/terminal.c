/* SPDX-License-Identifier: MIT */
/* terminal.c -- the one file that writes to standard error and asks for the screen's width. */
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"

/* Names in files may be anything: a terminal must not obey them. */
static void print_plainly(char *text) {
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f) *at = '?';
    fputs(text, stderr);
}

int cli_fail(int exit_status, const char *format, ...) {
    char *text = NULL;
    va_list arguments;
    fflush(stdout); /* earlier output must come first */
    fputs("sluice: ", stderr);
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0) text = NULL;
    va_end(arguments);
    if (text) print_plainly(text);
    free(text);
    fputc('\n', stderr);
    return exit_status;
}

int cli_warn(json_t **list, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)cli_fail(CLI_OK, "warning: %s", text);
    if (!*list) *list = json_array();
    if (*list && json_array_append_new(*list, json_string(text)) == 0) return CLI_OK;
    return cli_fail(CLI_FAILED, "host memory exhausted");
}

int cli_report_or(sluice_status status, const char *hint) {
    if (status == SLUICE_OK) return CLI_OK;
    const sluice_error *const error = sluice_last_error();
    if (error->hint[0] != '\0') hint = error->hint;
    return cli_fail(status == SLUICE_E_ARGUMENT ? CLI_USAGE : CLI_FAILED, "%s%s%s", error->what,
                    hint[0] != '\0' ? "; " : "", hint);
}

int cli_report_of(const char *name) {
    const sluice_error *const error = sluice_last_error();
    return cli_fail(CLI_FAILED, "%s: %s%s%s", name, error->what, error->hint[0] ? "; " : "",
                    error->hint);
}

int cli_report(sluice_status status) {
    return cli_report_or(status, "");
}

int cli_columns(int otherwise) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return otherwise;
    return size.ws_col;
}

bool cli_colour(void) {
    const char *const refused = getenv("NO_COLOR"), *const kind = getenv("TERM");
    if (refused && refused[0] != '\0') return false;
    return isatty(STDOUT_FILENO) != 0 && kind && strcmp(kind, "dumb") != 0;
}

int cli_cores(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return CPU_COUNT(&set);
}

int cli_usual_ranks(void) {
    return cli_cores() >= 2 ? 2 : 1;
}
