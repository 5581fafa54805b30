/* SPDX-License-Identifier: MIT */
/*
 * train_cpu.c -- training on the CPU held against the machine's limits: tokens per second, useful
 * FLOP/s over what the cores and the products of this very model reach in the same minutes, where
 * the time goes, pipelines against their critical path. Prints Markdown.
 *
 *   train_cpu                          three models, every way: bench/results/train-cpu-*.md
 *   train_cpu --models a,b             some
 *   train_cpu --blas NAME ...          with this library for products
 *   train_cpu --quick                  a tiny model
 *   train_cpu --compare a,d,e          those, a step of each in turn:
 * bench/results/train-llama-*.md train_cpu --turn MODEL WAY STEPS   tokens/s of each step, on a
 * line: for peer_torch.py train_cpu --beside                 next to a busy process, which fair
 * sharing gives half a core
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"
#include "train_cpu.h"

enum { WARM = 2, MAX_STEPS = 64, WAYS = 8, SIZES = 8 };

/* What the steps of one way were like. */
typedef struct record {
    int steps;
    double seconds[MAX_STEPS], peak[MAX_STEPS], products[MAX_STEPS], memory[MAX_STEPS];
    double efficiency[MAX_STEPS], ceiling[MAX_STEPS], copy[MAX_STEPS];
    /* In all steps, added over ranks: seconds, page faults, context switches. */
    double work[WORKS], ledger[SLUICE_LEDGER_ENTRIES], unaccounted, step, faults, switches;
    double flops; /* of a step */
    int actions, ranks;
    int64_t parameters;
    int sizes;           /* of transfers */
    size_t bytes[SIZES]; /* of each size of transfer in a step, and how many there are */
    int sends[SIZES];
} record;

static void usage_now(double *faults, double *switches) {
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    *faults   = (double)(used.ru_minflt + used.ru_majflt);
    *switches = (double)(used.ru_nvcsw + used.ru_nivcsw);
}

static void note_limits(record *to, const subject *what, const way *how) {
    const int n     = to->steps;
    to->peak[n]     = fma_peak(2);
    to->products[n] = products_rate(what, how->microbatches, 2);
    to->memory[n]   = memory_rate(how->schedule ? 2 : how->threads);
    for (int k = 0; k < to->sizes; k++) to->copy[n] += to->sends[k] * copy_seconds(to->bytes[k]);
}

static void note_path(record *to, const trained *it) {
    sluice_timeline *line = NULL;
    bench_check(sluice_pipeline_timeline(&line, it->pipeline));
    const path found          = critical_path(line);
    to->efficiency[to->steps] = found.longest / line->makespan;
    to->ceiling[to->steps]    = found.all / (it->ranks * found.longest);
    to->actions               = found.actions;
    sluice_timeline_free(line);
}

static void note_ledger(record *to, const sluice_result *result, int ranks) {
    for (int r = 0; r < ranks; r++) {
        for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++) to->ledger[e] += result->ledger[r].time[e];
        to->unaccounted += result->ledger[r].unaccounted;
        to->step += result->ledger[r].step;
    }
}

static void run_step(record *to, trained *it, const way *how) {
    double faults, switches, faults_after, switches_after, work[WORKS];
    note_limits(to, it->what, how);
    take_work(work);
    usage_now(&faults, &switches);
    const sluice_result result = trained_step(it);
    usage_now(&faults_after, &switches_after);
    take_work(work);
    for (int k = 0; k < WORKS; k++) to->work[k] += work[k];
    to->faults += faults_after - faults;
    to->switches += switches_after - switches;
    to->seconds[to->steps] = result.seconds;
    note_path(to, it);
    note_ledger(to, &result, it->ranks);
    to->steps++;
}

/* What a step sends, by size. */
static void list_sends(record *to, const sluice_program *program, int rank) {
    int count                            = 0;
    const sluice_instruction *const list = sluice_program_list(&count, program, rank);
    for (int n = 0; n < count; n++) {
        size_t bytes = 0;
        int k        = 0;
        if (list[n].kind != SLUICE_INSTRUCTION_POST_SEND) continue;
        for (int s = 0; s < sluice_program_slot_count(program); s++) {
            const sluice_slot slot = sluice_program_slot(program, rank, &list[n], s);
            if (slot.bytes > bytes) bytes = slot.bytes;
        }
        while (k < to->sizes && to->bytes[k] != bytes) k++;
        if (k == SIZES) continue;
        if (k == to->sizes) to->bytes[to->sizes++] = bytes;
        to->sends[k]++;
    }
}

