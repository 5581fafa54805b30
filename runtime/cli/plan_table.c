/* SPDX-License-Identifier: MIT */
/* plan_table.c -- what `sluice plan` prints for people: the best and the runners-up in one table,
 * and why the best wins. */
#include <stdio.h>
#include <string.h>

#include "plan_command.h"
#include "split_command.h"

static const double as_fast = 1e-9; /* of a step */

static const char *plural(int64_t count) {
    return count == 1 ? "" : "s";
}

/* ---- numbers of a choice ---- */

static double compute_of(const sluice_plan_choice *c) { /* of a rank, on average */
    double sum = 0;
    for (int r = 0; r < c->ranks; r++) sum += c->rank[r].busy;
    return sum / c->ranks;
}

static double update_of(const sluice_plan_choice *c) {
    return c->step - c->makespan;
}

static double inner_idle_of(const sluice_plan_choice *c) {
    double max = 0;
    for (int r = 0; r < c->ranks; r++)
        if (c->rank[r].inner_idle > max) max = c->rank[r].inner_idle;
    return max;
}

static int recomputing_of(const sluice_plan_choice *c) {
    int count = 0;
    for (int s = 0; s < c->stages; s++) count += c->stage[s].recompute;
    return count;
}

/* ---- the table ---- */

static void print_choice(const plan_job *job, const sluice_plan_choice *c) {
    const int64_t samples = c->microbatch * c->microbatches;
    char slack[24]        = "";
    if (c->slack > 0) snprintf(slack, sizeof slack, "%g", c->slack);
    printf("%-11s %5d %6d %5s %4d x %-4lld ", c->schedule, c->ranks, c->chunks, slack,
           c->microbatches, (long long)c->microbatch);
    printf("%4d of %-4d %10s %10s ", recomputing_of(c), c->stages, split_seconds(c->step).text,
           cli_quantity((double)(samples * (job->sequence ? job->sequence : 1)) / c->step).text);
    printf("%6.1f %% %6.1f %% %10s\n", 100 * c->makespan_idle, 100 * inner_idle_of(c),
           cli_bytes(sluice_plan_choice_bytes(c)).text);
}

static void print_choices(const plan_job *job, const sluice_plan_result *result) {
    printf(
        "schedule    ranks chunks slack micro-batches recompute       step   %s/s     idle inner "
        "idle worst rank\n",
        job->sequence ? " tokens" : "samples");
    for (int k = 0; k < result->count; k++) print_choice(job, &result->choices[k]);
}

/* ---- the best one, rank by rank ---- */

static void print_layers(const sluice_plan_choice *c, int rank) {
    bool first = true;
    for (int s = 0; s < c->stages; s++) {
        const sluice_plan_stage *const stage = &c->stage[s];
        if (stage->rank != rank) continue;
        printf("%s%d..%d%s", first ? "  " : ", ", stage->first, stage->last,
               stage->recompute ? " (recomputed)" : "");
        first = false;
    }
    putchar('\n');
}

static void print_ranks(const plan_answer *answer) {
    const sluice_plan_choice *const c = &answer->result->choices[0];
    printf("\n rank       busy     memory      limit     unused  layers\n");
    for (int r = 0; r < c->ranks; r++) {
        const sluice_plan_rank *const rank = &c->rank[r];
        printf("%5d %10s %10s ", r, split_seconds(rank->busy).text, cli_bytes(rank->bytes).text);
        printf("%10s ", rank->limit > 0 ? cli_bytes(rank->limit).text : "none");
        printf("%10s", rank->limit > 0 ? cli_bytes(rank->limit - rank->bytes).text : "");
        print_layers(c, r);
    }
}

/* ---- why ---- */

/* What the best does better in its compute. */
static void print_less_compute(const sluice_plan_choice *best, const sluice_plan_choice *other) {
    if (best->ranks > other->ranks)
        printf("it shares the work among %d rank%s rather than %d", best->ranks,
               plural(best->ranks), other->ranks);
    else if (recomputing_of(best) < recomputing_of(other))
        printf("it recomputes %d of its %d stage%s rather than %d of %d", recomputing_of(best),
               best->stages, plural(best->stages), recomputing_of(other), other->stages);
    else
        printf("its ranks compute for %s rather than %s", split_seconds(compute_of(best)).text,
               split_seconds(compute_of(other)).text);
}

