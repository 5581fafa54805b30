/* SPDX-License-Identifier: MIT */
/*
 * labels.h -- a rank's memory as the verifier sees it: it holds names, not numbers. Each range of
 * bytes is labelled with what was written there, and whoever reads must find the label that it
 * needs, whole.
 */
#ifndef SLUICE_PROGRAM_LABELS_H
#define SLUICE_PROGRAM_LABELS_H

#include "runtime/program/internal.h"
#include "runtime/program/ranges.h"

/* What bytes hold. Values below SLUICE_ROLES are a stage's own buffers, by role. */
enum {
    SLUICE__HOLDS_ACTIVATION = SLUICE_ROLES, /* output of `stage`, or the inputs of stage 0: -1 */
    SLUICE__HOLDS_GRADIENT,                  /* input gradient of `stage` */
    SLUICE__HOLDS_TIE                        /* gradient of the tied use `stage` */
};

typedef struct sluice__label {
    int what, stage, microbatch;
} sluice__label;

sluice__label sluice__label_of(const sluice_instruction *at, sluice_role role);
sluice__label sluice__label_of_post(const sluice_instruction *post);

/* Bytes are marked with who wrote them as what: instruction * SLUICE_ROLES + role. A receive's are
 * marked by its post until the wait for it marks them again: until then nobody may read them. */
typedef struct sluice__labelled {
    const sluice_instruction *list; /* borrowed */
    int rank;
    size_t begin, end; /* the rank's transient bytes: nothing else may be written */
    sluice__ranges written;
} sluice__labelled;

/* Instruction `writer` fills the slot as `role`. E_SCHEDULE, E_HOST_MEMORY. */
sluice_status sluice__write_label(sluice__labelled *memory, const sluice_slot *slot, int writer,
                                  sluice_role role);
/* For instruction `reader` the slot must hold what `needs` says, whole; if `arrived`, it may not be
 * on its way. E_SCHEDULE. */
sluice_status sluice__read_label(const sluice__labelled *memory, const sluice_slot *slot,
                                 const sluice__label *needs, int reader, bool arrived);

#endif
