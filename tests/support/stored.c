/* SPDX-License-Identifier: MIT */
/* stored.c -- safetensors files of any content. */
#include "tests/support/stored.h"

#include <inttypes.h>
#include <math.h>

enum { MAX_FILE = 1 << 20 };

void write_header(const folder *in, const char *file, const char *header, size_t data) {
    const uint64_t length = strlen(header);
    char *const bytes     = calloc(8 + length + data + 1, 1);
    assert_non_null(bytes);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, length);
    folder_write(in, file, bytes, 8 + length + data);
    free(bytes);
}

static size_t describe(char *out, size_t capacity, const stored *tensor, size_t begin,
                       bool is_first) {
    size_t length = (size_t)snprintf(out, capacity, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[",
                                     is_first ? "" : ",", tensor->name, tensor->type);
    for (int d = 0; d < tensor->dim_count; d++)
        length += (size_t)snprintf(out + length, capacity - length, "%s%" PRId64, d ? "," : "",
                                   tensor->dims[d]);
    length += (size_t)snprintf(out + length, capacity - length, "],\"data_offsets\":[%zu,%zu]}",
                               begin, begin + tensor->byte_count);
    return length;
}

void write_stored(const folder *in, const char *file, const stored *list, int count) {
    char *const bytes = malloc(MAX_FILE);
    uint64_t length   = 1;
    size_t data       = 0;
    assert_non_null(bytes);
    bytes[8] = '{';
    for (int k = 0; k < count; k++) {
        length += describe(bytes + 8 + length, MAX_FILE - 8 - length, &list[k], data, k == 0);
        data += list[k].byte_count;
    }
    bytes[8 + length++] = '}';
    assert_true(8 + length + data < MAX_FILE);
    memcpy(bytes, &length, 8);
    char *at = bytes + 8 + length;
    for (int k = 0; k < count; k++) {
        memcpy(at, list[k].bytes, list[k].byte_count);
        at += list[k].byte_count;
    }
    folder_write(in, file, bytes, (size_t)(at - bytes));
    free(bytes);
}

uint16_t stored_bf16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)(bits >> 16);
}

uint16_t stored_f16(float value) {
    const uint16_t sign = signbit(value) ? 0x8000 : 0;
    int exponent;
    const float fraction = frexpf(fabsf(value), &exponent); /* 0.5 .. 1 */
    if (fraction == 0) return sign;
    if (exponent < -13) return (uint16_t)(sign | (unsigned)(fabsf(value) * 0x1p24F));
    return (uint16_t)(sign | (unsigned)(exponent + 14) << 10 | (unsigned)(fraction * 2048 - 1024));
}
