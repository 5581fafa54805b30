/* SPDX-License-Identifier: MIT */
/*
 * test_memory_plan.c -- the memory plan against what a step really touches.
 *
 * Each rank's arena is made of pages that may not be touched. The first access to one in an
 * instruction is caught, noted, and let through. From all of them follows what was alive when: a
 * page is from a write to the last read before the next. The sizes are chosen so that every buffer
 * is whole pages, and the arena begins so that buffers that come and go begin at pages. The peak
 * must be the plan's `live`, the highest byte touched its `arena`. (Ranks' receives and sends are
 * in use from post to wait, whenever the copy comes.)
 *
 * Dead bytes are poisoned, too: with them full of NaN the bits stay the same.
 */
#include "tests/support/support.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime/executor/executor.h"
#include "sluice/gpt2.h"
#include "sluice/pipeline.h"
#include "tests/support/poison.h"

enum { PAGE = 4096, MAX_RANKS = 4, MAX_PAGES = 1 << 14, MAX_TOUCHES = 1 << 20 };
enum { STEPS = 3, VOCABULARY = 64 };

typedef struct sizes {
    int length, width, blocks;
} sizes;
static const sizes little = {10, 24, 2};

/* ---- what is trained ---- */

typedef struct setting {
    const char *schedule;
    int ranks, microbatches;
    int64_t samples;
    bool tied;
    unsigned recompute; /* bit s: stage s */
    float dropout;
    const sizes *sizes;
} setting;

static const char *words_of(const setting *with) {
    static char words[160];
    (void)snprintf(words, sizeof words,
                   "%s, %d ranks, %d samples in %d micro-batches, %s, recompute %x, dropout %g",
                   with->schedule, with->ranks, (int)with->samples, with->microbatches,
                   with->tied ? "tied" : "untied", with->recompute, (double)with->dropout);
    return words;
}

static sluice_model *make_model(const setting *with) {
    const sizes *s                 = with->sizes;
    const sluice_gpt_config config = {VOCABULARY, s->length,  s->width,     s->blocks,
                                      4,          with->tied, with->dropout};
    sluice_model *model;
    assert_ok(sluice_gpt_model(&model, &config, s->length));
    return model;
}

typedef struct minibatch {
    int64_t n, length;
} minibatch;

static sluice_status load_tokens(void *context, void *to, int64_t first, int64_t samples) {
    const minibatch *from = context;
    for (int64_t k = 0; k < samples * from->length; k++)
        ((int32_t *)to)[k] = (int32_t)((from->n + (first * from->length + k) * 3) % VOCABULARY);
    return SLUICE_OK;
}

static sluice_schedule *make_schedule(const setting *with) {
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    options.ranks                   = with->ranks;
    options.microbatches            = with->microbatches;
    sluice_schedule *schedule;
    assert_ok(sluice_schedule_generate(&schedule, with->schedule, &options));
    return schedule;
}

typedef struct outcome {
    double loss[STEPS], norm[STEPS];
    uint64_t digest;
    sluice_program_bytes bytes[MAX_RANKS];
} outcome;

static outcome train(const setting *with, const sluice__parts *parts) {
    sluice_model *model             = make_model(with);
    sluice_schedule *schedule       = make_schedule(with);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    bool recompute[MAX_RANKS];
    for (int s = 0; s < MAX_RANKS; s++) recompute[s] = with->recompute >> s & 1;
    options.samples   = with->samples;
    options.threads   = 1;
    options.recompute = recompute;
    sluice_pipeline *pipeline;
    assert_ok(sluice__pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options, parts));
    outcome out = {0};
    for (int64_t n = 0; n < STEPS; n++) {
        sluice_result result;
        minibatch from           = {n, with->sizes->length};
        const sluice_batch batch = {
            with->samples,
            (double)(with->samples * from.length),
            {{"inputs", load_tokens, &from}, {"targets", load_tokens, &from}},
            1e-3};
        assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
        out.loss[n] = result.loss;
        out.norm[n] = result.norm;
    }
    assert_ok(sluice_pipeline_digest(&out.digest, pipeline));
    for (int r = 0; r < with->ranks; r++)
        out.bytes[r] = sluice_program_memory(sluice_pipeline_program(pipeline), r);
    sluice_pipeline_close(pipeline);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
    return out;
}

