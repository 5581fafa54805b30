/* SPDX-License-Identifier: MIT */
/* settings.c -- what decides the result of a run, by the names of options: kept in its saves, and
 * compared when it is resumed. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "training.h"

/* Tokens of the data that are looked at; of more, windows spread evenly over them. */
enum { DATA_TOKENS = 1 << 24 };

/* ---- the data ---- */

/* FNV-1a, token by token. */
static uint64_t add_tokens(uint64_t hash, const int32_t *tokens, int64_t count) {
    for (int64_t t = 0; t < count; t++) hash = (hash ^ (uint32_t)tokens[t]) * 0x100000001b3U;
    return hash;
}

static int hash_data(uint64_t *out, const train_problem *problem) {
    const sluice_corpus *const corpus = problem->corpus;
    const int64_t windows =
        sluice_corpus_training_windows(corpus) + sluice_corpus_held_out_windows(corpus);
    const int64_t max     = DATA_TOKENS / problem->seq + 1;
    const int64_t count   = windows < max ? windows : max;
    int32_t *const tokens = malloc((size_t)problem->seq * sizeof *tokens);
    if (!tokens) return cli_fail(CLI_FAILED, "host memory exhausted");
    *out                 = 0xcbf29ce484222325U;
    sluice_status status = SLUICE_OK;
    for (int64_t k = 0; k < count && status == SLUICE_OK; k++) {
        status = sluice_corpus_window(tokens, NULL, corpus, k * windows / count);
        if (status == SLUICE_OK) *out = add_tokens(*out, tokens, problem->seq);
    }
    free(tokens);
    return cli_report(status);
}

/* ---- the list ---- */

static void add(train_settings *to, const char *name, const char *format, ...) SLUICE_PRINTF(3, 4);

static void add(train_settings *to, const char *name, const char *format, ...) {
    char *const value = to->values[to->count];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(value, sizeof to->values[0], format, arguments);
    va_end(arguments);
    to->list[to->count++] = (sluice_setting){name, value};
}

/* With as few digits as bring it back; a `single` one, as a float. */
static void add_digits(train_settings *to, const char *name, double number, bool single) {
    char text[40];
    int digits = 6;
    do (void)snprintf(text, sizeof text, "%.*g", digits, number);
    while ((single ? (double)strtof(text, NULL) : strtod(text, NULL)) != number && digits++ < 17);
    add(to, name, "%s", text);
}

static void add_number(train_settings *to, const char *name, double number) {
    add_digits(to, name, number, false);
}

static void add_model(train_settings *to, const train_problem *problem) {
    const sluice_model_numbers is = sluice_model_config_numbers(&problem->config);
    char summary[160], details[160];
    sluice_model_config_summary(summary, sizeof summary, &problem->config);
    sluice_model_config_details(details, sizeof details, &problem->config);
    add(to, "model", "%s, %s, %" PRId64 " positions%s%s", problem->config.family->name, summary,
        is.positions, is.tied ? "" : ", untied", details);
}

static void add_optimizer(train_settings *to, const train_optimizer *optimizer) {
    const sluice_optimizer_option *option = optimizer->kind->options;
    add(to, "optimizer", "%s", optimizer->kind->name);
    for (; option->name && to->count < TRAIN_SETTINGS; option++) {
        double value;
        memcpy(&value, (const char *)optimizer->config + option->offset, sizeof value);
        add_number(to, option->name, value);
    }
}

static void add_learning_rate(train_settings *to, const train_options *o) {
    add_number(to, "lr", o->lr);
    add(to, "warmup", "%" PRId64, o->warmup);
    add(to, "decay", "%s", o->decay == SLUICE_DECAY_NONE ? "none" : "cosine");
    add(to, "steps", "%" PRId64, o->steps);
    if (o->decay != SLUICE_DECAY_NONE) add_number(to, "min-lr", o->min_lr);
}

int train_make_settings(train_settings *out, const train_problem *problem,
                        const train_options *options) {
    uint64_t hash = 0;
    out->count    = 0;
    CLI_TRY(hash_data(&hash, problem));
    if (problem->text)
        add(out, "tokenizer", "vocabulary %" PRId64 ", checksum %016" PRIx64,
            sluice_bpe_vocabulary(problem->bpe), sluice_tokenizer_stamp(problem->tokenizer));
    add(out, "data", "%" PRId64 " tokens, checksum %016" PRIx64,
        sluice_corpus_tokens(problem->corpus), hash);
    add_model(out, problem);
    add(out, "seq", "%" PRId64, problem->seq);
    add(out, "batch", "%" PRId64, options->batch);
    add(out, "microbatches", "%d", sluice_schedule_microbatches(problem->schedule));
    add(out, "seed", "%" PRIu64, options->seed);
    add(out, "precision", "%s", sluice_precision_name(options->precision));
    add_digits(out, "dropout", (double)options->dropout, true);
    add_number(out, "clip", options->clip);
    add_learning_rate(out, options);
    add_optimizer(out, &options->optimizer);
    if (options->blas) add(out, "blas", "%s", options->blas);
    return CLI_OK;
}