static record measure(const subject *what, const way *how, int steps) {
    trained it;
    record to = {.ranks = 1};
    trained_open(&it, what, how);
    to.ranks = it.ranks;
    to.flops = it.flops;
    for (int r = 0; r < it.ranks; r++) list_sends(&to, sluice_pipeline_program(it.pipeline), r);
    for (int i = 0; i < sluice_pipeline_state_count(it.pipeline); i++) {
        const sluice_state state = sluice_pipeline_state_at(it.pipeline, i);
        if (state.kind == SLUICE_STATE_PARAMETER) to.parameters += sluice_shape_count(&state.shape);
    }
    for (int n = 0; n < WARM; n++) (void)trained_step(&it);
    while (to.steps < steps) run_step(&to, &it, how);
    trained_close(&it);
    return to;
}

/* ---- tables ---- */

static void print_speed(const subject *what, const record all[], const way ways[], int count) {
    printf("| way | tokens/s, median | best | GFLOP/s | of the FMA peak | of own products | of the "
           "critical path | to 1 x 2 | ceiling |\n|:--|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (int k = 0; k < count; k++) {
        const record *const it = &all[k];
        const double seconds = bench_median(it->seconds, it->steps), rate = it->flops / seconds,
                     share = ways[k].schedule || ways[k].threads > 1 ? 1 : 0.5;
        printf("| %s | %.0f | %.0f | %.1f | %.1f %% | %.1f %% | ", way_text(&ways[k]),
               tokens_per_s(what, seconds),
               tokens_per_s(what, bench_quantile(it->seconds, it->steps, 0)), 1e-9 * rate,
               100 * rate / share / bench_median(it->peak, it->steps),
               100 * rate / share / bench_median(it->products, it->steps));
        if (it->ranks > 1)
            printf("%.1f %% | %.3f | %.3f |\n", 100 * bench_median(it->efficiency, it->steps),
                   bench_median(all[0].seconds, all[0].steps) / seconds,
                   bench_median(it->ceiling, it->steps));
        else
            printf("| | |\n");
    }
}

static void print_work(const record all[], const way ways[], int count) {
    printf("\n| way |");
    for (int k = 0; k < WORKS; k++) printf(" %s |", work_name((work_kind)k));
    printf(" transfer | waiting | rest | page faults | context switches |\n|:--|");
    for (int k = 0; k < WORKS + 5; k++) printf("--:|");
    for (int n = 0; n < count; n++) {
        const record *const it = &all[n];
        double worked          = 0;
        printf("\n| %s |", way_text(&ways[n]));
        for (int k = 0; k < WORKS; k++) {
            printf(" %.1f %% |", 100 * it->work[k] / it->step);
            worked += it->work[k];
        }
        const double transfer = it->ledger[SLUICE_LEDGER_TRANSFER],
                     waiting  = it->ledger[SLUICE_LEDGER_UPSTREAM] +
                               it->ledger[SLUICE_LEDGER_DOWNSTREAM] +
                               it->ledger[SLUICE_LEDGER_SEND] + it->ledger[SLUICE_LEDGER_IDLE];
        printf(" %.2f %% | %.1f %% | %.2f %% | %.0f | %.0f |", 100 * transfer / it->step,
               100 * waiting / it->step, 100 * (it->step - worked - transfer - waiting) / it->step,
               it->faults / it->steps, it->switches / it->steps);
    }
    printf("\n");
}

/* What transfers cost in addition to the copies, and the loop between instructions. */
static void print_overheads(const record all[], const way ways[], int count) {
    printf("\n| 2 ranks | actions | sends | MB | transfers, us | bare copies of the same, us | the "
           "difference per "
           "action, us | loop per action, us |\n|:--|--:|--:|--:|--:|--:|--:|--:|\n");
    for (int n = 0; n < count; n++) {
        const record *const it = &all[n];
        const double transfer  = it->ledger[SLUICE_LEDGER_TRANSFER] / it->steps,
                     copy = bench_median(it->copy, it->steps), actions = it->actions;
        double bytes = 0;
        int sends    = 0;
        for (int k = 0; k < it->sizes; k++) {
            bytes += (double)it->bytes[k] * it->sends[k];
            sends += it->sends[k];
        }
        if (it->ranks > 1)
            printf("| %s | %d | %d | %.1f | %.0f | %.0f | %.1f | %.1f |\n", way_text(&ways[n]),
                   it->actions, sends, 1e-6 * bytes, 1e6 * transfer, 1e6 * copy,
                   1e6 * (transfer - copy) / actions, 1e6 * it->unaccounted / it->steps / actions);
    }
    printf("\nA thread that sleeps runs %.0f us after it is woken.\n", 1e6 * wake_up_seconds());
    printf("\n| 1 rank | optimizer, GB/s | memory, GB/s |\n|:--|--:|--:|\n");
    for (int n = 0; n < count; n++)
        if (all[n].ranks == 1)
            printf("| %s | %.1f | %.1f |\n", way_text(&ways[n]),
                   1e-9 * 32 * (double)all[n].parameters * all[n].steps / all[n].work[OPTIMIZER],
                   1e-9 * bench_median(all[n].memory, all[n].steps));
}

