/* SPDX-License-Identifier: MIT */
/* command_profile.c -- `sluice profile`: what a model's layers and links cost on this machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model_options.h"
#include "training.h"

enum { MAX_SIZES = 256 };

typedef struct profile_options {
    const char *model, *output, *device, *blas;
    int threads, ranks, ranks_per_device, alike;
    sluice_precision precision;
    int64_t seq, vocabulary, steps;
    struct {
        int64_t list[MAX_SIZES];
        int count;
    } sizes;
    train_optimizer optimizer;
    bool json;
} profile_options;

/* ---- options ---- */

/* "1,2,4": samples of micro-batches. */
static int take_sizes(void *field, const cli_option *option, const char *name, const char *text) {
    profile_options *const options = field; /* its field is the whole */
    options->sizes.count           = 0;
    for (const char *at = text;; at++) {
        char word[24]       = "";
        const size_t length = strcspn(at, ",");
        if (length >= sizeof word || options->sizes.count == MAX_SIZES)
            return cli_fail(CLI_USAGE, "%s is '%s'; give whole numbers, as in 1,2,4", name, text);
        memcpy(word, at, length);
        CLI_TRY(cli_read_count(&options->sizes.list[options->sizes.count++], name, word,
                               (int64_t)option->min, (int64_t)option->max));
        at += length;
        if (*at == '\0') return CLI_OK;
    }
}

static int take_model(void *field, const cli_option *option, const char *name, const char *text) {
    if (*(const char **)field) return cli_fail(CLI_USAGE, "'%s' is a second model; name one", text);
    return cli_take_text(field, option, name, text);
}

#define FIELD(member) offsetof(profile_options, member)
#define MAX_COUNT     (1 << 30)

/* clang-format off */
static const cli_option measure_options[] = {
    {"model", CLI_ARGUMENT, CLI_PROFILE, NULL, NULL, take_model, .field = FIELD(model)},
    {"output", 'o', CLI_PROFILE, "FILE", "Write the profile there (JSON, docs/formats.md)", cli_take_text, .field = FIELD(output)},
    {"json", 0, CLI_PROFILE, NULL, "Print the profile, and nothing else", cli_take_flag, .field = FIELD(json)},
    {"microbatch", 0, CLI_PROFILE, "LIST", "Samples of a micro-batch: a table for each, as in 1,2,4 (1)", take_sizes, .field = 0, .min = 1, .max = 1 << 20},
    {"seq", 0, CLI_PROFILE, "T", "Tokens per sample (128)", cli_take_count, .field = FIELD(seq), .min = 1, .max = MAX_COUNT},
    {"vocabulary", 0, CLI_PROFILE, "N", "Of a preset that takes the data's (256: bytes)", cli_take_count, .field = FIELD(vocabulary), .min = 2, .max = MAX_COUNT},
    {"ranks", 'p', CLI_PROFILE, "P", "Ranks that compute at the same time, as many as the run will have (2, on one core 1)", cli_take_int, .field = FIELD(ranks), .min = 1, .max = SLUICE_MAX_STAGES},
    {"threads", 0, CLI_PROFILE, "N", "Compute threads of each rank (cores / ranks)", cli_take_int, .field = FIELD(threads), .min = 1, .max = 1024},
    {"device", 0, CLI_PROFILE, "NAME", "cpu (the default), cuda or cuda:0,1 (all GPUs, or these), or auto (cuda where it can be used)", cli_take_device, .field = FIELD(device)},
    {"ranks-per-device", 0, CLI_PROFILE, "N", "Neighbouring ranks that share a GPU (as few as the GPUs allow)", cli_take_int, .field = FIELD(ranks_per_device), .min = 1, .max = SLUICE_MAX_STAGES},
    {"precision", 0, CLI_PROFILE, "NAME", "Precision of arithmetic: fp32 (the default), tf32, bf16", cli_take_precision, .field = FIELD(precision), .word_of = cli_precision_name},
    {"blas", 0, CLI_PROFILE, "NAME", "Library that multiplies on the CPU: auto (the default: the fastest that is here), libxsmm, onednn, openblas, blis, or plain (C, slow)", cli_take_word, .field = FIELD(blas), .word_of = cli_blas_word},
    {"alike", 0, CLI_PROFILE, "N", "Measure N of the layers that are alike, and take the others to cost the same: a large model then needs less memory (all)", cli_take_int, .field = FIELD(alike), .min = 1, .max = SLUICE_MAX_STAGES},
    {"steps", 0, CLI_PROFILE, "N", "Steps of each rank whose times count (9)", cli_take_count, .field = FIELD(steps), .min = 1, .max = 10000},
    {0}};
