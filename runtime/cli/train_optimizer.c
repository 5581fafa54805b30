/* SPDX-License-Identifier: MIT */
/* train_optimizer.c -- the options of the optimizer: which one, and its configuration. */
#include <stdlib.h>
#include <string.h>

#include "training.h"

/* ---- readers ---- */

static const char *kind_name(int index) {
    return sluice_optimizers()[index] ? sluice_optimizers()[index]->name : NULL;
}

static int take_kind(void *field, const cli_option *option, const char *name, const char *text) {
    int kind = 0;
    CLI_TRY(cli_read_word(&kind, option, name, text));
    *(const sluice_optimizer_kind **)field = sluice_optimizers()[kind];
    return CLI_OK;
}

static int take_betas(void *field, const cli_option *option, const char *name, const char *text) {
    double *const betas     = field;
    char first[32]          = "";
    const char *const comma = strchr(text, ',');
    const size_t length     = comma ? (size_t)(comma - text) : 0;
    (void)option;
    if (!comma || length >= sizeof first)
        return cli_fail(CLI_USAGE, "%s is '%s'; give two numbers, as in 0.9,0.95", name, text);
    memcpy(first, text, length);
    CLI_TRY(cli_read_number(&betas[0], "the first of --betas", first, 0, false));
    CLI_TRY(cli_read_number(&betas[1], "the second of --betas", comma + 1, 0, false));
    if (betas[0] < 1 && betas[1] < 1) return CLI_OK;
    return cli_fail(CLI_USAGE, "%s is '%s'; both must be less than 1", name, text);
}

static int take_momentum(void *field, const cli_option *option, const char *name,
                         const char *text) {
    double *const momentum = field;
    CLI_TRY(cli_read_number(momentum, name, text, option->min, false));
    if (*momentum < 1) return CLI_OK;
    return cli_fail(CLI_USAGE, "%s is '%s'; it must be less than 1", name, text);
}

#define FIELD(member) offsetof(train_optimizer, member)

/* clang-format off */
const cli_option train_optimizer_options[] = {
    {"optimizer", 0, CLI_TRAINING | CLI_PROFILE | CLI_SPLIT | CLI_PLAN, "NAME", "adamw (the default) or sgd", take_kind, .field = FIELD(kind), .word_of = kind_name},
    {"weight-decay", 0, CLI_TRAINING | CLI_PROFILE | CLI_SPLIT | CLI_PLAN, "X", "On matrices only (0.1)", cli_take_number, .field = FIELD(weight_decay)},
    {"betas", 0, CLI_TRAINING | CLI_PROFILE | CLI_SPLIT | CLI_PLAN, "A,B", "AdamW's betas (0.9,0.95)", take_betas, .field = FIELD(betas)},
    {"momentum", 0, CLI_TRAINING | CLI_PROFILE | CLI_SPLIT | CLI_PLAN, "X", "Momentum of sgd, from 0 to below 1 (0)", take_momentum, .field = FIELD(momentum)},
    {0}};
/* clang-format on */

/* ---- the configuration ---- */

/* An option of the command line sets one field of the optimizer's, or two. */
typedef struct named {
    const char *option, *name;
    size_t field;
} named;

static const named rows[] = {{"weight-decay", "weight_decay", FIELD(weight_decay)},
                             {"betas", "beta1", FIELD(betas[0])},
                             {"betas", "beta2", FIELD(betas[1])},
                             {"momentum", "momentum", FIELD(momentum)}};
enum { ROWS = sizeof rows / sizeof *rows };

static bool has(const sluice_optimizer_kind *kind, const char *name) {
    const sluice_optimizer_option *option = kind->options;
    while (option->name && strcmp(option->name, name) != 0) option++;
    return option->name != NULL;
}

static double value_of(const train_optimizer *optimizer, const named *row) {
    double value;
    memcpy(&value, (const char *)optimizer + row->field, sizeof value);
    return value;
}

static int check(const train_optimizer *optimizer) {
    for (int k = 0; k < ROWS; k++)
        if (value_of(optimizer, &rows[k]) >= 0 && !has(optimizer->kind, rows[k].name))
            return cli_fail(CLI_USAGE, "optimizer %s has no %s; leave --%s out",
                            optimizer->kind->name, rows[k].option, rows[k].option);
    return CLI_OK;
}

int train_settle_optimizer(train_optimizer *optimizer) {
    if (!optimizer->kind) optimizer->kind = sluice_optimizers()[0];
    CLI_TRY(check(optimizer));
    optimizer->config = calloc(1, optimizer->kind->config_bytes + 1);
    if (!optimizer->config) return cli_fail(CLI_FAILED, "host memory exhausted");
    memcpy(optimizer->config, optimizer->kind->defaults, optimizer->kind->config_bytes);
    for (int k = 0; k < ROWS; k++)
        if (value_of(optimizer, &rows[k]) >= 0)
            CLI_TRY(cli_report(sluice_optimizer_set(optimizer->config, optimizer->kind,
                                                    rows[k].name, value_of(optimizer, &rows[k]))));
    return CLI_OK;
}
