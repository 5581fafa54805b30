/* SPDX-License-Identifier: MIT */
/*
 * partition.c -- how long the partitioner takes, how far above its lower bound it ends where ranks
 * have several stages, on random profiles, and how far its estimate of memory is from the plan.
 * Prints Markdown.
 *
 *   partition             the record: bench/results/partition-*.md
 *   partition --quick     small problems; that it runs
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "sluice/gpt2.h"

enum { PROFILES = 20, REPEATS = 5, MAX_RANKS = 256 };

typedef struct random_profile {
    sluice_profile_layer *rows;
    const sluice_profile_layer *layers[MAX_RANKS];
    int stage_ranks[SLUICE_MAX_STAGES];
    sluice_partition problem;
} random_profile;

/* xorshift64*: from 0 to 1. */
static double draw(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)((*state * 0x2545F4914F6CDD1DULL) >> 11) * 0x1p-53;
}

static random_profile make_profile(uint64_t *random, int layers, int ranks, int chunks) {
    random_profile made = {.rows    = bench_alloc((size_t)layers, sizeof *made.rows),
                           .problem = SLUICE_PARTITION_INIT};
    for (int l = 0; l < layers; l++) {
        const double cost = 0.1 + draw(random);
        made.rows[l]      = (sluice_profile_layer){.forward_s       = cost / 3,
                                                   .input_s         = cost / 3,
                                                   .weight_s        = cost / 3,
                                                   .parameters      = (int64_t)(1e6 * draw(random)),
                                                   .parameter_bytes = (size_t)(4e6 * draw(random)),
                                                   .saved_bytes     = (size_t)(1e7 * draw(random)),
                                                   .output_bytes    = (size_t)(1e6 * draw(random))};
    }
    made.problem.layer_count = layers;
    made.problem.ranks       = ranks;
    made.problem.stages      = ranks * chunks;
    return made;
}

/* Pointers into itself; `vee`: ranks forth and back, else in a loop. */
static void point(random_profile *p, bool vee) {
    const int ranks = p->problem.ranks;
    for (int r = 0; r < ranks; r++) p->layers[r] = p->rows;
    for (int s = 0; s < p->problem.stages; s++)
        p->stage_ranks[s] = vee && s / ranks % 2 == 1 ? ranks - 1 - s % ranks : s % ranks;
    p->problem.layers      = p->layers;
    p->problem.stage_ranks = p->stage_ranks;
}

/* ---- one stage per rank ---- */

static void time_chain(const char *what, random_profile *p) {
    double seconds[REPEATS];
    sluice_partition_result result;
    for (int k = 0; k < REPEATS; k++) {
        const double begin = bench_now();
        bench_check(sluice_partition_solve(&result, &p->problem));
        seconds[k] = bench_now() - begin;
    }
    printf("| %d | %d | %s | %.1f ms | %.2f %% |\n", p->problem.layer_count, p->problem.ranks, what,
           1e3 * bench_median(seconds, REPEATS), 100 * (result.value / result.bound - 1));
}

static void time_chains(int layers, int ranks) {
    uint64_t random = 1;
    size_t limits[MAX_RANKS];
    random_profile p = make_profile(&random, layers, ranks, 1);
    point(&p, false);
    time_chain("time", &p);
    p.problem.bandwidth = 1e8;
    time_chain("time, links", &p);
    for (int r = 0; r < ranks; r++)
        limits[r] = (size_t)(1.6 * layers / ranks * (4 * 2e6 + 5e6)) + 20000000;
    p.problem.memory_limits = limits;
    time_chain("time, links, limits", &p);
    p.problem.memory_limits = NULL;
    p.problem.objective     = SLUICE_OBJECTIVE_MEMORY;
    time_chain("memory", &p);
    p.problem.objective = SLUICE_OBJECTIVE_PARAMETERS;
    time_chain("parameters", &p);
    free(p.rows);
}

/* ---- several stages per rank ---- */

