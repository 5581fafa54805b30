/* SPDX-License-Identifier: MIT */
/* command_sample.c -- `sluice sample`: text from a trained model. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

enum { DEFAULT_TOKENS = 256, MICROBATCHES = 4 };

typedef struct sample_options {
    inference_options how;
    const char *prompt, *prompt_file;
    int64_t tokens; /* 0: not named */
    int64_t top_k, seed;
    double temperature, top_p;
    bool stream;
} sample_options;

static int take_folder(void *field, const cli_option *option, const char *name, const char *text) {
    if (*(const char **)field)
        return cli_fail(CLI_USAGE,
                        "'%s' is a second folder; name one, and the prompt with --prompt", text);
    return cli_take_text(field, option, name, text);
}

#define FIELD(member) offsetof(sample_options, member)
#define MAX_COUNT     (1 << 30)

/* clang-format off */
static const cli_option sample_options_table[] = {
    {"from", CLI_ARGUMENT, CLI_SAMPLE, NULL, NULL, take_folder, .field = FIELD(how.from)},
    {"prompt", 0, CLI_SAMPLE, "TEXT", "The text that goes on (none: the model's token for the begin of a text)", cli_take_text, .field = FIELD(prompt)},
    {"prompt-file", 0, CLI_SAMPLE, "FILE", "The same from a file, or from standard input (-), with all its newlines", cli_take_text, .field = FIELD(prompt_file)},
    {"tokens", 0, CLI_SAMPLE, "N", "Most tokens to generate (256, or as many as the model has positions for); a token that ends a text ends it before", cli_take_count, .field = FIELD(tokens), .min = 1, .max = MAX_COUNT},
    {"temperature", 0, CLI_SAMPLE, "T", "Divide logits by T (1); 0: always the most probable token", cli_take_number, .field = FIELD(temperature)},
    {"top-k", 0, CLI_SAMPLE, "K", "Sample from the K most probable tokens (all)", cli_take_count, .field = FIELD(top_k), .min = 1, .max = MAX_COUNT},
    {"top-p", 0, CLI_SAMPLE, "P", "Sample from the most probable tokens that together have a share of P (1: all)", cli_take_above, .field = FIELD(top_p)},
    {"seed", 0, CLI_SAMPLE, "N", "Seed of the random numbers (1): the same text again", cli_take_count, .field = FIELD(seed), .min = 0, .max = 9e18},
    {"stream", 0, CLI_SAMPLE, NULL, "Print the text as it is generated", cli_take_flag, .field = FIELD(stream)},
    {0}};
/* clang-format on */

static const cli_option_table tables[] = {
    {sample_options_table, 0, 1, NULL}, {inference_options_table, FIELD(how), 1, NULL}, {0}};

const cli_command_line command_sample_line = {CLI_SAMPLE, tables};

static int settle(const sample_options *o) {
    if (o->prompt && o->prompt_file)
        return cli_fail(CLI_USAGE, "--prompt and --prompt-file are both the prompt; leave one out");
    if (o->stream && o->how.json)
        return cli_fail(CLI_USAGE, "--stream prints text and --json one object at the end; leave "
                                   "one of them out");
    if (o->top_p <= 1) return CLI_OK;
    return cli_fail(CLI_USAGE, "--top-p %g is a share of more than all; give at most 1", o->top_p);
}

/* ---- the text ---- */

typedef struct sample_run {
    const sample_options *options;
    inference_subject subject;
    sample_prompt prompt;
    sluice_generator *generator;
    sluice_utf8 utf8;
    char *text; /* that was generated: whole characters */
    size_t bytes, capacity;
    int32_t *ids; /* likewise */
    int64_t wanted, count;
    bool stopped; /* by a token */
    double prompt_s, tokens_s;
} sample_run;

static int reserve(sample_run *run, size_t bytes) {
    const size_t needed = run->bytes + SLUICE_UTF8_BYTES(bytes) + 1;
    if (needed <= run->capacity) return CLI_OK;
    char *const more = realloc(run->text, 2 * needed);
    if (!more) return cli_fail(CLI_FAILED, "host memory exhausted");
    run->text     = more;
    run->capacity = 2 * needed;
    return CLI_OK;
}

