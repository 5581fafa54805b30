/* SPDX-License-Identifier: MIT */
/* file.c -- reading small files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

/* Followed by a zero. NULL: no memory, or the stream cannot be read. */
static char *read_stream(FILE *file, size_t *bytes) {
    char *text    = NULL;
    size_t length = 0, capacity = 0;
    do {
        capacity         = capacity ? 2 * capacity : 1 << 16;
        char *const more = realloc(text, capacity + 1);
        if (!more) break;
        text = more;
        length += fread(text + length, 1, capacity - length, file);
    } while (length == capacity);
    if (!text || length == capacity || ferror(file)) {
        free(text);
        return NULL;
    }
    text[length] = 0;
    *bytes       = length;
    return text;
}

bool cli_read_file(char **out, size_t *bytes, const char *path) {
    FILE *const file = fopen(path, "rb");
    if (!file) return false;
    errno            = 0;
    char *const text = read_stream(file, bytes);
    const int reason = errno ? errno : ENOMEM;
    fclose(file);
    errno = reason;
    if (text) *out = text;
    return text != NULL;
}
