/* SPDX-License-Identifier: MIT */
/*
 * generate.c -- how fast text is generated, token by token, next to what reading the weights
 * allows. Every few tokens a loop reads as much memory as a token reads of weights, on as many
 * threads as work at a time: what it reaches is the limit. Prints Markdown.
 *
 *   generate [NAME [TOKENS RUNS]]   GPT-2 124M and a Llama of the same size, or NAME alone:
 *                                   3 RUNS of 256 TOKENS: bench/results/generate-*.md
 *
 *   generate --quick                gpt-nano
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "generate_reads.h"
#include "sluice/generation.h"

enum { MAX_RUNS = 8, MAX_TOKENS = 1024, PROMPT = 8, STRETCH = 8 /* tokens between readings */ };

typedef struct setting {
    const char *preset;
    int ranks, threads;
} setting;

static const setting settings[] = {
    {"gpt2-124m", 1, 2}, {"llama-160m", 1, 2}, {"gpt2-124m", 2, 2}, {"gpt2-124m", 2, 1}};
static const setting small[] = {{"gpt-nano", 1, 2}, {"gpt-nano", 2, 1}};

typedef struct subject {
    setting on;
    int64_t tokens;
    sluice_model *model;
    sluice_pipeline *pipeline;
    sluice_generator *generator;
    size_t bytes; /* of the weights that a token reads */
} subject;

/* ---- what generates ---- */

/* Of tables of embeddings a token reads a row; a tied head reads all of it. */
static size_t weights_of(const sluice_pipeline *pipeline, const sluice_model_config *config) {
    const bool tied = sluice_model_config_numbers(config).tied;
    size_t bytes    = 0;
    for (int k = 0; k < sluice_pipeline_state_count(pipeline); k++) {
        const sluice_state state = sluice_pipeline_state_at(pipeline, k);
        const bool is_table      = strstr(state.name, "wpe") ||
                              (!tied && strcmp(state.name, config->family->embedding) == 0);
        if (!is_table) bytes += sluice_shape_bytes(&state.shape);
    }
    return bytes;
}

static void open_subject(subject *it) {
    sluice_model_config config;
    sluice_schedule_options plan    = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_schedule *schedule       = NULL;
    const int64_t capacity          = PROMPT + it->tokens;
    plan.ranks                      = it->on.ranks;
    plan.microbatches               = 1;
    options.threads                 = it->on.threads;
    sluice_generation_options(&options, 1, capacity);
    bench_check(sluice_model_config_preset(&config, it->on.preset, 256));
    bench_check(sluice_model_for_generation(&it->model, &config, capacity));
    bench_check(sluice_schedule_generate(&schedule, "forward-only", &plan));
    bench_check(sluice_pipeline_plan_and_open(&it->pipeline, it->model, schedule, NULL, &options));
    bench_check(sluice_generator_open(&it->generator, it->pipeline, it->model));
    sluice_schedule_free(schedule);
    it->bytes = weights_of(it->pipeline, &config);
}

static void close_subject(subject *it) {
    sluice_generator_close(it->generator);
    sluice_pipeline_close(it->pipeline);
    sluice_model_free(it->model);
}

/* ---- a run: stretches of tokens, and readings between them ---- */

typedef struct times {
    /* Seconds of every token after the prompt, and of every reading of as much memory. */
    double token[MAX_RUNS * MAX_TOKENS], read[MAX_RUNS * MAX_TOKENS];
    double run[MAX_RUNS]; /* tokens per second of each, without the readings */
    int tokens, reads, runs;
} times;

static double sum_of(const double *values, int count) {
    double sum = 0;
    for (int k = 0; k < count; k++) sum += values[k];
    return sum;
}

static void take_readings(times *to, const subject *it) {
    double rates[READS];
    measure_reads(rates, it->bytes, it->on.threads);
    for (int n = 0; n < READS; n++) to->read[to->reads++] = (double)it->bytes / rates[n];
}