static void gap_row(int layers, int ranks, int chunks, bool vee) {
    double gaps[PROFILES], seconds[PROFILES];
    int proven = 0;
    for (int k = 0; k < PROFILES; k++) {
        uint64_t random  = (uint64_t)k + 1;
        random_profile p = make_profile(&random, layers, ranks, chunks);
        sluice_partition_result result;
        point(&p, vee);
        const double begin = bench_now();
        bench_check(sluice_partition_solve(&result, &p.problem));
        seconds[k] = bench_now() - begin;
        gaps[k]    = 100 * (result.value / result.bound - 1);
        proven += result.is_best;
        free(p.rows);
    }
    printf("| %d | %d x %d | %s | %.3f %% | %.3f %% | %d | %.0f ms | %.0f ms |\n", layers, ranks,
           chunks, vee ? "V" : "loop", bench_median(gaps, PROFILES),
           bench_quantile(gaps, PROFILES, 1), proven, 1e3 * bench_median(seconds, PROFILES),
           1e3 * bench_quantile(seconds, PROFILES, 1));
    (void)fflush(stdout);
}

/* ---- the estimate of memory ---- */

enum { SAMPLES = 2, MICROBATCHES = 8, MAX_CHUNKED = 64, MAX_ERRORS = 64 };

typedef struct estimate {
    const sluice_model *model;
    sluice_schedule *schedule;
    sluice_split split;
    bool recompute[MAX_CHUNKED];
    int stage_ranks[MAX_CHUNKED];
} estimate;

static sluice_program *compile(const estimate *e, bool with_model) {
    sluice_program *program;
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    options.samples                = (int64_t)MICROBATCHES * (with_model ? SAMPLES : 1);
    options.recompute              = e->recompute;
    bench_check(sluice_program_compile(&program, e->schedule, with_model ? e->model : NULL,
                                       with_model ? &e->split : NULL, &options));
    return program;
}

/* What the partitioner takes each rank to hold. */
static void estimate_ranks(sluice_partition_load *loads, estimate *e) {
    const sluice_profile_layer *layers[MAX_CHUNKED];
    sluice_profile_layer *rows;
    sluice_held *held;
    sluice_held_buffer *buffers;
    sluice_program *program  = compile(e, false);
    sluice_partition problem = SLUICE_PARTITION_INIT;
    bench_check(sluice_model_rows(&rows, e->model, SAMPLES, SLUICE_PRECISION_FP32));
    bench_check(sluice_held_make(&held, &problem.held_count, program));
    bench_check(sluice_held_buffers_make(&buffers, &problem.buffer_count, program));
    problem.layer_count = sluice_model_layer_count(e->model);
    problem.ranks       = sluice_schedule_ranks(e->schedule);
    problem.stages      = sluice_schedule_stages(e->schedule);
    problem.layers      = layers;
    problem.held        = held;
    problem.buffers     = buffers;
    problem.stage_ranks = e->stage_ranks;
    for (int r = 0; r < problem.ranks; r++) layers[r] = rows;
    for (int s = 0; s < problem.stages; s++)
        e->stage_ranks[s] = sluice_schedule_stage_rank(e->schedule, s);
    bench_check(sluice_partition_loads(loads, &problem, &e->split));
    sluice_held_free(held);
    sluice_held_buffers_free(buffers);
    sluice_model_rows_free(rows, problem.layer_count);
    sluice_program_free(program);
}

/* How far from the plan, in percent with the sign, rank by rank. */
typedef struct errors {
    double held[MAX_ERRORS], arena[MAX_ERRORS];
    int count;
} errors;

static void add_errors(errors *to, const sluice_model *model, const char *name, int ranks,
                       bool recompute, bool evenly) {
    estimate e                    = {.model = model};
    sluice_schedule_options shape = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_partition_load loads[MAX_CHUNKED];
    shape.ranks        = ranks;
    shape.microbatches = MICROBATCHES;
    bench_check(sluice_schedule_generate(&e.schedule, name, &shape));
    const int stages = sluice_schedule_stages(e.schedule), layers = sluice_model_layer_count(model);
    for (int s = 0; s < stages; s++) e.recompute[s] = recompute;
    bench_check(sluice_split_from_model(&e.split, model, stages, (int64_t)SAMPLES * MICROBATCHES,
                                        MICROBATCHES));
    for (int s = 0; evenly && s < stages; s++) e.split.first[s] = layers * s / stages;
    estimate_ranks(loads, &e);
    sluice_program *program = compile(&e, true);
    for (int r = 0; r < ranks; r++) {
        const double planned   = (double)sluice_program_memory(program, r).arena;
        to->held[to->count]    = 100 * (loads[r].bytes / planned - 1);
        to->arena[to->count++] = 100 * (loads[r].arena / planned - 1);
    }
    sluice_program_free(program);
    sluice_schedule_free(e.schedule);
}

