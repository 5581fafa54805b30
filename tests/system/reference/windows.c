/* SPDX-License-Identifier: MIT */
/* windows.c -- print the windows of each minibatch, for the script that makes the reference:
 * reference_windows TOKENS.bin SEQ BATCH STEPS SEED > windows.json */
#include <stdio.h>
#include <stdlib.h>

#include "sluice/data.h"

int main(int count, char **arguments) {
    if (count != 6) return 2;
    const char *path = arguments[1];
    int64_t numbers[4];
    for (int k = 0; k < 4; k++) numbers[k] = strtoll(arguments[2 + k], NULL, 10);
    sluice_corpus *corpus;
    if (sluice_corpus_open(&corpus, &path, 1, numbers[0]) != SLUICE_OK) {
        fprintf(stderr, "%s\n", sluice_last_error()->what);
        return 1;
    }
    for (int64_t n = 0; n < numbers[2]; n++)
        for (int64_t s = 0; s < numbers[1]; s++)
            printf("%s%lld%s",
                   n + s == 0 ? "[["
                   : s == 0   ? " ["
                              : ", ",
                   (long long)sluice_corpus_sample(corpus, (uint64_t)numbers[3], n, numbers[1], s),
                   s + 1 < numbers[1]   ? ""
                   : n + 1 < numbers[2] ? "],\n"
                                        : "]]\n");
    sluice_corpus_close(corpus);
    return 0;
}
