/* SPDX-License-Identifier: MIT */
/*
 * saves.c -- the cost of saves: bytes per second of a save next to those of `dd` with fsync into
 * the same folder, in turns; and steps without a save, with one between them, and with one in the
 * background, in turns. Prints Markdown.
 *
 *   saves [FOLDER [TURNS STEPS]]   GPT-2 124M with AdamW's state; TURNS (3) of STEPS (3)
 *                                  with and without saves: bench/results/saves-cost-*.md
 *   saves --quick                  gpt-nano
 *
 * FOLDER is where the saves go; all of them are removed. Without one, here.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "sluice/save.h"

enum { MAX_TURNS = 16, PATH_BYTES = 512, RANKS = 2, EVERY = 50 };

typedef struct setting {
    const char *preset;
    int64_t length, samples;
    int copies; /* of dd and a save */
    int turns;  /* of steps with and without saves */
    int steps;  /* of a turn */
} setting;

typedef struct trainer {
    const setting *on;
    sluice_gpt_config config;
    sluice_model_config written;
    sluice_model *model;
    sluice_corpus *corpus;
    sluice_pipeline *pipeline;
    sluice_run *between, *background; /* over the same pipeline */
    int64_t bytes;                    /* of its state */
    char folder[PATH_BYTES];
} trainer;

/* ---- what is trained ---- */

static void open_corpus(trainer *it) {
    char path[PATH_BYTES + 8];
    const char *const paths[] = {path};
    (void)snprintf(path, sizeof path, "%s/text", it->folder);
    FILE *const file = fopen(path, "we");
    if (!file) exit(1);
    for (unsigned k = 0; k < 1U << 16; k++)
        (void)fputc('a' + (int)((k % 26 * (k % 26) + 3 * k) % 26), file);
    (void)fclose(file);
    bench_check(sluice_corpus_open(&it->corpus, paths, 1, it->on->length));
}

static void open_pipeline(trainer *it) {
    sluice_schedule_options plan    = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_schedule *schedule       = NULL;
    plan.ranks                      = RANKS;
    plan.microbatches               = (int)it->on->samples;
    options.samples                 = it->on->samples;
    options.threads                 = 1;
    bench_check(sluice_schedule_generate(&schedule, "1f1b", &plan));
    bench_check(sluice_pipeline_plan_and_open(&it->pipeline, it->model, schedule, NULL, &options));
    sluice_schedule_free(schedule);
    for (int k = 0; k < sluice_pipeline_state_count(it->pipeline); k++) {
        const sluice_state state = sluice_pipeline_state_at(it->pipeline, k);
        it->bytes += (int64_t)sluice_shape_bytes(&state.shape);
    }
}

static void open_run(sluice_run **out, const trainer *it, bool background) {
    sluice_run_options options = SLUICE_RUN_OPTIONS_INIT;
    options.steps              = 1 << 20;
    options.save_async         = background;
    bench_check(sluice_run_open(out, it->pipeline, it->model, it->corpus, &options));
}

static void open_all(trainer *it) {
    bench_check(sluice_gpt_preset(&it->config, it->on->preset, 256));
    bench_check(sluice_gpt_model(&it->model, &it->config, it->on->length));
    sluice_gpt_to_model_config(&it->written, &it->config);
    open_corpus(it);
    open_pipeline(it);
    open_run(&it->between, it, false);
    open_run(&it->background, it, true);
}

static void close_all(trainer *it) {
    sluice_run_close(it->between);
    sluice_run_close(it->background);
    sluice_pipeline_close(it->pipeline);
    sluice_corpus_close(it->corpus);
    sluice_model_free(it->model);
}

/* ---- rates ---- */

static bool do_command(char *const *command) {
    pid_t child = 0;
    int status  = -1;
    return posix_spawnp(&child, command[0], NULL, NULL, command, environ) == 0 &&
           waitpid(child, &status, 0) == child && status == 0;
}

static void remove_all(const char *path) {
    char text[PATH_BYTES + 8];
    char *const command[] = {"rm", "-rf", text, NULL};
    (void)snprintf(text, sizeof text, "%s", path);
    (void)do_command(command);
}

static void save(const trainer *it, sluice_run *run) {
    sluice_save_options options = SLUICE_SAVE_OPTIONS_INIT;
    options.config              = &it->written;
    bench_check(sluice_run_save(run, it->folder, 1, &options));
}

