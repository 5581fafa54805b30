/* SPDX-License-Identifier: MIT */
/*
 * fuzz_command_line.c -- any lines as the arguments of the command, which finds files of each kind
 * in memory. Oracle: it stops with a status and one sentence, or would run; and settings that are
 * accepted, printed as options from what was read, are read as the same.
 */
#include <string.h>

#include "runtime/cli/command_line.h"
#include "tests/fuzz/command_stops.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_files.h"

enum { MAX_ARGUMENTS = 24, MAX_BYTES = 2048, MAX_ROWS = 128, SETTINGS_BYTES = 1 << 16 };

static fuzz_command command_run;

/* ---- settings, printed and read again ---- */

typedef struct field_of {
    const cli_option *row;
    size_t at;
} field_of;

static int list_fields(field_of fields[MAX_ROWS], const cli_command *command) {
    int count = 0;
    for (const cli_option_table *t = command->line->tables; t->rows; t++)
        for (const cli_option *row = t->rows; row->read; row++)
            if (row->takers & command->line->takers && row->key != CLI_ARGUMENT)
                fields[count++] = (field_of){row, t->offset + row->field};
    return count;
}

/* "--name=value" of what the field has; false: the row has a reader of its own. */
static bool print_field(char to[96], const cli_option *row, const void *field) {
    if (row->read == cli_take_flag)
        (void)snprintf(to, 96, "--%s", row->name);
    else if (row->read == cli_take_int)
        (void)snprintf(to, 96, "--%s=%d", row->name, *(const int *)field);
    else if (row->read == cli_take_count)
        (void)snprintf(to, 96, "--%s=%lld", row->name, (long long)*(const int64_t *)field);
    else if (row->read == cli_take_number || row->read == cli_take_above)
        (void)snprintf(to, 96, "--%s=%.17g", row->name, *(const double *)field);
    else
        return false;
    return true;
}

/* Defaults need not be options: fields that were not read anew are not compared. */
static void check_field(const cli_command *command, const field_of *field, const char *settings) {
    static char again[SETTINGS_BYTES];
    char printed[96], same[96], name[] = "sluice", *argv[] = {name, printed, NULL};
    if (!print_field(printed, field->row, settings + field->at)) return;
    memset(again, 0, field->at + sizeof(double));
    if (field->row->read == cli_take_flag && !settings[field->at]) return;
    if (cli_parse(again, NULL, command, 2, argv) != CLI_OK) return; /* a default out of range */
    (void)print_field(same, field->row, again + field->at);
    if (strcmp(printed, same) != 0 || (field->row->read == cli_take_flag && !again[field->at]))
        fuzz_fail("a setting that is printed is read as another");
}

/* Names that --wrap asks for. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-*) */
int __real_cli_parse(void *, cli_given *, const cli_command *, int, char **);
int __wrap_cli_parse(void *, cli_given *, const cli_command *, int, char **);
int __wrap_cli_parse(void *settings, cli_given *given, const cli_command *command, int argc,
                     char **argv) {
    static bool is_checking;
    const int status = __real_cli_parse(settings, given, command, argc, argv);
    if (status != CLI_OK || is_checking) return status;
    (void)fflush(stderr);
    const int said = command_run.length; /* checks are not heard */
    is_checking    = true;
    field_of fields[MAX_ROWS];
    const int count = list_fields(fields, command);
    for (int k = 0; k < count; k++)
        for (int a = 1; a < argc; a++)
            if (strstr(argv[a], fields[k].row->name)) check_field(command, &fields[k], settings);
    (void)fflush(stderr);
    command_run.length = said;
    is_checking        = false;
    return status;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-*) */

/* ---- what it says ---- */

/* One sentence of the command, or what the C library says of an unknown option, and its hint. */
static bool is_one_sentence(const char *said) {
    const char *const end = strchr(said, '\n');
    if (!end) return false;
    if (strncmp(said, "sluice: ", 8) == 0) return end - said > 12 && end[1] == '\0';
    return strncmp(said, "sluice ", 7) == 0 && strncmp(end + 1, "Try `sluice ", 12) == 0;
}

static void check(const fuzz_command *command, int status) {
    if (command->helped || command->would_run || status == CLI_OK) return;
    if (status != CLI_FAILED && status != CLI_USAGE) fuzz_fail("a status that is none");
    if (is_one_sentence(command->said)) return;
    fprintf(stderr, "status %d, said: %s\n", status, command->said);
    fuzz_fail("a refusal that is not one sentence");
}

/* ---- the files it finds ---- */

static void put_copy(const char *path, const char *of) {
    static char bytes[1 << 14];
    char from[512];
    (void)snprintf(from, sizeof from, SLUICE_CORPORA "/%s", of);
    FILE *const file = fopen(from, "rb");
    if (!file) fuzz_fail("a file of another corpus is missing");
    (void)fuzz_put_at(path, bytes, fread(bytes, 1, sizeof bytes, file));
    (void)fclose(file);
}

static void put_files(void) {
    static bool are_there;
    if (are_there) return;
    are_there = true;
    char text[600];
    memset(text, 'a', sizeof text);
    (void)fuzz_put_at("t.txt", text, sizeof text);
    put_copy("m.json", "config/small");
    put_copy("p.json", "profile/measured");
    put_copy("d.json", "device_list/two");
    put_copy("plan.json", "plan/named");
    put_copy("s.csv", "schedule/1f1b");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    char text[MAX_BYTES + 1], name[] = "sluice", *argv[MAX_ARGUMENTS + 2] = {name};
    int argc = 1;
    if (bytes == 0 || bytes > MAX_BYTES || memchr(data, 0, bytes)) return 0;
    put_files();
    memcpy(text, data, bytes);
    text[bytes] = '\0';
    for (char *at = text; at && argc <= MAX_ARGUMENTS;) {
        char *const end = strchr(at, '\n');
        if (end) *end = '\0';
        if (end || *at != '\0') argv[argc++] = at;
        at = end ? end + 1 : NULL;
    }
    const int status = fuzz_run_command(&command_run, argc, argv);
    check(&command_run, status);
    return 0;
}
