/* SPDX-License-Identifier: MIT */
/* inference.c -- a folder with a model, planned and opened to go forward only. */
#include "inference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model_options.h"
#include "split_option.h"
#include "tokenizing.h"

#define FIELD(member) offsetof(inference_options, member)

/* clang-format off */
const cli_option inference_options_table[] = {
    {"tokenizer", 0, CLI_EVAL | CLI_SAMPLE, "DIR", "Tokenizer of text (the model's own): a folder with a tokenizer.json, or bytes", cli_take_text, .field = FIELD(tokenizer)},
    {"ranks", 'p', CLI_EVAL | CLI_SAMPLE, "P", "Ranks, of a stage each (as few as have the memory)", cli_take_int, .field = FIELD(ranks), .min = 1, .max = SLUICE_MAX_STAGES},
    {"device", 0, CLI_EVAL | CLI_SAMPLE, "NAME", "cpu (the default), cuda or cuda:0,1 (all GPUs, or these), or auto (cuda where it can be used)", cli_take_device, .field = FIELD(device), .word_of = cli_device_word},
    {"threads", 0, CLI_EVAL | CLI_SAMPLE, "N", "Compute threads of each rank (cores / ranks)", cli_take_int, .field = FIELD(threads), .min = 1, .max = 1024},
    {"memory-limit", 0, CLI_EVAL | CLI_SAMPLE, "BYTES", "Memory of each rank, as in 2GiB; a plan that needs more is refused", train_take_bytes, .field = FIELD(memory_limit)},
    {"explain-memory", 0, CLI_EVAL | CLI_SAMPLE, NULL, "Print the memory plan and exit", cli_take_flag, .field = FIELD(explain_memory)},
    {"timeout", 0, CLI_EVAL | CLI_SAMPLE, "S", "Stop when no rank finishes anything for S seconds (600)", cli_take_above, .field = FIELD(timeout)},
    {"blas", 0, CLI_EVAL | CLI_SAMPLE, "NAME", "Library that multiplies on the CPU: auto (the default: the fastest that is here), libxsmm, onednn, openblas, blis, or plain (C, slow)", cli_take_word, .field = FIELD(blas), .word_of = cli_blas_word},
    {"json", 0, CLI_EVAL | CLI_SAMPLE, NULL, "Print one JSON object only", cli_take_flag, .field = FIELD(json)},
    {"quiet", 0, CLI_EVAL | CLI_SAMPLE, NULL, "Print the result only", cli_take_flag, .field = FIELD(quiet)},
    {0}};
/* clang-format on */

int inference_settle(inference_options *options, const char *command) {
    const sluice_device_ops *ops = sluice_devices()[0];
    if (!options->from)
        return cli_fail(CLI_USAGE, "no folder is named; for example: sluice %s", command);
    if (options->device) CLI_TRY(cli_report(sluice_device_find(&ops, options->device)));
    if (!ops->computes)
        return cli_fail(CLI_USAGE, "--device %s computes nothing; choose cpu, cuda or auto",
                        options->device);
    return cli_settle_blas(&options->blas, options->device);
}

/* ---- the folder ---- */

static bool has_file(const char *folder, const char *name) {
    char path[PATH_BYTES];
    struct stat about;
    return train_path(path, folder, name) && stat(path, &about) == 0;
}

static int name_folder(inference_subject *subject, const char *folder) {
    if (snprintf(subject->folder, PATH_BYTES, "%s", folder) < PATH_BYTES) return CLI_OK;
    return cli_fail(CLI_USAGE, "'%.64s..' is longer than a path may be", folder);
}