static void print_tie(const sluice_plan_choice *best, const sluice_plan_choice *other) {
    printf("%s with %d micro-batch%s is as fast as %s on %d rank%s with %d", best->schedule,
           best->microbatches, best->microbatches == 1 ? "" : "es", other->schedule, other->ranks,
           plural(other->ranks), other->microbatches);
    if (sluice_plan_choice_bytes(best) < sluice_plan_choice_bytes(other))
        printf(", in %s of its fullest rank rather than %s",
               cli_bytes(sluice_plan_choice_bytes(best)).text,
               cli_bytes(sluice_plan_choice_bytes(other)).text);
    putchar('\n');
}

static void print_why(const sluice_plan_result *result) {
    const sluice_plan_choice *const best  = &result->choices[0];
    const sluice_plan_choice *const other = &result->choices[1];
    if (result->count < 2) {
        printf("%s is the only plan that was found\n", best->schedule);
        return;
    }
    const double gap = other->step - best->step;
    const double idle =
        other->makespan * other->makespan_idle - best->makespan * best->makespan_idle;
    const double compute = compute_of(other) - compute_of(best);
    const double update  = update_of(other) - update_of(best);
    if (gap < as_fast * best->step) {
        print_tie(best, other);
        return;
    }
    printf(
        "%s with %d micro-batch%s is %.2g %% faster than %s on %d rank%s with %d: ", best->schedule,
        best->microbatches, best->microbatches == 1 ? "" : "es", 100 * gap / best->step,
        other->schedule, other->ranks, plural(other->ranks), other->microbatches);
    if (compute >= idle && compute >= update)
        print_less_compute(best, other);
    else if (idle >= update)
        printf("its ranks idle %.1f %% of the time rather than %.1f %%", 100 * best->makespan_idle,
               100 * other->makespan_idle);
    else
        printf("its update takes %s rather than %s", split_seconds(update_of(best)).text,
               split_seconds(update_of(other)).text);
    putchar('\n');
}

static void print_proof(const sluice_plan_result *result) {
    printf("%d of %lld configuration%s simulated", result->simulations,
           (long long)result->configurations, plural(result->configurations));
    if (result->moves > 0) printf(", and %d other split%s", result->moves, plural(result->moves));
    printf("; ");
    if (result->is_best_split)
        printf("no other is faster, however it is split\n");
    else if (result->is_best)
        printf("no other is faster with the split that balances it\n");
    else
        printf("none is faster than %s, which more --effort may find\n",
               split_seconds(result->bound).text);
}

/* ---- all ---- */

static void print_answer(const plan_job *job, const plan_answer *answer) {
    printf("%s on %s, batch %lld%s\n\n", job->options->subject, answer->devices,
           (long long)job->options->batch,
           answer->result && answer->result->is_estimate
               ? " (estimate: what layers describe, at the rates of the kind of device)"
               : "");
    if (!answer->result) {
        printf("nothing fits\n");
        return;
    }
    print_choices(job, answer->result);
    print_ranks(answer);
    putchar('\n');
    print_why(answer->result);
    plan_print_advice(job, answer);
    print_proof(answer->result);
}

static void print_comparison(const plan_job *job) {
    const plan_answer *const fastest = &job->answers[job->fastest];
    const double step                = fastest->result->choices[0].step;
    printf("\nthe fastest is %s with a step in %s", fastest->devices, split_seconds(step).text);
    for (int k = 0; k < job->count; k++) {
        const plan_answer *const answer = &job->answers[k];
        if (k == job->fastest) continue;
        const double ratio = answer->result ? answer->result->choices[0].step / step : 0;
        if (ratio > 1.0005)
            printf("; %s takes %.4g times as long", answer->devices, ratio);
        else if (ratio > 0)
            printf("; %s takes as long", answer->devices);
        else
            printf("; %s is too small", answer->devices);
    }
    putchar('\n');
}

void plan_print(const plan_job *job) {
    for (int k = 0; k < job->count; k++) {
        if (k > 0) putchar('\n');
        print_answer(job, &job->answers[k]);
    }
    if (job->count > 1) print_comparison(job);
}
