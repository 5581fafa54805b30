/* SPDX-License-Identifier: MIT */
/* split_report.c -- what `sluice split` prints for people. */
#include <stdio.h>
#include <string.h>

#include "split_command.h"

cli_words split_seconds(double seconds) {
    const bool long_enough = seconds >= 1 || seconds == 0;
    cli_words words;
    snprintf(words.text, sizeof words.text, "%.4g %s",
             long_enough       ? seconds
             : seconds >= 1e-3 ? 1e3 * seconds
                               : 1e6 * seconds,
             long_enough       ? "s"
             : seconds >= 1e-3 ? "ms"
                               : "us");
    return words;
}

cli_words split_value(const split_job *job, double value) {
    switch (job->options->objective) {
    case SLUICE_OBJECTIVE_MEMORY:
        return cli_bytes((size_t)value);
    case SLUICE_OBJECTIVE_PARAMETERS:
        return cli_quantity(value);
    default:
        return split_seconds(value);
    }
}

static const char *plural(int count) {
    return count == 1 ? "" : "s";
}

static void print_heading(const split_job *job) {
    const sluice_split_result *const r = job->result;
    const int m                        = sluice_schedule_microbatches(job->schedule);
    printf(
        "%s: %d layer%s in %d stage%s on %d rank%s (%s), %s, %d micro-batch%s of %lld sample%s\n",
        job->options->subject, r->layer_count, plural(r->layer_count), r->stages, plural(r->stages),
        r->ranks, plural(r->ranks), job->placement, sluice_schedule_name(job->schedule), m,
        m == 1 ? "" : "es", (long long)job->microbatch, plural((int)job->microbatch));
    if (r->is_estimate)
        printf("times are an estimate: what layers describe, at the rates of a device of the kind "
               "%s\n",
               job->options->device ? job->options->device : "cpu");
}

static void print_stages(const sluice_split_result *r) {
    printf("\nstage  rank  layers        time   parameters  which\n");
    for (int s = 0; s < r->stages; s++) {
        const int first = r->split.first[s], last = r->split.first[s + 1] - 1;
        printf("%5d  %4d  %6d  %10s   %10s  %s", s, r->stage[s].rank, last - first + 1,
               split_seconds(r->stage[s].seconds).text,
               cli_quantity((double)r->stage[s].parameters).text, r->layers[first].name);
        if (last > first) printf(" .. %s", r->layers[last].name);
        putchar('\n');
    }
}

static void print_ranks(const split_job *job) {
    const sluice_split_result *const r = job->result;
    printf("\n rank        time   transfers      memory       limit      unused%s\n",
           job->devices ? "  device" : "");
    for (int k = 0; k < r->ranks; k++) {
        const sluice_split_rank *const rank = &r->rank[k];
        printf("%5d  %10s  %10s  %10s  ", k, split_seconds(rank->seconds).text,
               split_seconds(rank->transfer).text, cli_bytes(rank->bytes).text);
        if (rank->limit > 0)
            printf("%10s  %10s", cli_bytes(rank->limit).text,
                   cli_bytes(rank->limit - rank->bytes).text);
        else
            printf("%10s", "none");
        if (job->devices)
            printf("%s  %s", rank->limit > 0 ? "" : "            ", job->devices->ranks[k].name);
        putchar('\n');
    }
    printf("time is that of one micro-batch: F, I, W and transfers\n");
}

static const char *subject_of(const split_job *job) {
    static const char *const words[] = {"the slowest rank takes", "the fullest rank holds",
                                        "the largest rank has"};
    return words[job->options->objective];
}

static void print_proof(const split_job *job) {
    const sluice_split_result *const r = job->result;
    printf("\n%s %s, ", subject_of(job), split_value(job, r->value).text);
    if (r->is_best)
        printf("proven best");
    else
        printf("within %.2g %% of the best: no split%s has less than %s",
               r->best > 0 ? 100 * (r->value / r->best - 1) : 0, job->given ? "" : " that fits",
               split_value(job, r->best).text);
    const double gap = r->value > 0 ? 1 - r->bound / r->value : 0;
    if (gap < 1e-6)
        printf("; not even layers that could be cut anywhere would reach less\n");
    else
        printf("; layers that could be cut anywhere would reach %s (%.3g %% less)\n",
               split_value(job, r->bound).text, 100 * gap);
    if (r->refused > 0)
        printf("%d better split%s would need more memory than a limit allows\n", r->refused,
               plural(r->refused));
}

static void print_counts(const sluice_split *split) {
    for (int s = 0; s < split->stages; s++)
        printf("%s%d", s > 0 ? "," : "", split->first[s + 1] - split->first[s]);
}

static void print_row(const split_job *job, const char *name, double value, size_t bytes,
                      bool fits) {
    const double own = job->result->value;
    printf("%-18s %10s", name, split_value(job, value).text);
    if (own > 0)
        printf("  %+7.1f %%", 100 * (value / own - 1));
    else
        printf("  %9s", "");
    printf("  %10s%s  ", cli_bytes(bytes).text, fits ? "" : " (does not fit)");
}

static void print_baselines(const split_job *job) {
    const sluice_split_result *const r = job->result;
    size_t largest                     = 0;
    for (int k = 0; k < r->ranks; k++)
        if (r->rank[k].bytes > largest) largest = r->rank[k].bytes;
    printf("\nsplit               worst rank             most memory  layers of each stage\n");
    print_row(job, job->given ? "this one" : "best", r->value, largest, true);
    print_counts(&r->split);
    putchar('\n');
    for (int k = 0; k < SLUICE_BASELINES; k++) {
        const sluice_split_baseline *const one = &r->baselines[k];
        print_row(job, sluice_baseline_name((sluice_baseline)k), one->value, one->bytes, one->fits);
        print_counts(&one->split);
        putchar('\n');
    }
}

void split_print(const split_job *job) {
    const sluice_split_result *const r = job->result;
    print_heading(job);
    print_stages(r);
    print_ranks(job);
    print_proof(job);
    print_baselines(job);
    if (r->layout)
        printf("\nlayout (Megatron-LM): %s\n", r->layout);
    else
        printf("\nno layout (Megatron-LM): %s\n", r->no_layout);
}
