/* SPDX-License-Identifier: MIT */
/* bench.h -- what every bench shares: its heading, its failures, and what it reads about its own
 * process. */
#ifndef SLUICE_BENCH_BENCH_H
#define SLUICE_BENCH_BENCH_H

#include <stddef.h>

#include "sluice/sluice.h"

/* "# title", then the version, the processor with its cores, and the date. */
void bench_begin(const char *title);
/* End the process with the library's error message unless `status` is OK. */
void bench_check(sluice_status status);
/* Zeroed elements; the process ends if there is no memory. Release with free(). */
void *bench_alloc(size_t count, size_t size);

/* Random numbers that may be read as fp32 or as bf16: either half of a float is a bf16 below 2 in
 * size. `bytes`: a multiple of 2. */
void bench_fill(void *memory, size_t bytes);

/* Seconds since an arbitrary start. */
double bench_now(void);

/* The value below which a share `at` (0 to 1) of at least one value lies, and the median. */
double bench_quantile(const double *values, int count, double at);
double bench_median(const double *values, int count);

/* Does something `times` times in a row; returns seconds of one. */
typedef double bench_timed(void *context, int times);
/* Seconds of one such thing: the median of `rounds` rounds that each take about `target` seconds.
 */
double bench_rounds(bench_timed *seconds_of, void *context, int rounds, double target);

/* Resident memory of this process, in bytes. */
typedef struct bench_resident {
    size_t all;
    size_t arenas; /* mappings that asked for huge pages, as only the cpu device's arenas do; 0
                      where the kernel does not say */
} bench_resident;
bench_resident bench_resident_now(void);

#endif
