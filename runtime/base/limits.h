/* SPDX-License-Identifier: MIT */
/* limits.h -- the limits of memory that a shell sets for a process, in hints. */
#ifndef SLUICE_BASE_LIMITS_H
#define SLUICE_BASE_LIMITS_H

#include "sluice/status.h"

/* What can be done where host memory was refused: `advice`, or where this process has a limit, that
 * and to raise it. Returns `status`. */
sluice_status sluice__hint_limit(sluice_status status, const char *advice);

#endif