static void remove_saves(const trainer *it) {
    char path[PATH_BYTES + 8];
    (void)snprintf(path, sizeof path, "%s/saves", it->folder);
    remove_all(path);
}

static double time_save(const trainer *it) {
    const double began = bench_now();
    save(it, it->between);
    const double seconds = bench_now() - began;
    remove_saves(it);
    return seconds;
}

static double time_dd(const trainer *it) {
    char to[PATH_BYTES + 8], count[40];
    char *const command[] = {"dd",         "if=/dev/zero", to,  "bs=1M", count, "iflag=count_bytes",
                             "conv=fsync", "status=none",  NULL};
    (void)snprintf(to, sizeof to, "of=%s/dd", it->folder);
    (void)snprintf(count, sizeof count, "count=%lld", (long long)it->bytes);
    const double began   = bench_now();
    const bool good      = do_command(command);
    const double seconds = bench_now() - began;
    if (!good) (void)fprintf(stderr, "bench: dd fails\n");
    remove_all(to + sizeof "of=" - 1);
    if (!good) exit(1);
    return seconds;
}

static void print_rates(const char *name, const double *seconds, int count, int64_t bytes) {
    printf("| %s | %.2f to %.2f | %.2f | %.2f |\n", name, bench_quantile(seconds, count, 0),
           bench_quantile(seconds, count, 1), bench_median(seconds, count),
           1e-9 * (double)bytes / bench_median(seconds, count));
}

static void compare_rates(const trainer *it) {
    const int count = it->on->copies;
    double saves[MAX_TURNS], dd[MAX_TURNS], ratios[MAX_TURNS];
    const size_t before = bench_resident_now().all;
    for (int k = 0; k < count; k++) {
        saves[k]  = time_save(it);
        dd[k]     = time_dd(it);
        ratios[k] = saves[k] / dd[k];
    }
    const size_t after = bench_resident_now().all;
    printf("## A save and `dd`, in turns\n\n"
           "%s, AdamW: %lld bytes of weights and optimizer state on %d ranks. `dd` writes as many "
           "zeros with\n`bs=1M conv=fsync`; a save is hashed, flushed and read back.\n\n"
           "| | seconds, %d times | median | GB/s |\n|:--|--:|--:|--:|\n",
           it->on->preset, (long long)it->bytes, RANKS, count);
    print_rates("save", saves, count, it->bytes);
    print_rates("dd", dd, count, it->bytes);
    printf(
        "\nA save takes %.1f times what the `dd` after it took (median of %d; %.1f to %.1f), and "
        "leaves %.1f MiB\nmore of resident memory.\n\n",
        bench_median(ratios, count), count, bench_quantile(ratios, count, 0),
        bench_quantile(ratios, count, 1),
        after > before ? (double)(after - before) / (1 << 20) : 0);
}

/* ---- steps ---- */

/* Steps of a run that saves after the first of them, if at all. */
typedef struct turn {
    double seconds; /* up to the end of the last step, or of the save if that is later */
    double work;    /* seconds of all threads on their cores, which other processes do not add to */
    double stopped; /* by the save, before the next step */
    double written; /* after so many steps, at most */
} turn;

