/* SPDX-License-Identifier: MIT */
/* options.c -- the options of `sluice train`, their defaults, and what is wrong with them alone. */
#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train.h"

enum {
    KEY_DATA = 256,
    KEY_PER_DEVICE,
    KEY_PRECISION,
    KEY_TRANSPORT,
    KEY_DEVICE,
    KEY_COSTS,
    KEY_PROFILE,
    KEY_MICROBATCH,
    KEY_MODEL,
    KEY_STAGES,
    KEY_SCHEDULE,
    KEY_SLACK,
    KEY_GROUP,
    KEY_SPLIT,
    KEY_BATCH,
    KEY_SEQ,
    KEY_STEPS,
    KEY_LR,
    KEY_MIN_LR,
    KEY_WARMUP,
    KEY_DECAY,
    KEY_WEIGHT_DECAY,
    KEY_BETAS,
    KEY_CLIP,
    KEY_OPTIMIZER,
    KEY_DROPOUT,
    KEY_INIT,
    KEY_EVAL_EVERY,
    KEY_SEED,
    KEY_SKIP_NONFINITE,
    KEY_TIMEOUT,
    KEY_THREADS,
    KEY_RECOMPUTE,
    KEY_MEMORY_LIMIT,
    KEY_EXPLAIN_MEMORY,
    KEY_OUT,
    KEY_LOG,
    KEY_TRACE,
    KEY_LEDGER,
    KEY_QUIET,
    KEY_JSON
};

