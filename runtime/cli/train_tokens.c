/* SPDX-License-Identifier: MIT */
/* train_tokens.c -- text that is tokenized once, into the folder of results: OUT/tokens.bin, and
 * tokens.json, which says of what it was made. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tokenizing.h"
#include "training.h"

enum { RECORD_BYTES = 512 };

/* ---- what a token file is of ---- */

/* Text and tokenizer: where these are the same, the tokens are. */
static void print_record(char out[RECORD_BYTES], const train_problem *problem,
                         const cli_separator *separator, const sluice_corpus *tokens) {
    (void)snprintf(out, RECORD_BYTES,
                   "{\"sluice_tokens\": 1, \"tokenizer\": \"%016" PRIx64
                   "\", \"text\": \"%016" PRIx64
                   "\", \"separator\": \"%s\", \"eos\": %d, \"tokens\": \"%016" PRIx64 "\"}\n",
                   sluice_tokenizer_stamp(problem->tokenizer), sluice_corpus_stamp(problem->corpus),
                   cli_separator_name(separator), (int)separator->eos, sluice_corpus_stamp(tokens));
}

static bool is_recorded(const char *path, const char *record) {
    char *there  = NULL;
    size_t bytes = 0;
    const bool is =
        sluice_file_read(&there, &bytes, path) == SLUICE_OK && strcmp(there, record) == 0;
    sluice_text_free(there);
    return is;
}

/* ---- the vocabulary ---- */

/* The largest token that text can have without naming special ones, and the separator. */
static int64_t largest_token(const sluice_bpe *bpe, const cli_separator *separator) {
    int64_t largest = separator->kind == SLUICE_SEPARATOR_EOS ? separator->eos : 0;
    for (int32_t id = (int32_t)sluice_bpe_vocabulary(bpe) - 1; id > largest; id--) {
        size_t bytes = 0;
        if (sluice_bpe_token(&bytes, bpe, id) && !sluice_bpe_is_special(bpe, id)) largest = id;
    }
    return largest;
}

static int check_vocabulary(const train_problem *problem, const cli_separator *separator) {
    const int64_t vocabulary = sluice_model_config_numbers(&problem->config).vocabulary;
    const int64_t largest    = largest_token(problem->bpe, separator);
    if (largest < vocabulary) return CLI_OK;
    return cli_fail(CLI_USAGE,
                    "the tokenizer has tokens up to %" PRId64
                    ", and %s has a vocabulary of %" PRId64
                    ", which they must be below; name the model's own --tokenizer, or a model with "
                    "a larger vocabulary",
                    largest, problem->name, vocabulary);
}

/* ---- the files ---- */

/* The tokens instead of the text, which is kept for what is said of it. */
static void use_tokens(train_problem *problem, sluice_corpus *tokens) {
    problem->text   = problem->corpus;
    problem->corpus = tokens;
}

/* Whether there are the tokens of the same text already. */
static bool use_again(train_problem *problem, const cli_separator *separator, const char *path,
                      const char *record_path) {
    sluice_corpus *tokens = NULL;
    char record[RECORD_BYTES];
    if (sluice_corpus_open(&tokens, &path, 1, problem->seq) != SLUICE_OK) return false;
    print_record(record, problem, separator, tokens);
    if (!is_recorded(record_path, record)) {
        sluice_corpus_close(tokens);
        return false;
    }
    use_tokens(problem, tokens);
    return true;
}

/* Another tokenizer would replace the tokens of the run that is resumed, which is refused later. */
static int check_resumed(const train_problem *problem, const train_options *options) {
    char stamp[32];
    const char *const before =
        problem->resumed ? sluice_save_setting(problem->resumed, "tokenizer") : NULL;
    (void)snprintf(stamp, sizeof stamp, "%016" PRIx64, sluice_tokenizer_stamp(problem->tokenizer));
    if (!before || options->allow_changes || strstr(before, stamp)) return CLI_OK;
    return cli_fail(CLI_USAGE,
                    "the run in '%s' was trained with another tokenizer (%s), which would change "
                    "the result; name that one, or add --allow-changes",
                    sluice_save_folder(problem->resumed), before);
}

static int make_tokens(train_problem *problem, const cli_separator *separator, const char *path,
                       const char *record_path, bool talks) {
    sluice_corpus *tokens = NULL;
    cli_tokenized result;
    char record[RECORD_BYTES];
    (void)unlink(record_path); /* it says nothing of what comes now */
    CLI_TRY(
        cli_tokenize(&result, path, problem->corpus, problem->bpe, separator, cli_cores(), talks));
    if (talks) cli_print_tokenized(path, &result);
    CLI_TRY(cli_report(sluice_corpus_open(&tokens, &path, 1, problem->seq)));
    print_record(record, problem, separator, tokens);
    use_tokens(problem, tokens);
    return cli_write_text(record_path, record);
}

int train_tokenize(train_problem *problem, const train_options *options, train_out *out) {
    char path[PATH_BYTES], record_path[PATH_BYTES];
    cli_separator separator;
    if (!problem->bpe || !sluice_corpus_is_text(problem->corpus)) return CLI_OK;
    CLI_TRY(cli_choose_separator(&separator, CLI_USUAL_SEPARATOR, problem->tokenizer, problem->bpe,
                                 options->tokenizer));
    CLI_TRY(check_vocabulary(problem, &separator));
    if (options->explain_memory) return CLI_OK; /* which does not depend on the data */
    CLI_TRY(train_take_out(out, options));
    if (!train_path(path, options->out, "tokens.bin") ||
        !train_path(record_path, options->out, "tokens.json"))
        return cli_fail(CLI_USAGE, "--out is longer than a path may be");
    CLI_TRY(check_resumed(problem, options));
    if (use_again(problem, &separator, path, record_path)) return CLI_OK;
    return make_tokens(problem, &separator, path, record_path, !options->quiet && !options->json);
}
