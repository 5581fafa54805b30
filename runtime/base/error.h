/* SPDX-License-Identifier: MIT */
/* error.h -- how failures are recorded and returned inside the library. */
#ifndef SLUICE_BASE_ERROR_H
#define SLUICE_BASE_ERROR_H

#include "sluice/status.h"

/* Return any status that is not OK. */
#define SLUICE__TRY(call)                                                                          \
    do {                                                                                           \
        const sluice_status try_status_ = (call);                                                  \
        if (try_status_ != SLUICE_OK) return try_status_;                                          \
    } while (0)

/* The same in functions that own resources: they have one exit, `out`, and a `status`. */
#define SLUICE__TRY_OUT(call)                                                                      \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != SLUICE_OK) goto out;                                                         \
    } while (0)

/* Record what is wrong (printf style) for this thread, clear the hint, and return `status`. */
sluice_status sluice__fail(sluice_status status, const char *format, ...) SLUICE_PRINTF(2, 3);
/* Add to the failure just recorded what to do about it; returns `status`. */
sluice_status sluice__hint(sluice_status status, const char *format, ...) SLUICE_PRINTF(2, 3);
/* "cannot WHAT 'PATH'", and the system's reason, which is errno and stays so. Returns E_IO. */
sluice_status sluice__cannot(const char *what, const char *path);
/* Record a failure that was saved, or comes from another thread; returns its status. */
sluice_status sluice__fail_again(const sluice_error *error);

#endif