static double work_now(void) {
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static turn time_steps(const trainer *it, sluice_run *run, bool saves) {
    sluice_run_result result;
    turn took          = {.work = -work_now()};
    const double began = bench_now();
    for (int k = 0; k < it->on->steps; k++) {
        bench_check(sluice_run_step(&result, run));
        const double now = bench_now();
        if (saves && k == 0) save(it, run), took.stopped = bench_now() - now;
        if (saves && took.written == 0 && k > 0 && !sluice_run_is_saving(run)) took.written = k;
    }
    bench_check(sluice_run_finish_save(run));
    took.seconds = bench_now() - began;
    took.work += work_now();
    if (took.written == 0) took.written = it->on->steps;
    return took;
}

typedef enum way { NONE, BETWEEN, BACKGROUND, WAYS } way;

/* What a save adds to a turn without one, and its share of EVERY such steps. */
static void print_cost(const double *with, const double *without, const setting *on) {
    double cost[MAX_TURNS], share[MAX_TURNS];
    for (int k = 0; k < on->turns; k++) {
        cost[k]  = with[k] - without[k];
        share[k] = 100 * cost[k] / (without[k] / on->steps * EVERY);
    }
    printf(" %.2f (%.2f to %.2f) | %.2f (%.2f to %.2f) |", bench_median(cost, on->turns),
           bench_quantile(cost, on->turns, 0), bench_quantile(cost, on->turns, 1),
           bench_median(share, on->turns), bench_quantile(share, on->turns, 0),
           bench_quantile(share, on->turns, 1));
}

static void print_row(const char *name, const double *with, const double *without,
                      const setting *on) {
    printf("| %s | %.2f |", name, bench_median(with, on->turns));
    print_cost(with, without, on);
    printf("\n");
}

static void print_table(turn turns[WAYS][MAX_TURNS], const setting *on, bool work) {
    double list[WAYS][MAX_TURNS] = {{0}};
    for (int w = 0; w < WAYS; w++)
        for (int k = 0; k < on->turns; k++)
            list[w][k] = work ? turns[w][k].work : turns[w][k].seconds;
    printf("| %s | of a turn, s | a save adds, s | %% of %d steps |\n|:--|--:|--:|--:|\n"
           "| no save | %.2f | | |\n",
           work ? "work of all threads" : "time", EVERY, bench_median(list[NONE], on->turns));
    print_row("between the steps", list[BETWEEN], list[NONE], on);
    print_row("in the background", list[BACKGROUND], list[NONE], on);
    printf("\n");
}

static void compare_steps(const trainer *it) {
    const setting *const on = it->on;
    turn turns[WAYS][MAX_TURNS];
    double stopped[MAX_TURNS], written[MAX_TURNS];
    (void)time_steps(it, it->between, false); /* warm */
    for (int k = 0; k < on->turns; k++) {
        turns[NONE][k]       = time_steps(it, it->between, false);
        turns[BETWEEN][k]    = time_steps(it, it->between, true);
        turns[BACKGROUND][k] = time_steps(it, it->background, true);
        stopped[k]           = turns[BACKGROUND][k].stopped;
        written[k]           = turns[BACKGROUND][k].written;
    }
    printf(
        "## Steps with and without a save, in turns\n\n"
        "%lld sequences of %lld tokens, %lld micro-batches, %d ranks with 1 thread each, 1f1b. A "
        "turn is %d steps, with a\nsave after the first: median of %d turns, and their range.\n\n",
        (long long)on->samples, (long long)on->length, (long long)on->samples, RANKS, on->steps,
        on->turns);
    print_table(turns, on, false);
    print_table(turns, on, true);
    printf("In the background, training stops for %.2f s, for the copy, and the save is written at "
           "most %.0f steps later.\n",
           bench_median(stopped, on->turns), bench_median(written, on->turns));
}

/* ---- all ---- */

int main(int argc, char **argv) {
    static const setting large = {"gpt2-124m", 256, 4, 3, 3, 3},
                         small = {"gpt-nano", 32, 4, 2, 2, 2};
    const bool quick           = argc == 2 && strcmp(argv[1], "--quick") == 0;
    const char *const parent   = argc > 1 && !quick ? argv[1] : ".";
    setting on                 = quick ? small : large;
    trainer it                 = {.on = &on};
    struct rusage used;
    if (argc == 4) {
        on.turns = (int)strtol(argv[2], NULL, 10);
        on.steps = (int)strtol(argv[3], NULL, 10);
    }
    if (on.turns < 1 || on.turns > MAX_TURNS || on.steps < 2) {
        (void)fprintf(stderr, "bench: at most %d turns, of at least 2 steps\n", MAX_TURNS);
        return 2;
    }
    (void)snprintf(it.folder, sizeof it.folder, "%s/saves-XXXXXX", parent);
    if (!mkdtemp(it.folder)) {
        (void)fprintf(stderr, "bench: no folder can be made in '%s'\n", parent);
        return 1;
    }
    bench_begin("Cost of saves");
    open_all(&it);
    compare_rates(&it);
    (void)fflush(stdout);
    compare_steps(&it);
    close_all(&it);
    remove_all(it.folder);
    (void)getrusage(RUSAGE_SELF, &used);
    printf(
        "\nResident memory of the whole run: %.2f GiB at its peak, of which %.2f GiB the copy.\n",
        (double)used.ru_maxrss / (1 << 20), (double)it.bytes / (1 << 30));
    return 0;
}
