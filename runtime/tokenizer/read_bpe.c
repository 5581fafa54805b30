/* SPDX-License-Identifier: MIT */
/* read_bpe.c -- a byte-level BPE tokenizer from its files: which of them describe it. */
#include "runtime/tokenizer/read_bpe.h"

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

static sluice_status no_files(const sluice_tokenizer *files) {
    static const char hint[] = "it needs tokenizer.json, or vocab.json and merges.txt";
    sluice_status status     = SLUICE_E_UNSUPPORTED;
    if (sluice__tokenizer_file_of(files, "tokenizer.model"))
        status = sluice__fail(status, "tokenizer.model is of SentencePiece, which is not "
                                      "supported: BPE on bytes is");
    else
        status = sluice__fail(status, "there are no files of a tokenizer");
    return sluice__hint(status, hint);
}

static sluice_status read_files(sluice_bpe *to, const sluice_tokenizer *files) {
    const sluice__tokenizer_file *const json = sluice__tokenizer_file_of(files, "tokenizer.json");
    to->space_at                             = -1;
    if (json) return sluice__read_tokenizer_json(to, json);
    if (sluice__tokenizer_file_of(files, "vocab.json")) return sluice__read_vocab_json(to, files);
    return no_files(files);
}

sluice_status sluice_bpe_make(sluice_bpe **out, const sluice_tokenizer *files) {
    sluice_bpe *made = NULL;
    SLUICE__TRY(sluice__alloc(&made, 1, sizeof *made));
    const sluice_status status = read_files(made, files);
    if (status == SLUICE_OK)
        *out = made;
    else
        sluice_bpe_free(made);
    return status;
}

void sluice_bpe_free(sluice_bpe *bpe) {
    if (!bpe) return;
    sluice__tokens_free(&bpe->tokens);
    sluice__merges_free(&bpe->merges);
    sluice__added_free(&bpe->as_is);
    sluice__added_free(&bpe->composed);
    sluice__composer_free(&bpe->composer);
    for (int k = 0; k < bpe->split_count; k++) sluice__splitter_free(&bpe->splits[k]);
    sluice__free(bpe->before.list);
    sluice__free(bpe->after.list);
    sluice__free(bpe);
}
