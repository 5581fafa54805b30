/* SPDX-License-Identifier: MIT */
/* command_tokenize.c -- `sluice tokenize`: text to a token file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command_line.h"
#include "tokenizing.h"

typedef struct tokenize_options {
    cli_texts paths;
    const char *tokenizer, *output;
    int threads, separator; /* separator: of cli_separators */
    bool overwrite, quiet, json;
} tokenize_options;

typedef struct tokenizing {
    sluice_tokenizer *files;
    sluice_bpe *bpe;
    cli_separator separator;
    sluice_corpus *corpus;
    cli_tokenized result;
} tokenizing;

/* ---- options ---- */

static int take_separator(void *field, const cli_option *option, const char *name,
                          const char *text) {
    return cli_read_word(field, option, name, text);
}

#define FIELD(member) offsetof(tokenize_options, member)

/* clang-format off */
static const cli_option rows[] = {
    {"data", CLI_ARGUMENT, CLI_TOKENIZE, NULL, NULL, cli_take_texts, .field = FIELD(paths)},
    {"tokenizer", 0, CLI_TOKENIZE, "DIR", "Folder with a tokenizer.json, or with vocab.json and merges.txt; or bytes", cli_take_text, .field = FIELD(tokenizer)},
    {"output", 'o', CLI_TOKENIZE, "FILE.bin", "Write the tokens there (docs/formats.md)", cli_take_text, .field = FIELD(output)},
    {"overwrite", 0, CLI_TOKENIZE, NULL, "Replace the file if it is there", cli_take_flag, .field = FIELD(overwrite)},
    {"separator", 0, CLI_TOKENIZE, "NAME", "Between two files: eos (the tokenizer's token for the end of a text), newline, none, or auto (the default: eos if there is one, else newline)", take_separator, .field = FIELD(separator), .words = cli_separators},
    {"threads", 0, CLI_TOKENIZE, "N", "Threads that work (all cores)", cli_take_int, .field = FIELD(threads), .min = 1, .max = 1024},
    {"quiet", 0, CLI_TOKENIZE, NULL, "Print the last line only: how many tokens, how fast", cli_take_flag, .field = FIELD(quiet)},
    {"json", 0, CLI_TOKENIZE, NULL, "Print the result as one JSON object, and nothing else", cli_take_flag, .field = FIELD(json)},
    {0}};
/* clang-format on */

static const cli_option_table tables[] = {{rows, 0, 1, NULL}, {0}};

const cli_command_line command_tokenize_line = {CLI_TOKENIZE, tables};

static int settle(tokenize_options *o) {
    static const char example[] = "sluice tokenize novel.txt --tokenizer gpt2 -o novel.bin";
    if (o->paths.count == 0)
        return cli_fail(CLI_USAGE, "no text is named; for example: %s", example);
    if (!o->tokenizer)
        return cli_fail(CLI_USAGE, "there is no --tokenizer; for example: %s", example);
    if (!o->output) return cli_fail(CLI_USAGE, "there is no -o; for example: %s", example);
    if (!cli_ends_in(o->output, ".bin"))
        return cli_fail(CLI_USAGE,
                        "-o is '%s', and token files are known by their name: end it "
                        "in .bin",
                        o->output);
    if (access(o->output, F_OK) == 0 && !o->overwrite)
        return cli_fail(CLI_FAILED,
                        "'%s' is there already; name another file, or replace it with --overwrite",
                        o->output);
    if (!o->threads) o->threads = cli_cores();
    return CLI_OK;
}

/* ---- the work ---- */

/* Without what this command writes itself. */
static int open_text(sluice_corpus **out, const tokenize_options *o) {
    char part[4096];
    (void)snprintf(part, sizeof part, "%s.part", o->output);
    const char *const written[] = {o->output, part, "/dev/stdout", "/dev/stderr"};
    return cli_report_or(sluice_corpus_open_except(out, o->paths.text, o->paths.count, 0, written,
                                                   sizeof written / sizeof *written),
                         "name readable text files, or folders of them");
}

static int prepare(tokenizing *it, const tokenize_options *o) {
    CLI_TRY(cli_read_tokenizer(&it->files, o->tokenizer));
    CLI_TRY(cli_make_bpe(&it->bpe, it->files, o->tokenizer));
    CLI_TRY(cli_choose_separator(&it->separator, o->separator, it->files, it->bpe, o->tokenizer));
    return open_text(&it->corpus, o);
}

static void print_heading(const tokenizing *it, const tokenize_options *o) {
    const long long files = (long long)sluice_corpus_files(it->corpus);
    printf("data      %lld file%s, %s; between files: %s\n", files, files == 1 ? "" : "s",
           cli_bytes((size_t)sluice_corpus_bytes(it->corpus)).text,
           cli_separator_name(&it->separator));
    if (sluice_corpus_left_out(it->corpus)[0])
        printf("          left out: %s\n", sluice_corpus_left_out(it->corpus));
    printf("tokenizer %s, vocabulary %lld\n", o->tokenizer,
           (long long)sluice_bpe_vocabulary(it->bpe));
    fflush(stdout);
}

static int print_json(const tokenizing *it, const tokenize_options *o) {
    const sluice_tokenized *const made = &it->result.made;
    json_t *const object               = json_pack(
                      "{s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:I, s:i, s:i, s:f}", "output", o->output, "tokenizer",
                      o->tokenizer, "vocabulary", (json_int_t)sluice_bpe_vocabulary(it->bpe), "separator",
                      cli_separator_name(&it->separator), "left_out", sluice_corpus_left_out(it->corpus), "files",
                      (json_int_t)made->files, "bytes", (json_int_t)made->bytes, "tokens",
                      (json_int_t)made->tokens, "token_bytes", made->token_bytes, "threads", made->threads,
                      "seconds", it->result.seconds);
    char *const text = object ? json_dumps(object, JSON_REAL_PRECISION(9)) : NULL;
    if (text) puts(text);
    free(text);
    json_decref(object);
    return text ? CLI_OK : cli_fail(CLI_FAILED, "host memory exhausted");
}

static int run(tokenizing *it, const tokenize_options *o) {
    const bool talks = !o->quiet && !o->json;
    CLI_TRY(prepare(it, o));
    if (talks) print_heading(it, o);
    CLI_TRY(cli_tokenize(&it->result, o->output, it->corpus, it->bpe, &it->separator, o->threads,
                         talks));
    if (o->json) return print_json(it, o);
    cli_print_tokenized(o->output, &it->result);
    return CLI_OK;
}

int command_tokenize(const cli_command *command, int argc, char **argv) {
    tokenize_options options = {0};
    tokenizing it            = {0};
    int failed               = cli_parse(&options, NULL, command, argc, argv);
    if (!failed) failed = settle(&options);
    if (!failed) failed = run(&it, &options);
    sluice_corpus_close(it.corpus);
    sluice_bpe_free(it.bpe);
    sluice_tokenizer_free(it.files);
    free((void *)options.paths.text);
    return failed;
}
