/* SPDX-License-Identifier: MIT */
/* corpus_folder.c -- a folder as data: what in it is read, and what is left out. */
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/io/corpus.h"
#include "runtime/io/shard_index.h"

/* ---- what is left out ---- */

bool sluice__corpus_is_written(const sluice_corpus *corpus, const struct stat *about) {
    const sluice__file_stamp stamp = sluice__stamp_of(about);
    for (int k = 0; k < corpus->written_count; k++)
        if (sluice__is_same_file(&corpus->written[k], &stamp)) return true;
    return false;
}

/* "3 files (1 unreadable, 2 links)" of reasons first .. end - 1. */
static void add_counts(sluice_corpus *corpus, const char *noun, int first, int end) {
    static const char *const names[SLUICE__LEFT_REASONS][2] = {
        [SLUICE__LEFT_UNREADABLE]        = {"unreadable", "unreadable"},
        [SLUICE__LEFT_NOT_TEXT]          = {"not text", "not text"},
        [SLUICE__LEFT_EMPTY]             = {"empty", "empty"},
        [SLUICE__LEFT_ZEROS]             = {"zeros after text", "zeros after text"},
        [SLUICE__LEFT_SPECIAL]           = {"FIFO, socket or device", "FIFOs, sockets or devices"},
        [SLUICE__LEFT_LINK]              = {"link", "links"},
        [SLUICE__LEFT_WRITTEN]           = {"written to", "written to"},
        [SLUICE__LEFT_FOLDER_UNREADABLE] = {"unreadable", "unreadable"},
        [SLUICE__LEFT_FOLDER_MADE]       = {"build or weights", "builds or weights"},
        [SLUICE__LEFT_FOLDER_WRITTEN]    = {"written to", "written to"},
    };
    char list[160] = "", one[224];
    int64_t all    = 0;
    for (int k = first; k < end; k++) {
        const int64_t count = corpus->left_out[k];
        if (count == 0) continue;
        (void)snprintf(one, sizeof one, "%lld %s", (long long)count, names[k][count > 1]);
        sluice__add_name(list, sizeof list, ", ", one);
        all += count;
    }
    if (all == 0) return;
    (void)snprintf(one, sizeof one, "%lld %s%s (%s)", (long long)all, noun, all > 1 ? "s" : "",
                   list);
    sluice__add_name(corpus->left_out_text, sizeof corpus->left_out_text, ", ", one);
}

void sluice__corpus_count_left_out(sluice_corpus *corpus) {
    corpus->left_out_text[0] = '\0';
    add_counts(corpus, "file", 0, SLUICE__LEFT_FOLDER_UNREADABLE);
    add_counts(corpus, "folder", SLUICE__LEFT_FOLDER_UNREADABLE, SLUICE__LEFT_REASONS);
}

/* ---- the walk ---- */

static int compare_entries(const FTSENT **left, const FTSENT **right) {
    return strcmp((*left)->fts_name, (*right)->fts_name);
}

/* A folder of a build, or of an earlier run. */
static bool is_made_by_tools(const char *folder) {
    static const char *const marks[] = {"CMakeCache.txt", SLUICE__SINGLE_NAME, SLUICE__INDEX_NAME,
                                        "tokens.json"};
    for (size_t k = 0; k < sizeof marks / sizeof *marks; k++) {
        char path[4096];
        struct stat about;
        const int length = snprintf(path, sizeof path, "%s/%s", folder, marks[k]);
        if (length > 0 && (size_t)length < sizeof path && stat(path, &about) == 0) return true;
    }
    return false;
}

static void enter_folder(sluice_corpus *corpus, FTS *tree, FTSENT *entry) {
    if (entry->fts_level == FTS_ROOTLEVEL) return;
    const bool is_hidden = entry->fts_name[0] == '.'; /* not worth saying */
    if (!is_hidden && sluice__corpus_is_written(corpus, entry->fts_statp))
        corpus->left_out[SLUICE__LEFT_FOLDER_WRITTEN]++;
    else if (!is_hidden && is_made_by_tools(entry->fts_accpath))
        corpus->left_out[SLUICE__LEFT_FOLDER_MADE]++;
    else if (!is_hidden)
        return;
    fts_set(tree, entry, FTS_SKIP);
}

static sluice_status add_file(sluice_corpus *corpus, const char *path, const struct stat *about) {
    if (!sluice__corpus_is_written(corpus, about)) return sluice__corpus_add_found(corpus, path);
    corpus->left_out[SLUICE__LEFT_WRITTEN]++;
    return SLUICE_OK;
}

/* A link to a file is that file. A link to a folder may lead around in circles: it is left out. */
static sluice_status add_link(sluice_corpus *corpus, const char *path) {
    struct stat about;
    if (stat(path, &about) == 0 && S_ISREG(about.st_mode)) return add_file(corpus, path, &about);
    corpus->left_out[SLUICE__LEFT_LINK]++;
    return SLUICE_OK;
}

static sluice_status cannot_read(const char *path, int reason) {
    errno = reason;
    return sluice__cannot("read folder", path);
}

static sluice_status add_entry(sluice_corpus *corpus, FTS *tree, FTSENT *entry) {
    const bool is_top    = entry->fts_level == FTS_ROOTLEVEL;
    const bool is_hidden = !is_top && entry->fts_name[0] == '.';
    switch (entry->fts_info) {
    case FTS_D:
        enter_folder(corpus, tree, entry);
        return SLUICE_OK;
    case FTS_DP:
        return SLUICE_OK;
    case FTS_ERR:
        return cannot_read(entry->fts_path, entry->fts_errno);
    case FTS_DNR:
        if (is_top) return cannot_read(entry->fts_path, entry->fts_errno);
        corpus->left_out[SLUICE__LEFT_FOLDER_UNREADABLE] += !is_hidden;
        return SLUICE_OK;
    default:
        break;
    }
    if (is_hidden) return SLUICE_OK;
    if (entry->fts_info == FTS_F) return add_file(corpus, entry->fts_accpath, entry->fts_statp);
    if (entry->fts_info == FTS_SL || entry->fts_info == FTS_SLNONE)
        return add_link(corpus, entry->fts_accpath);
    corpus->left_out[entry->fts_info == FTS_NS ? SLUICE__LEFT_UNREADABLE : SLUICE__LEFT_SPECIAL]++;
    return SLUICE_OK;
}

static sluice_status walk(sluice_corpus *corpus, FTS *tree, const char *path) {
    FTSENT *entry;
    while ((entry = fts_read(tree))) SLUICE__TRY(add_entry(corpus, tree, entry));
    return errno == 0 ? SLUICE_OK : cannot_read(path, errno);
}

sluice_status sluice__corpus_add_folder(sluice_corpus *corpus, const char *path) {
    char *copy;
    SLUICE__TRY(sluice__copy_text(&copy, path));
    char *roots[] = {copy, NULL};
    /* COMFOLLOW: the folder that is named may be a link. */
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, compare_entries);
    const sluice_status status = tree ? walk(corpus, tree, path) : cannot_read(path, errno);
    if (tree) fts_close(tree);
    sluice__free(copy);
    return status;
}
