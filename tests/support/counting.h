/* SPDX-License-Identifier: MIT */
/* counting.h -- an allocator that counts its calls, for "nothing is allocated in an operation". */
#ifndef SLUICE_TESTS_COUNTING_H
#define SLUICE_TESTS_COUNTING_H

void count_allocations(void);  /* until another allocator is set */
int counted_allocations(void); /* calls so far, from any thread */

#endif