/* clang-format off */
static const struct argp_option option_list[] = {
    {0, 0, 0, 0, "Data and model", 1},
    {"data", KEY_DATA, "PATH", 0, "Text files and folders (bytes are tokens), or token files (.bin); more may follow", 1},
    {"model", KEY_MODEL, "PRESET|FILE", 0, "gpt-nano, gpt-mini (the default), gpt2-124m, gpt2-350m, gpt2-774m, gpt2-1.5b, or a config.json", 1},
    {"init", KEY_INIT, "FILE", 0, "Start from these weights (safetensors)", 1},
    {"seq", KEY_SEQ, "T", 0, "Tokens per sample (128)", 1},
    {0, 0, 0, 0, "Pipeline", 2},
    {"ranks", 'p', "P", 0, "Workers (2, on one core 1)", 2},
    {"chunks", 'v', "V", 0, "Stages of each rank (the schedule's own)", 2},
    {"stages", KEY_STAGES, "K", 0, "Stages in all: ranks x chunks, one of which may be left out", 2},
    {"microbatches", 'm', "M", 0, "Micro-batches of a minibatch (8)", 2},
    {"schedule", KEY_SCHEDULE, "NAME|FILE", 0, "1f1b (the default), another that `sluice schedule --list` prints, or a CSV file", 2},
    {"slack", KEY_SLACK, "S", 0, "Warm-up of 1f1b and interleaved, 1 to 2 (1)", 2},
    {"group", KEY_GROUP, "N", 0, "Micro-batches of a round of interleaved (P)", 2},
    {"split", KEY_SPLIT, "N,N,...", 0, "Layers of each stage (balanced over FLOPs)", 2},
    {"threads", KEY_THREADS, "N", 0, "Compute threads of each rank (cores / ranks)", 2},
    {"recompute", KEY_RECOMPUTE, "STAGES", 0, "none (the default), full, or stages, as in 0,2: forward again before backward", 2},
    {"memory-limit", KEY_MEMORY_LIMIT, "BYTES", 0, "Of each rank, as in 2GiB: more is refused", 2},
    {"explain-memory", KEY_EXPLAIN_MEMORY, 0, 0, "Print the memory plan and exit", 2},
    {"device", KEY_DEVICE, "NAME", 0, "cpu (the default), cuda or cuda:0,1 (all GPUs, or these), auto (cuda where it can be used), or virtual: nothing is computed, actions take the time that --costs or --profile say", 2},
    {"ranks-per-device", KEY_PER_DEVICE, "N", 0, "Neighbouring ranks that share a GPU (as few as the GPUs allow)", 2},
    {"transport", KEY_TRANSPORT, "NAME", 0, "Between ranks: local (copies within this process), nccl (GPUs, one rank on each), or auto (the default: local)", 2},
    {"precision", KEY_PRECISION, "NAME", 0, "Of products on GPUs: fp32 (the default), or tf32", 2},
    {"costs", KEY_COSTS, "F,I,W[,R]", 0, "Of virtual devices: seconds of every stage's actions, as sluice simulate takes them", 2},
    {"profile", KEY_PROFILE, "FILE", 0, "Of virtual devices: seconds and bytes of layers instead", 2},
    {"microbatch-size", KEY_MICROBATCH, "N", 0, "The profile's table of micro-batches of N samples (the only one)", 2},
    {0, 0, 0, 0, "Training", 3},
    {"batch", KEY_BATCH, "B", 0, "Samples of a minibatch (16)", 3},
    {"steps", KEY_STEPS, "N", 0, "Optimizer steps (600; on virtual devices 1)", 3},
    {"optimizer", KEY_OPTIMIZER, "NAME", 0, "adamw (the default) or sgd", 3},
    {"lr", KEY_LR, "X", 0, "Peak learning rate (0.001; 0.1 with sgd)", 3},
    {"min-lr", KEY_MIN_LR, "X", 0, "Learning rate at the end of the decay (lr / 10)", 3},
    {"warmup", KEY_WARMUP, "N", 0, "Steps of linear warm-up (5 % of the steps)", 3},
    {"decay", KEY_DECAY, "NAME", 0, "cosine (the default) or none", 3},
    {"weight-decay", KEY_WEIGHT_DECAY, "X", 0, "On matrices only (0.1)", 3},
    {"betas", KEY_BETAS, "A,B", 0, "Of AdamW (0.9,0.95)", 3},
    {"clip", KEY_CLIP, "X", 0, "Largest global gradient norm, 0 for none (1)", 3},
    {"dropout", KEY_DROPOUT, "P", 0, "Rate at GPT-2's places, from 0 to below 1 (0, whatever a config.json says)", 3},
    {"seed", KEY_SEED, "N", 0, "Of initial weights, the order of the data and dropout (1)", 3},
    {"skip-nonfinite", KEY_SKIP_NONFINITE, "N", 0, "Go on past up to N minibatches whose loss or gradient is no finite number (0)", 3},
    {"timeout", KEY_TIMEOUT, "S", 0, "Stop when no rank finishes anything for S seconds (600)", 3},
    {0, 0, 0, 0, "Output", 4},
    {"eval-every", KEY_EVAL_EVERY, "N", 0, "Steps between held-out losses (100)", 4},
    {"out", KEY_OUT, "DIR", 0, "Gets model.safetensors, config.json, log.jsonl (sluice-out)", 4},
    {"log", KEY_LOG, "FILE", 0, "Write the log there instead of into --out", 4},
    {"trace", KEY_TRACE, "FILE", 0, "Draw the last step, simulated and measured: .svg, or .json for Perfetto", 4},
    {"ledger", KEY_LEDGER, 0, 0, "Print where each rank's time went in the last step, measured and simulated", 4},
    {"quiet", KEY_QUIET, 0, 0, "Print the last line only: the digest of the weights", 4},
    {"json", KEY_JSON, 0, 0, "Print the log's objects only", 4},
    {0}
};
/* clang-format on */

static int add_data(train_options *options, const char *path) {
    const size_t count = (size_t)options->data_count + 1;
    const char **more  = realloc(options->data, count * sizeof *more);
    if (!more) return cli_fail(CLI_FAILED, "host memory exhausted");
    more[options->data_count++] = path;
    options->data               = more;
    return CLI_OK;
}

/* The position of `text` among two words. */
static int read_word(int *out, const char *option, const char *text, const char *const words[2]) {
    for (int w = 0; w < 2; w++) {
        if (strcmp(text, words[w]) != 0) continue;
        *out = w;
        return CLI_OK;
    }
    return cli_fail(CLI_USAGE, "%s is '%s'; choose one of: %s, %s", option, text, words[0],
                    words[1]);
}

static int read_decay(train_options *options, const char *text) {
    static const char *const words[] = {
        [SLUICE_DECAY_NONE] = "none", [SLUICE_DECAY_COSINE] = "cosine"};
    int word = 0;
    CLI_TRY(read_word(&word, "--decay", text, words));
    options->decay = (sluice_decay)word;
    return CLI_OK;
}

