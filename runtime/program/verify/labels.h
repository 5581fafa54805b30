/* SPDX-License-Identifier: MIT */
/*
 * labels.h -- a rank's memory as the verifier sees it: it holds names, not numbers. Each range of
 * bytes is labelled with what was written there, and whoever reads must find the label that it
 * needs, whole.
 */
#ifndef SLUICE_PROGRAM_LABELS_H
#define SLUICE_PROGRAM_LABELS_H

#include "runtime/program/compiled.h"
#include "runtime/program/memory/ranges.h"

/* What bytes hold: what crosses an edge for a micro-batch, or a stage's own buffer of a role. */
typedef struct sluice__label {
    int edge; /* -1: the stage's own; then the other two say which */
    int stage;
    sluice_role role;
    int microbatch;
} sluice__label;

/* What slot k of a compute instruction holds; what a post or a wait carries. */
sluice__label sluice__label_of(const sluice__edges *edges, const sluice_instruction *at, int k);
sluice__label sluice__label_of_edge(int edge, int microbatch);

/* Bytes are marked with who wrote them as which slot: instruction * slot_count + slot. A receive's
 * are marked by its post until the wait for it marks them again: until then nobody may read them.
 */
typedef struct sluice__labelled {
    const sluice_program *program;  /* borrowed */
    const sluice_instruction *list; /* borrowed */
    int rank;
    size_t begin, end; /* the rank's transient bytes: nothing else may be written */
    sluice__ranges written;
} sluice__labelled;

/* Instruction `writer` fills its slot k, which is `slot`. E_SCHEDULE, E_HOST_MEMORY. */
sluice_status sluice__write_label(sluice__labelled *memory, const sluice_slot *slot, int writer,
                                  int k);
/* For instruction `reader` the slot must hold what `needs` says, whole; if `arrived`, it may not be
 * on its way. E_SCHEDULE. */
sluice_status sluice__read_label(const sluice__labelled *memory, const sluice_slot *slot,
                                 const sluice__label *needs, int reader, bool arrived);

#endif
