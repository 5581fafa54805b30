/* SPDX-License-Identifier: MIT */
/* token_head.h -- the header of token files: 256 little-endian int32, which say how wide the tokens
 * behind it are and how many. */
#ifndef SLUICE_IO_TOKEN_HEAD_H
#define SLUICE_IO_TOKEN_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "sluice/status.h"

enum { SLUICE__TOKEN_HEADER = 1024 /* bytes */ };

typedef struct sluice__token_head {
    int width;     /* bytes of a token: 2 or 4 */
    int64_t count; /* below 0: more than can be */
} sluice__token_head;

static inline uint32_t sluice__little_endian(const unsigned char *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Whether these 4 bytes begin a token file. */
bool sluice__is_token_head(const unsigned char bytes[4]);
/* From the header of the file that errors call `path`. E_PARSE. */
sluice_status sluice__token_head_read(sluice__token_head *out,
                                      const unsigned char bytes[SLUICE__TOKEN_HEADER],
                                      const char *path);
void sluice__token_head_write(unsigned char bytes[SLUICE__TOKEN_HEADER],
                              const sluice__token_head *head);

#endif
