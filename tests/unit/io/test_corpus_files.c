/* SPDX-License-Identifier: MIT */
/* test_corpus_files.c -- files of a corpus that change, are damaged, or are no data at all. */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/files.h"

#include "sluice/data.h"

enum { LENGTH = 64, TEXT_BYTES = 20000, TOKENS = 5000, HEADER = 1024 };

static sluice_status open_one(sluice_corpus **out, const folder *in, const char *name) {
    const char *const path = folder_path(in, name);
    return sluice_corpus_open(out, &path, 1, LENGTH);
}

static void write_letters(const folder *in, const char *name, char letter, size_t bytes) {
    static char text[2 * TEXT_BYTES];
    memset(text, letter, sizeof text);
    folder_write(in, name, text, bytes);
}

/* A token file whose tokens count up from 0, and whose token `at` is `token`. */
static void write_shard(const folder *in, const char *name, int at, uint16_t token) {
    static unsigned char bytes[HEADER + 2 * TOKENS];
    const int32_t header[] = {20240520, 1, TOKENS};
    memcpy(bytes, header, sizeof header);
    for (int k = 0; k < TOKENS; k++) {
        const int value           = k == at ? token : k;
        bytes[HEADER + 2 * k]     = (unsigned char)(value & 255);
        bytes[HEADER + 2 * k + 1] = (unsigned char)(value >> 8);
    }
    folder_write(in, name, bytes, sizeof bytes);
}

/* ---- files that change while they are in use ---- */

static void shorten(const folder *in, const char *name) {
    assert_int_equal(truncate(folder_path(in, name), 3000), 0);
}

static void append(const folder *in, const char *name) {
    FILE *const file = fopen(folder_path(in, name), "ab");
    assert_non_null(file);
    fputs("more", file);
    assert_int_equal(fclose(file), 0);
}

/* Other bytes, as many, at another time: not only in a fraction of a tick of the clock. */
static void rewrite(const folder *in, const char *name) {
    struct stat about;
    const struct timespec times[] = {{0, UTIME_NOW}, {1, 0}};
    assert_int_equal(stat(folder_path(in, name), &about), 0);
    write_letters(in, name, 'q', (size_t)about.st_size);
    assert_int_equal(utimensat(AT_FDCWD, folder_path(in, name), times, 0), 0);
}

static void replace(const folder *in, const char *name) {
    struct stat about;
    assert_int_equal(stat(folder_path(in, name), &about), 0);
    write_letters(in, "other", 'r', (size_t)about.st_size);
    assert_int_equal(rename(folder_path(in, "other"), folder_path(in, name)), 0);
}

static void take_away(const folder *in, const char *name) {
    assert_int_equal(unlink(folder_path(in, name)), 0);
}

