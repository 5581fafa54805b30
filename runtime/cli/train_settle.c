/* SPDX-License-Identifier: MIT */
/* train_settle.c -- the options of `sluice train` together: defaults, and combinations that are
 * refused. */
#include <string.h>

#include "model_options.h"
#include "split_option.h"
#include "training.h"

/* A split has the number of stages. */
static int settle_ranks(train_options *o) {
    cli_schedule_choice *const schedule = &o->schedule;
    CLI_TRY(cli_check_split(o->costs.split, o->costs.layout));
    if (!schedule->ranks && !schedule->stages && !cli_has_lists(schedule))
        CLI_TRY(cli_stages_of_split(&schedule->stages, o->costs.split, o->costs.layout));
    return cli_settle_ranks(schedule, cli_usual_ranks());
}

/* Virtual devices take costs, others train: refuse options of the other kind. */
static int settle_device(train_options *o, const cli_given *given) {
    const sluice_device_ops *ops = sluice_devices()[0];
    if (o->device) CLI_TRY(cli_report(sluice_device_find(&ops, o->device)));
    o->is_virtual           = !ops->computes;
    const char *const stray = cli_stray(given, o->is_virtual ? CLI_VIRTUAL : CLI_TRAINING);
    if (!o->steps) o->steps = o->is_virtual ? 1 : 600;
    if (stray && o->is_virtual)
        return cli_fail(
            CLI_USAGE, "--%s means nothing to virtual devices, which compute nothing; leave it out",
            stray);
    if (stray)
        return cli_fail(CLI_USAGE, "--%s gives times for virtual devices; add --device virtual",
                        stray);
    if (o->is_virtual && !o->planned && !o->costs.costs && !o->costs.profile)
        return cli_fail(
            CLI_USAGE,
            "there are no costs for the virtual devices; give --costs F,I,W, --profile FILE "
            "or --plan FILE");
    return CLI_OK;
}

static int settle_microbatches(train_options *o) {
    if (o->is_virtual) { /* micro-batches of one sample each */
        if (o->schedule.microbatches == 0 && !cli_has_lists(&o->schedule))
            o->schedule.microbatches = 8;
        return CLI_OK;
    }
    if (o->schedule.microbatches > o->batch)
        return cli_fail(CLI_USAGE,
                        "--microbatches %d of --batch %lld would leave some empty; at "
                        "most %lld are possible",
                        o->schedule.microbatches, (long long)o->batch, (long long)o->batch);
    if (o->schedule.microbatches == 0 && !cli_has_lists(&o->schedule))
        o->schedule.microbatches = o->batch < 8 ? (int)o->batch : 8;
    return CLI_OK;
}

static int settle_learning_rate(train_options *o) {
    if (o->lr < 0) o->lr = o->optimizer.kind->learning_rate;
    if (o->min_lr < 0) o->min_lr = o->lr / 10;
    if (o->min_lr > o->lr)
        return cli_fail(CLI_USAGE, "--min-lr %g is more than --lr %g; make it smaller", o->min_lr,
                        o->lr);
    if (o->warmup < 0) o->warmup = (o->steps + 19) / 20;
    return CLI_OK;
}

/* Whether the run has a kind of device that can be planned for, and nothing is said that a plan
 * decides. */
static bool plans_itself(const train_options *o) {
    const sluice_device_ops *ops = sluice_devices()[0];
    if (o->plan || o->ranks_per_device || train_find_pipeline_option(o)) return false;
    if (o->device && sluice_device_find(&ops, o->device) != SLUICE_OK) return false;
    return cli_has_rates(ops->name);
}

static void set_defaults(train_options *o) {
    o->plans_itself = plans_itself(o);
    if (!o->model) o->model = CLI_MODEL;
    if (!o->schedule.name) o->schedule.name = "1f1b";
    if (!o->batch) o->batch = 16;
}

int train_settle_options(train_options *options, const cli_given *given) {
    set_defaults(options);
    CLI_TRY(train_choose_out(options));
    CLI_TRY(settle_device(options, given));
    CLI_TRY(cli_settle_blas(&options->blas, options->device));
    if (options->data.count == 0 && !options->is_virtual)
        return cli_fail(CLI_USAGE, "there is no --data; name %s",
                        options->resume ? "the files and folders that the run was started with"
                                        : "text files, folders or .bin files");
    if (options->resume && options->init)
        return cli_fail(CLI_USAGE, "--resume goes on with the weights of a save, and --init starts "
                                   "from others; leave one of them out");
    if (options->ledger && (options->quiet || options->json))
        return cli_fail(CLI_USAGE,
                        "--ledger prints a table and %s prints none; leave one of them out",
                        options->quiet ? "--quiet" : "--json");
    if (options->save_async && options->save_every == 0 && !(options->save_minutes > 0))
        return cli_fail(CLI_USAGE,
                        "--save-async is for saves between steps, and there are none; add "
                        "--save-every or --save-minutes");
    CLI_TRY(train_settle_optimizer(&options->optimizer));
    CLI_TRY(settle_ranks(options));
    CLI_TRY(settle_microbatches(options));
    return settle_learning_rate(options);
}
