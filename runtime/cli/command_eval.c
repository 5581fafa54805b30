/* SPDX-License-Identifier: MIT */
/* command_eval.c -- `sluice eval`: the loss of a trained model on text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "ends.h"
#include "inference.h"
#include "model_options.h"
#include "tokenizing.h"

enum { DEFAULT_BATCH = 8, MAX_MICROBATCHES = 8, DEFAULT_SEQ = 1024 };

typedef struct eval_options {
    inference_options how;
    cli_texts data;
    int64_t batch, seq, stride; /* 0: not named */
} eval_options;

/* ---- options ---- */

/* The folder first, then more data. */
static int take_argument(void *field, const cli_option *option, const char *name,
                         const char *text) {
    eval_options *const options = field; /* its field is the whole */
    if (options->how.from) return cli_take_texts(&options->data, option, name, text);
    options->how.from = text;
    return CLI_OK;
}

#define FIELD(member) offsetof(eval_options, member)
#define MAX_COUNT     (1 << 30)

/* clang-format off */
static const cli_option eval_options_table[] = {
    {"from", CLI_ARGUMENT, CLI_EVAL, NULL, NULL, take_argument, .field = 0},
    {"data", 0, CLI_EVAL, "PATH", "Text files and folders, or token files (.bin); more may follow", cli_take_texts, .field = FIELD(data)},
    {"batch", 0, CLI_EVAL, "B", "Windows that are evaluated at a time (8)", cli_take_count, .field = FIELD(batch), .min = 1, .max = MAX_COUNT},
    {"seq", 0, CLI_EVAL, "T", "Tokens of a window (as in the run that saved the model, or else as many as it has positions, at most 1024)", cli_take_count, .field = FIELD(seq), .min = 1, .max = MAX_COUNT},
    {"stride", 0, CLI_EVAL, "S", "Tokens between the begins of windows: with fewer than T they overlap, and each target has at least T - S tokens before it (T)", cli_take_count, .field = FIELD(stride), .min = 1, .max = MAX_COUNT},
    {0}};
/* clang-format on */

static const cli_option_table tables[] = {
    {eval_options_table, 0, 1, NULL}, {inference_options_table, FIELD(how), 1, NULL}, {0}};

const cli_command_line command_eval_line = {CLI_EVAL, tables};

/* ---- the data ---- */

typedef struct eval_run {
    inference_subject subject;
    sluice_corpus *corpus;   /* of the tokens */
    sluice_corpus *text;     /* that they were made of; NULL: none, or they are its bytes */
    char tokens[PATH_BYTES]; /* the file that they are in, which goes at the end; "": none */
    double bytes;            /* of the text, without its first token's; NaN: not known */
    sluice_evaluation *evaluation;
    int64_t seq;
    double started;
    bool live; /* there is a line of progress on the screen */
} eval_run;

static int settle(eval_options *o) {
    CLI_TRY(inference_settle(&o->how, "eval sluice-out --data held-out.txt"));
    if (!o->batch) o->batch = DEFAULT_BATCH;
    if (o->data.count > 0 || o->how.explain_memory) return CLI_OK;
    return cli_fail(CLI_USAGE, "there is no --data; name text files, folders or .bin files");
}

static int choose_length(eval_run *run, const eval_options *o) {
    const int64_t positions = sluice_model_config_numbers(&run->subject.config).positions;
    const int64_t trained   = run->subject.trained;
    const int64_t usual     = trained > 0 && trained <= positions ? trained
                              : positions < DEFAULT_SEQ           ? positions
                                                                  : DEFAULT_SEQ;
    CLI_TRY(cli_choose_length(&run->seq, o->seq ? o->seq : usual, &run->subject.config,
                              run->subject.folder));
    if (o->stride <= run->seq) return CLI_OK;
    return cli_fail(CLI_USAGE, "--stride %lld would leave tokens out between windows of --seq %lld",
                    (long long)o->stride, (long long)run->seq);
}

