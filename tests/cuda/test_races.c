/* SPDX-License-Identifier: MIT */
/*
 * test_races.c -- training on emulated GPUs with one kind of wait left out of the executor:
 * ThreadSanitizer must report it at every seed, in both modes, and nothing if no wait is missing.
 *
 * The wait is dropped between the real executor and the cuda device. The wait of transfers for the
 * end of a send has no row: test_stream_order.c finds no schedule that needs it.
 */
#include "tests/support/child.h"
#include "tests/support/small_gpt.h"

#include "runtime/base/error.h"
#include "runtime/executor/executor.h"
#include "runtime/executor/rank.h"
#include "runtime/program/instruction.h"

enum { RACES = 66 /* ThreadSanitizer's exit status */ };

static int seeds(void) {
    return getenv("SLUICE_LONG") ? 4 : 1;
}

enum wait {
    NONE,
    AFTER,     /* transfers, for the compute instruction that a post comes after */
    READY,     /* a copy, for the other end */
    RECEIVED,  /* compute, for the copy of a receive */
    SENT,      /* compute, for the copy of a send, whose buffer is reused */
    SENT_FROM, /* transfers, for the same: no program needs it today, so that none can show it */
    STAGED,    /* host, for the upload of a block that it refills */
    GATHERED   /* host, for the losses and sums that it reads */
};

static struct {
    enum wait lost;
    const sluice_device_ops *cuda;
} world;

/* The purpose of an event, from when its rank recorded it on its compute stream. */
enum purpose {
    OTHER,    /* of a transfer, or of another rank */
    COMPUTED, /* a compute instruction has ended */
    LOADED,   /* an upload has read its block of host memory */
    DRAINED   /* the compute stream is idle */
};

enum { EVENTS = 1024 };

/* Of this thread, which drives a rank: its instruction, and the events that it recorded. */
static _Thread_local struct {
    const sluice__rank *rank;
    const sluice_instruction *at;
    bool uploads; /* and has recorded nothing since */
    struct {
        const sluice_event *event;
        enum purpose purpose;
    } events[EVENTS];
    int count;
} here;

static void watch(sluice__rank *rank, const sluice_instruction *at) {
    here.rank = rank;
    here.at   = at;
}

/* ---- a device that loses a wait ---- */

/* Index of the event among those of this thread, or their count. */
static int find_event(const sluice_event *event) {
    int e = 0;
    while (e < here.count && here.events[e].event != event) e++;
    return e;
}

static enum purpose purpose_of(const sluice_event *event) {
    const int e = find_event(event);
    return e < here.count ? here.events[e].purpose : OTHER;
}

static enum purpose purpose_now(const sluice_stream *stream) {
    if (!here.at || stream != here.rank->stream) return OTHER;
    if (here.uploads) return LOADED;
    return sluice__is_compute(here.at) ? COMPUTED : DRAINED;
}

static sluice_status record(sluice_stream *stream, sluice_event *event) {
    const int e = find_event(event);
    if (e == EVENTS) return sluice__fail(SLUICE_E_ARGUMENT, "a rank has over %d events", EVENTS);
    here.events[e].event   = event;
    here.events[e].purpose = purpose_now(stream);
    here.count += e == here.count;
    here.uploads = false;
    return world.cuda->record(stream, event);
}

static sluice_status upload(sluice_stream *stream, void *to, const void *from, size_t bytes) {
    here.uploads = true;
    return world.cuda->upload(stream, to, from, bytes);
}

static enum wait which(const sluice_stream *stream, const sluice_event *event) {
    if (!here.at) return NONE;
    if (here.at->kind == SLUICE_INSTRUCTION_WAIT) {
        if (!here.at->sends) return RECEIVED;
        return stream == here.rank->transfers ? SENT_FROM : SENT;
    }
    return purpose_of(event) == COMPUTED ? AFTER : READY;
}

static sluice_status wait_unless_lost(sluice_stream *stream, sluice_event *event) {
    if (world.lost != NONE && which(stream, event) == world.lost) return SLUICE_OK;
    return world.cuda->wait(stream, event);
}

