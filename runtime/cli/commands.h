/* SPDX-License-Identifier: MIT */
/* commands.h -- the table of subcommands: name, arguments, function and help of each. */
#ifndef SLUICE_CLI_COMMANDS_H
#define SLUICE_CLI_COMMANDS_H

typedef struct cli_command {
    const char *name;
    const char *arguments; /* what follows the options; alternatives are separated by '\n' */
    const char *summary;   /* a sentence without its period */
    const char *details;   /* below the options in its --help */
    int (*run)(const struct cli_command *command, int argc, char **argv); /* an exit status */
} cli_command;

/*
 * One row, three uses: the list of `sluice --help`, the command's own --help, and the choice of
 * what runs. A new row X(name, ...) runs command_<name>(), in a new file command_<name>.c.
 */
/* clang-format off */
#define CLI_COMMAND_MAP(X)                                                                         \
    X(train, "PATH...",                                                                            \
      "Train a language model on text through a pipeline of stages",                               \
      "Only --data (or PATHs) must be named; defaults are in parentheses. --costs or --profile "   \
      "give the times of actions on virtual devices. Ctrl-C finishes the step, saves, and exits "  \
      "with 130.")                                                                                 \
    X(schedule, "NAME -p P -m M\nFILE.csv",                                                        \
      "Print a schedule's time line and its numbers",                                              \
      "--list prints the names. An argument with '/' or ending in .csv is a file, which says P, "  \
      "V and M.")                                                                                  \
    X(check, "NAME -p P -m M\nFILE.csv",                                                           \
      "Prove that a schedule runs, or say what is wrong with it",                                  \
      "The proof is that it runs to its end and computes what it should. Exits with 0 if so, 1 if "\
      "it is wrong, 2 if the command line is. A schedule that lists its transfers is checked with "\
      "them where they stand; to others they are added.")                                          \
    X(simulate, "NAME -p P -m M\nFILE.csv",                                                        \
      "Say what a schedule costs: time, idle, transfers, memory",                                  \
      "Prints the time line, idle shares, the critical path, transfers and memory. Costs are per " \
      "action of a stage, in any unit; a profile's are seconds and bytes.")                        \
    X(profile, "MODEL -o FILE.json",                                                               \
      "Measure what a model's layers and links cost here",                                         \
      "MODEL is what sluice train --model takes: a preset's name or a config.json. Every rank "     \
      "runs all layers, at the same time, as they will in training. The file is for sluice "       \
      "simulate, and can be edited by hand.")                                                      \
    X(info, "",                                                                                    \
      "Print version, devices, transports, BLAS, cores",                                           \
      "Says what this build of Sluice is and what it finds on this machine.")
/* clang-format on */

#define X(name, arguments, summary, details)                                                       \
    int command_##name(const cli_command *command, int argc, char **argv);
CLI_COMMAND_MAP(X)
#undef X

#endif
