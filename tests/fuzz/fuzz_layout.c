/* SPDX-License-Identifier: MIT */
/*
 * fuzz_layout.c -- any bytes as a layout. Oracle: an accepted one is a split of all layers between
 * parts, and what is printed for it reads as the same split.
 */
#include <stdint.h>
#include <string.h>

#include "sluice/allocator.h"
#include "sluice/partition.h"
#include "tests/fuzz/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* An embedding, seven blocks of two layers, a multi-token block, a norm and a loss. */
enum { LAYERS = 18 };

static void make_layers(sluice_layout_layer layers[LAYERS]) {
    for (int l = 0; l < LAYERS; l++)
        layers[l] = (sluice_layout_layer){SLUICE_LAYOUT_PART_BLOCK, l % 2 == 1};
    layers[0]          = (sluice_layout_layer){SLUICE_LAYOUT_PART_EMBEDDING, true};
    layers[LAYERS - 3] = (sluice_layout_layer){SLUICE_LAYOUT_PART_MULTI, true};
    layers[LAYERS - 2] = (sluice_layout_layer){SLUICE_LAYOUT_PART_LOSS, true};
    layers[LAYERS - 1] = (sluice_layout_layer){SLUICE_LAYOUT_PART_LOSS, false};
}

static void check_split(const sluice_split *split, const sluice_layout_layer *layers) {
    if (split->stages < 1 || split->first[0] != 0 || split->first[split->stages] != LAYERS)
        oracle_fail("a split of other layers");
    for (int s = 0; s < split->stages; s++)
        if (split->first[s] >= split->first[s + 1] || !layers[split->first[s]].begins)
            oracle_fail("a stage that is empty or begins within a part");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static sluice_split split, again;
    sluice_layout_layer layers[LAYERS];
    char *text = NULL;
    int inside, stages = 0;
    make_layers(layers);
    if (sluice_layout_parse(&split, (const char *)data, bytes, layers, LAYERS) != SLUICE_OK) {
        if (sluice_last_error()->what[0] == '\0') oracle_fail("a refusal without a message");
        return 0;
    }
    check_split(&split, layers);
    if (sluice_layout_stages(&stages, (const char *)data, bytes) != SLUICE_OK ||
        stages != split.stages)
        oracle_fail("another number of stages without the model");
    if (sluice_layout_print(&text, &inside, &split, layers, LAYERS) != SLUICE_OK || !text)
        oracle_fail("a layout that is not printed");
    if (sluice_layout_parse(&again, text, strlen(text), layers, LAYERS) != SLUICE_OK)
        oracle_fail("a printed layout that is not read");
    if (again.stages != split.stages ||
        memcmp(again.first, split.first, ((size_t)split.stages + 1) * sizeof(int)) != 0)
        oracle_fail("a printed layout that is another");
    sluice_text_free(text);
    return 0;
}
