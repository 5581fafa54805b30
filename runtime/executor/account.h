/* SPDX-License-Identifier: MIT */
/* account.h -- what the last step took, from the ranks' reports. */
#ifndef SLUICE_EXECUTOR_ACCOUNT_H
#define SLUICE_EXECUTOR_ACCOUNT_H

#include "runtime/executor/executor.h"

sluice_status sluice__account_make(sluice_pipeline *pipeline);
void sluice__account_free(sluice_pipeline *pipeline);
/* Fill what the last step says of its time; `result->seconds` is known. */
void sluice__account(sluice_pipeline *pipeline, sluice_result *result);
/* Results of the last step: [ranks]. */
const sluice_ledger *sluice__ledgers(const sluice_pipeline *pipeline);

#endif
