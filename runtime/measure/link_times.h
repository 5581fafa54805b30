/* SPDX-License-Identifier: MIT */
/* link_times.h -- latency and bandwidth between neighbouring ranks, through the real transport. */
#ifndef SLUICE_MEASURE_LINK_TIMES_H
#define SLUICE_MEASURE_LINK_TIMES_H

#include "runtime/measure/busy_ranks.h"

/* Both directions between rank r and the one after it, of the last rank the first; messages of
 * `bytes` or 1 MiB, if an arena has as many, one pair of ranks at a time. Sets the profile's links,
 * and the median of them as its default. Nothing is done for a single rank. */
sluice_status sluice__measure_links(sluice_profile *profile, sluice__busy_ranks *all, size_t bytes);

#endif
