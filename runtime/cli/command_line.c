/* SPDX-License-Identifier: MIT */
/* command_line.c -- a command line read by tables of options; argp is the parser underneath. */
#include "command_line.h"

#include <argp.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keys from FIRST_KEY on stand for no letter. */
enum { KEY_USAGE = 255, FIRST_KEY = 256 };

typedef struct parse {
    const cli_option *option[CLI_OPTIONS];
    char *base[CLI_OPTIONS]; /* the struct that the option's field is in */
    int count;
    struct argp_option list[CLI_OPTIONS]; /* what argp gets: options and headings */
    int listed;
    cli_given given;
} parse;

static int key_of(const parse *all, int n) {
    return all->option[n]->key ? all->option[n]->key : FIRST_KEY + n;
}

static void add_option(parse *all, const cli_option *option, char *base, int group) {
    const int n = all->count++;
    assert(n < CLI_OPTIONS && all->listed < CLI_OPTIONS - 1);
    all->option[n] = option;
    all->base[n]   = base;
    if (option->key != CLI_ARGUMENT)
        all->list[all->listed++] =
            (struct argp_option){option->name,        key_of(all, n),
                                 option->value,       option->bare ? OPTION_ARG_OPTIONAL : 0,
                                 cli_help_of(option), group};
}

static void add_tables(parse *all, const cli_command_line *line, char *options) {
    for (const cli_option_table *table = line->tables; table->rows; table++) {
        if (table->heading)
            all->list[all->listed++] =
                (struct argp_option){.doc = table->heading, .group = table->group};
        for (const cli_option *row = table->rows; row->read; row++)
            if (row->takers & line->takers)
                add_option(all, row, options + table->offset, table->group);
    }
}

static void note_given(cli_given *given, const cli_option *option) {
    for (int taker = 0; taker < CLI_TAKERS; taker++)
        if (!(option->takers >> taker & 1)) given->stray[taker] = option->name;
    if (!cli_is_given(given, option->name)) given->name[given->count++] = option->name;
}

/* Options of every command; argp's own are the same without -h and -V. */
static void add_common(parse *all) {
    static const struct argp_option common[] = {
        {"help", 'h', NULL, 0, "Print this help", -1},
        {NULL, '?', NULL, OPTION_HIDDEN, NULL, -1},
        {"usage", KEY_USAGE, NULL, 0, "Print a short usage message", -1},
        {"version", 'V', NULL, 0, "Print the version", -1}};
    for (size_t n = 0; n < sizeof common / sizeof *common; n++)
        all->list[all->listed++] = common[n];
}

