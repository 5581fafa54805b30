/* SPDX-License-Identifier: MIT */
/*
 * rank_threads.h -- the ranks of a transport's test: each on a separate thread, with a device, a
 * stream for its marks and memory there. Its thread opens the device, joins, runs the test's
 * script, leaves and closes, as a pipeline's ranks do.
 *
 * Threads cannot use cmocka's assertions: they check(), and the first failure stops all ranks and
 * is the run's outcome.
 */
#ifndef SLUICE_TESTS_RANK_THREADS_H
#define SLUICE_TESTS_RANK_THREADS_H

#include "runtime/transport/transport.h"
#include "tests/support/support.h"

/* The transport to test. */
typedef struct rank_kind {
    const sluice__transport_ops *ops;
    const sluice_device_ops *device;
} rank_kind;

/* The setup that a script needs. */
typedef struct rank_setup {
    int ranks;
    const sluice__channel *channels;
    int count;
    const size_t *gathers[SLUICE__GATHERS]; /* [ranks]; NULL: RANK_GIVES bytes from each */
    bool joins_itself;                      /* the script calls join() */
    double join_s;                          /* 0: long */
    int slots;                              /* of a rank's memory; 0: RANK_SLOTS */
} rank_setup;

enum { RANKS_MAX = 8, RANK_GIVES = 8, RANK_SLOTS = 64, RANK_MARKS = 64 };

/* Seconds in which something must happen, on a busy machine, too: 20. */
extern double rank_patience;

typedef struct rank_threads rank_threads;

typedef struct rank_thread {
    rank_threads *all;
    const sluice__transport_ops *ops;
    sluice__transport *transport;
    const sluice_device_ops *device_ops;
    sluice_device *device;
    sluice_stream *stream;
    unsigned char *arena; /* the setup's slots: a number in each */
    sluice_event *marks[RANK_MARKS];
    int rank, ranks, posts;
} rank_thread;

/* Run `script` on every rank: true, or false with the first failure in `said`. */
bool rank_threads_run(char *said, size_t bytes, const rank_kind *kind, const rank_setup *setup,
                      void (*script)(rank_thread *me));

/* ---- for scripts ---- */

/* Report a failure: all ranks stop. */
void rank_wrong(rank_thread *me, const char *format, ...) SLUICE_PRINTF(2, 3);
/* Check that a call returned `expected`, with the message `text` unless that is NULL. */
bool rank_says(rank_thread *me, const char *call, sluice_status got, sluice_status expected,
               const char *text);

#define check(me, condition, ...)                                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            rank_wrong(me, __VA_ARGS__);                                                           \
            return;                                                                                \
        }                                                                                          \
    } while (0)
#define check_ok(me, call)                                                                         \
    do {                                                                                           \
        if (!rank_says(me, #call, (call), SLUICE_OK, NULL)) return;                                \
    } while (0)
#define check_refused(me, call, status, text)                                                      \
    do {                                                                                           \
        if (!rank_says(me, #call, (call), status, text)) return;                                   \
    } while (0)

/* A barrier of the test, unknown to the transport. E_STOPPED: another rank has failed. */
sluice_status rank_meet(rank_thread *me);
/* The same, and one rank calls begin() before any goes on. */
sluice_status rank_begin(rank_thread *me);

/* A number in the rank's memory. */
sluice_status rank_write(rank_thread *me, int slot, int64_t value);
sluice_status rank_read(rank_thread *me, int slot, int64_t *value);
/* first, first + 1, ... in `count` slots; `*wrong` gets the first slot that has something else, or
 * -1. */
sluice_status rank_write_many(rank_thread *me, int slot, int count, int64_t first);
sluice_status rank_compare_many(rank_thread *me, int *wrong, int slot, int count, int64_t first);

/* The next transfer of a channel, of `count` numbers from or to slot `slot` on. */
sluice_status rank_send(rank_thread *me, int to, int channel, int slot, int count);
sluice_status rank_receive(rank_thread *me, int from, int channel, int slot, int count);

/* Wait until the transfer is over, on its device too, at most `seconds`. */
sluice_status rank_wait(rank_thread *me, const sluice__transfer_end *at, double seconds,
                        bool *over);
sluice__transfer_end rank_sent(const rank_thread *me, int to, int channel, int k);
sluice__transfer_end rank_received(const rank_thread *me, int from, int channel, int k);

#endif
