/* SPDX-License-Identifier: MIT */
/*
 * layout.h -- where each layer's tensors lie inside the buffers of its stage.
 *
 * A stage's instruction gets a few buffers by role (input, output, saved, stash, scratch, ...); a
 * layer's tensor is a role and an offset in that role's buffer. The offsets are for the largest
 * micro-batch; smaller ones use fewer rows at the same offsets.
 */
#ifndef SLUICE_PROGRAM_LAYOUT_H
#define SLUICE_PROGRAM_LAYOUT_H

#include "sluice/program.h"

/* How a stage can run. */
typedef enum sluice__mode {
    SLUICE__FORWARD         = 0, /* F that saves for its backward */
    SLUICE__FORWARD_ONLY    = 1, /* F that writes its output only */
    SLUICE__RECOMPUTE       = 2, /* F again, to save: its output is discarded */
    SLUICE__BACKWARD        = 3, /* B: each layer's I, then its W */
    SLUICE__BACKWARD_INPUT  = 4,
    SLUICE__BACKWARD_WEIGHT = 5
} sluice__mode;
enum { SLUICE__MODES = 6 };

typedef struct sluice__spot {
    bool present;
    sluice_role role;
    size_t offset;
} sluice__spot;

typedef struct sluice__layer_spots {
    sluice__spot input, output, output_gradient, input_gradient;
    sluice__spot batch[SLUICE_LAYER_BATCH]; /* as the description lists them */
    sluice__spot saved[SLUICE_LAYER_SAVED], stash[SLUICE_LAYER_STASH];
    sluice__spot scratch;        /* of F, I or W */
    sluice__spot scratch_weight; /* of W inside B */
} sluice__layer_spots;

/* A part of the batch that a layer of the stage reads by name: loaded before F. */
typedef struct sluice__part {
    int index;          /* for sluice_model_batch() */
    size_t offset;      /* in the buffer of SLUICE_ROLE_BATCH */
    sluice_shape shape; /* of the largest micro-batch */
} sluice__part;

typedef struct sluice__layout {
    int first, count;           /* layers; 0 without a model */
    size_t bytes[SLUICE_ROLES]; /* of the buffers, except scratch */
    size_t scratch[SLUICE__MODES];
    sluice_until input_until, batch_until;
    sluice__part *parts; /* each name and type once; NULL without a model */
    int part_count;
    bool weight_reads_output_gradient;         /* the stage's W does: that of its last layer */
    sluice__layer_spots *spots[SLUICE__MODES]; /* [mode][layer - first]; NULL without a model */
    sluice_layer_description *descriptions;    /* [layer - first], for the largest micro-batch */
} sluice__layout;

/* The layout of layers first .. first + count - 1 for micro-batches of up to `samples` samples;
 * `before` is that of the stage whose output it takes, NULL for the model's first layers. Release
 * with sluice__layout_free(). E_ARGUMENT, E_HOST_MEMORY. */
sluice_status sluice__layout_make(sluice__layout *out, const sluice__layout *before,
                                  const sluice_model *model, int first, int count, int64_t samples,
                                  sluice_precision precision);
/* One unit for every buffer: a stage about which nothing is known. */
void sluice__layout_abstract(sluice__layout *out, bool is_last);
/* A stage whose bytes are known, and nothing else. */
void sluice__layout_sized(sluice__layout *out, const sluice_stage_bytes *stage);
void sluice__layout_free(sluice__layout *layout);

/* The output of the stage's last layer for `samples` samples, which is the next stage's input. */
sluice_shape sluice__layout_output(const sluice__layout *layout, int64_t samples);
/* Bytes of the stage's parts of a micro-batch of `samples` samples; 0 without a model. */
size_t sluice__layout_batch_bytes(const sluice__layout *layout, int64_t samples);

/* The mode in which a compute instruction runs. */
sluice__mode sluice__mode_of(const sluice_instruction *at, bool trains);
/* Whether an instruction of `kind` reads, or writes, the buffer of `role` (`role_table`). */
bool sluice__role_is_read(sluice_instruction_kind kind, sluice_role role);
bool sluice__role_is_written(sluice_instruction_kind kind, sluice_role role);

#endif
