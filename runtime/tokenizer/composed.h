/* SPDX-License-Identifier: MIT */
/* composed.h -- texts in Unicode's form NFC. */
#ifndef SLUICE_TOKENIZER_COMPOSED_H
#define SLUICE_TOKENIZER_COMPOSED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/status.h"

/* Which code points may change, or change what is before them. All others stay as they are, and
 * end what can change. */
typedef struct sluice__composer {
    uint32_t *unstable; /* a bit each */
} sluice__composer;
sluice_status sluice__composer_make(sluice__composer *out); /* E_HOST_MEMORY */
void sluice__composer_free(sluice__composer *composer);

/* A part of a text that was composed: where it is, and where it was. */
typedef struct sluice__composed_part {
    size_t begin, end, old_begin, old_end;
} sluice__composed_part;

/* A composed text, and scratch memory. Starts as {0}. */
typedef struct sluice__composed {
    char *text;
    size_t bytes, space;
    sluice__composed_part *parts; /* ascending */
    size_t part_count, part_space;
    int32_t *codes;
    size_t code_space;
} sluice__composed;
void sluice__composed_free(sluice__composed *composed);

/* Whether the text is composed as it is, for certain. */
bool sluice__is_composed(const sluice__composer *composer, const char *text, size_t bytes);
/* Compose a text of whole characters. E_HOST_MEMORY. */
sluice_status sluice__compose(sluice__composed *to, const sluice__composer *composer,
                              const char *text, size_t bytes);
/* How many of the first bytes stay what they become, whatever follows the text. */
size_t sluice__composed_bytes(const sluice__composer *composer, const char *text, size_t bytes);
/* Where `at` of the composed text was; false: inside a part. */
bool sluice__composed_was(size_t *out, const sluice__composed *in, size_t at);

#endif