static void changes_are_said(void **state) {
    (void)state;
    static const struct {
        const char *name;
        void (*change)(const folder *in, const char *name);
        int64_t window;
        const char *says; /* %s: the folder */
    } cases[] = {
        {"text", shorten, 100,
         "'%s/text' was truncated while in use: at byte 6400, which was to be read, "
         "it has 3000 bytes in all, and had 20000"},
        {"text", append, 100,
         "'%s/text' was written to while in use: at byte 6400, which was to be read, "
         "it has 20004 bytes in all, and had 20000"},
        {"text", rewrite, 100,
         "'%s/text' was rewritten while in use: at byte 6400, which was to be read, "
         "it has 20000 bytes in all, and had 20000"},
        {"text", replace, 100,
         "'%s/text' was replaced while in use: at byte 6400, which was to be read, "
         "it has 20000 bytes in all, and had 20000"},
        {"text", take_away, 100, "cannot read '%s/text': No such file or directory"},
        {"tokens.bin", shorten, 64,
         "'%s/tokens.bin' was truncated while in use: at byte 9216, which was "
         "to be read, it has 3000 bytes in all, and had 11024"},
        {"tokens.bin", rewrite, 64,
         "'%s/tokens.bin' was rewritten while in use: at byte 9216, which was "
         "to be read, it has 11024 bytes in all, and had 11024"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const folder in        = folder_make();
        sluice_corpus *corpus  = NULL;
        int32_t inputs[LENGTH] = {0}, targets[LENGTH];
        char says[256];
        write_letters(&in, "text", 'a', TEXT_BYTES);
        write_shard(&in, "tokens.bin", 0, 0);
        assert_ok(open_one(&corpus, &in, cases[k].name));
        cases[k].change(&in, cases[k].name);
        snprintf(says, sizeof says, cases[k].says, in.path);
        assert_refused(sluice_corpus_window(inputs, targets, corpus, cases[k].window), SLUICE_E_IO,
                       says);
        sluice_corpus_close(corpus);
        folder_remove(&in);
    }
}

/* ---- what folders leave out ---- */

static void folders_say_what_they_leave_out(void **state) {
    (void)state;
    const folder in = folder_make();
    sluice_corpus *corpus;
    char out[80], log[80];
    write_letters(&in, "t/a.txt", 'a', 100);
    write_letters(&in, "t/z/real.txt", 'z', 100);
    write_letters(&in, "t/empty", 'e', 0);
    write_letters(&in, "t/.hidden", 'h', 100);
    write_letters(&in, "t/build/CMakeCache.txt", 'b', 100);
    write_letters(&in, "t/out/log.jsonl", 'l', 100);
    write_letters(&in, "t/printed", 'p', 100);
    write_letters(&in, "elsewhere", 'b', 100);
    folder_write(&in, "t/image", "P\0NG", 4);
    assert_int_equal(symlink("../elsewhere", folder_path(&in, "t/b-link")), 0);
    assert_int_equal(symlink("nowhere", folder_path(&in, "t/broken")), 0);
    assert_int_equal(symlink("self", folder_path(&in, "t/self")), 0);
    assert_int_equal(symlink("..", folder_path(&in, "t/z/up")), 0);
    assert_int_equal(mkfifo(folder_path(&in, "t/fifo"), 0600), 0);
    assert_int_equal(symlink("/dev/zero", folder_path(&in, "t/zeros")), 0);
    snprintf(out, sizeof out, "%s/t/out", in.path);
    snprintf(log, sizeof log, "%s/t/printed", in.path);
    const char *const path = folder_path(&in, "t"), *const written[] = {out, NULL, log};
    assert_ok(sluice_corpus_open_except(&corpus, &path, 1, 2, written, 3));
    assert_int_equal(sluice_corpus_files(corpus), 3);
    assert_int_equal(sluice_corpus_tokens(corpus), 302);
    int32_t inputs[2];
    assert_ok(sluice_corpus_window(inputs, NULL, corpus, 51));
    assert_int_equal(inputs[0], 'b'); /* the link's file, in the order of the link's name */
    assert_string_equal(
        sluice_corpus_left_out(corpus),
        "8 files (1 not text, 1 empty, 1 FIFO, socket or device, 4 links, 1 written "
        "to), 2 folders (1 build or weights, 1 written to)");
    sluice_corpus_close(corpus);
    folder_remove(&in);
}

/* Root may read all: as another user. */
static void unreadable_files_are_counted(void **state) {
    (void)state;
    const folder in = folder_make();
    sluice_corpus *corpus;
    const uid_t before = geteuid();
    write_letters(&in, "t/a.txt", 'a', 1000);
    write_letters(&in, "t/secret.txt", 's', 1000);
    write_letters(&in, "t/locked/x", 'x', 1000);
    assert_int_equal(chmod(in.path, 0755), 0);
    assert_int_equal(chmod(folder_path(&in, "t"), 0755), 0);
    assert_int_equal(chmod(folder_path(&in, "t/secret.txt"), 0), 0);
    assert_int_equal(chmod(folder_path(&in, "t/locked"), 0), 0);
    if (before == 0) assert_int_equal(seteuid(65534), 0);
    const sluice_status status = open_one(&corpus, &in, "t");
    if (before == 0) assert_int_equal(seteuid(before), 0);
    assert_ok(status);
    assert_string_equal(sluice_corpus_left_out(corpus),
                        "1 file (1 unreadable), 1 folder (1 unreadable)");
    sluice_corpus_close(corpus);
    assert_int_equal(chmod(folder_path(&in, "t/locked"), 0700), 0);
    folder_remove(&in);
}

static void what_is_written_is_not_data(void **state) {
    (void)state;
    const folder in = folder_make();
    sluice_corpus *corpus;
    char says[160];
    write_letters(&in, "out/x", 'x', 1000);
    const char *const path = folder_path(&in, "out");
    snprintf(says, sizeof says, "'%s' is written to, and cannot be data at the same time", path);
    assert_refused(sluice_corpus_open_except(&corpus, &path, 1, 8, &path, 1), SLUICE_E_ARGUMENT,
                   says);
    folder_remove(&in);
}

/* More files than descriptors. */
static void many_files_need_few_descriptors(void **state) {
    (void)state;
    enum { FILES = 300 };
    const folder in = folder_make();
    struct rlimit before, few;
    sluice_corpus *corpus;
    char name[32];
    for (int k = 0; k < FILES; k++) {
        snprintf(name, sizeof name, "t/%03d", k);
        write_letters(&in, name, (char)('a' + k % 26), 20);
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few          = before;
    few.rlim_cur = 40;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_ok(open_one(&corpus, &in, "t"));
    assert_int_equal(sluice_corpus_files(corpus), FILES);
    for (int64_t w = 0; w < (21 * FILES - 2) / LENGTH; w++) {
        int32_t inputs[LENGTH];
        assert_ok(sluice_corpus_window(inputs, NULL, corpus, w));
        for (int64_t t = 0; t < LENGTH; t++) {
            const int64_t token    = w * LENGTH + t;
            const int32_t expected = token % 21 == 20 ? '\n' : (int)('a' + token / 21 % 26);
            if (inputs[t] != expected)
                fail_msg("token %d is %d and must be %d", (int)token, inputs[t], expected);
        }
    }
    sluice_corpus_close(corpus);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    folder_remove(&in);
}

/* ---- token files ---- */

static void folders_of_shards_are_one_corpus(void **state) {
    (void)state;
    const folder in = folder_make();
    sluice_corpus *corpus;
    char says[256];
    write_shard(&in, "t/2.bin", 0, 7);
    write_shard(&in, "t/1.bin", 0, 6);
    folder_write(&in, "t/model.bin", "\1\2\3\0\5", 5); /* another format */
    assert_ok(open_one(&corpus, &in, "t"));
    assert_int_equal(sluice_corpus_tokens(corpus), 2 * TOKENS);
    assert_string_equal(sluice_corpus_left_out(corpus), "1 file (1 not text)");
    int32_t inputs[LENGTH];
    assert_ok(sluice_corpus_window(inputs, NULL, corpus, TOKENS / LENGTH));
    assert_int_equal(inputs[TOKENS % LENGTH - 1], TOKENS - 1);
    assert_int_equal(inputs[TOKENS % LENGTH], 7);
    sluice_corpus_close(corpus);
    write_letters(&in, "t/README", 'r', 1000);
    snprintf(says, sizeof says,
             "'%s/t/README' does not go with the paths before it: text and token files cannot be "
             "mixed",
             in.path);
    assert_refused(open_one(&corpus, &in, "t"), SLUICE_E_ARGUMENT, says);
    folder_remove(&in);
}

static void tokens_beyond_the_vocabulary_are_refused(void **state) {
    (void)state;
    const folder in = folder_make();
    sluice_corpus *corpus;
    int32_t inputs[LENGTH];
    char says[256];
    write_shard(&in, "t/1.bin", 0, 0);
    write_shard(&in, "t/2.bin", 100, 6000);
    assert_ok(open_one(&corpus, &in, "t"));
    snprintf(says, sizeof says,
             "'%s/t/2.bin' has token 6000 at byte 1224, which is not below the vocabulary of 6000",
             in.path);
    assert_ok(sluice_corpus_set_vocabulary(corpus, 6001));
    assert_refused(sluice_corpus_set_vocabulary(corpus, 6000), SLUICE_E_ARGUMENT, says);
    assert_ok(sluice_corpus_window(inputs, NULL, corpus, (TOKENS + 100) / LENGTH));
    sluice_corpus_close(corpus);
    folder_remove(&in);
}

/* Beyond what is looked through when a corpus is opened: a file with a hole of 300 MB in it. */
static void tokens_far_behind_are_refused_when_they_are_read(void **state) {
    (void)state;
    enum { COUNT = 150 * 1000 * 1000 + 1 };
    const folder in        = folder_make();
    const int32_t header[] = {20240520, 1, COUNT};
    const uint16_t last    = 60000;
    sluice_corpus *corpus;
    int32_t inputs[LENGTH];
    char says[256];
    folder_write(&in, "t.bin", header, sizeof header);
    FILE *const file = fopen(folder_path(&in, "t.bin"), "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, HEADER + 2 * (COUNT - 1), SEEK_SET), 0);
    assert_int_equal(fwrite(&last, sizeof last, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    assert_ok(open_one(&corpus, &in, "t.bin"));
    assert_int_equal(sluice_corpus_vocabulary(corpus), 50257);
    assert_ok(sluice_corpus_window(inputs, NULL, corpus, 0));
    snprintf(says, sizeof says,
             "'%s/t.bin' has token 60000 at byte 300001024, which is not below the vocabulary of "
             "50257",
             in.path);
    assert_refused(sluice_corpus_window(NULL, inputs, corpus, (COUNT - 1) / LENGTH - 1),
                   SLUICE_E_ARGUMENT, says);
    assert_ok(sluice_corpus_set_vocabulary(corpus, 65536));
    assert_ok(sluice_corpus_window(NULL, inputs, corpus, (COUNT - 1) / LENGTH - 1));
    sluice_corpus_close(corpus);
    folder_remove(&in);
}

/* ---- zeros instead of text ---- */

/* Whatever the length of a window is: every window with one of them is refused, and no other. */
static void zeros_within_text_are_noticed(void **state) {
    (void)state;
    enum { BEGIN = 10000, ZEROS = 64, AROUND = 2 * ZEROS };
    static const int64_t lengths[] = {1, 7, 62, 63, 64, 300};
    static char text[TEXT_BYTES];
    const folder in         = folder_make();
    const char *const paths = folder_path(&in, "hole");
    sluice_corpus *corpus;
    memset(text, 't', sizeof text);
    memset(text + BEGIN, 0, ZEROS);
    folder_write(&in, "hole", text, sizeof text);
    memset(text + BEGIN, 't', 1); /* one fewer may stand in text */
    folder_write(&in, "few", text, sizeof text);
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        const int64_t length = lengths[k], around = AROUND / length + 2;
        assert_ok(sluice_corpus_open(&corpus, &paths, 1, length));
        for (int64_t w = BEGIN / length - around; w <= BEGIN / length + around; w++) {
            const bool is_hit = w * length < BEGIN + ZEROS && w * length + length >= BEGIN;
            if (sluice_corpus_window(NULL, NULL, corpus, w) != (is_hit ? SLUICE_E_IO : SLUICE_OK))
                fail_msg("window %lld of %lld tokens is %s", (long long)w, (long long)length,
                         is_hit ? "read, with zeros" : "refused");
        }
        sluice_corpus_close(corpus);
    }
    assert_ok(open_one(&corpus, &in, "few"));
    for (int64_t w = 0; w < TEXT_BYTES / LENGTH; w++)
        assert_ok(sluice_corpus_window(NULL, NULL, corpus, w));
    sluice_corpus_close(corpus);
    folder_remove(&in);
}

static void zeros_after_text_are_noticed(void **state) {
    (void)state;
    static char text[3 * TEXT_BYTES];
    const folder in = folder_make();
    sluice_corpus *corpus;
    int32_t inputs[LENGTH];
    char says[256];
    memset(text, 't', TEXT_BYTES);
    folder_write(&in, "t/ends", text, TEXT_BYTES + 500);
    snprintf(says, sizeof says,
             "'%s/t/ends' is not text to its end: from byte 20000 on, at the latest, it has only "
             "zeros (20500 bytes in all)",
             in.path);
    assert_refused(open_one(&corpus, &in, "t/ends"), SLUICE_E_ARGUMENT, says);
    assert_refused(open_one(&corpus, &in, "t"), SLUICE_E_ARGUMENT,
                   "there is no text in the data; left out: 1 file (1 zeros after text)");
    memset(text + (size_t)2 * TEXT_BYTES, 't', TEXT_BYTES);
    folder_write(&in, "hole", text, sizeof text);
    assert_ok(open_one(&corpus, &in, "hole"));
    snprintf(says, sizeof says, "'%s/hole' is not text at byte 20000: it has zeros there", in.path);
    assert_refused(sluice_corpus_window(inputs, NULL, corpus, 313), SLUICE_E_IO, says);
    assert_ok(sluice_corpus_window(inputs, NULL, corpus, 0));
    sluice_corpus_close(corpus);
    folder_remove(&in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_said),
        cmocka_unit_test(folders_say_what_they_leave_out),
        cmocka_unit_test(unreadable_files_are_counted),
        cmocka_unit_test(what_is_written_is_not_data),
        cmocka_unit_test(many_files_need_few_descriptors),
        cmocka_unit_test(folders_of_shards_are_one_corpus),
        cmocka_unit_test(tokens_beyond_the_vocabulary_are_refused),
        cmocka_unit_test(tokens_far_behind_are_refused_when_they_are_read),
        cmocka_unit_test(zeros_within_text_are_noticed),
        cmocka_unit_test(zeros_after_text_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
