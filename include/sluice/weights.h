/* SPDX-License-Identifier: MIT */
/* weights.h -- the parameters of a pipeline from files that others may have written. */
#ifndef SLUICE_WEIGHTS_H
#define SLUICE_WEIGHTS_H

#include "sluice/family.h"
#include "sluice/file.h"
#include "sluice/model.h"
#include "sluice/pipeline.h"
#include "sluice/status.h"

/*
 * Load every parameter of `model`, which `pipeline` runs, from `file` (file.h), in pieces: a few
 * MiB of host memory. The ranks get the same bits however many there are. The file has exactly the
 * model's tensors in the model's shapes; names may lack the family's prefix; the tensors that the
 * family ignores may be there, and so may the head of a tied model if it equals the embedding.
 *
 * E_ARGUMENT (a tensor is missing, has another shape, or is one that the model does not have) and
 * E_UNSUPPORTED (a type other than F32, F16 and BF16) before anything is loaded. E_NONFINITE with
 * the tensor and its file, E_IO, E_HOST_MEMORY, E_DEVICE: some parameters are loaded.
 */
SLUICE_API sluice_status sluice_pipeline_load_weights(sluice_pipeline *pipeline,
                                                      const sluice_model *model,
                                                      const sluice_family *family,
                                                      const sluice_safetensors *file);

#endif
