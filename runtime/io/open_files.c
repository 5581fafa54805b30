/* SPDX-License-Identifier: MIT */
/* open_files.c -- a few files that stay open between reads, for many threads. */
#include "runtime/io/open_files.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/open_file.h"

enum { SLOTS = 16 };

typedef struct slot {
    const char *path; /* NULL: not in use */
    int file, users;
    int64_t used; /* when it was taken last, in takes */
} slot;

struct sluice__open_files {
    pthread_mutex_t lock;
    int64_t takes;
    slot slots[SLOTS];
};

sluice_status sluice__open_files_create(sluice__open_files **out) {
    sluice__open_files *files;
    SLUICE__TRY(sluice__alloc(&files, 1, sizeof *files));
    if (pthread_mutex_init(&files->lock, NULL) != 0) {
        sluice__free(files);
        return sluice__fail(SLUICE_E_HOST_MEMORY, "out of host memory for a lock");
    }
    *out = files;
    return SLUICE_OK;
}

void sluice__open_files_free(sluice__open_files *files) {
    if (!files) return;
    for (int k = 0; k < SLOTS; k++)
        if (files->slots[k].path) close(files->slots[k].file);
    (void)pthread_mutex_destroy(&files->lock);
    sluice__free(files);
}

/* The one with this path, or else one that nobody uses, the one used longest ago; NULL: all are in
 * use. */
static slot *find_slot(sluice__open_files *files, const char *path) {
    slot *found = NULL;
    for (slot *it = files->slots; it < files->slots + SLOTS; it++) {
        if (it->path == path) return it;
        if (it->users == 0 && (!found || it->used < found->used)) found = it;
    }
    return found;
}

static sluice_status fill(slot *into, const char *path) {
    int file;
    SLUICE__TRY(sluice__open_file(&file, NULL, path));
    if (into->path) close(into->file);
    *into = (slot){.path = path, .file = file};
    return SLUICE_OK;
}

static sluice_status take(int *out, sluice__open_files *files, const char *path) {
    slot *const it = find_slot(files, path);
    if (!it) return sluice__open_file(out, NULL, path);
    if (it->path != path) SLUICE__TRY(fill(it, path));
    it->users++;
    it->used = ++files->takes;
    *out     = it->file;
    return SLUICE_OK;
}

sluice_status sluice__open_files_take(int *out, sluice__open_files *files, const char *path) {
    (void)pthread_mutex_lock(&files->lock);
    const sluice_status status = take(out, files, path);
    (void)pthread_mutex_unlock(&files->lock);
    return status;
}

void sluice__open_files_return(sluice__open_files *files, int file) {
    slot *it = files->slots;
    (void)pthread_mutex_lock(&files->lock);
    while (it < files->slots + SLOTS && !(it->path && it->file == file)) it++;
    if (it < files->slots + SLOTS)
        it->users--;
    else
        close(file);
    (void)pthread_mutex_unlock(&files->lock);
}
