/* SPDX-License-Identifier: MIT */
/* train_options.c -- the options of `sluice train` and their defaults. */
#include <stdlib.h>
#include <string.h>

#include "drawing.h"
#include "model_options.h"
#include "training.h"

/* ---- readers of what only training knows ---- */

static int take_decay(void *field, const cli_option *option, const char *name, const char *text) {
    int word = 0;
    CLI_TRY(cli_read_word(&word, option, name, text));
    *(sluice_decay *)field = (sluice_decay)word;
    return CLI_OK;
}

static int take_dropout(void *field, const cli_option *option, const char *name, const char *text) {
    double rate = 0;
    CLI_TRY(cli_read_number(&rate, name, text, option->min, false));
    *(float *)field = (float)rate;
    if ((float)rate < 1) return CLI_OK;
    return cli_fail(CLI_USAGE, "%s is '%s'; it must be less than 1", name, text);
}

static int take_seed(void *field, const cli_option *option, const char *name, const char *text) {
    int64_t seed = 0;
    (void)option;
    CLI_TRY(cli_read_count(&seed, name, text, 0, INT64_MAX));
    *(uint64_t *)field = (uint64_t)seed;
    return CLI_OK;
}

static const char *transport_name(int index) {
    return index == 0 ? "auto" : sluice_transport_name(index - 1);
}

static const char *const save_types[] = {"f32", "bf16", NULL};

static int take_save_type(void *field, const cli_option *option, const char *name,
                          const char *text) {
    int word = 0;
    CLI_TRY(cli_read_word(&word, option, name, text));
    *(sluice_type *)field = word == 0 ? SLUICE_TYPE_F32 : SLUICE_TYPE_BF16;
    return CLI_OK;
}

/* ---- the tables ---- */

static const char *const decays[] = {
    [SLUICE_DECAY_NONE] = "none", [SLUICE_DECAY_COSINE] = "cosine", NULL};

#define FIELD(member) offsetof(train_options, member)
#define MAX_COUNT     (1 << 30)

/* clang-format off */
static const cli_option data_options[] = {
    {"data", 0, CLI_TRAINING, "PATH", "Text files and folders, or token files (.bin); more may follow", cli_take_texts, .field = FIELD(data)},
    {"data", CLI_ARGUMENT, CLI_TRAINING, NULL, NULL, cli_take_texts, .field = FIELD(data)},
    {"model", 0, CLI_TRAINING, "PRESET|PATH", NULL, cli_take_text, .field = FIELD(model), .help_of = cli_model_help, .word_of = cli_model_word},
    {"tokenizer", 0, CLI_TRAINING, "DIR", "Makes text into tokens: a folder with a tokenizer.json, or bytes, each of which is a token (that of --model's folder, of --init's, or else bytes)", cli_take_text, .field = FIELD(tokenizer)},
    {"init", 0, CLI_TRAINING, "FILE|DIR", "Start from these weights (safetensors, one file or a folder of them)", cli_take_text, .field = FIELD(init)},
    {"seq", 0, CLI_TRAINING, "T", "Tokens per sample (128)", cli_take_count, .field = FIELD(seq), .min = 1, .max = MAX_COUNT},
    {0}};

