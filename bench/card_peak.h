/* SPDX-License-Identifier: MIT */
/* card_peak.h -- what data sheets promise of a GPU's products of dense matrices. */
#ifndef SLUICE_BENCH_CARD_PEAK_H
#define SLUICE_BENCH_CARD_PEAK_H

#include "sluice/tensor.h"

/* FLOP/s, from NVIDIA's data sheet of the GPU whose name the description has; 0: not known. */
double bench_card_peak(const char *description, sluice_precision precision);

#endif
