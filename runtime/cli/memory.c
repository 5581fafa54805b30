/* SPDX-License-Identifier: MIT */
/* memory.c -- memory in `sluice train`: the limit, and the plan that --explain-memory prints. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "training.h"

/* What a unit stands for, in upper or lower case; 0: it is none. As GNU's tools have it, K, M, G
 * and T are powers of 1024, and with a B powers of 1000. */
static double unit_of(const char *name) {
    static const char letters[] = "kmgt";
    if (name[0] == '\0' || strcasecmp(name, "b") == 0) return 1;
    const char *const letter = strchr(letters, tolower((unsigned char)name[0]));
    if (!letter) return 0;
    const int power = (int)(letter - letters) + 1;
    if (strcasecmp(name + 1, "b") == 0) return pow(1000, power);
    return name[1] == '\0' || strcasecmp(name + 1, "ib") == 0 ? pow(1024, power) : 0;
}

int train_take_bytes(void *field, const cli_option *option, const char *name, const char *text) {
    (void)option;
    char *end          = NULL;
    const double value = strtod(text, &end);
    const double bytes = end == text ? 0 : value * unit_of(end);
    if (bytes >= 1 && bytes <= 1e18) {
        *(size_t *)field = (size_t)bytes;
        return CLI_OK;
    }
    return cli_fail(CLI_USAGE, "%s is '%s'; give bytes, as in 2GiB, 500MiB or 1000000", name, text);
}

int train_choose_recompute(train_problem *problem, const train_options *options) {
    const int stages   = sluice_schedule_stages(problem->schedule);
    problem->recompute = calloc((size_t)stages, sizeof *problem->recompute);
    if (!problem->recompute) return cli_fail(CLI_FAILED, "host memory exhausted");
    return cli_read_recompute(problem->recompute, options->costs.recompute, stages);
}

/* ---- the plan, kind by kind ---- */

static void print_kind(const char *name, size_t bytes) {
    if (bytes > 0) printf("  %12s  %s\n", cli_bytes(bytes).text, name);
}

static void print_sends(const sluice_program *program, int r) {
    size_t bytes    = 0;
    const int sends = sluice_program_outstanding(&bytes, program, r);
    if (sends > 0)
        printf("  at most %d send%s outstanding, which keep%s %s\n", sends, sends > 1 ? "s" : "",
               sends > 1 ? "" : "s", cli_bytes(bytes).text);
}

static void print_peak(const sluice_program_bytes *bytes, const sluice_program *program, int r) {
    int count;
    const sluice_instruction *const at = &sluice_program_list(&count, program, r)[bytes->peak];
    printf("  the peak is first reached at instruction %d of %d, %s", bytes->peak, count,
           sluice_instruction_name(at->kind));
    if (at->microbatch >= 0) printf(" of stage %d, micro-batch %d", at->stage, at->microbatch);
    printf("\n");
}

/* The arena is that of the program that needs most: all share parameters and state, and activations
 * use the same bytes. */
static void print_rank(const sluice_plan *plan, int r, size_t limit, bool saves) {
    const sluice_program *const step = sluice_plan_program(plan, 0);
    const sluice_program_bytes bytes = sluice_program_memory(step, r);
    const size_t arena               = sluice_plan_arena(plan, r);
    printf("rank %d: arena %s (%zu bytes), live %s at its peak\n", r, cli_bytes(arena).text, arena,
           cli_bytes(bytes.live).text);
    print_kind("parameters", bytes.parameters);
    print_kind("copies of parameters that layers read", bytes.working);
    print_kind("gradients", bytes.gradients);
    print_kind("optimizer state", bytes.states);
    print_kind("state of layers", bytes.layer_states - bytes.sequence);
    print_kind("keys, values and logits of the sequence", bytes.sequence);
    print_kind("losses and norm partials", bytes.bookkeeping);
    for (int kind = 0; kind < SLUICE_MEMORY_KINDS; kind++)
        print_kind(sluice_memory_kind_name(kind), bytes.at_peak[kind]);
    print_kind("unused at the peak: gaps between buffers", bytes.arena - bytes.live);
    for (int k = 1; k < sluice_plan_program_count(plan); k++) {
        const size_t needs = sluice_program_memory(sluice_plan_program(plan, k), r).arena;
        if (needs > bytes.arena)
            printf("  %12s  more, for the %s\n", cli_bytes(needs - bytes.arena).text,
                   sluice_plan_program_name(plan, k));
    }
    print_kind("of host memory more, which products on its compute threads need",
               sluice_plan_host_bytes(plan));
    print_sends(step, r);
    print_peak(&bytes, step, r);
    if (saves)
        printf("  %s of host memory more, for the copy that --save-async writes\n",
               cli_bytes(sluice_plan_save_bytes(plan, r)).text);
    if (limit > 0)
        printf("  %s %s the limit of %s\n",
               cli_bytes(arena > limit ? arena - limit : limit - arena).text,
               arena > limit ? "more than" : "less than", cli_bytes(limit).text);
    printf("\n");
}

void train_print_memory(const sluice_plan *plan, size_t limit, bool saves) {
    for (int r = 0; r < sluice_program_ranks(sluice_plan_program(plan, 0)); r++)
        print_rank(plan, r, limit, saves);
}

int train_explain_memory(const train_problem *problem, const train_options *options) {
    const sluice_program *const step = sluice_plan_program(problem->plan, SLUICE_PLAN_STEP);
    printf("%s, %s, %d micro-batches of %lld samples; bytes of each rank, planned\n\n",
           problem->name, sluice_schedule_name(problem->schedule),
           sluice_program_microbatches(step), (long long)sluice_program_samples(step, 0));
    train_print_memory(problem->plan, options->memory_limit, options->save_async);
    return train_check_limit(problem, options);
}
