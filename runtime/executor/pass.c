/* SPDX-License-Identifier: MIT */
/* pass.c -- all ranks carry out one program. */
#include "runtime/executor/pass.h"

#include "runtime/base/clock.h"
#include "runtime/executor/workers.h"

sluice_status sluice__carry_out(sluice_pipeline *pipeline, const sluice_program *program,
                                const sluice__run *how, sluice__task *task) {
    sluice__run *run         = &pipeline->run;
    int64_t *first_sample    = run->first_sample;
    sluice_batch_part *parts = run->parts;
    *run                     = *how;
    run->first_sample        = first_sample;
    run->parts               = parts;
    run->program             = program;
    run->start               = sluice__now();
    pipeline->transport_ops->begin(pipeline->transport);
    const sluice_status status = sluice__workers_do(pipeline, task, NULL);
    if (status != SLUICE_OK) return status; /* a rank may still be inside it */
    run->program = NULL;
    for (int r = 0; r < pipeline->ranks; r++) atomic_store(&pipeline->positions[r].at, -1);
    return SLUICE_OK;
}
