/* SPDX-License-Identifier: MIT */
/*
 * test_stream_order.c -- on an asynchronous device streams and events alone must order all accesses
 * to the same bytes.
 *
 * The cpu computes; its streams and events get vector clocks (Mattern 1989), so that a missing wait
 * is found in any timing. An access is ordered before another if the other's stream knows of it:
 * from itself, through a wait, or through a host that saw an event happen.
 */
#include "tests/support/small_gpt.h"

#include <pthread.h>

#include "runtime/base/error.h"
#include "runtime/executor/executor.h"
#include "runtime/executor/here.h"

enum { RANKS = 4, STREAMS = 2 * RANKS, EVENTS = RANKS * 64, UNIT = 256, UNITS = 16384 };

typedef struct moment {
    int seen[STREAMS]; /* for each stream: accesses known to be over */
} moment;

struct sluice_event {
    moment at; /* clock at the last record */
};

/* The last accesses to UNIT bytes of an arena. */
typedef struct unit {
    int writer, written; /* stream, its access; 0: never */
    int read[STREAMS];
} unit;

static struct {
    pthread_mutex_t lock;
    sluice_stream *streams[STREAMS];
    moment clocks[STREAMS];
    sluice_event events[EVENTS];
    int event_count;
    unsigned char *arenas[RANKS];
    size_t bytes[RANKS];
    unit units[RANKS][UNITS];
    char wrong[256]; /* the first that is not ordered */
} world = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t draws;
static _Thread_local moment host; /* what this thread has seen happen */
static _Thread_local const sluice__rank *me;
static const sluice_device_ops *cpu;

static void join(moment *to, const moment *from) {
    for (int s = 0; s < STREAMS; s++)
        if (to->seen[s] < from->seen[s]) to->seen[s] = from->seen[s];
}

static int number_of(const sluice_stream *stream) {
    int s = 0;
    while (world.streams[s] != stream) s++;
    return s;
}

/* ---- accesses ---- */

static void touch_unit(unit *at, int s, int now, bool writes, const char *what) {
    const moment *known = &world.clocks[s];
    bool ordered        = at->written == 0 || known->seen[at->writer] >= at->written;
    for (int r = 0; r < STREAMS && writes; r++) ordered = ordered && known->seen[r] >= at->read[r];
    if (!ordered && world.wrong[0] == '\0')
        snprintf(world.wrong, sizeof world.wrong, "%s %s what another stream may still be at", what,
                 writes ? "overwrites" : "reads");
    if (writes)
        at->writer = s, at->written = now;
    else
        at->read[s] = now;
}

/* Called with the lock held. */
static void touch(const sluice_stream *stream, const void *address, size_t bytes, bool writes,
                  const char *what) {
    const int s         = number_of(stream);
    const uintptr_t at  = (uintptr_t)address;
    moment *const clock = &world.clocks[s];
    join(clock, &host);
    const int now = ++clock->seen[s];
    for (int r = 0; r < RANKS; r++) {
        const uintptr_t begin = (uintptr_t)world.arenas[r];
        if (!begin || at < begin || at >= begin + world.bytes[r]) continue;
        for (size_t u = (at - begin) / UNIT; u <= (at + bytes - 1 - begin) / UNIT && bytes > 0; u++)
            touch_unit(&world.units[r][u], s, now, writes, what);
    }
}

static void touch_offset(const sluice__rank *rank, size_t offset, size_t bytes, bool writes,
                         const char *what) {
    touch(rank->stream, rank->arena + offset, bytes, writes, what);
}

