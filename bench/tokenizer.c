/* SPDX-License-Identifier: MIT */
/*
 * tokenizer.c -- bytes per second of a tokenizer, one thread.
 *
 *   tokenizer --quick              plain bytes, and only that it runs
 *   tokenizer FOLDER TEXTS         a line: seconds to make the tokenizer, MB/s, tokens, their
 * digest; texts are separated by NUL bytes tokenizer FOLDER TEXTS N       the same in pieces of at
 * most N bytes where sluice_bpe_cut() finds a cut, and its time as well
 *
 * bench/tokenizer.py runs it in turns with the `tokenizers` library.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

typedef struct input {
    char *text;
    size_t bytes;
} input;

static input read_text(const char *path) {
    input in         = {0};
    FILE *const file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "cannot read '%s'\n", path);
        exit(1);
    }
    in.bytes = (size_t)ftell(file);
    rewind(file);
    in.text = bench_alloc(in.bytes + 1, 1);
    if (fread(in.text, 1, in.bytes, file) != in.bytes) exit(1);
    fclose(file);
    return in;
}

/* A digest of the ids, which tells two lists apart; bench/tokenizer.py has the same. */
static uint64_t digest_of(const sluice_ids *ids) {
    uint64_t digest = 0;
    for (int64_t k = 0; k < ids->count; k++)
        digest = digest * UINT64_C(0x9E3779B97F4A7C15) + (uint32_t)ids->list[k] + 1;
    return digest;
}

/* In pieces of at most `window` bytes; longer ones where no cut is in it. */
static void encode(sluice_ids *ids, sluice_bpe_encoder *encoder, const sluice_bpe *bpe,
                   const char *text, size_t bytes, size_t window) {
    size_t wide = window;
    for (size_t at = 0; at < bytes;) {
        const size_t left = bytes - at;
        const size_t cut  = left <= wide ? left : sluice_bpe_cut(bpe, text + at, wide);
        wide              = cut > 0 ? window : 2 * wide;
        bench_check(sluice_bpe_encode(ids, encoder, text + at, cut));
        at += cut;
    }
}

static void encode_all(sluice_ids *ids, sluice_bpe_encoder *encoder, const sluice_bpe *bpe,
                       const input *in, size_t window) {
    const char *const end = in->text + in->bytes;
    for (const char *at = in->text; at < end;) {
        const char *const nul = memchr(at, '\0', (size_t)(end - at));
        const char *const to  = nul ? nul : end;
        encode(ids, encoder, bpe, at, (size_t)(to - at), window);
        at = to + 1;
    }
}

static void measure(const sluice_tokenizer *files, const input *in, size_t window) {
    sluice_bpe *bpe             = NULL;
    sluice_bpe_encoder *encoder = NULL;
    sluice_ids ids              = {0};
    const double begin          = bench_now();
    bench_check(sluice_bpe_make(&bpe, files));
    const double made = bench_now();
    bench_check(sluice_bpe_encoder_make(&encoder, bpe));
    encode_all(&ids, encoder, bpe, in, window);
    const double seconds = bench_now() - made;
    printf("%.3f %.3f %lld %016llx\n", made - begin, (double)in->bytes / seconds / 1e6,
           (long long)ids.count, (unsigned long long)digest_of(&ids));
    sluice_ids_free(&ids);
    sluice_bpe_encoder_free(encoder);
    sluice_bpe_free(bpe);
}

int main(int argc, char **argv) {
    sluice_tokenizer *files = NULL;
    input in                = {"the text", 8};
    if (argc < 3)
        bench_check(sluice_tokenizer_of_bytes(&files, 8));
    else
        bench_check(sluice_tokenizer_read(&files, argv[1]));
    if (argc >= 3) in = read_text(argv[2]);
    measure(files, &in, argc > 3 ? (size_t)strtoull(argv[3], NULL, 10) : SIZE_MAX / 2);
    if (argc >= 3) free(in.text);
    sluice_tokenizer_free(files);
    return 0;
}
