/* SPDX-License-Identifier: MIT */
/* token_head.c -- the two formats of token files that there are, both of them llm.c's. */
#include "runtime/io/token_head.h"

#include <inttypes.h>
#include <string.h>

#include "runtime/base/error.h"

static const struct {
    uint32_t magic, version;
    int width;
} formats[] = {{20240520, 1, 2}, {20240801, 7, 4}};
enum { FORMATS = sizeof formats / sizeof *formats };

static int find_format(const unsigned char *bytes) {
    int k = 0;
    while (k < FORMATS && formats[k].magic != sluice__little_endian(bytes)) k++;
    return k;
}

bool sluice__is_token_head(const unsigned char bytes[4]) {
    return find_format(bytes) < FORMATS;
}

/* The fourth word has the count's upper half: it is 0 in what llm.c writes. */
sluice_status sluice__token_head_read(sluice__token_head *out,
                                      const unsigned char bytes[SLUICE__TOKEN_HEADER],
                                      const char *path) {
    const int k            = find_format(bytes);
    const uint32_t version = sluice__little_endian(bytes + 4);
    if (k == FORMATS)
        return sluice__fail(
            SLUICE_E_PARSE,
            "'%s' begins with %" PRId32 ", a token file with %" PRIu32 " or %" PRIu32, path,
            (int32_t)sluice__little_endian(bytes), formats[0].magic, formats[1].magic);
    if (version != formats[k].version)
        return sluice__fail(SLUICE_E_PARSE,
                            "'%s' is a token file of version %" PRId32 "; known is %" PRIu32, path,
                            (int32_t)version, formats[k].version);
    out->width = formats[k].width;
    out->count = (int64_t)((uint64_t)sluice__little_endian(bytes + 12) << 32 |
                           sluice__little_endian(bytes + 8));
    return SLUICE_OK;
}

static void put(unsigned char *at, uint32_t word) {
    for (int k = 0; k < 4; k++) at[k] = (unsigned char)(word >> (8 * k));
}

void sluice__token_head_write(unsigned char bytes[SLUICE__TOKEN_HEADER],
                              const sluice__token_head *head) {
    const int k = head->width == formats[0].width ? 0 : 1;
    memset(bytes, 0, SLUICE__TOKEN_HEADER);
    put(bytes, formats[k].magic);
    put(bytes + 4, formats[k].version);
    put(bytes + 8, (uint32_t)(uint64_t)head->count);
    put(bytes + 12, (uint32_t)((uint64_t)head->count >> 32));
}