static void assert_same(const outcome *a, const outcome *b, const setting *with) {
    for (int n = 0; n < STEPS; n++)
        if (a->loss[n] != b->loss[n] || a->norm[n] != b->norm[n])
            fail_msg("%s: step %d has loss %.17g, norm %.17g%s; without watching %.17g, %.17g",
                     words_of(with), n, b->loss[n], b->norm[n], test_not_finite(b->norm[n]),
                     a->loss[n], a->norm[n]);
    if (a->digest != b->digest) fail_msg("%s: other weights than without watching", words_of(with));
}

/* ---- dead bytes full of NaN ---- */

static void dead_bytes_are_never_read(void **state) {
    (void)state;
    static const setting settings[] = {
        {"gpipe", 1, 3, 7, true, 0, 0, &little}, {"1f1b", 2, 4, 8, true, 0, 0.1F, &little},
        {"1f1b", 3, 3, 7, false, 2, 0, &little}, {"gpipe", 3, 5, 8, true, 7, 0.2F, &little},
        {"1f1b", 4, 2, 3, true, 9, 0, &little},
    };
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
        const setting *with    = &settings[k];
        const outcome plain    = train(with, &(sluice__parts){0});
        const outcome poisoned = train(with, &(sluice__parts){.watch = poison_the_dead});
        poison_end(with->ranks);
        assert_same(&plain, &poisoned, with);
    }
}

/* ---- pages that may not be touched, and who touched them ---- */

/* ThreadSanitizer's matrix product is a plain, instrumented one: pages of work would take hours. */
#if !defined(__SANITIZE_THREAD__)

static size_t permanent_of(const sluice_program_bytes *bytes) {
    return bytes->arena - bytes->transient;
}

/* Every dimension makes whole pages of a micro-batch of 16 samples. */
static const sizes large = {64, 64, 2};

typedef struct touch {
    int page, instruction;
    bool writes; /* first */
} touch;

static struct arena {
    unsigned char *pages; /* where the first page begins */
    size_t bytes;         /* of all pages */
    size_t shift;         /* of the arena inside them */
    touch *touches;
    int touch_count;
    int at; /* instruction whose accesses they are; instructions of the step */
    int count;
    bool watched;                  /* accesses are noted */
    unsigned char open[MAX_PAGES]; /* pages that this instruction has touched */
} arenas[MAX_RANKS];

static _Thread_local int my_rank = -1;

static void note_touch(struct arena *arena, int page, bool writes) {
    if (arena->open[page]) return;
    arena->open[page] = 1;
    if (arena->touch_count < MAX_TOUCHES)
        arena->touches[arena->touch_count++] = (touch){page, arena->at, writes};
}

/* Bit 1 of a page fault's error code says that it was a write. */
static bool is_write(const void *context) {
#if defined(__x86_64__)
    return ((const ucontext_t *)context)->uc_mcontext.gregs[REG_ERR] & 2;
#else
    (void)context;
    return true;
#endif
}

/* Copies by another rank's thread are let through: posts and waits stand for them. */
static void catch_touch(int signal_number, siginfo_t *info, void *context) {
    const unsigned char *address = info->si_addr;
    for (int r = 0; r < MAX_RANKS; r++) {
        struct arena *arena = &arenas[r];
        if (!arena->pages || address < arena->pages || address >= arena->pages + arena->bytes)
            continue;
        const size_t page = (size_t)(address - arena->pages) / PAGE;
        (void)mprotect(arena->pages + page * PAGE, PAGE, PROT_READ | PROT_WRITE);
        if (arena->watched && my_rank == r) note_touch(arena, (int)page, is_write(context));
        return;
    }
    (void)signal(signal_number, SIG_DFL); /* a real one: let it end the process */
}

static sluice_status open_mine(sluice_device **out, int ordinal, int threads, int first_core,
                               bool pin) {
    my_rank = ordinal;
    return sluice_devices()[0]->open(out, ordinal, threads, first_core, pin);
}

