/* SPDX-License-Identifier: MIT */
/* file.h -- files: small ones whole, weights as safetensors. */
#ifndef SLUICE_FILE_H
#define SLUICE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "sluice/status.h"
#include "sluice/tensor.h"

/* All bytes of a file of at most 1 GiB, followed by a zero. Free the text with sluice_text_free().
 * What is not a regular file (a FIFO, a device) is refused at once. E_IO with the path and the
 * reason, E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_file_read(char **out, size_t *bytes, const char *path);

/* ---- safetensors: 8 bytes of header length, a JSON header, the data ---- */

typedef struct sluice_safetensors sluice_safetensors; /* a mapped file */

/* Every offset, shape and type is checked here. E_IO, E_PARSE with the file's name, E_UNSUPPORTED
 * (a type other than F32), E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_safetensors_open(sluice_safetensors **out, const char *path);
SLUICE_API void sluice_safetensors_close(sluice_safetensors *file); /* NULL is fine */
SLUICE_API int sluice_safetensors_count(const sluice_safetensors *file);

/* Borrowed from its file; plain value for writing. */
typedef struct sluice_named_tensor {
    const char *name;
    sluice_shape shape;
    const float *values; /* may be unaligned in a file opened: copy with memcpy */
} sluice_named_tensor;
SLUICE_API const sluice_named_tensor *sluice_safetensors_tensor(const sluice_safetensors *file,
                                                                int index);
/* NULL if it has none of that name. */
SLUICE_API const sluice_named_tensor *sluice_safetensors_find(const sluice_safetensors *file,
                                                              const char *name);

/* Write a file, whole or not at all (a temporary file in the same folder, then a rename). Its
 * metadata is {"format": "pt"}, as Hugging Face's readers expect. E_IO with the reason,
 * E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_safetensors_write(const char *path,
                                                  const sluice_named_tensor *tensors, int count);

#endif
