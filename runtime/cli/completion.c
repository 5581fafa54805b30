/* SPDX-License-Identifier: MIT */
/* completion.c -- completion of command lines in bash, from the tables of commands and options. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "command_line.h"

/* `print` each option of a command; `argument`: its arguments that are not options instead. */
static void each_option(const cli_command_line *line, bool argument,
                        void (*print)(const cli_option *option)) {
    for (const cli_option_table *table = line->tables; table->rows; table++)
        for (const cli_option *row = table->rows; row->read; row++)
            if ((row->takers & line->takers) && (row->key == CLI_ARGUMENT) == argument) print(row);
}

static void print_name(const cli_option *option) {
    printf(" --%s", option->name);
}

static void print_words(const cli_option *option) {
    for (int w = 0; cli_word_of(option, w); w++) printf(" %s", cli_word_of(option, w));
}

static bool takes_file(const char *value) {
    return strstr(value, "FILE") || strstr(value, "PATH") || strstr(value, "DIR");
}

/* What may follow an option with a value: its words, or a file. One that may be left out follows a
 * '=' only. */
static void print_value(const cli_option *option) {
    if (!option->value) return;
    printf("    ");
    if (isprint(option->key)) printf("-%c | ", option->key);
    if (!option->bare) printf("--%s | ", option->name);
    printf("--%s=) words='", option->name);
    print_words(option);
    printf("' files=%s ;;\n", takes_file(option->value) ? "yes" : "''");
}

static void print_command(const cli_command *command) {
    printf("  %s)\n    options='", command->name);
    each_option(command->line, false, print_name);
    printf(" --help --usage --version' words='");
    each_option(command->line, true, print_words);
    printf("'\n    case $before in\n");
    each_option(command->line, false, print_value);
    printf("    *) words=\"$words $options\" files=%s ;;\n    esac ;;\n",
           takes_file(command->arguments) ? "yes" : "''");
}

void cli_print_bash_completion(void) {
    puts("# bash completion of sluice: made by `sluice help --completion bash`.\n"
         "_sluice() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "  local options words files=''\n"
         "  # --option=value are three words.\n"
         "  if [ \"$word\" = = ]; then word='' before+==\n"
         "  elif [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD - 2]}=\n"
         "  fi\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then");
    printf("    mapfile -t COMPREPLY < <(compgen -W '");
    for (const cli_command *command = cli_commands; command->name; command++)
        printf("%s ", command->name);
    puts("--help --version' -- \"$word\")\n"
         "    return\n"
         "  fi\n"
         "  case ${COMP_WORDS[1]} in");
    for (const cli_command *command = cli_commands; command->name; command++)
        print_command(command);
    puts("  *) return ;;\n"
         "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\"\n"
         "    [ -z \"$files\" ] || [ \"${word#-}\" != \"$word\" ] || compgen -f -- \"$word\")\n"
         "  [ -z \"$files\" ] || compopt -o filenames 2>/dev/null\n"
         "}\n"
         "complete -F _sluice sluice");
}
