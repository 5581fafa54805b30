/* SPDX-License-Identifier: MIT */
/* command_split.c -- `sluice split`: the best split of a model or profile over ranks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drawing.h"
#include "model_options.h"
#include "split_command.h"
#include "split_option.h"
#include "subject.h"

/* ---- options ---- */

static int take_objective(void *field, const cli_option *option, const char *name,
                          const char *text) {
    int word = 0;
    CLI_TRY(cli_read_word(&word, option, name, text));
    *(sluice_objective *)field = (sluice_objective)word; /* in the order of the enum */
    return CLI_OK;
}

static const char *const placements[] = {"line", "loop", "v", NULL};
const char *const split_objectives[]  = {"time", "memory", "parameters", NULL};

#define FIELD(member) offsetof(split_options, member)
#define MAX_COUNT     (1 << 30)

/* clang-format off */
static const cli_option split_own_options[] = {
    {"subject", CLI_ARGUMENT, CLI_SPLIT, NULL, NULL, cli_take_subject, .field = FIELD(subject), .word_of = cli_model_word},
    {"placement", 0, CLI_SPLIT, "NAME", "line (one stage a rank, the default), loop (stage s on rank s mod P) or v (down and up again); chooses 1f1b, interleaved or zbv", cli_take_word, .field = FIELD(placement), .words = placements},
    {"devices", 0, CLI_SPLIT, "FILE", "The devices of the ranks, with their profiles, memory and links (docs/formats.md)", cli_take_text, .field = FIELD(devices)},
    {"memory-limit", 0, CLI_SPLIT, "BYTES", "Memory of each rank for which --devices says none, as in 2GiB", train_take_bytes, .field = FIELD(memory_limit)},
    {"objective", 0, CLI_SPLIT, "NAME", "What the rank with most of it has least of: time (the default), memory or parameters", take_objective, .field = FIELD(objective), .words = split_objectives},
    {"pin", 0, CLI_SPLIT, "LAYER=STAGE", "Put a layer, by name or number, on a stage; may be repeated", cli_take_texts, .field = FIELD(pins)},
    {"device", 0, CLI_SPLIT, "NAME", "Kind of device for which a model's costs are estimated: cpu (the default) or cuda", cli_take_word, .field = FIELD(device), .word_of = sluice_device_rates_kind},
    {"precision", 0, CLI_SPLIT, "NAME", "Precision of a model's arithmetic: fp32 (the default), tf32, bf16", cli_take_precision, .field = FIELD(precision), .word_of = cli_precision_name},
    {"seq", 0, CLI_SPLIT, "T", "Tokens per sample of a model (128)", cli_take_count, .field = FIELD(seq), .min = 1, .max = MAX_COUNT},
    {"vocabulary", 0, CLI_SPLIT, "N", "Of a preset that takes the data's (256: bytes)", cli_take_count, .field = FIELD(vocabulary), .min = 2, .max = MAX_COUNT},
    {"json", 0, CLI_SPLIT, NULL, "Print an object for scripts", cli_take_flag, .field = FIELD(json)},
    {"svg", 0, CLI_SPLIT, "FILE", "Draw time and memory of the ranks, against the bound and the limits", cli_take_picture, .field = FIELD(svg)},
    {0}};
/* clang-format on */

static const cli_option_table tables[] = {{split_own_options, 0, 1, NULL},
                                          {cli_schedule_options, FIELD(schedule), 2, NULL},
                                          {cost_options, FIELD(costs), 2, NULL},
                                          {train_optimizer_options, FIELD(optimizer), 3, NULL},
                                          {0}};

const cli_command_line command_split_line = {CLI_SPLIT, tables};

/* ---- model or profile ---- */

static int read_model(split_job *job) {
    const split_options *const options = job->options;
    sluice_model_config config;
    int64_t length = 0;
    CLI_TRY(cli_read_model(&config, options->subject, options->vocabulary));
    CLI_TRY(cli_choose_length(&length, options->seq, &config, options->subject));
    CLI_TRY(cli_report(sluice_model_from_config(&job->model, &config, length)));
    job->microbatch = options->costs.microbatch ? options->costs.microbatch : 1;
    job->layers     = sluice_model_layer_count(job->model);
    CLI_TRY(
        cli_report(sluice_model_rows(&job->made, job->model, job->microbatch, options->precision)));
    job->rows = job->made;
    return CLI_OK;
}

