/* SPDX-License-Identifier: MIT */
/* train_plan.c -- `sluice train --plan`: the options that a plan decides. */
#include <string.h>

#include "model_options.h"
#include "training.h"

const char *train_find_pipeline_option(const train_options *o) {
    const cli_schedule_choice *const s = &o->schedule;
    return s->name              ? "schedule"
           : s->ranks           ? "ranks"
           : s->chunks          ? "chunks"
           : s->stages          ? "stages"
           : s->slack > 0       ? "slack"
           : s->group           ? "group"
           : s->extra_warmup    ? "extra-warmup"
           : o->costs.split     ? "split"
           : o->costs.layout    ? "layout"
           : o->costs.recompute ? "recompute"
                                : NULL;
}

/* What else is given although the plan decides it; NULL: there is nothing. */
static const char *find_decided(const train_options *o) {
    const cost_choice *const c = &o->costs;
    return o->model                   ? "model"
           : o->batch                 ? "batch"
           : o->seq                   ? "seq"
           : o->schedule.microbatches ? "microbatches"
           : o->precision             ? "precision"
           : o->optimizer.kind        ? "optimizer"
           : c->costs                 ? "costs"
           : c->profile               ? "profile"
           : c->microbatch            ? "microbatch-size"
           : c->links.count > 0       ? "link"
           : c->update                ? "update"
           : c->overlap > 0           ? "overlap"
                                      : train_find_pipeline_option(o);
}

static int take_optimizer(train_options *o, const char *name) {
    const sluice_optimizer_kind *const *kind = sluice_optimizers();
    while (*kind && name && strcmp((*kind)->name, name) != 0) kind++;
    if (!*kind)
        return cli_fail(CLI_FAILED,
                        "'%s' is for the optimizer '%s', which is not known; plan "
                        "again, with an --optimizer of sluice plan --help",
                        o->plan, name);
    o->optimizer.kind = name ? *kind : NULL;
    return CLI_OK;
}

static int take_precision(train_options *o, const char *name) {
    for (int k = 0; name && cli_precision_name(k); k++)
        if (strcmp(cli_precision_name(k), name) == 0) {
            o->precision = (sluice_precision)k;
            return CLI_OK;
        }
    if (!name) return CLI_OK;
    return cli_fail(CLI_FAILED,
                    "'%s' is for the precision '%s', which is not known; plan again, "
                    "with a --precision of sluice plan --help",
                    o->plan, name);
}

void train_schedule_of(cli_schedule_choice *out, const sluice_plan_file *file, const char *name) {
    *out = (cli_schedule_choice){.name = name, .csv = file->csv};
    if (file->csv) return; /* it has the numbers */
    *out = (cli_schedule_choice){.name         = file->schedule,
                                 .ranks        = file->rank_count,
                                 .chunks       = file->chunks,
                                 .microbatches = file->microbatch_count,
                                 .slack        = file->slack,
                                 .group        = file->group};
}

/* ---- devices ---- */

/* The kind that all ranks are planned for. */
static int take_device(train_options *o, const sluice_plan_file *file) {
    const char *const first = file->ranks[0].device;
    for (int r = 0; r < file->rank_count; r++) {
        const char *const device = file->ranks[r].device;
        if (!cli_has_rates(device))
            return cli_fail(CLI_USAGE,
                            "rank %d of '%s' is for '%s', which is no kind of device; say where to "
                            "run it, as in --device cpu or --device virtual",
                            r, o->plan, device);
        if (strcmp(device, first) != 0)
            return cli_fail(CLI_USAGE,
                            "rank 0 of '%s' is for %s and rank %d for %s, and a run has devices of "
                            "one kind; say of which with --device",
                            o->plan, first, r, device);
    }
    o->device = first;
    return CLI_OK;
}

/* A rank is planned for a device of its own. */
static int check_devices(const train_options *o, const sluice_plan_file *file) {
    const sluice_device_ops *ops = NULL;
    int there                    = 0;
    CLI_TRY(cli_report_or(sluice_device_find(&ops, o->device),
                          "run the plan on --device virtual, or say where with --device"));
    CLI_TRY(cli_count_devices(&there, o->device));
    if (there == 0 || file->rank_count <= there || o->ranks_per_device > 0) return CLI_OK;
    return cli_fail(CLI_FAILED,
                    "'%s' is for %d devices of the kind %s, and there %s %d; plan for --devices "
                    "%d, let ranks share one with --ranks-per-device, or run it on --device "
                    "virtual",
                    o->plan, file->rank_count, ops->name, there == 1 ? "is" : "are", there, there);
}

/* ---- all ---- */

static bool is_virtual(const char *device) {
    const sluice_device_ops *ops = NULL;
    return device && sluice_device_find(&ops, device) == SLUICE_OK && !ops->computes;
}

/* Costs are all that virtual devices need. */
static int check_kind_of_plan(train_options *o, const sluice_plan_file *file) {
    if (is_virtual(o->device))
        return file->ranks[0].stages[0].has_cost
                   ? CLI_OK
                   : cli_fail(CLI_FAILED,
                              "'%s' does not say how long its stages take, which is what virtual "
                              "devices do; write it with sluice plan -o",
                              o->plan);
    if (!file->model)
        return cli_fail(CLI_FAILED,
                        "'%s' is of a profile that names no model; train a plan of a model, or run "
                        "it on --device virtual",
                        o->plan);
    if (!o->device) CLI_TRY(take_device(o, file));
    return check_devices(o, file);
}

int train_take_plan(train_options *o) {
    if (!o->plan) return CLI_OK;
    const char *const decided = find_decided(o);
    if (decided)
        return cli_fail(CLI_USAGE, "--%s is what --plan decides; leave one of them out", decided);
    CLI_TRY(cli_report_or(sluice_plan_file_read(&o->planned, o->plan),
                          "--plan takes what sluice plan -o wrote"));
    const sluice_plan_file *const file = o->planned;
    CLI_TRY(check_kind_of_plan(o, file));
    o->model = file->model;
    o->batch = file->batch;
    o->seq   = file->sequence;
    if (!o->threads) o->threads = file->threads;
    train_schedule_of(&o->schedule, file, o->plan);
    CLI_TRY(take_precision(o, file->precision));
    return take_optimizer(o, file->optimizer);
}