/* clang-format on */

static const cli_option_table tables[] = {
    {measure_options, 0, 1, NULL}, {train_optimizer_options, FIELD(optimizer), 2, NULL}, {0}};

const cli_command_line command_profile_line = {CLI_PROFILE, tables};

static int settle(profile_options *o) {
    if (!o->model)
        return cli_fail(CLI_USAGE,
                        "no model is named; for example: sluice profile %s -o profile.json",
                        CLI_MODEL);
    if (!o->output && !o->json)
        return cli_fail(CLI_USAGE, "there is no -o; name the file to write, or print with --json");
    if (!o->ranks) o->ranks = cli_usual_ranks();
    if (o->sizes.count == 0) o->sizes.list[o->sizes.count++] = 1;
    CLI_TRY(train_settle_optimizer(&o->optimizer));
    CLI_TRY(cli_settle_blas(&o->blas, o->device));
    return o->output ? cli_check_writable(o->output) : CLI_OK;
}

/* ---- the model, and data for it ---- */

typedef struct profile_subject {
    sluice_model_config config;
    sluice_model *model;
    int64_t seq, vocabulary;
    bool live; /* there is a line of progress on the screen */
} profile_subject;

/* Tokens at random, so that the embedding reads and adds to rows all over. */
static sluice_status load_tokens(void *context, void *to, int64_t first, int64_t samples) {
    const profile_subject *const subject = context;
    for (int64_t k = 0; k < samples * subject->seq; k++) {
        const uint32_t hashed = (uint32_t)(first * subject->seq + k) * 2654435761U;
        ((int32_t *)to)[k]    = (int32_t)((int64_t)(hashed >> 4) % subject->vocabulary);
    }
    return SLUICE_OK;
}

static int make_subject(profile_subject *subject, const profile_options *options) {
    CLI_TRY(cli_read_model(&subject->config, options->model, options->vocabulary));
    CLI_TRY(cli_choose_length(&subject->seq, options->seq, &subject->config, options->model));
    subject->vocabulary = sluice_model_config_numbers(&subject->config).vocabulary;
    return cli_report(sluice_model_from_config(&subject->model, &subject->config, subject->seq));
}

/* ---- what is shown ---- */

static void show_progress(void *context, const char *what, int done, int all) {
    profile_subject *const subject = context;
    subject->live                  = true;
    printf("\r%s: %d %%\033[K", what, (int)(100.0 * done / all));
    fflush(stdout);
}

/* F, I, W and recomputation of all layers, and how far their samples lie apart. */
static void add_up(double sum[4], double spread[4], const sluice_profile_table *table) {
    for (int k = 0; k < 4; k++) sum[k] = spread[k] = 0;
    for (int l = 0; l < table->layer_count; l++) {
        const sluice_profile_layer *const layer = &table->layers[l];
        const sluice_profile_spread *const s    = &layer->spread;
        const double times[4] = {layer->forward_s, layer->input_s, layer->weight_s,
                                 layer->recompute_s};
        const double apart[4] = {s->forward_s, s->input_s, s->weight_s, s->recompute_s};
        for (int k = 0; k < 4; k++) {
            sum[k] += times[k];
            spread[k] += apart[k];
        }
    }
}

static void print_table(const sluice_profile_table *table) {
    double sum[4], spread[4];
    add_up(sum, spread, table);
    printf("%11lld", (long long)table->microbatch);
    for (int k = 0; k < 4; k++)
        printf("  %9.3f %5.1f %%", 1e3 * sum[k], sum[k] > 0 ? 100 * spread[k] / sum[k] : 0);
    putchar('\n');
}

