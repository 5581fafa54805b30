/* SPDX-License-Identifier: MIT */
/*
 * sluice.h -- pipeline-parallel training, in C. One include for everything.
 *
 *   model      layers with parameters                         model.h, layer.h, device.h
 *   family     preset, config.json -> model                   family.h, gpt2.h
 *   partition  layers and their costs -> stages               partition.h, cost_table.h
 *   schedule   stages x micro-batches -> actions              schedule.h
 *   program    actions -> instructions: verified, simulated   program.h
 *   optimizer  gradients -> parameters, and its state         optimizer.h
 *   plan       programs over one region of memory             plan.h
 *   pipeline   instructions -> a trained minibatch            pipeline.h
 *   run        a corpus, step by step, with counters          run.h, train.h
 *   save       a run's state in a folder, to resume from      save.h
 *   evaluate   the loss of a model over a whole text          evaluation.h
 *   generate   text, token by token                           generation.h
 *   tokenizer  texts -> tokens, and back                      tokenizer.h
 *   tokenize   files of text -> a file of tokens              tokenize.h
 *   ledger     where the time of a rank's step went           ledger.h
 *   gaps       why a rank of a simulation stands still        gaps.h
 *   virtual    devices that only take time                    virtual.h
 *   blas       libraries that multiply on the CPU             blas.h
 *   profile    costs of layers -> costs of stages             profile.h, device_list.h
 *   search     the best split of a model or a profile          split_search.h
 *              the best plan: schedule, ranks, recomputation   plan_search.h
 *              what would help the best plan                   plan_advice.h
 *              a plan, kept in a file                          plan_file.h
 *   files      corpora, weights                               data.h, file.h
 *   version    of the headers and of the library              version.h
 *
 * Rules that hold for every function:
 *   - Output parameters come first. On failure they are left untouched.
 *   - A function that fills `T **out` passes ownership to the caller, who releases it with
 *     sluice_T_free() or sluice_T_close(); both accept NULL.
 *   - A returned `const T *` is borrowed from the argument.
 *   - NULL where a pointer is required is a bug in the caller, not a status.
 *   - No function prints, exits or aborts. What failed, and what to do: sluice_last_error().
 */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#include "sluice/allocator.h"
#include "sluice/bars.h"
#include "sluice/blas.h"
#include "sluice/cost_table.h"
#include "sluice/data.h"
#include "sluice/device.h"
#include "sluice/device_list.h"
#include "sluice/evaluation.h"
#include "sluice/family.h"
#include "sluice/file.h"
#include "sluice/gaps.h"
#include "sluice/generation.h"
#include "sluice/gpt2.h"
#include "sluice/layer.h"
#include "sluice/ledger.h"
#include "sluice/model.h"
#include "sluice/optimizer.h"
#include "sluice/partition.h"
#include "sluice/pipeline.h"
#include "sluice/plan.h"
#include "sluice/plan_advice.h"
#include "sluice/plan_file.h"
#include "sluice/plan_search.h"
#include "sluice/profile.h"
#include "sluice/program.h"
#include "sluice/queues.h"
#include "sluice/run.h"
#include "sluice/save.h"
#include "sluice/schedule.h"
#include "sluice/split_search.h"
#include "sluice/status.h"
#include "sluice/tensor.h"
#include "sluice/timeline.h"
#include "sluice/tokenize.h"
#include "sluice/tokenizer.h"
#include "sluice/train.h"
#include "sluice/transports.h"
#include "sluice/version.h"
#include "sluice/virtual.h"
#include "sluice/weights.h"

#endif
