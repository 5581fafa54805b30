/* SPDX-License-Identifier: MIT */
/* test_tokenize.c -- token files that are made from text: their ids in pieces and on threads, what
 * separates files, and failures that leave nothing. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/files.h"

#include "sluice/allocator.h"
#include "sluice/file.h"
#include "sluice/tokenize.h"

enum { HEADER = 1024, FILES = 6 };

/* ---- a tokenizer ---- */

static sluice_tokenizer *files;
static sluice_bpe *bpe;
static int32_t eos;

static int read_tokenizer(void **state) {
    (void)state;
    assert_ok(sluice_tokenizer_read(&files, SLUICE_TOKENIZER));
    assert_ok(sluice_bpe_make(&bpe, files));
    assert_ok(sluice_tokenizer_eos(&eos, files, bpe));
    return 0;
}

static int free_tokenizer(void **state) {
    (void)state;
    sluice_bpe_free(bpe);
    sluice_tokenizer_free(files);
    return 0;
}

/* ---- texts, and the tokens of each by itself ---- */

/* So much that there are many pieces, and no place to cut for longer than a piece has. */
static void make_texts(char *texts[FILES], size_t bytes[FILES]) {
    char *hard = NULL;
    size_t all = 0;
    assert_ok(sluice_file_read(&hard, &all, SLUICE_TOKENIZER "/hard.txt"));
    for (int f = 0; f < FILES; f++) {
        bytes[f] = f == 1 ? 1 : f == 2 ? 9000 : (size_t)(f + 1) * 1700;
        texts[f] = malloc(bytes[f]);
        assert_non_null(texts[f]);
        for (size_t k = 0; k < bytes[f]; k++)
            texts[f][k] = f == 2 ? "a "[k % 4000 > 3990] : hard[(k + (size_t)f * 31) % all];
    }
    sluice_text_free(hard);
}

static void add_ids(sluice_ids *to, const char *text, size_t bytes) {
    sluice_bpe_encoder *encoder = NULL;
    assert_ok(sluice_bpe_encoder_make(&encoder, bpe));
    assert_ok(sluice_bpe_encode(to, encoder, text, bytes));
    sluice_bpe_encoder_free(encoder);
}

/* What the file must have: each text by itself. */
static sluice_ids expect(char *const texts[FILES], const size_t bytes[FILES],
                         sluice_separator how) {
    sluice_ids ids = {0};
    for (int f = 0; f < FILES; f++) {
        const bool ends      = how == SLUICE_SEPARATOR_NEWLINE && f < FILES - 1;
        char *const with_end = malloc(bytes[f] + 1);
        assert_non_null(with_end);
        memcpy(with_end, texts[f], bytes[f]);
        with_end[bytes[f]] = '\n';
        add_ids(&ids, with_end, bytes[f] + ends);
        free(with_end);
        if (how == SLUICE_SEPARATOR_EOS && f < FILES - 1) add_ids(&ids, "<|endoftext|>", 13);
    }
    return ids;
}

static sluice_corpus *write_texts(const folder *in, char *const texts[FILES],
                                  const size_t bytes[FILES]) {
    sluice_corpus *corpus = NULL;
    const char *path      = NULL;
    for (int f = 0; f < FILES; f++) {
        char name[16];
        (void)snprintf(name, sizeof name, "t/%d", f);
        folder_write(in, name, texts[f], bytes[f]);
    }
    path = folder_path(in, "t");
    assert_ok(sluice_corpus_open(&corpus, &path, 1, 1));
    return corpus;
}

/* ---- what is written ---- */

static void check_file(const char *path, const sluice_ids *expected, const char *what) {
    char *bytes = NULL;
    size_t size = 0;
    assert_ok(sluice_file_read(&bytes, &size, path));
    if (size != HEADER + 2 * (size_t)expected->count)
        fail_msg("%s: %zu bytes, expected %lld tokens", what, size, (long long)expected->count);
    for (int64_t k = 0; k < expected->count; k++) {
        const unsigned char *const at = (unsigned char *)bytes + HEADER + 2 * k;
        if ((at[0] | at[1] << 8) != expected->list[k])
            fail_msg("%s: token %lld is %d, expected %d", what, (long long)k, at[0] | at[1] << 8,
                     expected->list[k]);
    }
    sluice_text_free(bytes);
}

