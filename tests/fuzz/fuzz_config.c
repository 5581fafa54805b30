/* SPDX-License-Identifier: MIT */
/*
 * fuzz_config.c -- any bytes as a config.json. Oracle: what an accepted one says is possible, and
 * it is written as a file that is read as the same.
 */
#include <math.h>
#include <string.h>

#include "sluice/family.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_files.h"

static void check_numbers(const sluice_model_config *config) {
    const sluice_model_numbers numbers = sluice_model_config_numbers(config);
    if (numbers.blocks < 1 || numbers.width < 1 || numbers.heads < 1 || numbers.vocabulary < 1 ||
        numbers.positions < 1)
        fuzz_fail("a model that cannot be");
    if (strcmp(config->family->name, "gpt2") == 0 && numbers.width % numbers.heads != 0)
        fuzz_fail("heads that do not divide the width");
    if (!(config->initializer_range > 0) || !isfinite(config->initializer_range))
        fuzz_fail("an initializer_range that cannot be");
    if (config->bos_token < -1 || config->eos_token < -1 || config->pad_token < -1)
        fuzz_fail("a token that cannot be");
}

static void check_same(const sluice_model_config *a, const sluice_model_config *b) {
    const double range = a->initializer_range;
    if (a->family != b->family || memcmp(a->own, b->own, sizeof a->own) != 0 ||
        a->bos_token != b->bos_token || a->eos_token != b->eos_token ||
        a->pad_token != b->pad_token)
        fuzz_fail("what is written is read as another");
    if (fabs(b->initializer_range - range) > 1e-6 * range)
        fuzz_fail("an initializer_range that is written as another");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    sluice_model_config config = {0}, again = {0};
    const char *const path = fuzz_put("config.json", data, bytes);
    if (sluice_model_config_read(&config, path) != SLUICE_OK) {
        fuzz_check_refusal(config.family);
        return 0;
    }
    check_numbers(&config);
    if (sluice_model_config_write(path, &config) != SLUICE_OK ||
        sluice_model_config_read(&again, path) != SLUICE_OK)
        fuzz_fail("what is written is not read");
    check_same(&config, &again);
    return 0;
}