/* Gradients that W adds to, and the tensors of tie-reduce and update. */
static void touch_gradients(const sluice__rank *rank, const sluice_instruction *at,
                            const char *what) {
    const sluice_pipeline *pipeline  = rank->pipeline;
    const sluice__rank_program *mine = &pipeline->program->rank[rank->index];
    const sluice__layout *layout = at->stage >= 0 ? &pipeline->program->layouts[at->stage] : NULL;
    const bool weighs =
        at->kind == SLUICE_INSTRUCTION_BACKWARD || at->kind == SLUICE_INSTRUCTION_BACKWARD_WEIGHT;
    for (int u = 0; u < sluice_model_use_count(pipeline->model) && layout && weighs; u++) {
        const sluice_parameter_use *use = sluice_model_use(pipeline->model, u);
        if (use->layer >= layout->first && use->layer < layout->first + layout->count)
            touch_offset(rank, pipeline->program->use_gradients[u],
                         sluice_shape_bytes(&use->parameter.shape), true, what);
    }
    for (int t = 0; t < mine->tie_count && at->kind == SLUICE_INSTRUCTION_TIE_REDUCE; t++) {
        const sluice_parameter_use *use = sluice_model_use(pipeline->model, mine->ties[t].first);
        const size_t bytes              = sluice_shape_bytes(&use->parameter.shape);
        for (int k = 0; k < mine->ties[t].terms; k++)
            touch_offset(rank, mine->ties[t].offsets[k], bytes, false, what);
        touch_offset(rank, mine->ties[t].sum, bytes, true, what);
    }
    for (int k = 0; k < mine->value_count && at->kind == SLUICE_INSTRUCTION_UPDATE; k++)
        touch_offset(rank, mine->values[k].gradient, (size_t)mine->values[k].count * sizeof(float),
                     false, what);
}

/* The end that posts second copies, on a separate stream: vary which end that is. */
static void dawdle(void) {
    static _Thread_local uint64_t random;
    if (random == 0) random = draws + (uintptr_t)&random;
    const long us = test_random_int(&random, 0, 60);
    if (us < 30) (void)nanosleep(&(struct timespec){0, us * 1000}, NULL);
}

/* Before each instruction: those of the compute stream touch their slots. */
static void watch(sluice__rank *rank, const sluice_instruction *at) {
    char words[96];
    me = rank;
    dawdle();
    if (sluice__is_post(at) || at->kind == SLUICE_INSTRUCTION_WAIT) return;
    sluice__describe_instruction(words, sizeof words, at);
    pthread_mutex_lock(&world.lock);
    for (int role = 0; role < SLUICE_ROLES && sluice_instruction_computes(at->kind); role++) {
        const sluice_slot slot =
            sluice_program_slot(rank->pipeline->run.program, rank->index, at, role);
        if (slot.bytes > 0)
            touch_offset(rank, slot.offset, slot.bytes,
                         sluice__role_is_written(at->kind, (sluice_role)role) ||
                             role == SLUICE_ROLE_SCRATCH,
                         words);
    }
    touch_gradients(rank, at, words);
    pthread_mutex_unlock(&world.lock);
}

/* ---- a device whose order is checked ---- */

static sluice_status arena_alloc(void **out, sluice_device *device, size_t bytes) {
    SLUICE__TRY(cpu->arena_alloc(out, device, bytes));
    pthread_mutex_lock(&world.lock);
    int r = 0;
    while (world.arenas[r]) r++;
    world.arenas[r] = *out;
    world.bytes[r]  = bytes;
    pthread_mutex_unlock(&world.lock);
    if (bytes > (size_t)UNITS * UNIT) return sluice__fail(SLUICE_E_DEVICE_MEMORY, "too many units");
    return SLUICE_OK;
}

static sluice_status stream_create(sluice_stream **out, sluice_device *device,
                                   sluice_stream_kind kind) {
    SLUICE__TRY(cpu->stream_create(out, device, kind));
    pthread_mutex_lock(&world.lock);
    world.streams[number_of(NULL)] = *out;
    pthread_mutex_unlock(&world.lock);
    return SLUICE_OK;
}

static sluice_status event_create(sluice_event **out, sluice_device *device, bool timed) {
    (void)device, (void)timed;
    pthread_mutex_lock(&world.lock);
    *out = &world.events[world.event_count++];
    pthread_mutex_unlock(&world.lock);
    return SLUICE_OK;
}

static void event_destroy(sluice_event *event) {
    (void)event;
}

/* A post hands its bytes to whichever stream will copy: that it may is an access, too, at the mark.
 */
static void touch_posted(const sluice_stream *stream) {
    const sluice_instruction *const at = sluice__where()->at;
    if (!me || !at || stream != me->transfers || !sluice__is_post(at)) return;
    const sluice_slot slot = sluice__post_slot(&me->pipeline->run.program->rank[me->index], at);
    touch(stream, me->arena + slot.offset, slot.bytes, !at->sends,
          at->sends ? "the post of a send" : "the post of a receive");
}