static int read_optimizer(train_options *options, const char *text) {
    static const char *const words[] = {[SLUICE_ADAMW] = "adamw", [SLUICE_SGD] = "sgd"};
    int word                         = 0;
    CLI_TRY(read_word(&word, "--optimizer", text, words));
    options->optimizer = (sluice_optimizer)word;
    return CLI_OK;
}

static int read_betas(train_options *options, const char *text) {
    char first[32]          = "";
    const char *const comma = strchr(text, ',');
    const size_t length     = comma ? (size_t)(comma - text) : 0;
    if (!comma || length >= sizeof first)
        return cli_fail(CLI_USAGE, "--betas is '%s'; give two numbers, as in 0.9,0.95", text);
    memcpy(first, text, length);
    CLI_TRY(cli_read_number(&options->beta1, "the first of --betas", first, 0, false));
    CLI_TRY(cli_read_number(&options->beta2, "the second of --betas", comma + 1, 0, false));
    if (options->beta1 < 1 && options->beta2 < 1) return CLI_OK;
    return cli_fail(CLI_USAGE, "--betas is '%s'; both must be less than 1", text);
}

static int read_dropout(train_options *options, const char *text) {
    double rate = 0;
    CLI_TRY(cli_read_number(&rate, "--dropout", text, 0, false));
    options->dropout = (float)rate;
    if (options->dropout < 1) return CLI_OK;
    return cli_fail(CLI_USAGE, "--dropout is '%s'; it must be less than 1", text);
}

static int read_seed(train_options *options, const char *text) {
    int64_t seed = 0;
    CLI_TRY(cli_read_count(&seed, "--seed", text, 0, INT64_MAX));
    options->seed = (uint64_t)seed;
    return CLI_OK;
}

static int read_precision(train_options *o, const char *text) {
    for (int p = 0; p < SLUICE_PRECISIONS; p++) {
        if (strcmp(text, sluice_precision_name((sluice_precision)p)) != 0) continue;
        o->precision = (sluice_precision)p;
        return CLI_OK;
    }
    return cli_fail(CLI_USAGE, "--precision is '%s'; choose fp32, tf32 or bf16", text);
}

static int read_transport(train_options *o, const char *text) {
    static const char *const words[] = {"auto", "local", "nccl"};
    for (size_t w = 0; w < sizeof words / sizeof *words; w++)
        if (strcmp(text, words[w]) == 0) {
            o->transport = words[w];
            return CLI_OK;
        }
    return cli_fail(CLI_USAGE, "--transport is '%s'; choose auto, local or nccl", text);
}

/* Numbers and names that stand for themselves. */
static int read_simple(bool *known, train_options *o, int key, const char *text) {
    const int64_t most = 1 << 30;
    switch (key) {
    case 'p':
        return cli_read_int(&o->schedule.ranks, "--ranks", text, 1, SLUICE_MAX_STAGES);
    case 'm':
        return cli_read_int(&o->schedule.microbatches, "--microbatches", text, 1, 1 << 20);
    case KEY_STAGES:
        return cli_read_int(&o->schedule.stages, "--stages", text, 1, SLUICE_MAX_STAGES);
    case 'v':
        return cli_read_int(&o->schedule.chunks, "--chunks", text, 1, SLUICE_MAX_STAGES);
    case KEY_SLACK:
        return cli_read_number(&o->schedule.slack, "--slack", text, 1, false);
    case KEY_GROUP:
        return cli_read_int(&o->schedule.group, "--group", text, 1, 1 << 20);
    case KEY_PER_DEVICE:
        return cli_read_int(&o->ranks_per_device, "--ranks-per-device", text, 1, SLUICE_MAX_STAGES);
    case KEY_PRECISION:
        return read_precision(o, text);
    case KEY_TRANSPORT:
        return read_transport(o, text);
    case KEY_THREADS:
        return cli_read_int(&o->threads, "--threads", text, 1, 1024);
    case KEY_BATCH:
        return cli_read_count(&o->batch, "--batch", text, 1, most);
    case KEY_SEQ:
        return cli_read_count(&o->seq, "--seq", text, 1, most);
    case KEY_STEPS:
        return cli_read_count(&o->steps, "--steps", text, 1, most);
    case KEY_EVAL_EVERY:
        return cli_read_count(&o->eval_every, "--eval-every", text, 1, most);
    case KEY_WARMUP:
        return cli_read_count(&o->warmup, "--warmup", text, 0, most);
    case KEY_SKIP_NONFINITE:
        return cli_read_count(&o->skip_nonfinite, "--skip-nonfinite", text, 0, most);
    case KEY_TIMEOUT:
        return cli_read_number(&o->timeout, "--timeout", text, 0, true);
    case KEY_LR:
        return cli_read_number(&o->lr, "--lr", text, 0, true);
    case KEY_MIN_LR:
        return cli_read_number(&o->min_lr, "--min-lr", text, 0, false);
    case KEY_WEIGHT_DECAY:
        return cli_read_number(&o->weight_decay, "--weight-decay", text, 0, false);
    case KEY_CLIP:
        return cli_read_number(&o->clip, "--clip", text, 0, false);
    case KEY_DECAY:
        return read_decay(o, text);
    case KEY_OPTIMIZER:
        return read_optimizer(o, text);
    case KEY_BETAS:
        return read_betas(o, text);
    case KEY_DROPOUT:
        return read_dropout(o, text);
    case KEY_SEED:
        return read_seed(o, text);
    default:
        *known = false;
        return CLI_OK;
    }
}

