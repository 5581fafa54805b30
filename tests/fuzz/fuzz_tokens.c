/* SPDX-License-Identifier: MIT */
/*
 * fuzz_tokens.c -- any bytes as a token file: four words of its header, and what follows the
 * header. Oracle: an accepted one has the tokens that its size says, below its vocabulary, in
 * windows of which none is lost.
 */
#include <string.h>

#include "sluice/data.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_files.h"

enum { HEADER_BYTES = 1024, WORDS_BYTES = 16, MAX_BYTES = 1 << 14, LENGTH = 4 };

static void check_corpus(const sluice_corpus *corpus, int64_t tokens) {
    const int64_t training = sluice_corpus_training_windows(corpus);
    const int64_t held_out = sluice_corpus_held_out_windows(corpus);
    int32_t inputs[LENGTH], targets[LENGTH];
    if (sluice_corpus_tokens(corpus) != tokens) fuzz_fail("more or fewer tokens than bytes");
    if (training < 1 || held_out < 1 || training + held_out != (tokens - 1) / LENGTH)
        fuzz_fail("windows that cannot be");
    for (int64_t w = 0; w < training + held_out; w++) {
        if (sluice_corpus_window(inputs, targets, corpus, w) != SLUICE_OK)
            fuzz_fail("a window that cannot be read");
        for (int k = 0; k < LENGTH; k++)
            if (inputs[k] < 0 || inputs[k] >= sluice_corpus_vocabulary(corpus) ||
                (k > 0 && inputs[k] != targets[k - 1]))
                fuzz_fail("tokens that cannot be");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static uint8_t made[HEADER_BYTES + MAX_BYTES];
    if (bytes < WORDS_BYTES || bytes - WORDS_BYTES > MAX_BYTES) return 0;
    memcpy(made, data, WORDS_BYTES);
    memcpy(made + HEADER_BYTES, data + WORDS_BYTES, bytes - WORDS_BYTES);
    const char *const path = fuzz_put("f.bin", made, HEADER_BYTES + bytes - WORDS_BYTES);
    sluice_corpus *corpus  = NULL;
    if (sluice_corpus_open(&corpus, &path, 1, LENGTH) != SLUICE_OK) {
        fuzz_check_refusal(corpus);
        return 0;
    }
    /* The magics differ in their first byte. */
    const size_t width = made[0] == (20240520 & 0xff) ? 2 : 4;
    if ((bytes - WORDS_BYTES) % width != 0) fuzz_fail("a part of a token");
    check_corpus(corpus, (int64_t)((bytes - WORDS_BYTES) / width));
    sluice_corpus_close(corpus);
    return 0;
}