static const cli_option pipeline_options[] = {
    {"plan", 0, CLI_TRAIN, "FILE", "Run what sluice plan -o wrote: model, batch, schedule, split and recomputation are the plan's; on virtual devices at its costs", cli_take_text, .field = FIELD(plan)},
    {"threads", 0, CLI_TRAINING, "N", "Compute threads of each rank (cores / ranks)", cli_take_int, .field = FIELD(threads), .min = 1, .max = 1024},
    {"memory-limit", 0, CLI_TRAIN, "BYTES", "Memory of each rank, as in 2GiB; a plan that needs more is refused", train_take_bytes, .field = FIELD(memory_limit)},
    {"explain-memory", 0, CLI_TRAINING, NULL, "Print the memory plan and exit", cli_take_flag, .field = FIELD(explain_memory)},
    {"device", 0, CLI_TRAIN, "NAME", "cpu (the default), cuda or cuda:0,1 (all GPUs, or these), auto (cuda where it can be used), or virtual: nothing is computed, actions take the time that --costs, --profile or --plan say", cli_take_device, .field = FIELD(device), .word_of = cli_device_word},
    {"scale", 0, CLI_VIRTUAL, "X", "Take X times as long as costs say (1): for those that are too short for timers", cli_take_above, .field = FIELD(scale)},
    {"ranks-per-device", 0, CLI_TRAINING, "N", "Neighbouring ranks that share a GPU (as few as the GPUs allow)", cli_take_int, .field = FIELD(ranks_per_device), .min = 1, .max = SLUICE_MAX_STAGES},
    {"transport", 0, CLI_TRAINING, "NAME", "Between ranks: local (copies within this process), host (the same, all of them through host memory), nccl (GPUs, one rank on each), or auto (the default: local)", cli_take_word, .field = FIELD(transport), .word_of = transport_name},
    {"blas", 0, CLI_TRAINING, "NAME", "Library that multiplies on the CPU: auto (the default: the fastest that is here), libxsmm, onednn, openblas, blis, or plain (C, slow)", cli_take_word, .field = FIELD(blas), .word_of = cli_blas_word},
    {"precision", 0, CLI_TRAINING, "NAME", "Precision of arithmetic: fp32 (the default), tf32 (products of GPUs only), bf16", cli_take_precision, .field = FIELD(precision), .word_of = cli_precision_name},
    {0}};

static const cli_option training_options[] = {
    {"batch", 0, CLI_TRAINING, "B", "Samples of a minibatch (16)", cli_take_count, .field = FIELD(batch), .min = 1, .max = MAX_COUNT},
    {"steps", 0, CLI_TRAIN, "N", "Optimizer steps (600; on virtual devices 1)", cli_take_count, .field = FIELD(steps), .min = 1, .max = MAX_COUNT},
    {"lr", 0, CLI_TRAINING, "X", "Peak learning rate (0.001; 0.1 with sgd)", cli_take_above, .field = FIELD(lr)},
    {"min-lr", 0, CLI_TRAINING, "X", "Learning rate at the end of the decay (lr / 10)", cli_take_number, .field = FIELD(min_lr)},
    {"warmup", 0, CLI_TRAINING, "N", "Steps of linear warm-up (5 % of the steps)", cli_take_count, .field = FIELD(warmup), .min = 0, .max = MAX_COUNT},
    {"decay", 0, CLI_TRAINING, "NAME", "cosine (the default) or none", take_decay, .field = FIELD(decay), .words = decays},
    {"clip", 0, CLI_TRAINING, "X", "Largest global gradient norm, 0 for none (1)", cli_take_number, .field = FIELD(clip)},
    {"dropout", 0, CLI_TRAINING, "P", "Dropout rate, from 0 to below 1 (0, whatever a config.json says)", take_dropout, .field = FIELD(dropout)},
    {"seed", 0, CLI_TRAINING, "N", "Seed of initial weights, the order of the data and dropout (1)", take_seed, .field = FIELD(seed)},
    {"skip-nonfinite", 0, CLI_TRAINING, "N", "Go on past up to N minibatches whose loss or gradient is not a finite number (0)", cli_take_count, .field = FIELD(skip_nonfinite), .min = 0, .max = MAX_COUNT},
    {"timeout", 0, CLI_TRAIN, "S", "Stop when no rank finishes anything for S seconds (600)", cli_take_above, .field = FIELD(timeout)},
    {0}};

