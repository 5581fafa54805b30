/* SPDX-License-Identifier: MIT */
/* plan_changes.c -- what would help the best plan of `sluice plan`, a sentence for each change. */
#include <stdio.h>

#include "plan_command.h"
#include "split_command.h"

/* "9.3 %", "0.013 %", "120 %" */
static cli_words percent(double share) {
    cli_words words;
    const double value = 100 * share;
    snprintf(words.text, sizeof words.text, value < 9.95 ? "%.2g %%" : "%.0f %%", value);
    return words;
}

static const char *plural(int count) {
    return count == 1 ? "" : "s";
}

/* Which limit forbids it. */
static void print_short(const sluice_plan_change *change) {
    const sluice_plan_rank *const rank = &change->plan.rank[change->short_rank];
    const int others                   = change->short_ranks - 1;
    printf("rank %d would need %s, %s more than it has", change->short_rank,
           cli_bytes(rank->bytes).text, cli_bytes(rank->bytes - rank->limit).text);
    if (others > 0) printf(", and %d other rank%s more, too", others, plural(others));
}

static void print_limits(const sluice_plan_change *change) {
    printf("without the limits a step would take %s, %s less",
           split_seconds(change->plan.step).text, percent(change->gain).text);
    if (change->short_rank < 0) return;
    printf(": ");
    print_short(change);
}

static void print_layers(const sluice_plan_change *change) {
    static const char *const words[] = {"no", "one", "two", "three"};
    printf("rank %d idles %s: %s layer%s more there would save %s", change->rank,
           percent(change->idle).text, words[change->layers], plural(change->layers),
           percent(change->gain).text);
    if (change->short_rank < 0) return;
    printf(", but ");
    print_short(change);
}

static void print_batch(const plan_job *job, const sluice_plan_change *change) {
    const sluice_plan_choice *const plan = &change->plan;
    const int64_t samples                = plan->microbatch * plan->microbatches;
    const int64_t length                 = job->sequence ? job->sequence : 1;
    printf("a batch of %lld fits, too: %s with %d micro-batch%s of %lld makes %s %s/s, %s more",
           (long long)samples, plan->schedule, plan->microbatches,
           plan->microbatches == 1 ? "" : "es", (long long)plan->microbatch,
           cli_quantity((double)(samples * length) / plan->step).text,
           job->sequence ? "tokens" : "samples", percent(change->gain).text);
}

static void print_ranks(const sluice_plan_change *change, const sluice_plan_choice *best) {
    const sluice_plan_choice *const plan = &change->plan;
    const bool one                       = plan->ranks == best->ranks - 1;
    const bool nothing                   = change->gain < 5e-5;
    if (one)
        printf("rank %d buys ", plan->ranks);
    else
        printf("ranks %d %s %d buy ", plan->ranks, plan->ranks + 2 == best->ranks ? "and" : "to",
               best->ranks - 1);
    printf("%s%s: without %s a step takes %s (%s on %d rank%s)", nothing ? "" : "only ",
           nothing ? "nothing" : percent(change->gain).text, one ? "it" : "them",
           split_seconds(plan->step).text, plan->schedule, plan->ranks, plural(plan->ranks));
}

void plan_print_advice(const plan_job *job, const plan_answer *answer) {
    for (int k = 0; answer->advice && k < answer->advice->count; k++) {
        const sluice_plan_change *const change = &answer->advice->changes[k];
        switch (change->kind) {
        case SLUICE_PLAN_CHANGE_LIMITS:
            print_limits(change);
            break;
        case SLUICE_PLAN_CHANGE_LAYERS:
            print_layers(change);
            break;
        case SLUICE_PLAN_CHANGE_BATCH:
            print_batch(job, change);
            break;
        default:
            print_ranks(change, &answer->result->choices[0]);
            break;
        }
        putchar('\n');
    }
}
