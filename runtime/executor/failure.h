/* SPDX-License-Identifier: MIT */
/* failure.h -- the first failure of any rank, kept and reported in one sentence. */
#ifndef SLUICE_EXECUTOR_FAILURE_H
#define SLUICE_EXECUTOR_FAILURE_H

#include "runtime/executor/executor.h"

/* Keep this thread's last error as the pipeline's, if it is the first; stop all ranks. */
void sluice__fail_pipeline(sluice__rank *rank);
/* E_STOPPED, for a caller that finds that the pipeline has failed. */
sluice_status sluice__stopped(void);
/* Keep this thread's last error unchanged. */
void sluice__keep_failure(sluice_pipeline *pipeline);
/* What each rank except `except` (-1: none) is doing, for the error of a deadline. */
void sluice__describe_ranks(const sluice_pipeline *pipeline, int except, char *out, size_t bytes);
/* E_DEADLINE: the rank waits for `words`; the others are described. */
sluice_status sluice__deadline_passed(sluice__rank *rank, const char *words);

#endif
