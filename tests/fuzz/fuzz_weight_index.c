/* SPDX-License-Identifier: MIT */
/*
 * fuzz_weight_index.c -- any bytes as the index of a folder with two files, of the tensors a, b and
 * c. Oracle: what is accepted has just the tensors of the files that the index names, with their
 * values.
 */
#include <string.h>

#include "sluice/file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_files.h"

/* Files of one and of two floats. */
static void write_shards(void) {
    static bool are_written;
    if (are_written) return;
    are_written             = true;
    static const char one[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                      two[] = "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                              "\"c\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}";
    static const float values[] = {1, 2, 3};
    for (int k = 0; k < 2; k++) {
        uint8_t bytes[256];
        const char *const header = k ? two : one;
        const uint64_t length    = strlen(header);
        const size_t data        = (size_t)(k + 1) * sizeof *values;
        memcpy(bytes, &length, 8);
        memcpy(bytes + 8, header, length);
        memcpy(bytes + 8 + length, values + k, data);
        (void)fuzz_put(k ? "two" : "one", bytes, 8 + length + data);
    }
}

static void check_tensor(const sluice_stored_tensor *tensor) {
    float value = 0;
    if (sluice_safetensors_read(&value, tensor, 0, 1) != SLUICE_OK)
        fuzz_fail("a tensor that cannot be read");
    if (strlen(tensor->name) != 1 || value != (float)(tensor->name[0] - 'a' + 1))
        fuzz_fail("a tensor with another's value");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    sluice_safetensors *file = NULL;
    write_shards();
    (void)fuzz_put("model.safetensors.index.json", data, bytes);
    if (sluice_safetensors_open(&file, FUZZ_FOLDER) != SLUICE_OK) {
        fuzz_check_refusal(file);
        return 0;
    }
    const int count = sluice_safetensors_count(file);
    for (int t = 0; t < count; t++) check_tensor(sluice_safetensors_tensor(file, t));
    const int expected =
        (sluice_safetensors_find(file, "a") ? 1 : 0) + (sluice_safetensors_find(file, "b") ? 2 : 0);
    if (count < 1 || count != expected) fuzz_fail("a tensor without its file's others");
    sluice_safetensors_close(file);
    return 0;
}