typedef struct heard {
    int calls;
    sluice_tokenized last;
} heard;

static void hear(void *context, const sluice_tokenized *so_far) {
    heard *const to = context;
    if (so_far->done_bytes < to->last.done_bytes || so_far->tokens < to->last.tokens)
        fail_msg("progress goes back from %lld to %lld bytes", (long long)to->last.done_bytes,
                 (long long)so_far->done_bytes);
    to->last = *so_far;
    to->calls++;
}

static void tokenize(const folder *in, const sluice_corpus *corpus, const sluice_ids *expected,
                     sluice_separator how, size_t piece_bytes, int threads) {
    sluice_tokenize_options options = SLUICE_TOKENIZE_OPTIONS_INIT;
    sluice_tokenized made           = {0};
    heard to                        = {0};
    char what[96];
    options.threads     = threads;
    options.separator   = how;
    options.eos         = eos;
    options.piece_bytes = piece_bytes;
    options.progress    = hear;
    options.context     = &to;
    (void)snprintf(what, sizeof what, "separator %d, pieces of %zu bytes, %d threads", (int)how,
                   piece_bytes, threads);
    const char *const path = folder_path(in, "out.bin");
    assert_ok(sluice_tokenize(&made, path, corpus, bpe, &options));
    check_file(path, expected, what);
    assert_int_equal(made.tokens, expected->count);
    assert_int_equal(made.files, FILES);
    assert_int_equal(made.done_bytes, made.bytes);
    assert_int_equal(made.token_bytes, 2);
    assert_true(to.calls > 0 && to.last.done_bytes == made.bytes && to.last.tokens == made.tokens);
    assert_int_not_equal(access(folder_path(in, "out.bin.part"), F_OK), 0);
}

/* The pieces are of a byte, of less than a word, and of several files; some cuts are in the middle
 * of characters. */
static void ids_do_not_depend_on_pieces_and_threads(void **state) {
    (void)state;
    static const size_t pieces[] = {1, 5, 64, 1000, 0};
    static const int threads[]   = {1, 2, 7};
    const folder in              = folder_make();
    char *texts[FILES];
    size_t bytes[FILES];
    make_texts(texts, bytes);
    sluice_corpus *const corpus = write_texts(&in, texts, bytes);
    for (int how = 0; how < 3; how++) {
        sluice_ids expected = expect(texts, bytes, (sluice_separator)how);
        for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++)
            for (size_t t = 0; t < sizeof threads / sizeof *threads; t++)
                if (!test_finds_races() || test_picks((int)(p * 3 + t) + how, 1, 4))
                    tokenize(&in, corpus, &expected, (sluice_separator)how, pieces[p], threads[t]);
        sluice_ids_free(&expected);
    }
    sluice_corpus_close(corpus);
    for (int f = 0; f < FILES; f++) free(texts[f]);
    folder_remove(&in);
}

/* The library that made ids.txt has the same. */
static void a_text_has_the_ids_of_the_reference(void **state) {
    (void)state;
    const folder in     = folder_make();
    const char *path    = SLUICE_TOKENIZER "/hard.txt";
    char *list          = NULL;
    size_t bytes        = 0;
    sluice_ids expected = {0};
    sluice_tokenized made;
    sluice_corpus *corpus = NULL;
    assert_ok(sluice_file_read(&list, &bytes, SLUICE_TOKENIZER "/ids.txt"));
    expected.list = malloc(bytes * sizeof *expected.list);
    assert_non_null(expected.list);
    char *end = list;
    for (char *at = list; *at != '\n' && *at != '\0'; at = end)
        expected.list[expected.count++] = (int32_t)strtol(at, &end, 10);
    assert_ok(sluice_corpus_open(&corpus, &path, 1, 1));
    const sluice_tokenize_options options = SLUICE_TOKENIZE_OPTIONS_INIT;
    assert_ok(sluice_tokenize(&made, folder_path(&in, "out.bin"), corpus, bpe, &options));
    check_file(folder_path(&in, "out.bin"), &expected, "hard.txt");
    sluice_corpus_close(corpus);
    free(expected.list);
    sluice_text_free(list);
    folder_remove(&in);
}

