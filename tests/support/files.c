/* SPDX-License-Identifier: MIT */
/* files.c -- makes, fills and removes a test's folder. */
#include "tests/support/files.h"

#include <sys/stat.h>
#include <unistd.h>

folder folder_make(void) {
    folder made = {"/tmp/sluice-test-XXXXXX"};
    assert_non_null(mkdtemp(made.path));
    return made;
}

folder folder_make_in_memory(void) {
    folder made = {"/dev/shm/sluice-test-XXXXXX"};
    return mkdtemp(made.path) ? made : folder_make();
}

void folder_remove(const folder *made) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", made->path);
    assert_int_equal(system(command), 0);
}

const char *folder_path(const folder *in, const char *name) {
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", in->path, name);
    return path;
}

void folder_write(const folder *in, const char *name, const void *bytes, size_t count) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", in->path, name);
    for (char *at = path + strlen(in->path) + 1; (at = strchr(at, '/')); at++) {
        *at = 0;
        (void)mkdir(path, 0700);
        *at = '/';
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

void folder_write_text(const folder *in, const char *name, size_t bytes) {
    char *const text = malloc(bytes);
    assert_non_null(text);
    for (size_t k = 0; k < bytes; k++) text[k] = (char)('a' + (k * k + 3 * k) % 26);
    folder_write(in, name, text, bytes);
    free(text);
}
