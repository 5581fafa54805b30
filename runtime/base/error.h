/* SPDX-License-Identifier: MIT */
/* error.h -- how failures are recorded and how they travel inside the library. */
#ifndef SLUICE_BASE_ERROR_H
#define SLUICE_BASE_ERROR_H

#include "sluice/status.h"

/* Leave the function with any status that is not OK. */
#define SLUICE__TRY(call)                                                                          \
    do {                                                                                           \
        const sluice_status try_status_ = (call);                                                  \
        if (try_status_ != SLUICE_OK) return try_status_;                                          \
    } while (0)

/* The same for functions that own things: they have one exit, called `out`, and a `status`. */
#define SLUICE__TRY_OUT(call)                                                                      \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != SLUICE_OK) goto out;                                                         \
    } while (0)

/* Record what is true (printf style) for this thread; clears the hint; returns `status`. */
sluice_status sluice__fail(sluice_status status, const char *format, ...) SLUICE_PRINTF(2, 3);
/* Add what to do to the failure just recorded; returns `status`. */
sluice_status sluice__hint(sluice_status status, const char *format, ...) SLUICE_PRINTF(2, 3);
/* Record a failure kept from before, or from another thread; returns its status. */
sluice_status sluice__fail_again(const sluice_error *error);

#endif
