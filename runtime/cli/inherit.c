/* SPDX-License-Identifier: MIT */
/* inherit.c -- options that `sluice train --resume` leaves out: as in the newest save, so that the
 * run goes on whatever the defaults are. */
#include <stdio.h>
#include <string.h>

#include "model_options.h"
#include "training.h"

const char train_resume_hint[] = "--resume takes the --out of an earlier run, or one of its saves; "
                                 "without --resume the run starts anew";

/* Options whose values saves keep (settings.c), by another name if it is not the same. */
typedef struct inherited {
    const char *option, *setting;
    bool of_plan;      /* --plan decides it */
    bool of_optimizer; /* the named optimizer may not have it */
} inherited;

static const inherited rows[] = {
    {"seq", "seq", true, false},
    {"batch", "batch", true, false},
    {"microbatches", "microbatches", true, false},
    {"precision", "precision", true, false},
    {"optimizer", "optimizer", true, false},
    {"seed", "seed", false, false},
    {"dropout", "dropout", false, false},
    {"clip", "clip", false, false},
    {"lr", "lr", false, false},
    {"min-lr", "min-lr", false, false},
    {"warmup", "warmup", false, false},
    {"decay", "decay", false, false},
    {"steps", "steps", false, false},
    {"momentum", "momentum", false, true},
    {"weight-decay", "weight_decay", false, true},
};

/* Whether the optimizer is the save's. */
static bool keeps_optimizer(const train_options *o, const sluice_save *save) {
    const char *const earlier = sluice_save_setting(save, "optimizer");
    return o->optimizer.kind && earlier && strcmp(o->optimizer.kind->name, earlier) == 0;
}

/* Whether a file says the schedule, with its micro-batches. */
static bool has_lists(const train_options *o) {
    return o->schedule.name && cli_has_lists(&o->schedule);
}

static int inherit_row(train_options *o, const sluice_save *save, const inherited *row) {
    const char *const value = sluice_save_setting(save, row->setting);
    if (!value || (row->of_plan && o->planned)) return CLI_OK;
    if (row->of_optimizer && !keeps_optimizer(o, save)) return CLI_OK;
    if (strcmp(row->option, "microbatches") == 0 && has_lists(o)) return CLI_OK;
    return cli_parse_one(o, &command_train_line, row->option, value);
}

static int inherit_betas(train_options *o, const sluice_save *save) {
    const char *const first = sluice_save_setting(save, "beta1");
    const char *const other = sluice_save_setting(save, "beta2");
    char both[96];
    if (!first || !other || !keeps_optimizer(o, save)) return CLI_OK;
    (void)snprintf(both, sizeof both, "%s,%s", first, other);
    return cli_parse_one(o, &command_train_line, "betas", both);
}

/* Another library gives other bits: it is not taken without being asked for. */
static int inherit_blas(train_options *o, const sluice_save *save) {
    const char *const earlier = sluice_save_setting(save, "blas");
    const char *there         = NULL;
    if (!earlier || !cli_multiplies_on_cpu(o->device)) return CLI_OK;
    if (sluice_blas_find(&there, earlier) != SLUICE_OK)
        return cli_fail(CLI_USAGE,
                        "'%s' was trained with %s, which cannot be used here (%s), and another "
                        "library would change the bits of the result; install it, or choose one "
                        "with --blas",
                        sluice_save_folder(save), earlier, sluice_last_error()->what);
    o->blas = there;
    return CLI_OK;
}

/* The model that the save has: its config.json. */
static int inherit_model(train_options *o, const sluice_save *save) {
    if (o->planned || !sluice_save_setting(save, "model")) return CLI_OK;
    if (!train_path(o->chosen_model, sluice_save_folder(save), "config.json"))
        return cli_fail(CLI_USAGE, "--resume is longer than a path may be");
    o->model = o->chosen_model;
    return CLI_OK;
}

static int inherit_all(train_options *o, const sluice_save *save, const cli_given *given) {
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        if (!cli_is_given(given, rows[k].option)) CLI_TRY(inherit_row(o, save, &rows[k]));
    if (!cli_is_given(given, "betas")) CLI_TRY(inherit_betas(o, save));
    if (!cli_is_given(given, "blas")) CLI_TRY(inherit_blas(o, save));
    return cli_is_given(given, "model") ? CLI_OK : inherit_model(o, save);
}

/* Where no save has its state, what is wrong with each is said, too. */
static int find_save(sluice_save **out, const char *folder) {
    if (sluice_save_find_state(out, folder) == SLUICE_OK) return CLI_OK;
    return cli_report_or(sluice_save_find(out, folder, train_say_damaged, NULL), train_resume_hint);
}

int train_inherit_options(train_options *options, const cli_given *given) {
    sluice_save *save = NULL;
    if (!options->resume) return CLI_OK;
    CLI_TRY(find_save(&save, options->resume));
    const int failed = inherit_all(options, save, given);
    sluice_save_close(save);
    return failed;
}
