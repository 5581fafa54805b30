/* SPDX-License-Identifier: MIT */
/* command_plan.c -- `sluice plan`: the fastest way to run a model on given devices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drawing.h"
#include "model_options.h"
#include "plan_command.h"
#include "subject.h"

/* ---- options ---- */

#define FIELD(member) offsetof(plan_options, member)
#define MAX_COUNT     (1 << 30)

/* clang-format off */
static const cli_option plan_own_options[] = {
    {"subject", CLI_ARGUMENT, CLI_PLAN, NULL, NULL, cli_take_subject, .field = FIELD(subject), .word_of = cli_model_word},
    {"devices", 0, CLI_PLAN, "DEVICES", "So many devices with so much memory, as in 4x24GiB (or 4: without a limit), or a file (docs/formats.md); may be repeated, to compare", cli_take_texts, .field = FIELD(devices)},
    {"batch", 0, CLI_PLAN, "B", "Samples of a minibatch", cli_take_count, .field = FIELD(batch), .min = 1, .max = 1 << 20},
    {"microbatches", 'm', CLI_PLAN, "M", "Micro-batches of a minibatch (the fastest number that divides it)", cli_take_int, .field = FIELD(microbatches), .min = 1, .max = 1 << 20},
    {"seq", 0, CLI_PLAN, "T", "Tokens per sample of a model (128)", cli_take_count, .field = FIELD(seq), .min = 1, .max = MAX_COUNT},
    {"vocabulary", 0, CLI_PLAN, "N", "Of a preset that takes the data's (256: bytes)", cli_take_count, .field = FIELD(vocabulary), .min = 2, .max = MAX_COUNT},
    {"output", 'o', CLI_PLAN, "FILE", "Write the best plan there (JSON, docs/formats.md)", cli_take_text, .field = FIELD(output)},
    {"svg", 0, CLI_PLAN, "FILE", "Draw time and memory of each rank of the best plan", cli_take_picture, .field = FIELD(svg)},
    {"device", 0, CLI_PLAN, "NAME", "Kind of device for which a model's costs are estimated: cpu (the default) or cuda", cli_take_word, .field = FIELD(device), .word_of = sluice_device_rates_kind},
    {"precision", 0, CLI_PLAN, "NAME", "Precision of a model's arithmetic: fp32 (the default), tf32, bf16", cli_take_precision, .field = FIELD(precision), .word_of = cli_precision_name},
    {"effort", 0, CLI_PLAN, "N", "Simulations, at most (400)", cli_take_int, .field = FIELD(effort), .min = 1, .max = 1 << 20},
    {"json", 0, CLI_PLAN, NULL, "Print an object for scripts", cli_take_flag, .field = FIELD(json)},
    {0}};
/* clang-format on */

static const cli_option_table tables[] = {
    {plan_own_options, 0, 1, NULL}, {train_optimizer_options, FIELD(optimizer), 2, NULL}, {0}};

const cli_command_line command_plan_line = {CLI_PLAN, tables};

/* ---- devices ---- */

/* "4x24GiB", "4"; false: it is neither, and may be a file. */
static bool is_count(const char *text) {
    const size_t digits = strspn(text, "0123456789");
    return digits > 0 && (text[digits] == '\0' || text[digits] == 'x');
}

static int read_count(plan_answer *answer, const char *text) {
    const char *const times = strchr(text, 'x');
    char count[16]          = "";
    const size_t digits     = strspn(text, "0123456789");
    if (digits >= sizeof count)
        return cli_fail(CLI_USAGE, "--devices is '%s'; at most %d are possible", text,
                        SLUICE_MAX_STAGES);
    memcpy(count, text, digits);
    CLI_TRY(cli_read_int(&answer->ranks, "the number of --devices", count, 1, SLUICE_MAX_STAGES));
    return times ? train_take_bytes(&answer->memory, NULL, "the memory of --devices", times + 1)
                 : CLI_OK;
}

static int read_devices(plan_answer *answer, const char *text) {
    answer->devices = text;
    if (is_count(text)) return read_count(answer, text);
    CLI_TRY(cli_report_or(sluice_device_list_read(&answer->list, text),
                          "--devices takes a number of devices, as in 4x24GiB, or a file"));
    answer->ranks = answer->list->rank_count;
    return CLI_OK;
}

static int read_all_devices(plan_job *job) {
    const cli_texts *const texts = &job->options->devices;
    if (texts->count == 0)
        return cli_fail(CLI_USAGE, "there are no --devices; say how many and with how much memory, "
                                   "as in --devices 4x24GiB");
    job->answers = calloc((size_t)texts->count, sizeof *job->answers);
    if (!job->answers) return cli_fail(CLI_FAILED, "host memory exhausted");
    job->count = texts->count;
    for (int k = 0; k < job->count; k++) CLI_TRY(read_devices(&job->answers[k], texts->text[k]));
    return CLI_OK;
}

/* ---- model or profile ---- */

static int read_model(plan_job *job) {
    const plan_options *const options = job->options;
    sluice_model_config config;
    CLI_TRY(
        cli_read_model(&config, options->subject, options->vocabulary ? options->vocabulary : 256));
    CLI_TRY(cli_choose_length(&job->sequence, options->seq, &config, options->subject));
    job->vocabulary = sluice_model_config_numbers(&config).vocabulary;
    return cli_report(sluice_model_from_config(&job->model, &config, job->sequence));
}