/* Of the options that may be named, those that say something of a virtual device too. */
static bool is_for_all(int key) {
    static const int keys[] = {'p',       'v',         'm',       KEY_STAGES,    KEY_SCHEDULE,
                               KEY_SLACK, KEY_GROUP,   KEY_SPLIT, KEY_RECOMPUTE, KEY_MEMORY_LIMIT,
                               KEY_STEPS, KEY_TIMEOUT, KEY_TRACE, KEY_LEDGER,    KEY_QUIET};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (keys[k] == key) return true;
    return false;
}

static void note_option(train_options *options, int key) {
    if (key == ARGP_KEY_ARG) key = KEY_DATA;
    if (is_for_all(key) || (key >= KEY_DEVICE && key <= KEY_MICROBATCH)) return;
    for (const struct argp_option *o = option_list; o->name || o->doc; o++)
        if (o->name && o->key == key) options->of_training = o->name;
}

static int read_virtual(bool *known, train_options *options, int key, char *argument) {
    const sluice_device_ops *ops = NULL;
    switch (key) {
    case KEY_DEVICE:
        options->device = argument;
        return cli_check(sluice_device_find(&ops, argument));
    case KEY_COSTS:
        options->costs = argument;
        return CLI_OK;
    case KEY_PROFILE:
        options->profile = argument;
        return CLI_OK;
    case KEY_MICROBATCH:
        return cli_read_count(&options->microbatch, "--microbatch-size", argument, 1, 1 << 30);
    default:
        *known = false;
        return CLI_OK;
    }
}

