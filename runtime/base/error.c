/* SPDX-License-Identifier: MIT */
/* error.c -- the one place that keeps a thread's last failure, without allocating. */
#include "runtime/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local sluice_error last_error;

const sluice_error *sluice_last_error(void) {
    return &last_error;
}

static void record(sluice_status status, const char *format, va_list arguments) {
    /* Into a copy first: an argument may be the text of the last error. */
    char text[sizeof last_error.what];
    (void)vsnprintf(text, sizeof text, format, arguments);
    (void)snprintf(last_error.what, sizeof last_error.what, "%s", text);
    last_error.hint[0] = '\0';
    last_error.status  = status;
}

sluice_status sluice__fail(sluice_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    record(status, format, arguments);
    va_end(arguments);
    return status;
}

sluice_status sluice_fail(sluice_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    record(status, format, arguments);
    va_end(arguments);
    return status;
}

sluice_status sluice__hint(sluice_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(last_error.hint, sizeof last_error.hint, format, arguments);
    va_end(arguments);
    return status;
}

sluice_status sluice__cannot(const char *what, const char *path) {
    const int reason = errno;
    sluice__fail(SLUICE_E_IO, "cannot %s '%s': %s", what, path, strerror(reason));
    errno = reason;
    return SLUICE_E_IO;
}

sluice_status sluice__fail_again(const sluice_error *error) {
    if (error != &last_error) last_error = *error;
    return last_error.status;
}

const char *sluice_status_name(sluice_status status) {
    switch (status) {
#define X(name, code, text)                                                                        \
    case SLUICE_##name:                                                                            \
        return #name;
        SLUICE_STATUS_MAP(X)
#undef X
    }
    return "unknown";
}

const char *sluice_status_text(sluice_status status) {
    switch (status) {
#define X(name, code, text)                                                                        \
    case SLUICE_##name:                                                                            \
        return text;
        SLUICE_STATUS_MAP(X)
#undef X
    }
    return "unknown status";
}
