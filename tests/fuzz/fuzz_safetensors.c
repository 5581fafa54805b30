/* SPDX-License-Identifier: MIT */
/*
 * fuzz_safetensors.c -- any bytes as a safetensors file: as they are, and the bytes up to the first
 * newline as the header of those that follow it. Oracle: in an accepted file every tensor is found
 * by its name, the ranges of all add up to the data, and values read in two parts are those read at
 * once.
 */
#include <string.h>

#include "sluice/file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_files.h"

enum { LENGTH_BYTES = 8, MAX_BYTES = 1 << 16, MAX_VALUES = 1 << 16 };

static void check_values(const sluice_stored_tensor *tensor) {
    static float whole[MAX_VALUES], parts[MAX_VALUES];
    const int64_t count = sluice_shape_count(&tensor->shape), half = count / 2;
    if (sluice_safetensors_read(NULL, tensor, 0, 0) != SLUICE_OK) return; /* its type */
    if (count > MAX_VALUES) fuzz_fail("more values than bytes");
    if (sluice_safetensors_read(whole, tensor, 0, count) != SLUICE_OK ||
        sluice_safetensors_read(parts, tensor, 0, half) != SLUICE_OK ||
        sluice_safetensors_read(parts + half, tensor, half, count - half) != SLUICE_OK)
        fuzz_fail("a tensor that cannot be read");
    if (memcmp(whole, parts, (size_t)count * sizeof *whole) != 0)
        fuzz_fail("values that differ when they are read in two parts");
    if (sluice_safetensors_read(whole, tensor, 1, count) == SLUICE_OK)
        fuzz_fail("a value after the last");
}

static size_t element_bytes(const char *type) {
    if (strcmp(type, "BOOL") == 0 || strstr(type, "8")) return 1;
    return strstr(type, "64") ? 8 : strstr(type, "32") ? 4 : 2;
}

static void check_file(const sluice_safetensors *file, size_t data) {
    size_t sum = 0;
    for (int t = 0; t < sluice_safetensors_count(file); t++) {
        const sluice_stored_tensor *const tensor = sluice_safetensors_tensor(file, t);
        if (sluice_safetensors_find(file, tensor->name) != tensor)
            fuzz_fail("a tensor that its name does not find");
        sum += (size_t)sluice_shape_count(&tensor->shape) * element_bytes(tensor->type);
        check_values(tensor);
    }
    if (sum != data) fuzz_fail("tensors that are more or less than the data");
}

static void try_file(const uint8_t *bytes, size_t count) {
    sluice_safetensors *file = NULL;
    const char *const path   = fuzz_put("f", bytes, count);
    uint64_t header          = 0;
    if (sluice_safetensors_open(&file, path) != SLUICE_OK) {
        fuzz_check_refusal(file);
        return;
    }
    memcpy(&header, bytes, LENGTH_BYTES);
    check_file(file, count - LENGTH_BYTES - (size_t)header);
    sluice_safetensors_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static uint8_t made[LENGTH_BYTES + MAX_BYTES];
    const uint8_t *const end = bytes > 0 ? memchr(data, '\n', bytes) : NULL;
    const uint64_t header    = end ? (uint64_t)(end - data) : bytes;
    if (bytes > MAX_BYTES) return 0;
    try_file(data, bytes);
    memcpy(made, &header, LENGTH_BYTES);
    memcpy(made + LENGTH_BYTES, data, header);
    const size_t rest = end ? bytes - header - 1 : 0;
    if (rest > 0) memcpy(made + LENGTH_BYTES + header, end + 1, rest);
    try_file(made, LENGTH_BYTES + header + rest);
    return 0;
}
