/* SPDX-License-Identifier: MIT */
/*
 * verify.c -- the proof that a program can run and means what its schedule means.
 *
 * First the lists are checked without running them: every stage runs each micro-batch once, and the
 * k-th send of a channel carries what its k-th receive expects. Then the abstract machine runs
 * every rank's list under strict rendezvous, with names in its memory (labels.h). Order across
 * stages follows from that: F of a stage only finds its input after F of the stage before has
 * written it and a transfer has delivered it.
 */
#include "runtime/program/verify/verify.h"

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

static sluice_status prepare(sluice__verifier *v) {
    const sluice_program *program = v->program;
    const size_t p = (size_t)program->ranks, stages = (size_t)program->stages;
    SLUICE__TRY(sluice__alloc(&v->memory, p, sizeof *v->memory));
    SLUICE__TRY(sluice__alloc(&v->streams, p, sizeof *v->streams));
    SLUICE__TRY(sluice__alloc(&v->done, stages * (size_t)program->microbatches, 1));
    SLUICE__TRY(sluice__alloc(&v->weights_left, p, sizeof *v->weights_left));
    SLUICE__TRY(sluice__alloc(&v->stored, 2 * stages, sizeof *v->stored));
    for (int s = 0; s < program->stages; s++)
        v->weights_left[program->stage_rank[s]] += program->trains ? program->microbatches : 0;
    for (int r = 0; r < program->ranks; r++) {
        const sluice_program_bytes *bytes = &program->rank[r].bytes;
        v->streams[r] = (sluice__streams){.rank = &program->rank[r], .last = -1};
        v->memory[r]  = (sluice__labelled){.program = program,
                                           .list    = v->lists[r],
                                           .rank    = r,
                                           .begin   = bytes->arena - bytes->transient,
                                           .end     = bytes->arena};
    }
    return SLUICE_OK;
}

sluice_status sluice__verify(const sluice_program *program, const sluice_instruction *const *lists,
                             const int *counts, sluice_queues queues, bool *deadlock) {
    sluice__verifier v   = {.program = program, .lists = lists, .counts = counts};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(prepare(&v));
    SLUICE__TRY_OUT(sluice__check_lists(&v));
    SLUICE__TRY_OUT(
        sluice__machine_make(&v.machine, program->ranks, &program->edges, lists, counts, queues));
    SLUICE__TRY_OUT(sluice__check_transfers(&v));
    if (queues == SLUICE_QUEUES_PER_RANK) SLUICE__TRY_OUT(sluice__check_one_queue(&v));
    SLUICE__TRY_OUT(sluice__machine_run(&v.machine, sluice__verify_step, &v));
    *deadlock = sluice__first_unfinished(&v.machine) >= 0;
    if (*deadlock) SLUICE__TRY_OUT(sluice__name_deadlock(&v.machine));
    SLUICE__TRY_OUT(sluice__check_waits(&v));
out:
    for (int r = 0; v.memory && r < program->ranks; r++) sluice__free(v.memory[r].written.list);
    for (int r = 0; v.streams && r < program->ranks; r++) sluice__free(v.streams[r].touched.list);
    sluice__free(v.memory);
    sluice__free(v.streams);
    sluice__free(v.done);
    sluice__free(v.weights_left);
    sluice__free(v.stored);
    sluice__machine_free(&v.machine);
    return status;
}

sluice_status sluice_program_verify(const sluice_program *program,
                                    const sluice_instruction *const *lists, const int *counts,
                                    sluice_queues queues) {
    bool deadlock = false;
    return sluice__verify(program, lists, counts, queues, &deadlock);
}
