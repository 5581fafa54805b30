/* SPDX-License-Identifier: MIT */
/* commands.h -- the table of subcommands: name, arguments, options, function and help of each. */
#ifndef SLUICE_CLI_COMMANDS_H
#define SLUICE_CLI_COMMANDS_H

struct cli_command_line; /* command_line.h: which options it takes */

typedef struct cli_command {
    const char *name;
    const char *arguments; /* what follows the options; alternatives are separated by '\n' */
    const char *summary;   /* a sentence without its period */
    const char *details;   /* below the options in its --help */
    int (*run)(const struct cli_command *command, int argc, char **argv); /* an exit status */
    const struct cli_command_line *line;
} cli_command;

/* All of them (commands.c); ends with one without a name. */
extern const cli_command cli_commands[];
/* The command with that name. */
int cli_find_command(const cli_command **out, const char *name);
/* What a whole command line, beginning with the program's name, says; returns the exit status. */
int cli_run(int argc, char **argv);

/* ---- help (command_help.c, manual.c, completion.c): printed to standard output ---- */

void cli_print_commands(void);
void cli_print_manual(void);          /* sluice.1 */
void cli_print_bash_completion(void); /* a script */

/*
 * One row, four uses: the list of `sluice --help`, the command's own --help, the manual page and
 * completion (manual.c, completion.c), and the choice of what runs. A new row X(name, ...) runs
 * command_<name>() with the options of command_<name>_line, in a new file command_<name>.c.
 */
/* clang-format off */
#define CLI_COMMAND_MAP(X)                                                                         \
    X(train, "PATH...",                                                                            \
      "Train a language model on text through a pipeline of stages",                               \
      "Only --data (or PATHs) must be named; defaults are in parentheses. Where no option says "   \
      "ranks, stages, schedule, split or recomputation, the run is planned, by an estimate, for "  \
      "the cores or GPUs that are here, within --memory-limit; the number of micro-batches stays " \
      "the usual one. --costs, --profile or --plan give the times of actions on virtual devices. " \
      "Ctrl-C, SIGTERM and SIGHUP finish the step, save, and exit with 128 + the signal's number.") \
    X(eval, "DIR --data PATH...",                                                                  \
      "Say how well a trained model predicts text",                                                \
      "DIR is the --out of a run, one of its saves, or a folder of Hugging Face's with "           \
      "config.json and model.safetensors. Prints the loss in nats per token, perplexity and, of "  \
      "text, bits per byte, over all tokens but the first. With --stride windows overlap, and of " \
      "each only the targets count that the one before has not counted.")                          \
    X(sample, "DIR --prompt TEXT",                                                                 \
      "Generate text with a trained model",                                                        \
      "DIR is as for sluice eval; its tokenizer is used, and of a model of bytes none is needed. " \
      "Prints what follows the prompt. The text depends on the seed alone, not on ranks and "      \
      "threads; with --temperature 0 not on the seed either.")                                     \
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
      "MODEL is what sluice train --model takes: a preset's name, a config.json or a folder with one. Every rank "     \
      "runs all layers, at the same time, as they will in training. The file is for sluice "       \
      "simulate, and can be edited by hand.")                                                      \
    X(split, "MODEL|PROFILE --ranks P",                                                            \
      "Split a model's layers over ranks, provably well",                                          \
      "MODEL is what sluice train --model takes: a preset's name, a config.json or a folder with one, whose costs "   \
      "are then estimated. PROFILE is a file of sluice profile, or a text of PipeDream's "         \
      "profiler. The split is the one whose slowest rank takes least among those whose memory "    \
      "plan fits; its layers are what --split of sluice train takes.")                             \
    X(plan, "MODEL|PROFILE --devices 4x24GiB --batch B",                                           \
      "Find the fastest way to run a model on given devices",                                      \
      "MODEL and PROFILE are as for sluice split. Tries numbers of ranks, of stages of a rank and "\
      "of micro-batches, schedules, recomputation and splits by compiling and simulating them; "   \
      "what cannot be better than the best so far is ruled out by bounds. The same input gives "   \
      "the same plan.")                                                                            \
    X(tokenize, "PATH... --tokenizer DIR -o FILE.bin",                                              \
      "Write the tokens of text into a file to train on",                                          \
      "PATHs are text files and folders, as for sluice train; they may be larger than memory. A "  \
      "special token's name in a text is that token. The ids do not depend on --threads.")         \
    X(info, "",                                                                                    \
      "Print version, devices, transports, BLAS, cores",                                           \
      "Says what this build of Sluice is and what it finds on this machine.")                      \
    X(help, "[COMMAND]",                                                                           \
      "Print the commands, or the options of one",                                                 \
      "The manual page and the completion of bash are made from the same tables as this help.")
/* clang-format on */

#define X(name, arguments, summary, details)                                                       \
    int command_##name(const cli_command *command, int argc, char **argv);                         \
    extern const struct cli_command_line command_##name##_line;
CLI_COMMAND_MAP(X)
#undef X

#endif