static void print_summary(const sluice_profile *profile) {
    printf("%s, %d rank%s of %d thread%s, %s\n", profile->device, profile->ranks,
           profile->ranks == 1 ? "" : "s", profile->threads, profile->threads == 1 ? "" : "s",
           profile->precision);
    printf("\nall %d layers, in ms, and how far samples lie apart (MAD)\n"
           "micro-batch          F                  I                  W          recompute\n",
           profile->tables[0].layer_count);
    for (int t = 0; t < profile->table_count; t++) print_table(&profile->tables[t]);
    putchar('\n');
    for (int l = 0; l < profile->link_count; l++)
        printf("link %d to %d: %.3g us, %.3g GB/s\n", profile->links[l].from, profile->links[l].to,
               1e6 * profile->links[l].latency, 1e-9 * profile->links[l].bandwidth);
    printf("update: %.3g ns per parameter (%s)\n", 1e9 * profile->update_s_per_parameter,
           profile->optimizer);
}

enum { FAR_APART = 20 }; /* percent */

static int check_spread(const sluice_profile *profile) {
    json_t *said = NULL;
    double worst = 0;
    for (int t = 0; t < profile->table_count; t++) {
        double sum[4], spread[4];
        add_up(sum, spread, &profile->tables[t]);
        for (int k = 0; k < 4; k++)
            if (spread[k] > worst * sum[k]) worst = spread[k] / sum[k];
    }
    if (100 * worst <= FAR_APART) return CLI_OK;
    const int failed = cli_warn(&said,
                                "samples lie %.0f %% apart: something else used these cores while "
                                "layers were measured; measure again when the machine is quiet",
                                100 * worst);
    json_decref(said);
    return failed;
}

static int show(const sluice_profile *profile, const profile_options *options) {
    char *text = NULL;
    CLI_TRY(check_spread(profile));
    if (!options->json) {
        print_summary(profile);
        return CLI_OK;
    }
    CLI_TRY(cli_report(sluice_profile_print(&text, profile)));
    fputs(text, stdout);
    sluice_text_free(text);
    return CLI_OK;
}

/* ---- the command ---- */

static int measure(sluice_profile **out, profile_subject *subject, const profile_options *options) {
    const sluice_batch_part parts[] = {
        {"inputs", load_tokens, subject}, {"targets", load_tokens, subject}, {NULL, NULL, NULL}};
    sluice_profile_options settings = SLUICE_PROFILE_OPTIONS_INIT;
    settings.device                 = options->device;
    settings.threads                = options->threads;
    settings.ranks                  = options->ranks;
    settings.ranks_per_device       = options->ranks_per_device;
    settings.alike                  = options->alike;
    settings.precision              = options->precision;
    settings.microbatches           = options->sizes.list;
    settings.microbatch_count       = options->sizes.count;
    settings.optimizer              = options->optimizer.kind;
    settings.optimizer_config       = options->optimizer.config;
    settings.model                  = options->model;
    settings.sequence               = subject->seq;
    settings.parts                  = parts;
    settings.context                = subject;
    settings.blas                   = options->blas;
    if (options->steps) settings.steps = (int)options->steps;
    if (!options->json && isatty(STDOUT_FILENO)) settings.progress = show_progress;
    const sluice_status status = sluice_profile_measure(out, subject->model, &settings);
    if (subject->live) printf("\r\033[K");
    return cli_report(status);
}

static int profile(const profile_options *options) {
    profile_subject subject  = {0};
    sluice_profile *measured = NULL;
    int failed               = make_subject(&subject, options);
    if (!failed) failed = measure(&measured, &subject, options);
    if (!failed && options->output)
        failed = cli_report(sluice_profile_write(options->output, measured));
    if (!failed) failed = show(measured, options);
    sluice_profile_free(measured);
    sluice_model_free(subject.model);
    return failed;
}

int command_profile(const cli_command *command, int argc, char **argv) {
    profile_options options = {.optimizer = TRAIN_OPTIMIZER_INIT};
    int failed              = cli_parse(&options, NULL, command, argc, argv);
    if (!failed) failed = settle(&options);
    if (!failed) failed = profile(&options);
    free(options.optimizer.config);
    return failed;
}