static sluice_status alloc_pages(void **out, sluice_device *device, size_t bytes) {
    (void)device;
    struct arena *arena = &arenas[my_rank];
    arena->bytes        = (bytes / PAGE + 2) * PAGE;
    void *const pages =
        mmap(NULL, arena->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED && arena->bytes / PAGE < MAX_PAGES);
    memset(pages, 0xFF, arena->bytes);
    arena->pages = pages;
    *out         = arena->pages + arena->shift;
    return SLUICE_OK;
}

static void free_pages(sluice_device *device, void *arena, size_t bytes) {
    (void)device, (void)arena, (void)bytes;
    (void)munmap(arenas[my_rank].pages, arenas[my_rank].bytes);
    arenas[my_rank].pages = NULL;
}

static void touch_slot(struct arena *arena, sluice_slot slot, bool writes) {
    if (slot.bytes == 0) return;
    const size_t first = (arena->shift + slot.offset) / PAGE;
    const size_t last  = (arena->shift + slot.offset + slot.bytes - 1) / PAGE;
    for (size_t page = first; page <= last; page++) note_touch(arena, (int)page, writes);
}

static void watch_pages(sluice__rank *rank, const sluice_instruction *at) {
    struct arena *arena              = &arenas[rank->index];
    const sluice__rank_program *step = &rank->pipeline->program->rank[rank->index];
    if (rank->pipeline->run.program != rank->pipeline->program || rank->pipeline->steps > 0) return;
    arena->watched = true;
    arena->at      = (int)(at - step->list);
    arena->count   = step->count;
    memset(arena->open, 0, sizeof arena->open);
    (void)mprotect(arena->pages, arena->bytes, PROT_NONE);
    if (at->peer < 0) return;
    const sluice_role role = at->sends ? SLUICE_ROLE_INPUT : SLUICE_ROLE_OUTPUT;
    touch_slot(arena, sluice__slot(step, at, (int)role),
               at->kind == SLUICE_INSTRUCTION_POST_RECEIVE);
}

/* Pages that come and go, by the accesses of one rank: the most alive in one instruction, and the
 * end of the highest. A page is alive in the instructions that touch it, and between two of them
 * unless the second overwrites it first. */
static void measure(const struct arena *arena, size_t permanent, size_t *live, size_t *highest) {
    const int base    = (int)((arena->shift + permanent) / PAGE);
    int *const change = calloc((size_t)arena->count + 2, sizeof *change);
    int *const last   = calloc(MAX_PAGES, sizeof *last);
    assert_non_null(change);
    assert_non_null(last);
    for (int page = 0; page < MAX_PAGES; page++) last[page] = -1;
    *highest = 0;
    for (int k = 0; k < arena->touch_count; k++) {
        const touch *t = &arena->touches[k];
        if (t->page < base) continue;
        const size_t end = (size_t)(t->page + 1) * PAGE - arena->shift;
        if (end > *highest) *highest = end;
        const bool goes_on = last[t->page] >= 0 && !t->writes;
        change[goes_on ? last[t->page] + 1 : t->instruction]++;
        change[t->instruction + 1]--;
        last[t->page] = t->instruction;
    }
    int now = 0, peak = 0;
    for (int n = 0; n < arena->count; n++) {
        now += change[n];
        if (now > peak) peak = now;
    }
    *live = (size_t)peak * PAGE;
    free(change);
    free(last);
}

/* So that what comes and goes begins at a page, in every rank. */
static void choose_shifts(const setting *with) {
    const outcome plan = train(with, &(sluice__parts){0});
    for (int r = 0; r < with->ranks; r++)
        arenas[r].shift = (PAGE - permanent_of(&plan.bytes[r]) % PAGE) % PAGE;
}

static void check_pages(const setting *with) {
    sluice_device_ops device = *sluice_devices()[0];
    device.open              = open_mine;
    device.arena_alloc       = alloc_pages;
    device.arena_free        = free_pages;
    const outcome plain      = train(with, &(sluice__parts){0});
    memset(arenas, 0, sizeof arenas);
    choose_shifts(with);
    for (int r = 0; r < with->ranks; r++) {
        arenas[r].touches = calloc(MAX_TOUCHES, sizeof(touch));
        assert_non_null(arenas[r].touches);
    }
    const outcome watched = train(with, &(sluice__parts){.device = &device, .watch = watch_pages});
    assert_same(&plain, &watched, with);
    for (int r = 0; r < with->ranks; r++) {
        const sluice_program_bytes *plan = &watched.bytes[r];
        size_t live, highest;
        measure(&arenas[r], permanent_of(plan), &live, &highest);
        live += permanent_of(plan);
        print_message(
            "%s, rank %d: live %zu planned, %zu touched; arena %zu planned, %zu touched\n",
            words_of(with), r, plan->live, live, plan->arena, highest);
        if (live != plan->live || highest != plan->arena)
            fail_msg("%s, rank %d: the plan is not what is touched", words_of(with), r);
        free(arenas[r].touches);
    }
}

