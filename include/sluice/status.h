/* SPDX-License-Identifier: MIT */
/* status.h -- how every call reports whether it worked, and what to do if it did not. */
#ifndef SLUICE_STATUS_H
#define SLUICE_STATUS_H

#include "sluice/export.h"

/*
 * One table, three uses: the enum below, sluice_status_name() and
 * sluice_status_text(). Values are ABI: append, never renumber.
 */
/* clang-format off */
#define SLUICE_STATUS_MAP(X)                                                    \
    X(OK,              0, "success")                                            \
    X(E_ARGUMENT,      1, "an argument is outside its documented range")        \
    X(E_HOST_MEMORY,   2, "host memory exhausted")                              \
    X(E_DEVICE_MEMORY, 3, "device memory exhausted")                            \
    X(E_PARSE,         4, "a text or file does not follow its format")          \
    X(E_IO,            5, "a file cannot be read or written")                   \
    X(E_UNSUPPORTED,   6, "this build or device cannot do that")                \
    X(E_SCHEDULE,      7, "a schedule or program breaks one of its rules")      \
    X(E_DEADLINE,      8, "nothing happened for longer than the deadline")      \
    X(E_STOPPED,       9, "another rank failed first")                          \
    X(E_DEVICE,       10, "a device or its library reported an error")          \
    X(E_NONFINITE,    11, "a loss or gradient is not a finite number")          \
    X(E_CALLBACK,     12, "a function supplied by the caller reported an error")
/* clang-format on */

typedef enum sluice_status {
#define X(name, code, text) SLUICE_##name = (code),
    SLUICE_STATUS_MAP(X)
#undef X
} sluice_status;

/* "E_PARSE", or "unknown". Never NULL; static storage. */
SLUICE_API const char *sluice_status_name(sluice_status status);
/* One line in words. Never NULL; static storage. */
SLUICE_API const char *sluice_status_text(sluice_status status);

typedef struct sluice_error {
    sluice_status status;
    char what[768]; /* the fact, with its numbers */
    char hint[512]; /* the change that would fix it; "" if none is known */
} sluice_error;

/* Never NULL. Meaningful only right after a call on this thread returned non-OK. */
SLUICE_API const sluice_error *sluice_last_error(void);

/*
 * For callbacks and layer kinds written outside the library: record a failure for the
 * calling thread (printf style) and return `status`, so that one expression does both.
 */
SLUICE_API sluice_status sluice_fail(sluice_status status, const char *format, ...)
    SLUICE_PRINTF(2, 3);

#endif
