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

typedef struct sluice_safetensors sluice_safetensors; /* what is opened for reading */

/*
 * Open a file; a folder, with "model.safetensors" or with "model.safetensors.index.json" and the
 * files that it names; or such an index itself. Every length, offset, shape and type is checked
 * here; nothing is mapped, and no values are read yet. Release with sluice_safetensors_close().
 * E_IO, E_PARSE and E_UNSUPPORTED (an unknown type) with the file's name, E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_safetensors_open(sluice_safetensors **out, const char *path);
SLUICE_API void sluice_safetensors_close(sluice_safetensors *file); /* NULL is fine */
/* The path that was opened. */
SLUICE_API const char *sluice_safetensors_path(const sluice_safetensors *file);
SLUICE_API int sluice_safetensors_count(const sluice_safetensors *file);

/* Borrowed from what was opened. */
typedef struct sluice_stored_tensor {
    const char *name;
    const char *file;   /* path of the file that has it */
    const char *type;   /* there: "F32", "F16", "BF16", "I64", ... */
    sluice_shape shape; /* of its values as they are read: fp32 */
} sluice_stored_tensor;
SLUICE_API const sluice_stored_tensor *sluice_safetensors_tensor(const sluice_safetensors *file,
                                                                 int index);
/* NULL if there is none of that name. */
SLUICE_API const sluice_stored_tensor *sluice_safetensors_find(const sluice_safetensors *file,
                                                               const char *name);
/* Read elements first .. first + count - 1, as fp32: F32 as it is, F16 and BF16 exactly. A count of
 * 0 checks the type alone. E_ARGUMENT, E_UNSUPPORTED (another type), E_IO (a file that has shrunk
 * since, among others). */
SLUICE_API sluice_status sluice_safetensors_read(float *values, const sluice_stored_tensor *tensor,
                                                 int64_t first, int64_t count);

/* ---- writing ---- */

typedef struct sluice_named_tensor {
    const char *name;
    sluice_shape shape;
    const float *values;
} sluice_named_tensor;

/* Write a file, whole or not at all (a temporary file in the same folder, then a rename). Its
 * metadata is {"format": "pt"}, as Hugging Face's readers expect. E_IO with the reason,
 * E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_safetensors_write(const char *path,
                                                  const sluice_named_tensor *tensors, int count);

#endif