/* The first token is no target. */
static int count_bytes(eval_run *run) {
    size_t first  = 0;
    int32_t token = 0;
    CLI_TRY(cli_report(sluice_corpus_read(&token, run->corpus, 0, 1)));
    (void)sluice_bpe_token(&first, run->subject.bpe, token);
    run->bytes = (double)sluice_corpus_bytes(run->text) - (double)first;
    return CLI_OK;
}

/* The text's tokens, in a file that is gone when this process ends. */
static int tokenize(eval_run *run, const eval_options *o) {
    const char *const folder = getenv("TMPDIR");
    const bool talks         = !o->how.quiet && !o->how.json;
    char *const path         = run->tokens;
    cli_separator separator;
    cli_tokenized made;
    CLI_TRY(cli_choose_separator(&separator, CLI_USUAL_SEPARATOR, run->subject.tokenizer,
                                 run->subject.bpe, run->subject.folder));
    uint64_t name; /* nobody else guesses it: no link is followed there */
    if (getrandom(&name, sizeof name, 0) != sizeof name)
        return cli_fail(CLI_FAILED, "the system gives no random numbers");
    if (snprintf(path, PATH_BYTES, "%s/sluice-%016llx.bin", folder ? folder : "/tmp",
                 (unsigned long long)name) >= PATH_BYTES)
        return cli_fail(CLI_USAGE, "TMPDIR is longer than a path may be");
    run->text   = run->corpus;
    run->corpus = NULL;
    CLI_TRY(cli_tokenize(&made, path, run->text, run->subject.bpe, &separator, cli_cores(),
                         talks && isatty(STDOUT_FILENO)));
    cli_remove_on_signal(path);
    CLI_TRY(cli_report(sluice_corpus_open(&run->corpus, &(const char *){path}, 1, 0)));
    return count_bytes(run);
}

static int open_data(eval_run *run, const eval_options *o) {
    static const char *const written[] = {"/dev/stdout", "/dev/stderr"};
    CLI_TRY(cli_report_or(
        sluice_corpus_open_except(&run->corpus, o->data.text, o->data.count, 0, written, 2),
        "--data takes readable text files, folders or .bin files"));
    run->bytes = NAN;
    if (sluice_corpus_is_text(run->corpus)) {
        CLI_TRY(inference_find_tokenizer(&run->subject, &o->how));
        if (run->subject.bpe)
            CLI_TRY(tokenize(run, o));
        else
            run->bytes = (double)(sluice_corpus_tokens(run->corpus) - 1);
    }
    return cli_report(sluice_corpus_set_vocabulary(
        run->corpus, sluice_model_config_numbers(&run->subject.config).vocabulary));
}

/* ---- the evaluation ---- */

static void show_progress(eval_run *run, const sluice_evaluation_result *at) {
    const int64_t all = sluice_evaluation_windows(run->evaluation);
    run->live         = at->windows < all;
    printf("\r");
    if (run->live)
        printf("%lld of %lld windows  loss %.4f", (long long)at->windows, (long long)all,
               at->nats / (double)at->targets);
    printf("\033[K");
    fflush(stdout);
}

static int evaluate(sluice_evaluation_result *result, eval_run *run, const eval_options *o) {
    const sluice_token_source source = sluice_corpus_source(run->corpus);
    const bool shows                 = !o->how.quiet && !o->how.json && isatty(STDOUT_FILENO);
    CLI_TRY(cli_report(sluice_evaluation_open(&run->evaluation, run->subject.pipeline,
                                              run->subject.model, &source, o->stride)));
    run->started = train_clock();
    do {
        CLI_TRY(train_report(sluice_evaluation_next(result, run->evaluation, o->batch)));
        if (shows) show_progress(run, result);
    } while (result->windows < sluice_evaluation_windows(run->evaluation));
    return CLI_OK;
}

/* ---- what is shown ---- */

/* NaN: the tokens' text is not known. */
static double bits_per_byte(const eval_run *run, const sluice_evaluation_result *r) {
    return r->nats / log(2) / run->bytes;
}

