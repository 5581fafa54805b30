/* SPDX-License-Identifier: MIT */
/* split_text.c -- the one place that reads a split written as layers per stage, "3,5,2". */
#include "runtime/base/error.h"
#include "sluice/partition.h"

/* Read a count at `*at`, which moves past it; 0 if there is none or it exceeds `max`. */
static int parse_count(const char *text, size_t bytes, size_t *at, int max) {
    int count = 0;
    while (*at < bytes && text[*at] >= '0' && text[*at] <= '9') {
        count = 10 * count + (text[*at] - '0');
        if (count > max) return 0;
        (*at)++;
    }
    return count;
}

sluice_status sluice_split_parse(sluice_split *out, const char *text, size_t bytes, int layers,
                                 int stages) {
    sluice_split split = {0};
    size_t at          = 0;
    for (;;) {
        const size_t start = at;
        const int count    = parse_count(text, bytes, &at, layers);
        if (count == 0)
            return sluice__fail(SLUICE_E_PARSE, "split: expected a number from 1 to %d at byte %zu",
                                layers, start);
        if (split.stages == SLUICE_MAX_STAGES)
            return sluice__fail(SLUICE_E_PARSE, "split: more than %d stages", SLUICE_MAX_STAGES);
        const int next = split.first[split.stages] + count;
        if (next > layers)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "split: stage %d ends at layer %d, and there are %d layers",
                                split.stages, next, layers);
        split.first[++split.stages] = next;
        if (at == bytes) break;
        if (text[at] != ',')
            return sluice__fail(SLUICE_E_PARSE, "split: expected ',' at byte %zu", at);
        at++;
    }
    if (split.stages != stages)
        return sluice__fail(SLUICE_E_ARGUMENT, "split: %d stages are listed, %d are wanted",
                            split.stages, stages);
    if (split.first[stages] != layers)
        return sluice__fail(SLUICE_E_ARGUMENT, "split: %d layers are listed, the model has %d",
                            split.first[stages], layers);
    *out = split;
    return SLUICE_OK;
}