static void show_new(const sample_run *run, size_t before) {
    if (!run->options->stream) return;
    (void)fwrite(run->text + before, 1, run->bytes - before, stdout);
    (void)fflush(stdout);
}

static int add_text(sample_run *run, int32_t token) {
    char byte;
    size_t count;
    const char *const bytes = sample_bytes_of(&count, &run->subject, token, &byte);
    const size_t before     = run->bytes;
    CLI_TRY(reserve(run, count));
    run->bytes += sluice_utf8_add(run->text + run->bytes, &run->utf8, bytes, count);
    show_new(run, before);
    return CLI_OK;
}

static int end_text(sample_run *run) {
    const size_t before = run->bytes;
    CLI_TRY(reserve(run, 1));
    run->bytes += sluice_utf8_end(run->text + run->bytes, &run->utf8);
    run->text[run->bytes] = '\0';
    show_new(run, before);
    return CLI_OK;
}

/* ---- generation ---- */

/* The token that follows these, which go behind those so far. */
static int next_token(int32_t *out, const sample_run *run, const int32_t *ids, int64_t count) {
    const sample_options *const o  = run->options;
    const sluice_sampling sampling = {o->temperature, o->top_k, o->top_p, (uint64_t)o->seed};
    return train_report(
        sluice_generator_next(out, run->generator, ids, count, &sampling, run->count));
}

/* The last token is not added to the sequence: nothing follows it. */
static int generate(sample_run *run) {
    const double started = train_clock();
    int32_t token        = 0;
    CLI_TRY(next_token(&token, run, run->prompt.ids, run->prompt.count));
    run->prompt_s = train_clock() - started;
    for (;;) {
        run->stopped = sample_is_stop(&run->prompt, token);
        if (run->stopped) break;
        run->ids[run->count++] = token;
        CLI_TRY(add_text(run, token));
        if (run->count == run->wanted) break;
        CLI_TRY(next_token(&token, run, &token, 1));
    }
    run->tokens_s = train_clock() - started - run->prompt_s;
    return end_text(run);
}

/* ---- what is shown ---- */

/* Tokens for which the model ran by itself: the first comes with the prompt. */
static double tokens_per_s(const sample_run *run) {
    const int64_t alone = run->count - (run->stopped ? 0 : 1);
    return alone > 0 && run->tokens_s > 0 ? (double)alone / run->tokens_s : 0;
}

/* Prompts may be any bytes. */
static json_t *whole_text(const char *bytes, size_t count) {
    sluice_utf8 utf8 = {0};
    char *const text = malloc(SLUICE_UTF8_BYTES(count));
    if (!text) return NULL;
    size_t used = sluice_utf8_add(text, &utf8, bytes, count);
    used += sluice_utf8_end(text + used, &utf8);
    json_t *const made = json_stringn(text, used);
    free(text);
    return made;
}

static json_t *list_of(const int32_t *ids, int64_t count) {
    json_t *const list = json_array();
    for (int64_t k = 0; list && k < count; k++)
        (void)json_array_append_new(list, json_integer(ids[k]));
    return list;
}

static int print_json(const sample_run *run) {
    json_t *const object =
        json_pack("{s: o, s: o, s: o, s: o, s: s, s: f, s: f}", "prompt",
                  whole_text(run->prompt.text, run->prompt.bytes), "text",
                  json_stringn(run->text, run->bytes), "prompt_ids",
                  list_of(run->prompt.ids, run->prompt.count), "ids", list_of(run->ids, run->count),
                  "stopped_by", run->stopped ? "token" : "length", "prompt_seconds", run->prompt_s,
                  "tokens_per_s", tokens_per_s(run));
    char *const text = object ? json_dumps(object, JSON_REAL_PRECISION(6)) : NULL;
    json_decref(object);
    if (!text) return cli_fail(CLI_FAILED, "host memory exhausted");
    puts(text);
    free(text);
    return CLI_OK;
}

