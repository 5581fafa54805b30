/* SPDX-License-Identifier: MIT */
/* stage.h -- an instruction of a stage becomes calls of its layers. */
#ifndef SLUICE_EXECUTOR_STAGE_H
#define SLUICE_EXECUTOR_STAGE_H

#include "runtime/executor/executor.h"

sluice_status sluice__run_stage(sluice__rank *rank, const sluice_instruction *instruction);

#endif
