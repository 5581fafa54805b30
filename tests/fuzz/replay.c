/* SPDX-License-Identifier: MIT */
/*
 * replay.c -- a fuzz target without a fuzzer: the saved corpus, then random mutations of it.
 *
 *   replay RUNS CORPUS...   RUNS mutations (SLUICE_LONG=1: a hundred times as many) of the files
 *                           in the folders
 *
 * The same seed (SLUICE_SEED) makes the same inputs, so that a failure can be repeated.
 */
#include <dirent.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

enum { MAX_FILES = 256, MAX_BYTES = 1 << 14 };

typedef struct input {
    uint8_t bytes[MAX_BYTES];
    size_t count;
} input;

static input files[MAX_FILES], tried;
static int file_count;
static uint64_t state;

static void die(const char *what, const char *path) {
    fprintf(stderr, "%s '%s'\n", what, path);
    exit(1);
}

static void read_file(const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (file_count == MAX_FILES) die("too many files: no slot for", path);
    FILE *const file = fopen(path, "rb");
    if (!file) die("cannot open", path);
    input *const to = &files[file_count++];
    to->count       = fread(to->bytes, 1, MAX_BYTES, file);
    if (!feof(file) || ferror(file)) die("cannot read, or too large:", path);
    fclose(file);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name); /* independent of the locale, unlike alphasort */
}

static void read_folder(const char *path) {
    struct dirent **entries = NULL;
    const int count         = scandir(path, &entries, NULL, by_name);
    if (count < 0) die("cannot list", path);
    for (int n = 0; n < count; n++) {
        if (entries[n]->d_name[0] != '.') read_file(path, entries[n]->d_name);
        free(entries[n]);
    }
    free(entries);
}

/* xorshift64* */
static size_t random_below(size_t limit) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (size_t)((state * 2685821657736338717u) >> 33) % limit;
}

/* Replace `old` bytes at `at` with `count` others, as far as they fit. */
static void splice(size_t at, size_t old, const uint8_t *bytes, size_t count) {
    if (at + old > tried.count || tried.count - old + count > MAX_BYTES) return;
    memmove(tried.bytes + at + count, tried.bytes + at + old, tried.count - at - old);
    memcpy(tried.bytes + at, bytes, count);
    tried.count = tried.count - old + count;
}

/* Whole pieces between separators are swapped or removed: the rest is often still well formed. */
static size_t piece_at(size_t at) {
    size_t end = at;
    while (end < tried.count && !strchr(",;()\n \"{}[]:", tried.bytes[end])) end++;
    return end - at;
}

static void mutate(void) {
    const size_t at = random_below(tried.count + 1), left = tried.count - at;
    const size_t old         = random_below((left < 12 ? left : 12) + 1);
    const input *const other = &files[random_below((size_t)file_count)];
    const size_t from        = random_below(other->count + 1);
    const size_t there       = other->count - from;
    const size_t count       = random_below((there < 16 ? there : 16) + 1);
    const uint8_t any        = there > 0 ? other->bytes[from] : (uint8_t)random_below(256);
    uint8_t piece[64];
    const size_t length = piece_at(at) < sizeof piece ? piece_at(at) : 0;
    memcpy(piece, tried.bytes + at, length);
    switch (random_below(6)) {
    case 0: /* another byte, mostly one that the format uses */
        splice(at, left > 0, &any, 1);
        break;
    case 1: /* bytes removed */
        splice(at, old, &any, 0);
        break;
    case 2: /* bytes of another file */
        splice(at, random_below(2) * old, other->bytes + from, count);
        break;
    case 3: /* a piece removed */
        splice(at, length, &any, 0);
        break;
    default: /* a piece moved */
        splice(at, length, &any, 0);
        splice(random_below(tried.count + 1), 0, piece, length);
        break;
    }
}

static void try_input(void) {
    /* An exact-size block, so that reading a byte too far is found. */
    uint8_t *const exact = malloc(tried.count > 0 ? tried.count : 1);
    if (!exact) die("out of memory for", "an input");
    memcpy(exact, tried.bytes, tried.count);
    (void)LLVMFuzzerTestOneInput(exact, tried.count);
    free(exact);
}

int main(int argc, char **argv) {
    if (argc < 3) die("usage:", "replay RUNS CORPUS...");
    for (int n = 2; n < argc; n++) read_folder(argv[n]);
    if (file_count == 0) die("no files in", argv[2]);
    const char *const text = getenv("SLUICE_SEED");
    const uint64_t seed    = text ? strtoull(text, NULL, 10) : 1;
    const long runs        = strtol(argv[1], NULL, 10) * (getenv("SLUICE_LONG") ? 100 : 1);
    state                  = seed * 2 + 1;
    printf("%d files, then %ld mutations with seed %llu (set SLUICE_SEED to repeat)\n", file_count,
           runs, (unsigned long long)seed);
    for (int n = 0; n < file_count; n++) {
        tried = files[n];
        try_input();
    }
    for (long run = 0; run < runs; run++) {
        tried = files[random_below((size_t)file_count)];
        for (size_t k = 1 + random_below(3); k > 0; k--) mutate();
        try_input();
    }
    return 0;
}
