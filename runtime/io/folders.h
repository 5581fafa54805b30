/* SPDX-License-Identifier: MIT */
/* folders.h -- folders and the names in them: made, listed, moved, removed, and kept by the disk.
 */
#ifndef SLUICE_IO_FOLDERS_H
#define SLUICE_IO_FOLDERS_H

#include <stdbool.h>

#include "sluice/status.h"

/* "FOLDER/NAME", or "FOLDER" if `name` is NULL; free it with sluice__free(). E_HOST_MEMORY. */
sluice_status sluice__path_join(char **out, const char *folder, const char *name);
/* The folder that a path is in; free it with sluice__free(). E_HOST_MEMORY. */
sluice_status sluice__path_parent(char **out, const char *path);

/* Without the slashes at its end. E_HOST_MEMORY. */
sluice_status sluice__path_plain(char **out, const char *path);
const char *sluice__path_last(const char *path); /* what follows the last slash */

bool sluice__path_exists(const char *path);
bool sluice__path_is_same(const char *one, const char *other); /* one file or folder */
/* One that exists already is fine. E_IO. */
sluice_status sluice__folder_make(const char *path);
/* The disk has the folder's names. E_IO. */
sluice_status sluice__folder_sync(const char *path);
/* A file, or a folder of files, as far as that is possible: what remains is of no use. */
void sluice__path_remove(const char *path);
/* E_IO. */
sluice_status sluice__path_move(const char *from, const char *to);
/* Exchange two names; false where the file system cannot. */
bool sluice__path_swap(const char *one, const char *other);
/* The same file under a second name or, where the file system has no links, a copy of it. E_IO,
 * E_HOST_MEMORY. */
sluice_status sluice__path_link(const char *from, const char *to);

typedef struct sluice__listing {
    char **list; /* ascending */
    int count;
} sluice__listing;
/* What is in the folder, without "." and ".."; nothing if there is no such folder. Release with
 * sluice__listing_free(), after a failure too. E_IO, E_HOST_MEMORY. */
sluice_status sluice__folder_list(sluice__listing *out, const char *path);
void sluice__listing_free(sluice__listing *names);

#endif
