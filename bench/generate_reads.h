/* SPDX-License-Identifier: MIT */
/* generate_reads.h -- how fast threads read memory that the caches do not hold. */
#ifndef SLUICE_BENCH_GENERATE_READS_H
#define SLUICE_BENCH_GENERATE_READS_H

#include <stddef.h>

enum { READS = 2 }; /* of the whole memory, each of which gives a rate */

/* Bytes per second of each time that `threads` threads, pinned to cores, read `bytes` bytes in an
 * arena of the cpu device, a chunk at a time. */
void measure_reads(double rates[READS], size_t bytes, int threads);

#endif