static int read_profile(split_job *job) {
    const split_options *const options = job->options;
    const sluice_profile_table *table;
    if (options->seq || options->vocabulary)
        return cli_fail(CLI_USAGE, "--%s is about a model, and '%s' is a profile; leave it out",
                        options->seq ? "seq" : "vocabulary", options->subject);
    CLI_TRY(cli_report(sluice_profile_read(&job->profile, options->subject)));
    CLI_TRY(cli_report_or(sluice_profile_find(&table, job->profile, options->costs.microbatch),
                          "choose one with --microbatch-size"));
    job->microbatch = table->microbatch;
    job->layers     = table->layer_count;
    job->rows       = table->layers;
    return CLI_OK;
}

static int read_subject(split_job *job) {
    bool is_profile = false;
    CLI_TRY(cli_find_subject(&is_profile, job->options->subject, "split " CLI_MODEL " --ranks 4"));
    return is_profile ? read_profile(job) : read_model(job);
}

/* ---- schedule ---- */

static const char *placement_of(const sluice_schedule *schedule) {
    const int p = sluice_schedule_ranks(schedule), stages = sluice_schedule_stages(schedule);
    bool loop = true, v = stages == 2 * p;
    for (int s = 0; s < stages; s++) {
        const int rank = sluice_schedule_stage_rank(schedule, s);
        loop           = loop && rank == s % p;
        v              = v && rank == (s < p ? s : 2 * p - 1 - s);
    }
    return loop && stages == p ? "line" : v ? "v" : loop ? "loop" : "mixed";
}

static const char *usual_schedule(const split_options *options) {
    const char *const placement = options->placement;
    if (placement && strcmp(placement, "v") == 0) return "zbv";
    if (placement ? strcmp(placement, "loop") == 0 : options->schedule.chunks > 1)
        return "interleaved";
    return "1f1b";
}

/* Ranks are those of the command line, of the devices or of a schedule's file. */
static int choose_schedule(split_job *job) {
    const split_options *const options = job->options;
    cli_schedule_choice choice         = options->schedule;
    if (!choice.name) choice.name = usual_schedule(options);
    if (!cli_is_file(choice.name)) {
        if (!choice.ranks && job->devices) choice.ranks = job->devices->rank_count;
        if (!choice.ranks && !choice.stages)
            CLI_TRY(
                cli_stages_of_split(&choice.stages, options->costs.split, options->costs.layout));
        if (!choice.ranks && !choice.stages)
            return cli_fail(CLI_USAGE, "-p is missing; say how many ranks");
        if (!choice.microbatches) choice.microbatches = 8;
        CLI_TRY(cli_settle_ranks(&choice, choice.ranks));
    }
    CLI_TRY(cli_load_schedule(&job->schedule, &choice));
    CLI_TRY(cli_check_size(job->schedule));
    job->placement = placement_of(job->schedule);
    if (!options->placement || strcmp(options->placement, job->placement) == 0) return CLI_OK;
    return cli_fail(CLI_USAGE,
                    "--placement is %s, and that of %s with %d stages on %d ranks is %s; "
                    "leave one of them out",
                    options->placement, choice.name, sluice_schedule_stages(job->schedule),
                    sluice_schedule_ranks(job->schedule), job->placement);
}

/* ---- pins ---- */

static int find_layer(int *out, const split_job *job, const char *pin, size_t length) {
    char word[16] = "";
    for (int l = 0; l < job->layers; l++)
        if (strlen(job->rows[l].name) == length && strncmp(job->rows[l].name, pin, length) == 0) {
            *out = l;
            return CLI_OK;
        }
    if (length > 0 && length < sizeof word && strspn(pin, "0123456789") >= length) {
        memcpy(word, pin, length);
        return cli_read_int(out, "the layer of --pin", word, 0, job->layers - 1);
    }
    return cli_fail(CLI_USAGE,
                    "--pin is '%s', and no layer is called '%.*s'; layers are %s to %s, "
                    "or 0 to %d",
                    pin, (int)length, pin, job->rows[0].name, job->rows[job->layers - 1].name,
                    job->layers - 1);
}