static sluice_status record(sluice_stream *stream, sluice_event *event) {
    pthread_mutex_lock(&world.lock);
    touch_posted(stream);
    moment *const clock = &world.clocks[number_of(stream)];
    join(clock, &host);
    event->at = *clock;
    pthread_mutex_unlock(&world.lock);
    return SLUICE_OK;
}

static sluice_status wait(sluice_stream *stream, sluice_event *event) {
    pthread_mutex_lock(&world.lock);
    join(&world.clocks[number_of(stream)], &event->at);
    pthread_mutex_unlock(&world.lock);
    return SLUICE_OK;
}

static sluice_status query(bool *done, sluice_event *event) {
    pthread_mutex_lock(&world.lock);
    join(&host, &event->at);
    pthread_mutex_unlock(&world.lock);
    *done = true;
    return SLUICE_OK;
}

static sluice_status copy(sluice_stream *stream, void *to, const void *from, size_t bytes) {
    pthread_mutex_lock(&world.lock);
    touch(stream, from, bytes, false, "a transfer");
    touch(stream, to, bytes, true, "a transfer");
    pthread_mutex_unlock(&world.lock);
    return cpu->copy(stream, to, from, bytes);
}

static const sluice_device_ops *watched_cpu(void) {
    static sluice_device_ops table;
    cpu                 = sluice_devices()[0];
    table               = *cpu;
    table.arena_alloc   = arena_alloc;
    table.stream_create = stream_create;
    table.event_create  = event_create;
    table.event_destroy = event_destroy;
    table.record        = record;
    table.wait          = wait;
    table.query         = query;
    table.copy          = copy;
    return &table;
}

/* ---- schedules ---- */

static void forget(void) {
    memset(world.streams, 0, sizeof world.streams);
    memset(world.clocks, 0, sizeof world.clocks);
    memset(world.events, 0, sizeof world.events);
    memset(world.units, 0, sizeof world.units);
    memset(world.arenas, 0, sizeof world.arenas);
    world.event_count = 0;
    world.wrong[0]    = '\0';
}

static void run_one(const char *name, const sluice_schedule *schedule, int microbatches,
                    const sluice_model *model) {
    const sluice__parts parts       = {.device = watched_cpu(), .watch = watch};
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_pipeline *pipeline       = NULL;
    sluice_result result;
    int64_t n       = 0;
    double held_out = 0;
    options.samples = microbatches;
    options.threads = 1;
    forget();
    assert_ok(sluice__pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options, &parts));
    for (; n < 2; n++) {
        const sluice_batch batch = make_batch(microbatches, &n);
        assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
        assert_ok(sluice_pipeline_evaluate(&held_out, pipeline, &batch));
    }
    sluice_pipeline_close(pipeline);
    if (world.wrong[0] != '\0')
        fail_msg("%s, %d ranks, %d micro-batches: %s", name, sluice_schedule_ranks(schedule),
                 microbatches, world.wrong);
}

/* Every other number of micro-batches; SLUICE_LONG=1: all. */
static void every_access_is_ordered(void **state) {
    (void)state;
    static const char *const names[] = {"gpipe",      "gpipe-lifo", "1f1b",     "interleaved",
                                        "looped-bfs", "zb1p",       "zb2p",     "zbv",
                                        "v-half",     "v-min",      "dualpipev"};
    draws                            = test_seed();
    const bool all                   = getenv("SLUICE_LONG") != NULL;
    sluice_model *model              = make_model(true);
    int ran                          = 0;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        for (int ranks = 1; ranks <= RANKS; ranks++)
            for (int m = ranks; m <= 9; m += all ? 1 : 2) {
                sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
                sluice_schedule *schedule       = NULL;
                options.ranks                   = ranks;
                options.microbatches            = m;
                if (sluice_schedule_generate(&schedule, names[k], &options) != SLUICE_OK) continue;
                if (sluice_schedule_stages(schedule) <= sluice_model_layer_count(model)) {
                    run_one(names[k], schedule, m, model);
                    ran++;
                }
                sluice_schedule_free(schedule);
            }
    sluice_model_free(model);
    assert_true(ran > 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_access_is_ordered)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
