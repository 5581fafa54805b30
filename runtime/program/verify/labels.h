/* SPDX-License-Identifier: MIT */
/*
 * labels.h -- a rank's memory as the verifier models it: it holds names, not numbers. Each range of
 * bytes is labelled with what was written there, and a reader must find the label that it needs,
 * intact.
 */
#ifndef SLUICE_PROGRAM_LABELS_H
#define SLUICE_PROGRAM_LABELS_H

#include "runtime/program/compiled.h"
#include "runtime/program/memory/ranges.h"

/* What bytes hold: the payload of an edge for a micro-batch, or a stage's buffer of a role. */
typedef struct sluice__label {
    int edge; /* -1: a stage's buffer, given by the next two */
    int stage;
    sluice_role role;
    int microbatch;
} sluice__label;

/* The label of slot k of a compute instruction; that of what a post or a wait carries. */
sluice__label sluice__label_of(const sluice__edges *edges, const sluice_instruction *at, int k);
sluice__label sluice__label_of_edge(int edge, int microbatch);

/* Bytes are marked with the instruction and the slot that wrote them: instruction * slot_count +
 * slot. The bytes of a receive carry the mark of its post until the wait for it marks them again:
 * until then they must not be read. */
typedef struct sluice__labelled {
    const sluice_program *program;  /* borrowed */
    const sluice_instruction *list; /* borrowed */
    int rank;
    size_t begin, end; /* the rank's transient bytes: nothing else may be written */
    sluice__ranges written;
} sluice__labelled;

/* Instruction `writer` writes its slot k, which is `slot`. E_SCHEDULE, E_HOST_MEMORY. */
sluice_status sluice__write_label(sluice__labelled *memory, const sluice_slot *slot, int writer,
                                  int k);
/* For instruction `reader` the slot must hold `needs`, intact; if `arrived`, its receive must have
 * been waited for. E_SCHEDULE. */
sluice_status sluice__read_label(const sluice__labelled *memory, const sluice_slot *slot,
                                 const sluice__label *needs, int reader, bool arrived);

#endif