static const cli_option output_options[] = {
    {"eval-every", 0, CLI_TRAINING, "N", "Steps between held-out losses (100)", cli_take_count, .field = FIELD(eval_every), .min = 1, .max = MAX_COUNT},
    {"out", 0, CLI_TRAINING, "DIR", "Folder for model.safetensors, config.json, the state to resume from, and log.jsonl (sluice-out)", cli_take_text, .field = FIELD(out)},
    {"overwrite", 0, CLI_TRAINING, NULL, "Replace what another run has left in --out", cli_take_flag, .field = FIELD(overwrite)},
    {"resume", 0, CLI_TRAINING, "DIR", "Go on from the newest save of an earlier --out, or from one of its saves, to the same result, with its options where none are given; the results go there", cli_take_text, .field = FIELD(resume)},
    {"allow-changes", 0, CLI_TRAINING, NULL, "Resume although options have changed that change the result", cli_take_flag, .field = FIELD(allow_changes)},
    {"save-every", 0, CLI_TRAINING, "N", "Steps between saves in --out (none but the last)", cli_take_count, .field = FIELD(save_every), .min = 1, .max = MAX_COUNT},
    {"save-minutes", 0, CLI_TRAINING, "T", "Minutes between saves (none but the last)", cli_take_above, .field = FIELD(save_minutes)},
    {"save-async", 0, CLI_TRAINING, NULL, "Write those saves while training goes on, from a copy in host memory (--explain-memory shows its size)", cli_take_flag, .field = FIELD(save_async)},
    {"keep", 0, CLI_TRAINING, "K", "Saves that stay (2)", cli_take_int, .field = FIELD(keep), .min = 1, .max = MAX_COUNT},
    {"shard-size", 0, CLI_TRAINING, "BYTES", "Write larger models as several files of this size (5GB)", train_take_bytes, .field = FIELD(shard_bytes)},
    {"save-type", 0, CLI_TRAINING, "TYPE", "Weights in model.safetensors: f32 (the default), or bf16, half the size, with what a resume needs next to them", take_save_type, .field = FIELD(save_type), .words = save_types},
    {"log", 0, CLI_TRAIN, "FILE", "Write the log there instead of into --out (virtual devices: none without it)", cli_take_text, .field = FIELD(log)},
    {"trace", 0, CLI_TRAIN, "FILE", "Draw the last step, simulated and measured: .svg, or .json for Perfetto", cli_take_drawing, .field = FIELD(trace)},
    {"ledger", 0, CLI_TRAIN, NULL, "Print where each rank's time went in the last step, measured and simulated", cli_take_flag, .field = FIELD(ledger)},
    {"quiet", 0, CLI_TRAIN, NULL, "Print the last line only: the digest of the weights", cli_take_flag, .field = FIELD(quiet)},
    {"json", 0, CLI_TRAIN, NULL, "Print the log's objects only", cli_take_flag, .field = FIELD(json)},
    {0}};
/* clang-format on */

static const cli_option_table tables[] = {{data_options, 0, 1, "Data and model"},
                                          {pipeline_options, 0, 2, "Pipeline"},
                                          {cli_schedule_options, FIELD(schedule), 2, NULL},
                                          {cost_options, FIELD(costs), 2, NULL},
                                          {training_options, 0, 3, "Training"},
                                          {train_optimizer_options, FIELD(optimizer), 3, NULL},
                                          {output_options, 0, 4, "Output"},
                                          {0}};

const cli_command_line command_train_line = {CLI_TRAIN, tables};

static const train_options defaults = {.eval_every  = 100,
                                       .keep        = 2,
                                       .shard_bytes = 5000000000U,
                                       .warmup      = -1,
                                       .lr          = -1,
                                       .min_lr      = -1,
                                       .clip        = 1,
                                       .decay       = SLUICE_DECAY_COSINE,
                                       .optimizer   = TRAIN_OPTIMIZER_INIT,
                                       .seed        = 1,
                                       .timeout     = 600};

int train_read_options(train_options *options, const cli_command *command, int argc, char **argv) {
    cli_given given;
    *options = defaults;
    CLI_TRY(cli_parse(options, &given, command, argc, argv));
    CLI_TRY(train_take_plan(options));
    CLI_TRY(train_inherit_options(options, &given));
    return train_settle_options(options, &given);
}

void train_free_options(train_options *options) {
    sluice_plan_file_free(options->planned);
    free((void *)options->data.text);
    free((void *)options->costs.links.text);
    free(options->optimizer.config);
}