/* The most probable token each time. */
static void run(times *to, const subject *it) {
    static const int32_t prompt[PROMPT] = {17, 4, 99, 23, 42, 7, 65, 3};
    const sluice_sampling greedy        = {0, 0, 1, 1};
    const int first                     = to->tokens;
    int32_t token                       = 0;
    sluice_generator_reset(it->generator);
    bench_check(sluice_generator_next(&token, it->generator, prompt, PROMPT, &greedy, 0));
    for (int64_t n = 1; n < it->tokens; n++) {
        const double from = bench_now();
        bench_check(sluice_generator_next(&token, it->generator, &token, 1, &greedy, n));
        to->token[to->tokens++] = bench_now() - from;
        if (n % STRETCH == 0) take_readings(to, it);
    }
    const int count     = to->tokens - first;
    to->run[to->runs++] = count / sum_of(to->token + first, count);
}

/* ---- what is printed ---- */

static void print_row(const subject *it, const times *of) {
    const double mean[]         = {of->tokens / sum_of(of->token, of->tokens),
                                   of->reads / sum_of(of->read, of->reads)};
    const double half[]         = {1 / bench_median(of->token, of->tokens),
                                   1 / bench_median(of->read, of->reads)};
    const double best[]         = {1 / bench_quantile(of->token, of->tokens, 0),
                                   1 / bench_quantile(of->read, of->reads, 0)};
    const double *const pairs[] = {mean, half, best};
    const double bytes          = (double)it->bytes;
    printf("| %s | %d x %d | %.0f | %.1f | %.1f |", it->on.preset, it->on.ranks, it->on.threads,
           bytes / 1e6, bench_median(of->run, of->runs), bench_quantile(of->run, of->runs, 1));
    for (int k = 0; k < 3; k++)
        printf(" %.1f of %.1f (%.1f GB/s): %.0f %% |", pairs[k][0], pairs[k][1],
               pairs[k][1] * bytes / 1e9, 100 * pairs[k][0] / pairs[k][1]);
    puts("");
    (void)fflush(stdout);
}

static void measure(const setting *on, int64_t tokens, int runs) {
    static times of;
    subject it = {.on = *on, .tokens = tokens};
    memset(&of, 0, sizeof of);
    open_subject(&it);
    take_readings(&of, &it);
    of.reads = 0; /* the first touch of their memory */
    for (int n = 0; n < runs; n++) run(&of, &it);
    print_row(&it, &of);
    close_subject(&it);
}

int main(int argc, char **argv) {
    const bool quick     = argc > 1 && strcmp(argv[1], "--quick") == 0;
    const char *name     = argc > 1 && !quick ? argv[1] : "";
    const setting *on    = quick ? small : settings;
    const int64_t tokens = quick ? 16 : argc > 2 ? strtol(argv[2], NULL, 10) : 256;
    const int runs       = quick ? 1 : argc > 3 ? (int)strtol(argv[3], NULL, 10) : 3;
    const size_t count = quick ? sizeof small / sizeof *small : sizeof settings / sizeof *settings;
    if (tokens <= STRETCH || tokens > MAX_TOKENS || runs < 1 || runs > MAX_RUNS) return 2;
    bench_begin("Generation next to the bandwidth of memory");
    printf("One sequence, greedy, %d tokens after a prompt of %d, fp32, %d runs. The limit: a loop "
           "that\n"
           "only reads, over as many bytes and on as many threads as one rank has, %d times after\n"
           "every %d tokens. Tokens/s, of how many the limit allows:\n\n",
           (int)tokens, PROMPT, runs, READS, STRETCH);
    puts("| model | ranks x threads | MB a token | median run | best run | in the mean | median | "
         "fastest |\n"
         "|:--|--:|--:|--:|--:|--:|--:|--:|");
    for (size_t k = 0; k < count; k++)
        if (strstr(on[k].preset, name)) measure(&on[k], tokens, runs);
    return 0;
}
