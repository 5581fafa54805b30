/* SPDX-License-Identifier: MIT */
/* counting.h -- an allocator that counts its calls, for "nothing is allocated in an operation", and
 * the bytes of the library that are allocated. */
#ifndef SLUICE_TESTS_COUNTING_H
#define SLUICE_TESTS_COUNTING_H

void count_allocations(void);  /* until another allocator is set */
int counted_allocations(void); /* calls so far, from any thread */

long long counted_bytes(void);      /* allocated now, less those from before it counted */
long long begin_counted_peak(void); /* returns those of now */
long long counted_peak(void);       /* the most since then */

#endif