/* Saves are read whole, and the newest is taken; a folder without any is one from elsewhere. */
int inference_find(inference_subject *subject, const inference_options *options) {
    static const char hint[] = "name the --out of a run, one of its saves, or a folder with "
                               "config.json and model.safetensors";
    char path[PATH_BYTES];
    struct stat about;
    sluice_save *save = NULL;
    if (stat(options->from, &about) != 0 || !S_ISDIR(about.st_mode))
        return cli_fail(CLI_USAGE, "'%s' is no folder that is here; %s", options->from, hint);
    const bool is_save = has_file(options->from, "state.json") || has_file(options->from, "saves");
    if (is_save) {
        CLI_TRY(
            cli_report_or(sluice_save_find(&save, options->from, train_say_damaged, NULL), hint));
        const char *const length = sluice_save_setting(save, "seq");
        subject->trained         = length ? strtoll(length, NULL, 10) : 0;
        const int failed         = name_folder(subject, sluice_save_folder(save));
        sluice_save_close(save);
        CLI_TRY(failed);
    } else {
        CLI_TRY(name_folder(subject, options->from));
    }
    if (!train_path(path, subject->folder, "config.json") || stat(path, &about) != 0)
        return cli_fail(CLI_USAGE, "'%s' has no config.json; %s", subject->folder, hint);
    return cli_report(sluice_model_config_read(&subject->config, path));
}

/* ---- its tokenizer ---- */

/* A model of bytes may come without one. */
int inference_find_tokenizer(inference_subject *subject, const inference_options *options) {
    const int64_t vocabulary = sluice_model_config_numbers(&subject->config).vocabulary;
    if (options->tokenizer)
        CLI_TRY(cli_read_tokenizer(&subject->tokenizer, options->tokenizer));
    else
        CLI_TRY(cli_report(sluice_tokenizer_read(&subject->tokenizer, subject->folder)));
    if (sluice_tokenizer_files(subject->tokenizer) > 0) {
        CLI_TRY(cli_make_bpe(&subject->bpe, subject->tokenizer,
                             options->tokenizer ? options->tokenizer : subject->folder));
        if (!cli_is_of_bytes(subject->bpe)) return CLI_OK;
        sluice_bpe_free(subject->bpe); /* a byte is its token as it is */
        subject->bpe = NULL;
        return CLI_OK;
    }
    if (vocabulary == 256) return CLI_OK;
    return cli_fail(CLI_USAGE,
                    "'%s' has no tokenizer for its vocabulary of %lld; name a folder that has with "
                    "--tokenizer",
                    subject->folder, (long long)vocabulary);
}

/* ---- the plan ---- */

static sluice_pipeline_options settings_of(const inference_options *options,
                                           const inference_shape *shape, size_t limit) {
    sluice_pipeline_options settings = SLUICE_PIPELINE_OPTIONS_INIT;
    settings.samples                 = shape->samples;
    settings.device                  = options->device;
    settings.threads                 = options->threads;
    settings.blas                    = options->blas;
    settings.memory_limit            = limit;
    settings.inference               = true;
    if (options->timeout > 0) settings.deadline_s = options->timeout;
    settings.zero_parameters = true;
    settings.forwards        = shape->forwards;
    settings.forward_count   = shape->forward_count;
    return settings;
}

static sluice_status plan_for(inference_subject *subject, const inference_options *options,
                              const inference_shape *shape, int ranks, size_t limit) {
    const sluice_pipeline_options settings = settings_of(options, shape, limit);
    sluice_schedule_options among          = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_schedule *schedule              = NULL;
    among.ranks                            = ranks;
    among.microbatches                     = shape->microbatches;
    sluice_status status = sluice_schedule_generate(&schedule, "forward-only", &among);
    if (status == SLUICE_OK)
        status = sluice_pipeline_plan(&subject->plan, subject->model, schedule, NULL, &settings);
    sluice_schedule_free(schedule);
    subject->ranks = ranks;
    return status;
}

/* Bytes of a rank: --memory-limit, or else what devices have free; 0: not limited. */
static int find_limit(size_t *out, const inference_options *options) {
    *out = options->memory_limit;
    return *out > 0 || !options->device ? CLI_OK : cli_find_free(out, options->device);
}

