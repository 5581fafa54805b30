/* SPDX-License-Identifier: MIT */
/* safetensors_head.h -- how a safetensors file begins, for those that write its data themselves. */
#ifndef SLUICE_IO_SAFETENSORS_HEAD_H
#define SLUICE_IO_SAFETENSORS_HEAD_H

#include <stddef.h>

#include "sluice/file.h"

/* All bytes before the data: the header's length, and the header, padded with spaces so that the
 * data begins at a multiple of 8. The tensors' values are not read; `path` is for errors. Free it
 * with sluice__free(). E_HOST_MEMORY. */
sluice_status sluice__safetensors_head(char **out, size_t *bytes,
                                       const sluice_named_tensor *tensors, int count,
                                       const char *path);

#endif