static void print_subject(const subject *what, int steps) {
    const int64_t b = what->samples;
    const int few = (int)(b / 2), many = (int)b;
    const way ways[WAYS] = {{NULL, 2, 1},       {NULL, 1, 1},     {"gpipe", 1, few},
                            {"gpipe", 1, many}, {"1f1b", 1, few}, {"1f1b", 1, many},
                            {"zb1p", 1, few},   {"zb1p", 1, many}};
    record *const all    = bench_alloc(WAYS, sizeof *all);
    for (int k = 0; k < WAYS; k++) all[k] = measure(what, &ways[k], steps);
    printf("## (%s) %s; T=%" PRId64 ", B=%" PRId64
           "\n\nFMA peak of two threads %.0f GFLOP/s, products of two callers "
           "%.0f GFLOP/s (medians of this model's minutes).\n\n",
           what->name, what->words, what->length, b, 1e-9 * bench_median(all[0].peak, steps),
           1e-9 * bench_median(all[0].products, steps));
    print_speed(what, all, ways, WAYS);
    print_work(all, ways, WAYS);
    print_overheads(all, ways, WAYS);
    printf("\n");
    (void)fflush(stdout);
    free(all);
}

/* ---- one turn ---- */

static int refuse(const char *what, const char *text) {
    (void)fprintf(stderr, "bench: there is no %s '%s'\n", what, text);
    return 2;
}

static int run_turn(char **argv) {
    const subject *const what = find_subject(argv[0]);
    const int steps           = (int)strtol(argv[2], NULL, 10);
    char schedule[16];
    way how;
    trained it;
    if (!what) return refuse("model", argv[0]);
    if (!read_way(&how, schedule, argv[1])) return refuse("way", argv[1]);
    if (steps < 1) return refuse("number of steps", argv[2]);
    trained_open(&it, what, &how);
    for (int n = 0; n < WARM; n++) (void)trained_step(&it);
    for (int n = 0; n < steps; n++)
        printf("%.1f%s", tokens_per_s(what, trained_step(&it).seconds), n + 1 < steps ? " " : "\n");
    trained_close(&it);
    return 0;
}

int main(int argc, char **argv) {
    const char *models = "a,b,c", *compared = NULL;
    int steps   = 9;
    bool loaded = false;
    int first   = 1;
    if (argc > 2 && strcmp(argv[1], "--blas") == 0) {
        blas_name = argv[2];
        first     = 3;
    }
    if (argc == first + 4 && strcmp(argv[first], "--turn") == 0) return run_turn(argv + first + 1);
    for (int a = first; a < argc; a++) {
        if (strcmp(argv[a], "--quick") == 0)
            models = "tiny", compared = "tiny,tiny-llama", steps = 2;
        else if (strcmp(argv[a], "--beside") == 0)
            loaded = true, steps = 3;
        else if (strcmp(argv[a], "--models") == 0 && a + 1 < argc)
            models = argv[++a];
        else if (strcmp(argv[a], "--compare") == 0 && a + 1 < argc)
            models = "", compared = argv[++a];
        else if (strcmp(argv[a], "--steps") == 0 && a + 1 < argc)
            steps = (int)strtol(argv[++a], NULL, 10);
        else {
            (void)fprintf(stderr,
                          "usage: train_cpu [--blas NAME] [--quick] [--models a,b,c] [--steps N] "
                          "[--beside] [--compare a,d,e] | --turn MODEL WAY STEPS\n");
            return 2;
        }
    }
    if (steps > MAX_STEPS) steps = MAX_STEPS;
    bench_begin("Training on the CPU against its limits");
    char list[64], *rest = list;
    (void)snprintf(list, sizeof list, "%s", models);
    for (const char *name; (name = strsep(&rest, ",")) != NULL;) {
        const subject *const what = find_subject(name);
        if (!what && *name == '\0') continue;
        if (!what) return refuse("model", name);
        (loaded ? train_beside : print_subject)(what, steps);
    }
    if (compared) train_compare(compared, steps);
    return 0;
}
