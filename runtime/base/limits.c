/* SPDX-License-Identifier: MIT */
/* limits.c -- the limits of memory that a shell sets for a process, in hints. */
#include "runtime/base/limits.h"

#include <stdbool.h>
#include <sys/resource.h>

#include "runtime/base/error.h"
#include "runtime/base/text.h"

sluice_status sluice__hint_limit(sluice_status status, const char *advice) {
    struct rlimit space = {RLIM_INFINITY, RLIM_INFINITY}, data = space;
    char text[32];
    (void)getrlimit(RLIMIT_AS, &space);
    (void)getrlimit(RLIMIT_DATA, &data);
    const bool is_data = data.rlim_cur < space.rlim_cur;
    const rlim_t limit = is_data ? data.rlim_cur : space.rlim_cur;
    if (limit == RLIM_INFINITY) return sluice__hint(status, "%s", advice);
    return sluice__hint(status, "ulimit %s limits this process to %s: raise that, or %s",
                        is_data ? "-d" : "-v", sluice__bytes_text(text, (size_t)limit), advice);
}