static void take_common(int key, const struct argp_state *state) {
    switch (key) {
    case 'h':
    case '?':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return;
    case KEY_USAGE:
        argp_state_help(state, stdout, ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
        return;
    case 'V':
        printf("sluice %s\n", sluice_version());
        exit(CLI_OK);
    default:
        return;
    }
}

/* `base` is the struct that the option's field is in. */
static int read_option(char *base, const cli_option *option, const char *text) {
    char name[40];
    snprintf(name, sizeof name, "--%s", option->name);
    return option->read(base + option->field, option, name, text);
}

/* argp needs an errno; the error is printed already. */
static error_t take(int key, char *text, struct argp_state *state) {
    parse *const all = state->input;
    take_common(key, state);
    if (key == ARGP_KEY_ARG) key = CLI_ARGUMENT;
    for (int n = 0; n < all->count; n++) {
        if (key_of(all, n) != key) continue;
        const cli_option *const option = all->option[n];
        note_given(&all->given, option);
        return read_option(all->base[n], option, text ? text : option->bare) ? EINVAL : 0;
    }
    return ARGP_ERR_UNKNOWN;
}

int cli_parse(void *options, cli_given *given, const cli_command *command, int argc, char **argv) {
    parse all = {0};
    char title[64], help[1024];
    snprintf(title, sizeof title, "sluice %s", command->name);
    snprintf(help, sizeof help, "%s.\v%s", command->summary, command->details);
    add_tables(&all, command->line, options);
    add_common(&all);
    const struct argp parser = {.options  = all.list,
                                .parser   = take,
                                .args_doc = command->arguments[0] ? command->arguments : NULL,
                                .doc      = help};
    argv[0]                  = title;
    const error_t got        = argp_parse(&parser, argc, argv, ARGP_NO_HELP, NULL, &all);
    argv[0]                  = NULL; /* the title is a local array */
    if (got != 0) return CLI_USAGE;
    if (given) *given = all.given;
    return CLI_OK;
}

int cli_parse_one(void *options, const cli_command_line *line, const char *name, const char *text) {
    for (const cli_option_table *table = line->tables; table->rows; table++)
        for (const cli_option *row = table->rows; row->read; row++)
            if ((row->takers & line->takers) && strcmp(row->name, name) == 0)
                return read_option((char *)options + table->offset, row, text);
    return cli_fail(CLI_USAGE, "there is no option --%s", name);
}

bool cli_is_given(const cli_given *given, const char *name) {
    for (int k = 0; k < given->count; k++)
        if (strcmp(given->name[k], name) == 0) return true;
    return false;
}

const char *cli_stray(const cli_given *given, unsigned taker) {
    for (int n = 0; n < CLI_TAKERS; n++)
        if (taker >> n & 1) return given->stray[n];
    return NULL;
}

const char *cli_help_of(const cli_option *option) {
    return option->help_of ? option->help_of() : option->help;
}

const char *cli_word_of(const cli_option *option, int index) {
    if (option->word_of) return option->word_of(index);
    return option->words ? option->words[index] : NULL;
}

/* ---- readers ---- */

int cli_take_text(void *field, const cli_option *option, const char *name, const char *text) {
    (void)option, (void)name;
    *(const char **)field = text;
    return CLI_OK;
}

int cli_take_flag(void *field, const cli_option *option, const char *name, const char *text) {
    (void)option, (void)name, (void)text;
    *(bool *)field = true;
    return CLI_OK;
}

int cli_take_int(void *field, const cli_option *option, const char *name, const char *text) {
    return cli_read_int(field, name, text, (int)option->min, (int)option->max);
}

int cli_take_count(void *field, const cli_option *option, const char *name, const char *text) {
    return cli_read_count(field, name, text, (int64_t)option->min, (int64_t)option->max);
}

int cli_take_number(void *field, const cli_option *option, const char *name, const char *text) {
    return cli_read_number(field, name, text, option->min, false);
}

int cli_take_above(void *field, const cli_option *option, const char *name, const char *text) {
    return cli_read_number(field, name, text, option->min, true);
}

int cli_read_word(int *out, const cli_option *option, const char *name, const char *text) {
    char choice[160] = "";
    for (int w = 0; cli_word_of(option, w); w++) {
        const size_t length = strlen(choice);
        if (strcmp(text, cli_word_of(option, w)) == 0) {
            *out = w;
            return CLI_OK;
        }
        snprintf(choice + length, sizeof choice - length, "%s%s", w > 0 ? ", " : "",
                 cli_word_of(option, w));
    }
    return cli_fail(CLI_USAGE, "%s is '%s'; choose one of: %s", name, text, choice);
}

int cli_take_word(void *field, const cli_option *option, const char *name, const char *text) {
    int word = 0;
    CLI_TRY(cli_read_word(&word, option, name, text));
    *(const char **)field = cli_word_of(option, word);
    return CLI_OK;
}

int cli_take_texts(void *field, const cli_option *option, const char *name, const char *text) {
    cli_texts *const texts  = field;
    const size_t count      = (size_t)texts->count + 1;
    const char **const more = realloc((void *)texts->text, count * sizeof *more);
    (void)option, (void)name;
    if (!more) return cli_fail(CLI_FAILED, "host memory exhausted");
    more[texts->count++] = text;
    texts->text          = more;
    return CLI_OK;
}