static int read_profile(plan_job *job) {
    const plan_options *const options = job->options;
    if (options->seq || options->vocabulary)
        return cli_fail(CLI_USAGE, "--%s is about a model, and '%s' is a profile; leave it out",
                        options->seq ? "seq" : "vocabulary", options->subject);
    CLI_TRY(cli_report(sluice_profile_read(&job->profile, options->subject)));
    job->sequence = job->profile->sequence;
    return CLI_OK;
}

static int prepare(plan_job *job) {
    bool is_profile = false;
    CLI_TRY(cli_find_subject(&is_profile, job->options->subject,
                             "plan " CLI_MODEL " --devices 4x24GiB --batch 16"));
    if (job->options->batch == 0)
        return cli_fail(CLI_USAGE, "there is no --batch; say how many samples a minibatch has");
    if (job->options->output) CLI_TRY(cli_check_writable(job->options->output));
    if (job->options->svg) CLI_TRY(cli_check_writable(job->options->svg));
    CLI_TRY(read_all_devices(job));
    return is_profile ? read_profile(job) : read_model(job);
}

/* ---- the search ---- */

static void show_progress(void *context, int simulations, int effort, double best) {
    plan_job *const job = context;
    job->live           = true;
    printf("\r%d of at most %d simulations", simulations, effort);
    if (best > 0) printf(", a step in %.4g s", best);
    printf("\033[K");
    fflush(stdout);
}

static int search(plan_job *job, plan_answer *answer) {
    const plan_options *const options   = job->options;
    sluice_plan_search_options settings = SLUICE_PLAN_SEARCH_OPTIONS_INIT;
    settings.model                      = job->model;
    settings.profile                    = job->profile;
    settings.devices                    = answer->list;
    settings.ranks                      = answer->ranks;
    settings.memory_limit               = answer->memory;
    settings.batch                      = options->batch;
    settings.microbatches               = options->microbatches;
    settings.device                     = options->device;
    settings.precision                  = options->precision;
    settings.working_bytes              = cli_working_bytes(options->device, options->precision);
    settings.states  = options->optimizer.kind->state_count(options->optimizer.config);
    settings.context = job;
    if (options->effort) settings.effort = options->effort;
    if (!options->json && isatty(STDOUT_FILENO)) settings.progress = show_progress;
    sluice_status status = sluice_plan_search(&answer->result, &settings);
    if (status == SLUICE_OK)
        status = sluice_plan_advise(&answer->advice, answer->result, &settings);
    if (job->live) printf("\r\033[K");
    return cli_report(status);
}

/* With several lists of devices those on which nothing fits are named, and the others compared. */
static int search_all(plan_job *job) {
    int failed = CLI_OK, found = 0;
    for (int k = 0; k < job->count; k++) {
        const int one = search(job, &job->answers[k]);
        if (one != CLI_OK) failed = one;
        const sluice_plan_result *const result = job->answers[k].result;
        if (!result) continue;
        if (found++ == 0 ||
            result->choices[0].step < job->answers[job->fastest].result->choices[0].step)
            job->fastest = k;
    }
    return found > 0 ? CLI_OK : failed;
}

/* ---- the file ---- */

int plan_make_file(sluice_plan_file **out, const plan_job *job, const plan_answer *answer,
                   const sluice_plan_choice *choice) {
    const sluice_profile *const profile = job->profile;
    const bool has_model                = !profile || profile->model;
    const sluice_plan_file_about about  = {
         .model      = !profile ? job->options->subject : profile->model,
         .profile    = has_model ? NULL : job->options->subject,
         .sequence   = job->sequence,
         .vocabulary = job->vocabulary,
         .parameters = job->model ? sluice_model_parameter_count(job->model) : 0,
         .optimizer  = job->options->optimizer.kind->name,
         .precision =
            profile ? profile->precision : cli_precision_name((int)job->options->precision),
         .threads = profile ? profile->threads : 0,
         .device  = profile                ? profile->device
                    : job->options->device ? job->options->device
                                           : "cpu",
         .devices = answer->list};
    return cli_report(sluice_plan_file_make(out, choice, &about));
}

static int write_best(const plan_job *job) {
    sluice_plan_file *file = NULL;
    if (!job->options->output || !job->answers) return CLI_OK;
    const plan_answer *const answer = &job->answers[job->fastest];
    CLI_TRY(plan_make_file(&file, job, answer, &answer->result->choices[0]));
    const int failed = cli_report(sluice_plan_file_write(job->options->output, file));
    sluice_plan_file_free(file);
    return failed;
}

static int show(const plan_job *job) {
    CLI_TRY(write_best(job));
    if (job->options->svg) CLI_TRY(plan_write_svg(job));
    if (job->options->json) return plan_print_json(job);
    plan_print(job);
    return CLI_OK;
}

/* ---- the command ---- */

static void free_job(plan_job *job) {
    for (int k = 0; k < job->count; k++) {
        sluice_plan_advice_free(job->answers[k].advice);
        sluice_plan_result_free(job->answers[k].result);
        sluice_device_list_free(job->answers[k].list);
    }
    free(job->answers);
    sluice_profile_free(job->profile);
    sluice_model_free(job->model);
}

int command_plan(const cli_command *command, int argc, char **argv) {
    plan_options options = {.optimizer = TRAIN_OPTIMIZER_INIT};
    plan_job job         = {.options = &options};
    int failed           = cli_parse(&options, NULL, command, argc, argv);
    if (!failed) failed = train_settle_optimizer(&options.optimizer);
    if (!failed) failed = prepare(&job);
    if (!failed) failed = search_all(&job);
    if (!failed) failed = show(&job);
    free_job(&job);
    free((void *)options.devices.text);
    free(options.optimizer.config);
    return failed;
}
