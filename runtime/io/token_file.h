/* SPDX-License-Identifier: MIT */
/* token_file.h -- a token file that is written piece by piece, completely or not at all: how many
 * tokens it has is known last. */
#ifndef SLUICE_IO_TOKEN_FILE_H
#define SLUICE_IO_TOKEN_FILE_H

#include <stddef.h>

#include "runtime/io/token_head.h"

typedef struct sluice__token_file {
    const char *path; /* borrowed */
    char *temporary;  /* next to it, until all is written */
    int file;
    sluice__token_head head;
} sluice__token_file;

/* Of tokens of `width` bytes, 2 or 4. A path that is there and no regular file is refused. E_IO
 * with the path and the reason, E_HOST_MEMORY. */
sluice_status sluice__token_file_begin(sluice__token_file *out, const char *path, int width);
/* `count` tokens, as they stand in the file. */
sluice_status sluice__token_file_add(sluice__token_file *file, const unsigned char *bytes,
                                     int64_t count);
/* After a failure of any part pass its status: the temporary file is removed, `path` stays as
 * before. */
sluice_status sluice__token_file_end(sluice__token_file *file, sluice_status status);

#endif