/* ---- failures ---- */

static void check_left(const folder *in, const char *expected) {
    char *there  = NULL;
    size_t bytes = 0;
    assert_ok(sluice_file_read(&there, &bytes, folder_path(in, "out.bin")));
    assert_string_equal(there, expected);
    sluice_text_free(there);
    assert_int_not_equal(access(folder_path(in, "out.bin.part"), F_OK), 0);
}

static void a_failure_leaves_what_was_there(void **state) {
    (void)state;
    sluice_tokenize_options options = SLUICE_TOKENIZE_OPTIONS_INIT;
    sluice_tokenized made           = {.files = 77};
    const folder in                 = folder_make();
    char says[256];
    folder_write_text(&in, "t/1", 30000);
    folder_write_text(&in, "t/2", 30000);
    folder_write(&in, "out.bin", "before", 6);
    sluice_corpus *corpus = NULL;
    const char *path      = folder_path(&in, "t");
    assert_ok(sluice_corpus_open(&corpus, &path, 1, 1));
    folder_write_text(&in, "t/2", 20000);
    options.threads     = 2;
    options.piece_bytes = 500;
    (void)snprintf(says, sizeof says, "'%s/t/2' was truncated while in use: at byte ", in.path);
    const sluice_status status =
        sluice_tokenize(&made, folder_path(&in, "out.bin"), corpus, bpe, &options);
    assert_int_equal(status, SLUICE_E_IO);
    if (strncmp(sluice_last_error()->what, says, strlen(says)) != 0)
        fail_msg("'%s', expected '%s...'", sluice_last_error()->what, says);
    assert_int_equal(made.files, 77);
    check_left(&in, "before");
    sluice_corpus_close(corpus);
    folder_remove(&in);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    sluice_tokenize_options options = SLUICE_TOKENIZE_OPTIONS_INIT;
    sluice_tokenized made;
    const folder in = folder_make();
    char says[256];
    folder_write_text(&in, "text", 3000);
    sluice_corpus *corpus = NULL;
    const char *path      = folder_path(&in, "text");
    assert_ok(sluice_corpus_open(&corpus, &path, 1, 1));
    options.separator = SLUICE_SEPARATOR_EOS;
    options.eos       = 640;
    assert_refused(sluice_tokenize(&made, folder_path(&in, "a.bin"), corpus, bpe, &options),
                   SLUICE_E_ARGUMENT,
                   "the separator is token 640, and the tokenizer's are below 640");
    options.separator = SLUICE_SEPARATOR_NONE;
    options.threads   = -1;
    assert_refused(sluice_tokenize(&made, folder_path(&in, "a.bin"), corpus, bpe, &options),
                   SLUICE_E_ARGUMENT, "-1 threads; use 1 to 1024");
    options.threads = 0;
    assert_refused(sluice_tokenize(&made, "/dev/null", corpus, bpe, &options), SLUICE_E_IO,
                   "'/dev/null' is no regular file, which a token file has to be");
    (void)snprintf(says, sizeof says, "cannot write '%s/no/a.bin': No such file or directory",
                   in.path);
    assert_refused(sluice_tokenize(&made, folder_path(&in, "no/a.bin"), corpus, bpe, &options),
                   SLUICE_E_IO, says);
    assert_ok(sluice_tokenize(&made, folder_path(&in, "a.bin"), corpus, bpe, &options));
    sluice_corpus_close(corpus);
    path = folder_path(&in, "a.bin");
    assert_ok(sluice_corpus_open(&corpus, &path, 1, 1));
    (void)snprintf(says, sizeof says, "'%s/a.bin' is a token file, not text", in.path);
    assert_refused(sluice_tokenize(&made, folder_path(&in, "b.bin"), corpus, bpe, &options),
                   SLUICE_E_ARGUMENT, says);
    sluice_corpus_close(corpus);
    folder_remove(&in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_do_not_depend_on_pieces_and_threads),
        cmocka_unit_test(a_text_has_the_ids_of_the_reference),
        cmocka_unit_test(a_failure_leaves_what_was_there),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, read_tokenizer, free_tokenizer);
}
