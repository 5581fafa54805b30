/* SPDX-License-Identifier: MIT */
/* growth.c */
#include "tests/support/growth.h"

#include <time.h>

#include "tests/support/support.h"

static double seconds_of(sized_work *work, const void *context, size_t size) {
    struct timespec begin, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    work(context, size);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    return (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
}

void expect_growth(const char *what, sized_work *work, const void *context, size_t size,
                   double factor) {
    enum { TRIES = 5 };
    const double too_short = 1e-3; /* to compare */
    double one = 0, eight = 0;
    for (int n = 0; n < TRIES; n++) {
        one   = seconds_of(work, context, size);
        eight = seconds_of(work, context, 8 * size);
        if (eight < too_short || eight <= factor * one) return;
    }
    fail_msg("%s: size %zu takes %.4f s, and size %zu %.4f s, more than %g times as long", what,
             size, one, 8 * size, eight, factor);
}
