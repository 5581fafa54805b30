/* SPDX-License-Identifier: MIT */
/*
 * fuzz_split.c -- any bytes as a split. Oracle: an accepted one has as many stages as its text has
 * numbers, none of them empty, and all layers; written again it reads as the same split.
 */
#include <string.h>

#include "sluice/partition.h"
#include "tests/fuzz/fuzz.h"

enum { LAYERS = 12 };

static int count_numbers(const uint8_t *data, size_t bytes) {
    int count = 1;
    for (size_t k = 0; k < bytes; k++) count += data[k] == ',';
    return count;
}

static size_t print_split(char out[8 * LAYERS], const sluice_split *split) {
    int used = 0;
    for (int s = 0; s < split->stages; s++)
        used += snprintf(out + used, (size_t)(8 * LAYERS - used), "%s%d", s > 0 ? "," : "",
                         split->first[s + 1] - split->first[s]);
    return (size_t)used;
}

static void check_split(const sluice_split *split, int stages) {
    if (split->stages != stages || split->first[0] != 0 || split->first[stages] != LAYERS)
        fuzz_fail("a split of other layers or stages");
    for (int s = 0; s < stages; s++)
        if (split->first[s] >= split->first[s + 1]) fuzz_fail("a stage without layers");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static sluice_split split, again;
    char text[8 * LAYERS];
    const int stages = count_numbers(data, bytes);
    if (sluice_split_parse(&split, (const char *)data, bytes, LAYERS, stages) != SLUICE_OK) {
        fuzz_check_refusal(NULL);
        return 0;
    }
    check_split(&split, stages);
    if (sluice_split_parse(&again, text, print_split(text, &split), LAYERS, stages) != SLUICE_OK)
        fuzz_fail("a split that is written again is not read");
    if (memcmp(again.first, split.first, ((size_t)stages + 1) * sizeof(int)) != 0)
        fuzz_fail("a split that is written again is another");
    return 0;
}