static void print_json(const eval_run *run, const sluice_evaluation_result *r, int64_t stride) {
    const double loss = r->nats / (double)r->targets, bits = bits_per_byte(run, r);
    const double seconds = train_clock() - run->started;
    printf("{\"loss\": %.9g, \"perplexity\": %.9g, \"bits_per_byte\": ", loss, exp(loss));
    if (isnan(bits))
        printf("null");
    else
        printf("%.9g", bits);
    printf(", \"tokens\": %lld, \"windows\": %lld, \"seq\": %lld, \"stride\": %lld, "
           "\"seconds\": %.3f}\n",
           (long long)r->targets, (long long)r->windows, (long long)run->seq,
           (long long)(stride ? stride : run->seq), seconds);
}

static void print_data(const eval_run *run, int64_t stride) {
    const sluice_corpus *const data = run->text ? run->text : run->corpus;
    const long long files           = sluice_corpus_files(data);
    printf("data      %lld file%s, %lld tokens, in %lld window%s of %lld", files,
           files == 1 ? "" : "s", (long long)sluice_corpus_tokens(run->corpus),
           (long long)sluice_evaluation_windows(run->evaluation),
           sluice_evaluation_windows(run->evaluation) == 1 ? "" : "s", (long long)run->seq);
    if (stride) printf(", %lld apart", (long long)stride);
    putchar('\n');
    if (sluice_corpus_left_out(data)[0])
        printf("          left out: %s\n", sluice_corpus_left_out(data));
}

static void print_result(const eval_run *run, const sluice_evaluation_result *r) {
    const double loss = r->nats / (double)r->targets, bits = bits_per_byte(run, r);
    printf("loss %.6f nats per token, perplexity %.4f", loss, exp(loss));
    if (!isnan(bits)) printf(", %.6f bits per byte", bits);
    printf(", over %lld tokens\n", (long long)r->targets);
}

static int show(const eval_run *run, const sluice_evaluation_result *r, const eval_options *o) {
    if (!isfinite(r->nats))
        return cli_fail(CLI_FAILED,
                        "the loss is not a finite number: the model in '%s' has "
                        "diverged, or its weights are damaged",
                        run->subject.folder);
    if (o->how.json) {
        print_json(run, r, o->stride);
        return CLI_OK;
    }
    if (!o->how.quiet) {
        inference_print_model(&run->subject);
        print_data(run, o->stride);
    }
    print_result(run, r);
    return CLI_OK;
}

/* ---- the command ---- */

static int eval(eval_run *run, const eval_options *o) {
    const inference_shape shape = {
        .microbatches = o->batch < MAX_MICROBATCHES ? (int)o->batch : MAX_MICROBATCHES,
        .samples      = o->batch,
        .advice       = "a smaller --batch or --seq, or a larger --memory-limit"};
    sluice_evaluation_result result = {0};
    CLI_TRY(inference_find(&run->subject, &o->how));
    CLI_TRY(choose_length(run, o));
    if (!o->how.explain_memory) CLI_TRY(open_data(run, o));
    CLI_TRY(
        cli_report(sluice_model_from_config(&run->subject.model, &run->subject.config, run->seq)));
    CLI_TRY(inference_open(&run->subject, &o->how, &shape));
    if (o->how.explain_memory) return CLI_OK;
    CLI_TRY(evaluate(&result, run, o));
    return show(run, &result, o);
}

int command_eval(const cli_command *command, int argc, char **argv) {
    eval_options options = {0};
    eval_run run         = {0};
    int failed           = cli_parse(&options, NULL, command, argc, argv);
    if (!failed) failed = settle(&options);
    if (!failed) failed = eval(&run, &options);
    if (failed && run.live) putchar('\n');
    sluice_evaluation_close(run.evaluation);
    inference_free(&run.subject);
    sluice_corpus_close(run.corpus);
    sluice_corpus_close(run.text);
    cli_remove_on_signal(NULL);
    if (run.tokens[0]) (void)unlink(run.tokens);
    free((void *)options.data.text);
    return failed;
}