static void a_step_touches_what_was_planned(void **state) {
    (void)state;
    static const setting settings[] = {
        {"gpipe", 1, 2, 32, true, 0, 0, &large},   {"gpipe", 2, 4, 64, true, 0, 0, &large},
        {"1f1b", 2, 4, 64, false, 0, 0, &large},   {"1f1b", 3, 4, 64, true, 7, 0, &large},
        {"1f1b", 2, 3, 48, true, 1, 0.1F, &large},
    };
    struct sigaction action = {.sa_sigaction = catch_touch, .sa_flags = (int)SA_SIGINFO}, before;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &before);
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) check_pages(&settings[k]);
    sigaction(SIGSEGV, &before, NULL);
}

#endif

/* ---- evaluation runs on the same arenas: `--explain-memory` tells the step's ---- */

static void check_evaluation(uint64_t *random, int trial) {
    const char *const *names = sluice_schedule_names();
    int count                = 0;
    while (names[count]) count++;
    const char *name               = names[test_random_int(random, 0, count - 1)];
    const int p                    = test_random_int(random, 1, 3);
    const int m                    = test_random_int(random, 1, 6);
    const sluice_gpt_config config = {test_random_int(random, 2, 300),
                                      8,
                                      4 * (int64_t)test_random_int(random, 1, 8),
                                      3,
                                      2,
                                      trial % 2,
                                      0};
    sluice_model *model;
    sluice_schedule *schedule;
    sluice_plan *plan;
    assert_ok(sluice_gpt_model(&model, &config, test_random_int(random, 1, 8)));
    sluice_schedule_options shape = SLUICE_SCHEDULE_OPTIONS_INIT;
    shape.ranks                   = p;
    shape.microbatches            = m;
    assert_ok(sluice_schedule_generate(&schedule, name, &shape));
    const int stages = sluice_schedule_stages(schedule);
    bool recompute[16];
    for (int s = 0; s < 16; s++) recompute[s] = trial % 3 == 0;
    sluice_plan_options options = SLUICE_PLAN_OPTIONS_INIT;
    options.samples             = (int64_t)m * test_random_int(random, 1, 4);
    options.states              = 0;
    options.recompute           = recompute;
    if (sluice_schedule_trains(schedule) && stages <= 9) {
        assert_ok(sluice_plan_make(&plan, model, schedule, NULL, &options));
        for (int r = 0; r < p; r++) {
            const size_t forward =
                sluice_program_memory(sluice_plan_program(plan, SLUICE_PLAN_EVALUATION), r).arena;
            const size_t step =
                sluice_program_memory(sluice_plan_program(plan, SLUICE_PLAN_STEP), r).arena;
            if (forward > step)
                fail_msg("trial %d: %s, %d ranks, %d micro-batches, rank %d: evaluation needs %zu "
                         "bytes, a step %zu",
                         trial, name, p, m, r, forward, step);
        }
        sluice_plan_free(plan);
    }
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

static void evaluation_needs_no_more_than_a_step(void **state) {
    (void)state;
    uint64_t random  = test_seed();
    const int trials = getenv("SLUICE_LONG") ? 20000 : 300;
    for (int trial = 0; trial < trials; trial++) check_evaluation(&random, trial);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dead_bytes_are_never_read),
        cmocka_unit_test(evaluation_needs_no_more_than_a_step),
#if !defined(__SANITIZE_THREAD__)
        cmocka_unit_test(a_step_touches_what_was_planned),
#endif
    };
#if defined(__SANITIZE_THREAD__)
    print_message("not run under ThreadSanitizer: what is touched is the plan\n");
#endif
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
