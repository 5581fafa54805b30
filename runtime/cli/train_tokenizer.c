/* SPDX-License-Identifier: MIT */
/* train_tokenizer.c -- which tokenizer the saves of a run get: the one that came with its weights,
 * or that of the bytes it is trained on; nothing is made up for ids of tokens. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "training.h"

/* The folder of weights that --init names, itself or by the file in it that stands for all; false:
 * it names other weights. */
static bool find_folder(char folder[PATH_BYTES], const char *init) {
    const char *const last = cli_last_of(init);
    const bool is_all =
        strcmp(last, "model.safetensors") == 0 || strcmp(last, "model.safetensors.index.json") == 0;
    struct stat found;
    if (stat(init, &found) == 0 && S_ISDIR(found.st_mode))
        return snprintf(folder, PATH_BYTES, "%s", init) < PATH_BYTES;
    if (!is_all) return false;
    return last == init
               ? snprintf(folder, PATH_BYTES, ".") > 0
               : snprintf(folder, PATH_BYTES, "%.*s", (int)(last - init), init) < PATH_BYTES;
}

/* A tokenizer without files is none. */
static void drop_if_empty(train_problem *problem) {
    if (sluice_tokenizer_files(problem->tokenizer) > 0) return;
    sluice_tokenizer_free(problem->tokenizer);
    problem->tokenizer = NULL;
}

static int take_from_save(train_problem *problem) {
    if (!problem->resumed) return CLI_OK;
    CLI_TRY(cli_report(sluice_tokenizer_of_save(&problem->tokenizer, problem->resumed)));
    drop_if_empty(problem);
    return CLI_OK;
}

static int take_from_weights(train_problem *problem, const char *init) {
    char folder[PATH_BYTES];
    if (!init || !find_folder(folder, init)) return CLI_OK;
    CLI_TRY(cli_report_or(sluice_tokenizer_read(&problem->tokenizer, folder),
                          "every save gets the tokenizer next to --init's weights; make the file "
                          "readable, or remove it"));
    drop_if_empty(problem);
    return CLI_OK;
}

/* Text is trained on as its bytes; a model with fewer than 256 tokens does not know all of them. */
static int take_bytes(train_problem *problem) {
    const sluice_model_numbers model = sluice_model_config_numbers(&problem->config);
    if (sluice_corpus_vocabulary(problem->corpus) != 256 || model.vocabulary < 256) return CLI_OK;
    return cli_report(sluice_tokenizer_of_bytes(&problem->tokenizer, model.positions));
}

int train_find_tokenizer(train_problem *problem, const train_options *options) {
    CLI_TRY(take_from_save(problem));
    if (!problem->tokenizer) CLI_TRY(take_from_weights(problem, options->init));
    return problem->tokenizer ? CLI_OK : take_bytes(problem);
}
