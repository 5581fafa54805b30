/* SPDX-License-Identifier: MIT */
/*
 * memory.c -- activation memory three ways: by the published formulas, as planned, and as touched
 * by a run. Prints Markdown; fails if a plan keeps more than its formula says, or a run touches
 * more than was planned.
 *
 *   memory             GPT-2 124M planned, a small GPT run: bench/results/memory-*.md
 *   memory --quick     a tiny GPT for both
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum { STEPS = 3, MAX_RANKS = 8 };

/* What is trained: N samples of `length` tokens in M micro-batches. */
typedef struct setting {
    const char *preset;
    int64_t length, samples;
    int microbatches;
} setting;

typedef struct variant {
    const char *schedule;
    bool recompute;
    const char *formula;
} variant;
static const variant variants[] = {
    {"gpipe", false, "N (x + y)"},
    {"gpipe", true, "N x + N/M y"},
    {"1f1b", false, "min(M, P - r) N/M (x + y)"},
    {"1f1b", true, "min(M, P - r) N/M x + N/M y"},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static double mib(size_t bytes) {
    return (double)bytes / 1048576;
}

static const char *title_of(const variant *v) {
    static char title[64];
    (void)snprintf(title, sizeof title, "%s%s", v->schedule, v->recompute ? ", recompute" : "");
    return title;
}

static sluice_model *make_model(const setting *on) {
    sluice_gpt_config config;
    sluice_model *model;
    bench_check(sluice_gpt_preset(&config, on->preset, 256));
    bench_check(sluice_gpt_model(&model, &config, on->length));
    return model;
}

/* ---- a plan, and the formula for each of its ranks ---- */

typedef struct planned {
    const sluice_model *model;
    const variant *variant;
    int ranks;
    sluice_schedule *schedule;
    sluice_split *split;
    sluice_program *program;
    bool recompute[MAX_RANKS];
} planned;

/* Equally many layers on every stage, as the formulas assume; where that is impossible, the first
 * stages have one less. */
static void split_evenly(sluice_split *split, int layers, int stages) {
    split->stages = stages;
    for (int s = 0; s <= stages; s++) split->first[s] = layers * s / stages;
}

static planned make_plan(const sluice_model *model, const setting *on, const variant *v, int ranks,
                         bool evenly) {
    planned made                 = {.model = model, .variant = v, .ranks = ranks};
    sluice_schedule_options cut  = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_program_options train = SLUICE_PROGRAM_OPTIONS_INIT;
    cut.ranks                    = ranks;
    cut.microbatches             = on->microbatches;
    made.split                   = bench_alloc(1, sizeof *made.split);
    bench_check(sluice_schedule_generate(&made.schedule, v->schedule, &cut));
    if (evenly)
        split_evenly(made.split, sluice_model_layer_count(model), ranks);
    else
        bench_check(
            sluice_split_from_model(made.split, model, ranks, on->samples, on->microbatches));
    for (int s = 0; s < ranks; s++) made.recompute[s] = v->recompute;
    train.samples   = on->samples;
    train.recompute = made.recompute;
    bench_check(sluice_program_compile(&made.program, made.schedule, model, made.split, &train));
    return made;
}

static void free_plan(planned *plan) {
    sluice_program_free(plan->program);
    sluice_schedule_free(plan->schedule);
    free(plan->split);
}

/* N/M x and N/M y of the formulas: bytes of a micro-batch's stage input, and of what its layers
 * save for backward. */
static void describe_stage(const planned *plan, int stage, size_t *input, size_t *inner) {
    const int64_t samples = sluice_program_samples(plan->program, 0);
    int first, last;
    sluice_program_stage_layers(&first, &last, plan->program, stage);
    const sluice_shape edge =
        sluice_model_layer_input(plan->model, first, samples, SLUICE_PRECISION_FP32);
    *input = sluice_shape_bytes(&edge);
    *inner = 0;
    for (int l = first; l <= last; l++) {
        sluice_layer_description layer;
        const sluice_shape between =
            sluice_model_layer_input(plan->model, l, samples, SLUICE_PRECISION_FP32);
        bench_check(sluice_model_describe(&layer, plan->model, l, samples, SLUICE_PRECISION_FP32));
        for (int k = 0; k < layer.saved_count; k++) *inner += layer.saved[k].bytes;
        if (l > first && layer.input_until != SLUICE_UNTIL_FORWARD)
            *inner += sluice_shape_bytes(&between);
    }
}

static int in_flight(const planned *plan, int rank) {
    const int m = sluice_program_microbatches(plan->program), held = plan->ranks - rank;
    return strcmp(plan->variant->schedule, "1f1b") == 0 && held < m ? held : m;
}

static size_t formula_bytes(const planned *plan, int rank) {
    size_t input, inner;
    describe_stage(plan, rank, &input, &inner);
    const size_t flight = (size_t)in_flight(plan, rank);
    return flight * input + (plan->variant->recompute ? 1 : flight) * inner;
}

/* The share that the formulas describe, at the rank's peak. */
static size_t kept_bytes(const sluice_program_bytes *bytes) {
    return bytes->at_peak[SLUICE_ROLE_INPUT] + bytes->at_peak[SLUICE_ROLE_SAVED_INPUT] +
           bytes->at_peak[SLUICE_ROLE_SAVED_WEIGHT];
}

/* A receive is posted one action ahead: one more stage input than the formula. A hundredth is for
 * alignment. */
static bool keeps_what_the_formula_says(const planned *plan, int rank) {
    const sluice_program_bytes bytes = sluice_program_memory(plan->program, rank);
    const size_t formula             = formula_bytes(plan, rank);
    size_t input, inner;
    describe_stage(plan, rank, &input, &inner);
    if (kept_bytes(&bytes) <= formula + formula / 100 + input) return true;
    (void)fprintf(stderr, "bench: %s on rank %d of %d keeps %zu bytes, the formula says %zu\n",
                  title_of(plan->variant), rank, plan->ranks, kept_bytes(&bytes), formula);
    return false;
}

static size_t permanent_bytes(const sluice_program_bytes *bytes) {
    return bytes->arena - bytes->transient;
}

/* ---- tables of plans ---- */

static void print_rank(const planned *plan, int rank) {
    const sluice_program_bytes bytes = sluice_program_memory(plan->program, rank);
    const size_t kept                = kept_bytes(&bytes);
    int first, last, count;
    const sluice_instruction *const peak =
        &sluice_program_list(&count, plan->program, rank)[bytes.peak];
    sluice_program_stage_layers(&first, &last, plan->program, rank);
    printf(
        "| %d | %d | %d-%d | %.1f | %.1f | %.1f | %d | %.1f | %.1f | %.1f | %.1f | %.1f | %.3f | ",
        plan->ranks, rank, first, last, mib(bytes.parameters), mib(bytes.gradients),
        mib(bytes.states), in_flight(plan, rank), mib(formula_bytes(plan, rank)), mib(kept),
        mib(bytes.live - permanent_bytes(&bytes) - kept), mib(bytes.transient), mib(bytes.arena),
        (double)bytes.arena / (double)bytes.live);
    printf("%s", sluice_instruction_name(peak->kind));
    if (peak->microbatch >= 0) printf(" %d", peak->microbatch);
    printf(" |\n");
}

static bool print_ranks(const sluice_model *model, const setting *on, int max_ranks) {
    bool as_said = true;
    for (int v = 0; v < VARIANTS; v++) {
        printf("\n### %s: %s\n\n", title_of(&variants[v]), variants[v].formula);
        printf("| P | rank | layers | parameters | gradients | optimizer state | in flight | "
               "formula | kept "
               "| working | activations | arena | arena/live | peak at |\n");
        printf("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|:--|\n");
        for (int p = 1; p <= max_ranks; p *= 2) {
            planned plan = make_plan(model, on, &variants[v], p, false);
            for (int r = 0; r < p; r++) {
                print_rank(&plan, r);
                as_said = keeps_what_the_formula_says(&plan, r) && as_said;
            }
            free_plan(&plan);
        }
    }
    return as_said;
}

/* Activations of the rank with the most. */
static size_t fullest(const planned *plan) {
    size_t peak = 0;
    for (int r = 0; r < plan->ranks; r++) {
        const size_t transient = sluice_program_memory(plan->program, r).transient;
        if (transient > peak) peak = transient;
    }
    return peak;
}

static void print_fullest(const sluice_model *model, const setting *on, int max_ranks) {
    printf("\n### Activations of the fullest rank\n\n| split | schedule |");
    for (int p = 1; p <= max_ranks; p *= 2) printf(" P = %d |", p);
    printf("\n|:--|:--|");
    for (int p = 1; p <= max_ranks; p *= 2) printf("--:|");
    for (int k = 0; k < 2 * VARIANTS; k++) {
        const bool evenly      = k >= VARIANTS;
        const variant *const v = &variants[k % VARIANTS];
        printf("\n| %s | %s |", evenly ? "even in layers" : "even in FLOPs", title_of(v));
        for (int p = 1; p <= max_ranks; p *= 2) {
            planned plan = make_plan(model, on, v, p, evenly);
            printf(" %.1f |", mib(fullest(&plan)));
            free_plan(&plan);
        }
    }
    printf("\n");
}

/* One rank's activations as the minibatch is cut finer. */
static void print_cuts(const sluice_model *model, const setting *on, int ranks, int rank) {
    printf("\n### Rank %d of %d, even in layers, as M grows: formula / kept / activations\n\n| "
           "schedule |",
           rank, ranks);
    for (int64_t m = ranks; m <= on->samples; m *= 2) printf(" M = %" PRId64 " |", m);
    printf("\n|:--|");
    for (int64_t m = ranks; m <= on->samples; m *= 2) printf("--:|");
    for (int v = 0; v < VARIANTS; v++) {
        printf("\n| %s |", title_of(&variants[v]));
        for (int64_t m = ranks; m <= on->samples; m *= 2) {
            const setting cut                = {on->preset, on->length, on->samples, (int)m};
            planned plan                     = make_plan(model, &cut, &variants[v], ranks, true);
            const sluice_program_bytes bytes = sluice_program_memory(plan.program, rank);
            printf(" %.1f / %.1f / %.1f |", mib(formula_bytes(&plan, rank)),
                   mib(kept_bytes(&bytes)), mib(bytes.transient));
            free_plan(&plan);
        }
    }
    printf("\n");
}

static bool print_plans(const setting *on, int max_ranks) {
    sluice_model *const model = make_model(on);
    printf("## %s, planned\n\nN = %" PRId64 " samples of %" PRId64
           " tokens, M = %d micro-batches, adamw, fp32; MiB.\n\n",
           on->preset, on->samples, on->length, on->microbatches);
    printf(
        "- x: a sample's stage input; y: what a sample's layers of the stage keep from F to B.\n"
        "- formula: without recomputation GPipe keeps N (x + y), with it N x + N/M y, the paper's\n"
        "  O(N + L/K N/M) (Huang et al. 2019, section 2.3; their K is P here). 1F1B holds\n"
        "  min(M, P - r) micro-batches on rank r where GPipe holds M.\n"
        "- kept: stage inputs and saved activations alive at the peak of the rank.\n"
        "- working: what else is alive then: what is sent and received, scratch, gradients of\n"
        "  tied parameters.\n"
        "- activations: kept + working + gaps, as laid out; peak at: when that is.\n"
        "- even in FLOPs: the split that a pipeline has unless it is given one.\n");
    print_fullest(model, on, max_ranks);
    print_cuts(model, on, max_ranks < 4 ? max_ranks : 4, 1);
    const bool as_said = print_ranks(model, on, max_ranks);
    sluice_model_free(model);
    return as_said;
}

/* ---- a run ---- */

static sluice_status load_tokens(void *context, void *to, int64_t first, int64_t samples) {
    const int64_t length = *(const int64_t *)context;
    for (int64_t k = 0; k < samples * length; k++)
        ((int32_t *)to)[k] = (int32_t)((first * length + k) * 7 % 256);
    return SLUICE_OK;
}

static sluice_pipeline *make_pipeline(const planned *plan, const setting *on) {
    sluice_pipeline *pipeline;
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    options.samples                 = on->samples;
    options.threads                 = 1;
    options.device                  = "cpu";
    options.recompute               = plan->recompute;
    bench_check(sluice_pipeline_plan_and_open(&pipeline, plan->model, plan->schedule, plan->split,
                                              &options));
    return pipeline;
}

/* Memory that `STEPS` steps touch. */
static bench_resident run_steps(const planned *plan, const setting *on) {
    int64_t length           = on->length;
    const sluice_batch batch = {
        .samples       = on->samples,
        .total_weight  = (double)(on->samples * length),
        .parts         = {{"inputs", load_tokens, &length}, {"targets", load_tokens, &length}},
        .learning_rate = 1e-3};
    const bench_resident before     = bench_resident_now();
    sluice_pipeline *const pipeline = make_pipeline(plan, on);
    sluice_result result;
    for (int n = 0; n < STEPS; n++) bench_check(sluice_pipeline_step(&result, pipeline, &batch));
    bench_resident after = bench_resident_now();
    sluice_pipeline_close(pipeline);
    after.arenas -= before.arenas;
    after.all -= before.all;
    return after;
}

static bool print_run(const sluice_model *model, const setting *on, const variant *v, int ranks) {
    planned plan                 = make_plan(model, on, v, ranks, false);
    const bench_resident touched = run_steps(&plan, on);
    const size_t page            = 4096;
    size_t arenas = 0, pages = 0;
    for (int r = 0; r < ranks; r++) {
        const size_t bytes = sluice_program_memory(plan.program, r).arena;
        arenas += bytes;
        pages += (bytes + page - 1) / page * page;
    }
    printf("| %d | %s | %.2f |", ranks, title_of(v), mib(arenas));
    if (touched.arenas > 0)
        printf(" %.2f | %.4f | %.2f |\n", mib(touched.arenas),
               (double)touched.arenas / (double)arenas, mib(touched.all) - mib(touched.arenas));
    else
        printf(" not measured here | | %.2f, arenas included |\n", mib(touched.all));
    free_plan(&plan);
    if (touched.arenas <= pages) return true;
    (void)fprintf(stderr, "bench: %s on %d ranks touches %zu bytes, planned are %zu\n", title_of(v),
                  ranks, touched.arenas, arenas);
    return false;
}

/* In a separate process, so that no memory freed earlier is reused. */
static bool print_run_apart(const sluice_model *model, const setting *on, const variant *v,
                            int ranks) {
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        const bool as_planned = print_run(model, on, v, ranks);
        _exit(fflush(stdout) == 0 && as_planned ? 0 : 1);
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static bool print_runs(const setting *on, int max_ranks) {
    sluice_model *const model = make_model(on);
    bool as_planned           = true;
    printf("\n## %s, run\n\n%d steps, N = %" PRId64 " samples of %" PRId64
           " tokens, M = %d, one thread per rank; MiB of all ranks.\n\n",
           on->preset, STEPS, on->samples, on->length, on->microbatches);
    printf(
        "- touched: resident pages of the arenas (/proc/self/smaps) after the steps; huge pages\n"
        "  are off, that a touched byte counts 4 KiB and not 2 MiB.\n"
        "- elsewhere: what the process has grown by outside of them since before the pipeline\n"
        "  was made: threads and their stacks, attention's workspaces, the BLAS's buffers,\n"
        "  programs, staging. A process per row.\n\n");
    printf("| P | schedule | arenas, planned | touched | touched/planned | elsewhere |\n");
    printf("|--:|:--|--:|--:|--:|--:|\n");
    for (int p = 1; p <= max_ranks; p *= 2)
        for (int v = 0; v < VARIANTS; v++)
            as_planned = print_run_apart(model, on, &variants[v], p) && as_planned;
    sluice_model_free(model);
    return as_planned;
}

int main(int argc, char **argv) {
    static const setting large = {"gpt2-124m", 1024, 32, 16}, small = {"gpt-mini", 256, 16, 8},
                         tiny = {"gpt-nano", 32, 8, 4};
    const bool quick          = argc == 2 && strcmp(argv[1], "--quick") == 0;
    if (argc > 1 && !quick) {
        (void)fprintf(stderr, "usage: memory [--quick]\n");
        return 2;
    }
    (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    bench_begin("Activation memory: formula, plan, run");
    const bool as_said    = print_plans(quick ? &tiny : &large, quick ? 2 : MAX_RANKS);
    const bool as_planned = print_runs(quick ? &tiny : &small, quick ? 2 : 4);
    return as_said && as_planned ? 0 : 1;
}
