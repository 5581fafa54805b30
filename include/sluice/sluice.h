/* SPDX-License-Identifier: MIT */
/*
 * sluice.h -- pipeline-parallel training, in C. One include for everything.
 *
 *   model       layers with parameters       model.h, layer.h, device.h
 *   family      preset, config.json -> model      family.h, gpt2.h
 *   partition   layers      -> stages        partition.h
 *   schedule    stages x m  -> actions       schedule.h
 *   program     actions     -> instructions: verified, planned, simulated    program.h
 *   optimizer   gradients   -> parameters, and the state it keeps             optimizer.h
 *   plan        programs over one region of memory, nothing allocated yet   plan.h
 *   pipeline    instructions -> a trained minibatch, over rank threads       pipeline.h
 *   run         a corpus, step by step, with counters                        run.h, train.h
 *   ledger      where the time of a rank's step went                         ledger.h
 *   virtual     devices that take their time and compute nothing             virtual.h
 *   profile     what layers cost -> what stages cost and hold     profile.h
 *   files       corpora, weights                                             data.h, file.h
 *
 * Rules that hold for every function:
 *   - Output parameters come first. On failure they are left untouched.
 *   - A function that fills `T **out` gives ownership; sluice_T_free() takes it back and accepts
 *     NULL. A returned `const T *` is borrowed from its argument.
 *   - NULL where a pointer is required is a bug in the caller, not a status.
 *   - No function prints, exits or aborts. What failed, and what to do: sluice_last_error().
 */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#include "sluice/allocator.h"
#include "sluice/data.h"
#include "sluice/device.h"
#include "sluice/family.h"
#include "sluice/file.h"
#include "sluice/gpt2.h"
#include "sluice/layer.h"
#include "sluice/ledger.h"
#include "sluice/model.h"
#include "sluice/optimizer.h"
#include "sluice/partition.h"
#include "sluice/pipeline.h"
#include "sluice/plan.h"
#include "sluice/profile.h"
#include "sluice/program.h"
#include "sluice/queues.h"
#include "sluice/run.h"
#include "sluice/schedule.h"
#include "sluice/status.h"
#include "sluice/tensor.h"
#include "sluice/timeline.h"
#include "sluice/train.h"
#include "sluice/transports.h"
#include "sluice/virtual.h"

/* "0.1.0". */
SLUICE_API const char *sluice_version(void);

#endif