static int read_pin(sluice_pin *out, const split_job *job, const char *text) {
    const char *const equals = strrchr(text, '=');
    if (!equals)
        return cli_fail(CLI_USAGE, "--pin is '%s'; give LAYER=STAGE, as in %s=0", text,
                        job->rows ? job->rows[0].name : "layer");
    CLI_TRY(find_layer(&out->layer, job, text, (size_t)(equals - text)));
    return cli_read_int(&out->stage, "the stage of --pin", equals + 1, 0,
                        sluice_schedule_stages(job->schedule) - 1);
}

static int read_pins(split_job *job) {
    const cli_texts *const texts = &job->options->pins;
    job->pins                    = calloc((size_t)texts->count + 1, sizeof *job->pins);
    if (!job->pins) return cli_fail(CLI_FAILED, "host memory exhausted");
    for (int k = 0; k < texts->count; k++) CLI_TRY(read_pin(&job->pins[k], job, texts->text[k]));
    return CLI_OK;
}

/* ---- the search ---- */

static int prepare(split_job *job) {
    const split_options *const options = job->options;
    CLI_TRY(cli_check_split(options->costs.split, options->costs.layout));
    if (options->svg) CLI_TRY(cli_check_writable(options->svg));
    CLI_TRY(read_subject(job));
    if (options->devices)
        CLI_TRY(cli_report_or(sluice_device_list_read(&job->devices, options->devices),
                              "--devices takes a file that lists them (docs/formats.md)"));
    CLI_TRY(choose_schedule(job));
    const int stages = sluice_schedule_stages(job->schedule);
    CLI_TRY(cli_check_stages(stages, job->layers, options->subject));
    job->recompute = calloc((size_t)stages, sizeof *job->recompute);
    if (!job->recompute) return cli_fail(CLI_FAILED, "host memory exhausted");
    CLI_TRY(cli_read_recompute(job->recompute, options->costs.recompute, stages));
    CLI_TRY(read_pins(job));
    return cli_read_split(&job->given, options->costs.split, options->costs.layout, job->rows,
                          job->layers, stages);
}

static int search(split_job *job) {
    const split_options *const options = job->options;
    sluice_split_options settings      = SLUICE_SPLIT_OPTIONS_INIT;
    settings.model                     = job->model;
    settings.profile                   = job->profile;
    settings.devices                   = job->devices;
    settings.microbatch                = options->costs.microbatch;
    settings.device                    = options->device;
    settings.precision                 = options->precision;
    settings.working_bytes             = cli_working_bytes(options->device, options->precision);
    settings.states       = options->optimizer.kind->state_count(options->optimizer.config);
    settings.recompute    = job->recompute;
    settings.memory_limit = options->memory_limit;
    settings.objective    = options->objective;
    settings.pins         = job->pins;
    settings.pin_count    = options->pins.count;
    settings.split        = job->given;
    return cli_report(sluice_split_search(&job->result, job->schedule, &settings));
}

static int show(const split_job *job) {
    if (job->options->svg) CLI_TRY(split_write_svg(job));
    if (job->options->json) return split_print_json(job);
    split_print(job);
    return CLI_OK;
}

static void free_job(split_job *job) {
    sluice_split_result_free(job->result);
    sluice_schedule_free(job->schedule);
    sluice_device_list_free(job->devices);
    sluice_profile_free(job->profile);
    sluice_model_rows_free(job->made, job->layers);
    sluice_model_free(job->model);
    free(job->recompute);
    free(job->pins);
    free(job->given);
}

int command_split(const cli_command *command, int argc, char **argv) {
    split_options options = {.optimizer = TRAIN_OPTIMIZER_INIT};
    split_job job         = {.options = &options};
    int failed            = cli_parse(&options, NULL, command, argc, argv);
    if (!failed) failed = train_settle_optimizer(&options.optimizer);
    if (!failed) failed = prepare(&job);
    if (!failed) failed = search(&job);
    if (!failed) failed = show(&job);
    free_job(&job);
    free((void *)options.pins.text);
    free((void *)options.costs.links.text);
    free(options.optimizer.config);
    return failed;
}
