/* SPDX-License-Identifier: MIT */
/* pass.h -- all ranks carry out one program. */
#ifndef SLUICE_EXECUTOR_PASS_H
#define SLUICE_EXECUTOR_PASS_H

#include "runtime/executor/executor.h"

/* Run `program`. `how` gives the rest of the run: all but program, samples and start. */
sluice_status sluice__carry_out(sluice_pipeline *pipeline, const sluice_program *program,
                                const sluice__run *how, sluice__task *task);

#endif
