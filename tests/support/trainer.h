/* SPDX-License-Identifier: MIT */
/* trainer.h -- a pipeline and the run that trains it; the digest of its weights. */
#ifndef SLUICE_TESTS_TRAINER_H
#define SLUICE_TESTS_TRAINER_H

#include "sluice/run.h"

uint64_t digest_of(sluice_pipeline *pipeline);

typedef struct trainer {
    sluice_pipeline *pipeline;
    sluice_run *run;
} trainer;

void trainer_close(trainer *it);
void trainer_go(const trainer *it, int steps);
uint64_t trainer_digest(const trainer *it);

#endif
