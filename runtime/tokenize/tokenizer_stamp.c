/* SPDX-License-Identifier: MIT */
/* tokenizer_stamp.c -- a checksum of the files that decide a text's tokens. */
#include <xxhash.h>

#include "runtime/tokenizer/tokenizer_files.h"
#include "sluice/tokenize.h"

uint64_t sluice_tokenizer_stamp(const sluice_tokenizer *files) {
    static const char *const names[] = {"tokenizer.json",    "vocab.json",
                                        "merges.txt",        "tokenizer_config.json",
                                        "added_tokens.json", "special_tokens_map.json"};
    uint64_t hash                    = 0;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const sluice__tokenizer_file *const file = sluice__tokenizer_file_of(files, names[k]);
        if (file) hash = XXH3_64bits_withSeed(file->bytes, file->count, hash + k);
    }
    return hash;
}