/* No more ranks than layers, and than devices or cores. */
static int find_max_ranks(int *out, const inference_subject *subject,
                          const inference_options *options) {
    int there = 0;
    *out      = options->ranks;
    if (options->ranks)
        return cli_check_stages(options->ranks, sluice_model_layer_count(subject->model),
                                subject->folder);
    if (options->device) CLI_TRY(cli_count_devices(&there, options->device));
    if (there == 0) there = cli_cores();
    const int layers = sluice_model_layer_count(subject->model);
    *out             = there < layers ? there : layers;
    return CLI_OK;
}

static int refuse(const inference_subject *subject, const inference_options *options,
                  const inference_shape *shape, int max) {
    const char *const what = sluice_last_error()->what;
    if (options->ranks || max == 1)
        return cli_fail(CLI_FAILED, "%s; use more --ranks%s, or %s", what,
                        options->ranks ? "" : " than the one that is usual here", shape->advice);
    return cli_fail(CLI_FAILED,
                    "with %d ranks, as many as this machine takes by itself, %s; use more "
                    "--ranks, or %s",
                    subject->ranks, what, shape->advice);
}

static int make_plan(inference_subject *subject, const inference_options *options,
                     const inference_shape *shape) {
    size_t limit = 0;
    int max      = 0;
    CLI_TRY(find_limit(&limit, options));
    CLI_TRY(find_max_ranks(&max, subject, options));
    sluice_status status = SLUICE_E_DEVICE_MEMORY;
    for (int p = options->ranks ? options->ranks : 1; p <= max && status == SLUICE_E_DEVICE_MEMORY;
         p++)
        status = plan_for(subject, options, shape, p, limit);
    if (status != SLUICE_E_DEVICE_MEMORY) return cli_report(status);
    if (options->explain_memory) { /* it is shown before it is refused */
        const sluice_error refusal = *sluice_last_error();
        CLI_TRY(cli_report(plan_for(subject, options, shape, subject->ranks, 0)));
        train_print_memory(subject->plan, limit, false);
        sluice_fail(refusal.status, "%s", refusal.what);
    }
    return refuse(subject, options, shape, max);
}

/* ---- open ---- */

static int read_weights(const inference_subject *subject) {
    sluice_safetensors *file = NULL;
    CLI_TRY(cli_report(sluice_safetensors_open(&file, subject->folder)));
    const sluice_status status = sluice_pipeline_load_weights(subject->pipeline, subject->model,
                                                              subject->config.family, file);
    sluice_safetensors_close(file);
    return status == SLUICE_OK ? CLI_OK : cli_fail(CLI_FAILED, "%s", sluice_last_error()->what);
}

int inference_open(inference_subject *subject, const inference_options *options,
                   const inference_shape *shape) {
    CLI_TRY(make_plan(subject, options, shape));
    if (options->explain_memory) {
        train_print_memory(subject->plan, options->memory_limit, false);
        return CLI_OK;
    }
    const sluice_pipeline_options settings = settings_of(options, shape, options->memory_limit);
    CLI_TRY(cli_report(sluice_pipeline_open(&subject->pipeline, subject->plan, &settings)));
    return read_weights(subject);
}

void inference_free(inference_subject *subject) {
    sluice_pipeline_close(subject->pipeline);
    sluice_plan_free(subject->plan);
    sluice_model_free(subject->model);
    sluice_bpe_free(subject->bpe);
    sluice_tokenizer_free(subject->tokenizer);
}

void inference_print_model(const inference_subject *subject) {
    char summary[160];
    sluice_model_config_summary(summary, sizeof summary, &subject->config);
    printf("model     %s: %s, %s parameters, on %d rank%s of %d thread%s (%s)\n", subject->folder,
           summary, cli_quantity((double)sluice_model_parameter_count(subject->model)).text,
           subject->ranks, subject->ranks > 1 ? "s" : "",
           sluice_pipeline_threads(subject->pipeline),
           sluice_pipeline_threads(subject->pipeline) > 1 ? "s" : "",
           sluice_pipeline_device(subject->pipeline));
}