static int show(const sample_run *run) {
    if (run->options->how.json) return print_json(run);
    if (!run->options->stream) (void)fwrite(run->text, 1, run->bytes, stdout);
    if (run->bytes == 0 || run->text[run->bytes - 1] != '\n') putchar('\n');
    if (run->options->how.quiet) return CLI_OK;
    return cli_fail(
        CLI_OK,
        "%" PRId64 " token%s%s after a prompt of %" PRId64 " in %.2f s; %.1f tokens/s on %d rank%s",
        run->count, run->count == 1 ? "" : "s", run->stopped ? ", and one that ends the text," : "",
        run->prompt.count, run->prompt_s, tokens_per_s(run), run->subject.ranks,
        run->subject.ranks > 1 ? "s" : "");
}

/* ---- the command ---- */

/* How many tokens fit behind the prompt. */
static int choose_count(sample_run *run) {
    const int64_t positions = sluice_model_config_numbers(&run->subject.config).positions;
    const int64_t prompt    = run->prompt.count;
    const int64_t max       = positions - prompt;
    run->wanted             = run->options->tokens;
    if (!run->wanted && max >= 1) run->wanted = max < DEFAULT_TOKENS ? max : DEFAULT_TOKENS;
    if (run->wanted >= 1 && run->wanted <= max) return CLI_OK;
    if (max < 1)
        return cli_fail(CLI_USAGE,
                        "the prompt has %" PRId64 " tokens, and the model in '%s' has %" PRId64
                        " positions; give a shorter prompt",
                        prompt, run->subject.folder, positions);
    return cli_fail(CLI_USAGE,
                    "a prompt of %" PRId64 " tokens and --tokens %" PRId64
                    " are more than the %" PRId64
                    " positions of the model in '%s'; give at most --tokens %" PRId64,
                    prompt, run->wanted, positions, run->subject.folder, max);
}

static int open_generator(sample_run *run) {
    sluice_pipeline_options usual = SLUICE_PIPELINE_OPTIONS_INIT;
    const int64_t capacity        = run->prompt.count + run->wanted - 1;
    sluice_generation_options(&usual, MICROBATCHES, capacity);
    const inference_shape shape = {
        .microbatches  = MICROBATCHES,
        .samples       = usual.samples,
        .forwards      = usual.forwards,
        .forward_count = usual.forward_count,
        .advice        = "fewer --tokens, a shorter prompt, or a larger --memory-limit"};
    CLI_TRY(cli_report(
        sluice_model_for_generation(&run->subject.model, &run->subject.config, capacity)));
    CLI_TRY(inference_open(&run->subject, &run->options->how, &shape));
    if (run->options->how.explain_memory) return CLI_OK;
    run->ids = malloc((size_t)run->wanted * sizeof *run->ids);
    if (!run->ids) return cli_fail(CLI_FAILED, "host memory exhausted");
    return cli_report(
        sluice_generator_open(&run->generator, run->subject.pipeline, run->subject.model));
}

static int sample(sample_run *run) {
    const sample_options *const o = run->options;
    CLI_TRY(inference_find(&run->subject, &o->how));
    CLI_TRY(sample_read_prompt(&run->prompt, &run->subject, &o->how, o->prompt, o->prompt_file));
    CLI_TRY(sample_find_stops(&run->prompt, &run->subject));
    CLI_TRY(choose_count(run));
    CLI_TRY(open_generator(run));
    if (o->how.explain_memory) return CLI_OK;
    CLI_TRY(generate(run));
    return show(run);
}

int command_sample(const cli_command *command, int argc, char **argv) {
    sample_options options = {.temperature = 1, .top_p = 1, .seed = 1};
    sample_run run         = {.options = &options};
    int failed             = cli_parse(&options, NULL, command, argc, argv);
    if (!failed) failed = inference_settle(&options.how, "sample sluice-out --prompt 'The '");
    if (!failed) failed = settle(&options);
    if (!failed) failed = sample(&run);
    sluice_generator_close(run.generator);
    inference_free(&run.subject);
    sample_free_prompt(&run.prompt);
    free(run.text);
    free(run.ids);
    return failed;
}
