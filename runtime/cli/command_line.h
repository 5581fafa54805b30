/* SPDX-License-Identifier: MIT */
/* command_line.h -- options as tables: a row has an option's name, the commands that take it, the
 * reader of its text, and the field to fill. */
#ifndef SLUICE_CLI_COMMAND_LINE_H
#define SLUICE_CLI_COMMAND_LINE_H

#include <stddef.h>

#include "cli.h"
#include "commands.h"

/* Who takes an option: a command or, where a command has modes, a mode of it. */
enum {
    CLI_TRAINING = 1 << 0, /* `sluice train` on devices that compute */
    CLI_VIRTUAL  = 1 << 1, /* `sluice train` on virtual ones */
    CLI_SCHEDULE = 1 << 2,
    CLI_CHECK    = 1 << 3,
    CLI_SIMULATE = 1 << 4,
    CLI_HELP     = 1 << 5,
    CLI_PROFILE  = 1 << 6,
    CLI_SPLIT    = 1 << 7,
    CLI_PLAN     = 1 << 8,
    CLI_TOKENIZE = 1 << 9,
    CLI_EVAL     = 1 << 10,
    CLI_SAMPLE   = 1 << 11,
    CLI_TRAIN    = CLI_TRAINING | CLI_VIRTUAL,
    CLI_TOOLS    = CLI_SCHEDULE | CLI_CHECK | CLI_SIMULATE,
    CLI_ALL      = CLI_TRAIN | CLI_TOOLS | CLI_SPLIT,
    CLI_TAKERS   = 12
};

/* The key of the row for arguments that are not options. Other keys are a short option's letter, or
 * 0 without one. */
enum { CLI_ARGUMENT = 1 };

typedef struct cli_option cli_option;

/* Read `text` into `field`; `name` ("--steps") is for the error. */
typedef int cli_reader(void *field, const cli_option *option, const char *name, const char *text);

struct cli_option {
    const char *name;
    int key;
    unsigned takers;
    const char *value; /* its name in --help; NULL: a flag */
    const char *help;
    cli_reader *read;
    size_t field;                      /* its offset in the struct that the table is for */
    double min, max;                   /* of a number */
    const char *const *words;          /* to choose from, or to complete; ends with NULL */
    const char *(*help_of)(void);      /* makes a help that is not constant; or NULL */
    const char *(*word_of)(int index); /* gives words that are not constant; or NULL */
    const char *bare; /* what the value is where it is left out; NULL: it must be there */
};

/* Rows for one struct, which is at `offset` in the command's; ends with a row without a reader. */
typedef struct cli_option_table {
    const cli_option *rows;
    size_t offset;
    int group;           /* of --help, from 1 */
    const char *heading; /* of the group, or NULL */
} cli_option_table;

/* Which options a command takes: the rows of `tables` for one of `takers`; others do not exist for
 * it. `tables` end with one without rows. */
typedef struct cli_command_line {
    unsigned takers;
    const cli_option_table *tables;
} cli_command_line;

enum { CLI_OPTIONS = 96 };

/* The options that were given, by name; and for each taker one of those that it does not take, or
 * NULL. */
typedef struct cli_given {
    const char *name[CLI_OPTIONS];
    int count;
    const char *stray[CLI_TAKERS];
} cli_given;

/* Read the command line into `options`; `given` may be NULL. argv[0] is the command's name. -h, -V
 * and the like print and end the process. */
int cli_parse(void *options, cli_given *given, const cli_command *command, int argc, char **argv);
/* Read the text of one more option, as if it stood on the command line as --name. */
int cli_parse_one(void *options, const cli_command_line *line, const char *name, const char *text);
bool cli_is_given(const cli_given *given, const char *name);

/* The help of an option. */
const char *cli_help_of(const cli_option *option);
/* Word number `index` of those to choose from; NULL past the last, or if there are none. */
const char *cli_word_of(const cli_option *option, int index);

/* An option that was given and that this taker does not take; or NULL. */
const char *cli_stray(const cli_given *given, unsigned taker);

/* Options of a cli_schedule_choice: its name and numbers (schedule_options.c). */
extern const cli_option cli_schedule_options[];

/* ---- readers, and the type of the field each fills ---- */

cli_reader cli_take_text;   /* const char * */
cli_reader cli_take_flag;   /* bool */
cli_reader cli_take_int;    /* int, from min to max */
cli_reader cli_take_count;  /* int64_t, from min to max */
cli_reader cli_take_number; /* double, at least min */
cli_reader cli_take_above;  /* double, more than min */
cli_reader cli_take_word;   /* const char *: one of the row's words */
cli_reader cli_take_texts;  /* cli_texts: one more */

/* The position of `text` among the row's words. */
int cli_read_word(int *out, const cli_option *option, const char *name, const char *text);

/* Texts of an option that may be repeated, in order. Release `text` with free(). */
typedef struct cli_texts {
    const char **text;
    int count;
} cli_texts;

#endif