/* Whether the host skips its wait for `event`. */
static bool is_overlooked(const sluice_event *event) {
    switch (world.lost) {
    case STAGED:
        return purpose_of(event) == LOADED;
    case GATHERED:
        return purpose_of(event) == DRAINED;
    default:
        return false;
    }
}

static sluice_status query(bool *done, sluice_event *event) {
    *done = is_overlooked(event);
    return *done ? SLUICE_OK : world.cuda->query(done, event);
}

static sluice_status synchronize(sluice_stream *stream) {
    return here.at && world.lost == GATHERED ? SLUICE_OK : world.cuda->synchronize(stream);
}

static const sluice_device_ops *losing(void) {
    static sluice_device_ops mine;
    child_ok(sluice_device_find(&world.cuda, "cuda"));
    mine             = *world.cuda;
    mine.record      = record;
    mine.upload      = upload;
    mine.wait        = wait_unless_lost;
    mine.query       = query;
    mine.synchronize = synchronize;
    return &mine;
}

/* ---- programs ---- */

struct program {
    const char *name;
    enum wait lost;
    const char *schedule;
    int ranks, microbatches;
};

static const struct program table[] = {
    {"a copy does not wait for what it sends", AFTER, "1f1b", 2, 6},
    {"a copy does not wait for its other end", READY, "1f1b", 2, 6},
    {"compute does not wait for what it receives", RECEIVED, "1f1b", 2, 6},
    {"compute uses the bytes of a send again", SENT, "1f1b", 2, 6},
    {"a block of inputs is filled again", STAGED, "1f1b", 2, 6},
    {"losses are read too early", GATHERED, "1f1b", 2, 6},
};

static const struct program *chosen;

static int two_steps(void) {
    const sluice__parts parts = {.device = losing(), .watch = watch};
    sluice_model *const model = make_model(true);
    sluice_schedule *const schedule =
        make_schedule(chosen->schedule, chosen->ranks, chosen->microbatches);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_pipeline *pipeline       = NULL;
    sluice_result result;
    options.samples = chosen->microbatches;
    options.device  = "cuda";
    child_ok(sluice__pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options, &parts));
    sluice_status status = SLUICE_OK;
    for (int64_t n = 0; n < 2 && status == SLUICE_OK; n++) {
        const sluice_batch batch = make_batch(chosen->microbatches, &n);
        status                   = sluice_pipeline_step(&result, pipeline, &batch);
    }
    sluice_pipeline_close(pipeline);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
    if (world.lost != NONE) (void)sleep(5); /* a report may be under way, on another thread */
    child_ok(status);
    return CHILD_RIGHT;
}

static child_result run(const struct program *it, bool loses, int s) {
    char seed[32];
    (void)snprintf(seed, sizeof seed, "EMU_SEED=%d", s / 2 + 1);
    const char *const variables[] = {seed, s % 2 ? "EMU_MODE=lazy" : "EMU_MODE=async", NULL};
    chosen                        = it;
    world.lost                    = loses ? it->lost : NONE;
    return child_run(two_steps, variables);
}

static void a_lost_wait_is_reported(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int s = 0; s < 2 * seeds(); s++) {
            const child_result result = run(&table[i], true, s);
            const char *const line    = strstr(result.text, "SUMMARY: ThreadSanitizer: data race");
            if (result.status != RACES || !line)
                fail_msg("%s, %s, seed %d, %s: status %d, and no race\n%s", table[i].name,
                         table[i].schedule, s / 2 + 1, s % 2 ? "lazy" : "async", result.status,
                         result.text);
        }
}

static bool is_like(const struct program *it, const struct program *other) {
    return strcmp(it->schedule, other->schedule) == 0 && it->ranks == other->ranks &&
           it->microbatches == other->microbatches;
}

/* Rows of one pipeline follow each other, so that it runs once. */
static void nothing_else_is_reported(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int s = 0; s < 2 * seeds() && !(i > 0 && is_like(&table[i], &table[i - 1])); s++) {
            const child_result result = run(&table[i], false, s);
            if (result.status != CHILD_RIGHT)
                fail_msg("%s with %d ranks, seed %d, %s: status %d\n%s", table[i].schedule,
                         table[i].ranks, s / 2 + 1, s % 2 ? "lazy" : "async", result.status,
                         result.text);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_wait_is_reported),
        cmocka_unit_test(nothing_else_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