/* argp wants an errno; the sentence is said already. */
static error_t take_option(int key, char *argument, struct argp_state *state) {
    train_options *const options = state->input;
    bool known                   = true;
    note_option(options, key);
    if (read_simple(&known, options, key, argument) != CLI_OK) return EINVAL;
    if (known) return 0;
    known = true;
    if (read_virtual(&known, options, key, argument) != CLI_OK) return EINVAL;
    if (known) return 0;
    switch (key) {
    case KEY_DATA:
    case ARGP_KEY_ARG:
        return add_data(options, argument) ? EINVAL : 0;
    case KEY_MODEL:
        options->model = argument;
        break;
    case KEY_SCHEDULE:
        options->schedule.name = argument;
        break;
    case KEY_SPLIT:
        options->split = argument;
        break;
    case KEY_INIT:
        options->init = argument;
        break;
    case KEY_OUT:
        options->out = argument;
        break;
    case KEY_LOG:
        options->log = argument;
        break;
    case KEY_TRACE:
        options->trace = argument;
        return cli_check_drawing("--trace", argument, true) ? EINVAL : 0;
    case KEY_RECOMPUTE:
        options->recompute = argument;
        break;
    case KEY_MEMORY_LIMIT:
        return train_read_bytes(&options->memory_limit, "--memory-limit", argument) ? EINVAL : 0;
    case KEY_EXPLAIN_MEMORY:
        options->explain_memory = true;
        break;
    case KEY_LEDGER:
        options->ledger = true;
        break;
    case KEY_QUIET:
        options->quiet = true;
        break;
    case KEY_JSON:
        options->json = true;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ---- against each other ---- */

/* A split counts the stages itself. */
static int settle_ranks(train_options *o) {
    cli_schedule_choice *const schedule = &o->schedule;
    if (o->split && !schedule->ranks && !schedule->stages && !cli_is_file(schedule->name)) {
        schedule->stages = 1;
        for (const char *c = o->split; *c; c++) schedule->stages += *c == ',';
    }
    return cli_settle_ranks(schedule, cli_cores() >= 2 ? 2 : 1);
}

/* Costs or training: one of them. */
static int settle_device(train_options *o) {
    o->is_virtual = o->device && strcmp(o->device, "virtual") == 0;
    if (!o->steps) o->steps = o->is_virtual ? 1 : 600;
    if (!o->is_virtual && (o->costs || o->profile || o->microbatch))
        return cli_fail(CLI_USAGE, "--%s says what virtual devices take; add --device virtual",
                        o->costs     ? "costs"
                        : o->profile ? "profile"
                                     : "microbatch-size");
    if (!o->is_virtual) return CLI_OK;
    if (o->of_training)
        return cli_fail(
            CLI_USAGE, "--%s means nothing to virtual devices, which compute nothing; leave it out",
            o->of_training);
    if (!o->costs && !o->profile)
        return cli_fail(CLI_USAGE, "there are no costs; say with --costs F,I,W or --profile FILE "
                                   "what the virtual devices take");
    return CLI_OK;
}

static int settle_microbatches(train_options *o) {
    if (o->is_virtual) { /* of one sample each */
        if (o->schedule.microbatches == 0 && !cli_is_file(o->schedule.name))
            o->schedule.microbatches = 8;
        return CLI_OK;
    }
    if (o->schedule.microbatches > o->batch)
        return cli_fail(CLI_USAGE,
                        "--microbatches %d of --batch %lld would leave some empty; at "
                        "most %lld are possible",
                        o->schedule.microbatches, (long long)o->batch, (long long)o->batch);
    if (o->schedule.microbatches == 0 && !cli_is_file(o->schedule.name))
        o->schedule.microbatches = o->batch < 8 ? (int)o->batch : 8;
    return CLI_OK;
}

static int settle_learning_rate(train_options *o) {
    if (o->lr < 0) o->lr = o->optimizer == SLUICE_SGD ? 0.1 : 0.001;
    if (o->min_lr < 0) o->min_lr = o->lr / 10;
    if (o->min_lr > o->lr)
        return cli_fail(CLI_USAGE, "--min-lr %g is more than --lr %g; make it smaller", o->min_lr,
                        o->lr);
    if (o->warmup < 0) o->warmup = (o->steps + 19) / 20;
    return CLI_OK;
}

int train_read_options(train_options *options, int argc, char **argv) {
    static const struct argp parser = {
        option_list,
        take_option,
        "PATH...",
        "Train a GPT on text through a pipeline of stages.\v"
        "Only --data (or PATHs) must be named; defaults are in parentheses. Ctrl-C finishes the "
        "step, saves, and exits with 130.",
        NULL,
        NULL,
        NULL};
    *options = (train_options){.model        = "gpt-mini",
                               .schedule     = {.name = "1f1b"},
                               .out          = "sluice-out",
                               .batch        = 16,
                               .eval_every   = 100,
                               .warmup       = -1,
                               .lr           = -1,
                               .min_lr       = -1,
                               .weight_decay = 0.1,
                               .beta1        = 0.9,
                               .beta2        = 0.95,
                               .clip         = 1,
                               .decay        = SLUICE_DECAY_COSINE,
                               .optimizer    = SLUICE_ADAMW,
                               .seed         = 1,
                               .timeout      = 600};
    if (argp_parse(&parser, argc, argv, 0, NULL, options) != 0) return CLI_USAGE;
    CLI_TRY(settle_device(options));
    if (options->data_count == 0 && !options->is_virtual)
        return cli_fail(CLI_USAGE, "there is no --data; name text files, folders or .bin files");
    if (options->ledger && (options->quiet || options->json))
        return cli_fail(CLI_USAGE,
                        "--ledger prints a table and %s prints none; leave one of them out",
                        options->quiet ? "--quiet" : "--json");
    CLI_TRY(settle_ranks(options));
    CLI_TRY(settle_microbatches(options));
    return settle_learning_rate(options);
}

void train_free_options(train_options *options) {
    free(options->data);
}
