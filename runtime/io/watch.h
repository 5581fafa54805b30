/* SPDX-License-Identifier: MIT */
/* watch.h -- the points between the steps in which files and folders come onto the disk. Tests
 * watch them, to end the process at each in turn; otherwise nobody does. */
#ifndef SLUICE_IO_WATCH_H
#define SLUICE_IO_WATCH_H

/*
 * What has just been done with `path`: a file is "begun", "written", "flushed" (the disk has it),
 * "read back", "renamed" and "linked" (to this name), "removed" (or one of the files in this
 * folder); a folder is "made", "listed" (the disk has its names), "renamed" and "taken away".
 */
typedef void sluice__watcher(const char *point, const char *path);
extern sluice__watcher *sluice__watching; /* NULL: nobody; set before the first file is written */

static inline void sluice__pass(const char *point, const char *path) {
    if (sluice__watching) sluice__watching(point, path);
}

#endif
