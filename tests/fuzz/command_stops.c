/* SPDX-License-Identifier: MIT */
/* command_stops.c -- stands in front of the functions with which a command begins its work. */
#include "tests/fuzz/command_stops.h"

#include <argp.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/cli/training.h"
#include "sluice/sluice.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_files.h"

enum { MAX_CELLS = 4096, KEY_USAGE = 255 /* as in command_line.c */ };

static fuzz_command *now; /* what runs; NULL: the fuzzer itself */

/* ---- streams ---- */

static ssize_t keep(void *unused, const char *bytes, size_t count) {
    (void)unused;
    const size_t left = sizeof now->said - 1 - (size_t)now->length;
    memcpy(now->said + now->length, bytes, count < left ? count : left);
    now->length += (int)(count < left ? count : left);
    return (ssize_t)count;
}

static ssize_t drop(void *unused, const char *bytes, size_t count) {
    (void)unused, (void)bytes;
    return (ssize_t)count;
}

static FILE *open_stream(cookie_write_function_t *write) {
    FILE *const stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write});
    if (!stream) fuzz_fail("no stream");
    return stream;
}

int fuzz_run_command(fuzz_command *out, int argc, char **argv) {
    static FILE *kept, *dropped;
    FILE *const output = stdout, *const errors = stderr;
    const char *blas = NULL;
    /* LIBXSMM opens a file of its own when it begins. */
    if (!kept && sluice_blas_find(&blas, NULL) != SLUICE_OK) fuzz_fail("no products");
    if (!kept) kept = open_stream(keep), dropped = open_stream(drop);
    out->length = 0, out->would_run = out->helped = false;
    now    = out;
    stdout = dropped, stderr = kept;
    fuzz_hide_system(true);
    const int status = cli_run(argc, argv);
    fuzz_hide_system(false);
    (void)fflush(stdout), (void)fflush(stderr);
    now    = NULL;
    stdout = output, stderr = errors;
    out->said[out->length] = '\0';
    return status;
}

/* Names that --wrap asks for. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-*) */

/* ---- where commands begin to work: a failure that says so ---- */

static sluice_status stop(void) {
    now->would_run = true;
    return sluice_fail(SLUICE_E_IO, "all settings are accepted");
}

/* Arguments are not looked at, so that one definition fits all. */
#define STOP(name)                                                                                 \
    sluice_status __wrap_##name(void);                                                             \
    sluice_status __wrap_##name(void) {                                                            \
        return stop();                                                                             \
    }

STOP(sluice_program_compile)
STOP(sluice_split_search)
STOP(sluice_plan_search)
STOP(sluice_pipeline_plan)
STOP(sluice_profile_measure)

int __wrap_train_take_out(train_out *, const train_options *, const sluice_model *);
int __wrap_train_take_out(train_out *folder, const train_options *options,
                          const sluice_model *model) {
    (void)folder, (void)options, (void)model;
    return cli_report(stop());
}

/* What takes long to make. */
sluice_status __real_sluice_schedule_generate(sluice_schedule **, const char *,
                                              const sluice_schedule_options *);
sluice_status __wrap_sluice_schedule_generate(sluice_schedule **, const char *,
                                              const sluice_schedule_options *);
sluice_status __wrap_sluice_schedule_generate(sluice_schedule **out, const char *name,
                                              const sluice_schedule_options *options) {
    const double cells = (double)options->ranks * (options->chunks > 0 ? options->chunks : 1) *
                         (double)options->microbatches;
    return cells > MAX_CELLS ? stop() : __real_sluice_schedule_generate(out, name, options);
}

/* ---- what would load, write or end ---- */

void *__real_dlopen(const char *, int);
void *__wrap_dlopen(const char *, int);
void *__wrap_dlopen(const char *path, int flags) {
    return now ? NULL : __real_dlopen(path, flags);
}

char *__wrap_dlerror(void);
char *__wrap_dlerror(void) {
    static char words[] = "nothing is loaded here";
    return words;
}

int __real_mkdir(const char *, unsigned);
int __wrap_mkdir(const char *, unsigned);
int __wrap_mkdir(const char *path, unsigned mode) {
    if (now) fuzz_fail("a folder would be made");
    return __real_mkdir(path, mode);
}

FILE *__real_fopen(const char *, const char *);
FILE *__wrap_fopen(const char *, const char *);
FILE *__wrap_fopen(const char *path, const char *mode) {
    if (!now) return __real_fopen(path, mode);
    if (mode[0] != 'r') fuzz_fail("a file would be written");
    errno = ENOENT;
    return NULL;
}

/* Only to see whether a file can be written. */
FILE *__wrap_cli_open_output(const char *, bool);
FILE *__wrap_cli_open_output(const char *path, bool append) {
    if (!append) fuzz_fail("a file would be written");
    if (path[0] != '\0') return open_stream(drop);
    errno = ENOENT;
    return NULL;
}

typedef struct watched {
    const struct argp *parser;
    void *input;
} watched;

static error_t watch(int key, char *text, struct argp_state *state) {
    watched *const it = state->input;
    now->helped       = now->helped || key == 'h' || key == '?' || key == 'V' || key == KEY_USAGE;
    if (now->helped) return ECANCELED; /* the command would print and end */
    state->input         = it->input;
    const error_t result = it->parser->parser(key, text, state);
    state->input         = it;
    return result;
}

error_t __real_argp_parse(const struct argp *, int, char **, unsigned, int *, void *);
error_t __wrap_argp_parse(const struct argp *, int, char **, unsigned, int *, void *);
error_t __wrap_argp_parse(const struct argp *parser, int argc, char **argv, unsigned flags,
                          int *index, void *input) {
    watched it        = {parser, input};
    struct argp other = *parser;
    other.parser      = watch;
    return __real_argp_parse(&other, argc, argv, flags | ARGP_NO_EXIT, index, &it);
}

/* NOLINTEND(bugprone-reserved-identifier,cert-*) */
