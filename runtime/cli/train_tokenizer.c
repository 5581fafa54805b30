/* SPDX-License-Identifier: MIT */
/* train_tokenizer.c -- which tokenizer a run has, for its text and in its saves: the one that is
 * named, that of the save which is resumed, or the one next to the model or the weights; else that
 * of the bytes it is trained on. Nothing is made up for ids of tokens. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "model_options.h"
#include "tokenizing.h"
#include "training.h"

/* ---- where it is ---- */

static bool is_one_of(const char *name, const char *const *names) {
    while (*names && strcmp(name, *names) != 0) names++;
    return *names != NULL;
}

/* The folder that a path names, itself or by one of the files in it that stand for all; false: it
 * names something else. */
static bool find_folder(char folder[PATH_BYTES], const char *path, const char *const *files) {
    const char *const last = cli_last_of(path);
    struct stat found;
    if (stat(path, &found) == 0 && S_ISDIR(found.st_mode))
        return snprintf(folder, PATH_BYTES, "%s", path) < PATH_BYTES;
    if (!is_one_of(last, files)) return false;
    return last == path
               ? snprintf(folder, PATH_BYTES, ".") > 0
               : snprintf(folder, PATH_BYTES, "%.*s", (int)(last - path), path) < PATH_BYTES;
}

/* A tokenizer without files is none. */
static void drop_if_empty(train_problem *problem) {
    if (sluice_tokenizer_files(problem->tokenizer) > 0) return;
    sluice_tokenizer_free(problem->tokenizer);
    problem->tokenizer = NULL;
}

static int take_from_save(train_problem *problem) {
    if (!problem->resumed || problem->tokenizer) return CLI_OK;
    CLI_TRY(cli_report(sluice_tokenizer_of_save(&problem->tokenizer, problem->resumed)));
    drop_if_empty(problem);
    return CLI_OK;
}

static int take_from_folder(train_problem *problem, const char *folder, const char *hint) {
    CLI_TRY(cli_report_or(sluice_tokenizer_read(&problem->tokenizer, folder), hint));
    drop_if_empty(problem);
    return CLI_OK;
}

static int take_from_model(train_problem *problem, const char *model) {
    static const char *const files[] = {"config.json", NULL};
    const bool is_preset =
        !cli_is_model_folder(model) && !strchr(model, '/') && strcmp(model, files[0]) != 0;
    char folder[PATH_BYTES];
    if (problem->tokenizer || is_preset || !find_folder(folder, model, files)) return CLI_OK;
    return take_from_folder(problem, folder,
                            "every save gets the tokenizer next to --model's config.json; make the "
                            "file readable, or remove it");
}

static int take_from_weights(train_problem *problem, const char *init) {
    static const char *const files[] = {"model.safetensors", "model.safetensors.index.json", NULL};
    char folder[PATH_BYTES];
    if (problem->tokenizer || !init || !find_folder(folder, init, files)) return CLI_OK;
    return take_from_folder(problem, folder,
                            "every save gets the tokenizer next to --init's weights; make the file "
                            "readable, or remove it");
}

/* ---- what it makes of text ---- */

/* Files of ids need no tokenizer: whatever it is, the saves get it. */
static int make_bpe(train_problem *problem) {
    const bool is_needed = sluice_corpus_is_text(problem->corpus);
    if (!problem->tokenizer) return CLI_OK;
    if (sluice_bpe_make(&problem->bpe, problem->tokenizer) != SLUICE_OK) {
        const sluice_error *const error = sluice_last_error();
        if (!is_needed) return CLI_OK;
        return cli_fail(CLI_FAILED,
                        "the tokenizer that the run would have cannot be used on text: %s; name "
                        "another one with --tokenizer, train on the text's bytes with --tokenizer "
                        "bytes, or give token files",
                        error->what);
    }
    if (!cli_is_of_bytes(problem->bpe)) return CLI_OK;
    sluice_bpe_free(problem->bpe); /* a byte is its token as it is */
    problem->bpe = NULL;
    return CLI_OK;
}

int train_choose_tokenizer(train_problem *problem, const train_options *options) {
    const char *const named = options->tokenizer;
    if (named && strcmp(named, CLI_BYTES) == 0) return CLI_OK;
    if (named) CLI_TRY(cli_read_tokenizer(&problem->tokenizer, named));
    CLI_TRY(take_from_save(problem));
    CLI_TRY(take_from_model(problem, options->model));
    CLI_TRY(take_from_weights(problem, options->init));
    return make_bpe(problem);
}

/* A model with fewer than 256 tokens does not know all of the bytes. */
int train_add_byte_tokenizer(train_problem *problem) {
    const sluice_model_numbers model = sluice_model_config_numbers(&problem->config);
    if (problem->tokenizer || model.vocabulary < 256) return CLI_OK;
    if (!sluice_corpus_is_text(problem->corpus)) return CLI_OK;
    return cli_report(sluice_tokenizer_of_bytes(&problem->tokenizer, model.positions));
}