/* Median and largest of the sizes of errors. */
static void print_errors(const double *of, int count) {
    double sizes[MAX_ERRORS];
    for (int k = 0; k < count; k++) sizes[k] = of[k] < 0 ? -of[k] : of[k];
    printf(" %.2f %% | %.2f %% | %.2f %% |", bench_median(sizes, count),
           bench_quantile(sizes, count, 0.9), bench_quantile(sizes, count, 1));
}

static void error_row(const sluice_model *model, const char *name) {
    errors all = {.count = 0};
    for (int ranks = 2; ranks <= 8; ranks *= 2)
        for (int how = 0; how < 4; how++) add_errors(&all, model, name, ranks, how & 1, how & 2);
    printf("| %s |", name);
    print_errors(all.held, all.count);
    print_errors(all.arena, all.count);
    printf("\n");
}

static void report_estimates(bool quick) {
    sluice_gpt_config config;
    sluice_model *model;
    bench_check(sluice_gpt_preset(&config, quick ? "gpt-mini" : "gpt2-124m", 256));
    if (quick) config.layers = 12;
    bench_check(sluice_gpt_model(&model, &config, quick ? 64 : 1024));
    printf(
        "\n## Memory: estimate against plan\n\n"
        "%s, %d micro-batches of %d samples, P = 2, 4, 8, adamw, fp32; each rank, with and "
        "without recomputation, split evenly in FLOPs and in layers. Off from the plan's arena by, "
        "median, at 90 of 100 and at most:\n\n"
        "- held: what is alive at once, which limits are compared with;\n"
        "- arena: with buffers placed by their lifetimes.\n\n"
        "| schedule | held | at 90 | at most | arena | at 90 | at most |\n"
        "|:--|--:|--:|--:|--:|--:|--:|\n",
        quick ? "gpt-mini" : "gpt2-124m", MICROBATCHES, SAMPLES);
    for (const char *const *name = sluice_schedule_names(); *name; name++) error_row(model, *name);
    sluice_model_free(model);
}

int main(int argc, char **argv) {
    const bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    bench_begin("Partitioner");
    printf("\n## One stage per rank: exact\n\n"
           "Layers of random cost (0.1 to 1.1), parameters and activations; median of %d runs.\n"
           "Above bound: how much more the most expensive rank has than a bound that cuts layers "
           "anywhere.\n\n"
           "| layers | ranks | objective | takes | above bound |\n|--:|--:|:--|--:|--:|\n",
           REPEATS);
    if (!quick) time_chains(100, 8);
    time_chains(quick ? 200 : 2000, quick ? 16 : 256);
    printf("\n## Several stages per rank\n\n"
           "%d random profiles each. Up to 16 stages branch and bound looks for better ones until "
           "4 million nodes are looked at.\n\n"
           "| layers | ranks x stages | placement | gap, median | gap, largest | proven best | "
           "takes, median | longest |\n|--:|--:|:--|--:|--:|--:|--:|--:|\n",
           PROFILES);
    gap_row(16, 2, 2, false);
    if (quick) {
        report_estimates(true);
        return 0;
    }
    gap_row(27, 4, 2, false);
    gap_row(27, 4, 2, true);
    gap_row(27, 4, 4, false);
    gap_row(27, 8, 2, true);
    gap_row(51, 8, 2, true);
    gap_row(51, 8, 2, false);
    gap_row(99, 4, 2, true);
    gap_row(99, 8, 2, true);
    gap_row(99, 8, 4, false);
    gap_row(200, 16, 4, false);
    gap_row(500, 32, 4, true);
    report_estimates(false);
    return 0;
}
