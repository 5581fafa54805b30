/* SPDX-License-Identifier: MIT */
/* test_open_file.c -- whatever reads a file refuses what is none at once. */
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/files.h"

#include "sluice/sluice.h"

/* ---- all that reads a file by its name ---- */

static sluice_status read_text(const char *path) {
    char *text;
    size_t bytes;
    return sluice_file_read(&text, &bytes, path);
}

static sluice_status read_corpus(const char *path) {
    sluice_corpus *corpus;
    return sluice_corpus_open(&corpus, &path, 1, 8);
}

static sluice_status read_weights(const char *path) {
    sluice_safetensors *weights;
    return sluice_safetensors_open(&weights, path);
}

static sluice_status read_config(const char *path) {
    sluice_model_config config;
    return sluice_model_config_read(&config, path);
}

static sluice_status read_profile(const char *path) {
    sluice_profile *profile;
    return sluice_profile_read(&profile, path);
}

static sluice_status read_devices(const char *path) {
    sluice_device_list *list;
    return sluice_device_list_read(&list, path);
}

static sluice_status read_plan(const char *path) {
    sluice_plan_file *plan;
    return sluice_plan_file_read(&plan, path);
}

static const struct {
    const char *name;
    sluice_status (*read)(const char *path);
} readers[] = {{"text", read_text},     {"corpus", read_corpus},   {"weights", read_weights},
               {"config", read_config}, {"profile", read_profile}, {"devices", read_devices},
               {"plan", read_plan}};
enum { READERS = sizeof readers / sizeof *readers };

/* ---- what is none ---- */

static void make_fifo(const char *path) {
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void make_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int made             = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(made >= 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_int_equal(bind(made, (const struct sockaddr *)&address, sizeof address), 0);
    close(made);
}

static void make_link_to_device(const char *path) {
    assert_int_equal(symlink("/dev/zero", path), 0);
}

static char waits[160]; /* what is said of a reader that does */

static void say_that_it_waits(int signal_number) {
    (void)signal_number;
    (void)!write(STDERR_FILENO, waits, strlen(waits));
    _exit(1);
}

static void what_is_not_a_file_is_refused_at_once(void **state) {
    (void)state;
    static const struct {
        const char *is;
        void (*make)(const char *path);
    } kinds[] = {
        {"a FIFO", make_fifo}, {"a socket", make_socket}, {"a device", make_link_to_device}};
    assert_true(signal(SIGALRM, say_that_it_waits) != SIG_ERR);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const folder in        = folder_make();
        const char *const path = folder_path(&in, "it");
        char says[160];
        kinds[k].make(path);
        snprintf(says, sizeof says, "'%s' is %s, not a file", path, kinds[k].is);
        for (int r = 0; r < READERS; r++) {
            snprintf(waits, sizeof waits, "the reader of a %s waits for %s\n", readers[r].name,
                     kinds[k].is);
            alarm(10);
            const sluice_status status = readers[r].read(path);
            alarm(0);
            if (status != SLUICE_E_IO || strcmp(sluice_last_error()->what, says) != 0)
                fail_msg("the reader of a %s says '%s' of %s, and must say '%s'", readers[r].name,
                         status ? sluice_last_error()->what : "nothing", kinds[k].is, says);
        }
        folder_remove(&in);
    }
}

/* But data and weights may be folders. */
static void folders_are_not_files(void **state) {
    (void)state;
    const folder in = folder_make();
    char says[160];
    snprintf(says, sizeof says, "'%s' is a folder, not a file", in.path);
    for (int r = 0; r < READERS; r++)
        if (readers[r].read != read_corpus && readers[r].read != read_weights)
            assert_refused(readers[r].read(in.path), SLUICE_E_IO, says);
    folder_remove(&in);
}

static void texts_are_read_whole(void **state) {
    (void)state;
    const folder in = folder_make();
    char *text, says[160];
    size_t bytes = 0;
    folder_write(&in, "x", "a\0b", 3);
    assert_ok(sluice_file_read(&text, &bytes, folder_path(&in, "x")));
    assert_int_equal(bytes, 3);
    assert_memory_equal(text, "a\0b", 4); /* a zero follows */
    sluice_text_free(text);
    assert_int_equal(truncate(folder_path(&in, "x"), 5000000000), 0);
    snprintf(says, sizeof says,
             "'%s/x' has 5000000000 bytes; such files have at most 1073741824 here", in.path);
    assert_refused(sluice_file_read(&text, &bytes, folder_path(&in, "x")), SLUICE_E_IO, says);
    folder_remove(&in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_a_file_is_refused_at_once),
        cmocka_unit_test(folders_are_not_files),
        cmocka_unit_test(texts_are_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
