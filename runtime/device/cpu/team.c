/* SPDX-License-Identifier: MIT */
/*
 * team.c -- the one file that starts compute threads and shares work among them.
 *
 * A job is opened, drained and closed by the caller:
 *
 *   caller   write job, open = true, number++ | take tasks | open = false, wait inside == 0
 *   worker   wait for number to change        | inside++; if open take tasks; inside--
 *
 * A worker enters before it looks at `open`, and the caller closes before it looks at `inside`;
 * both orders are sequentially consistent, so either the worker sees the job closed or the
 * caller waits for it. A worker that wakes late therefore costs the caller nothing.
 */
#include "runtime/device/cpu/team.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/limits.h"
#include "runtime/device/cpu/blas.h"
#include "runtime/device/cpu/lend.h"
#include "runtime/device/cpu/pin.h"

enum { SPINS = 4000 }; /* about 50 microseconds: longer than the gap between two operations */
/* Between two looks at workers that keep the caller waiting. */
static const double patience_s = 200e-6;

typedef struct worker {
    sluice__team *team;
    pthread_t id;
    int thread;
    char apart[64];
    atomic_bool inside; /* it looks at the job */
    sluice__bound bound;
} worker;

struct sluice__team {
    int threads, first_core;
    bool pin;
    pid_t caller; /* the kernel's number of the thread that was pinned */
    int core_count;
    cpu_set_t cores;
    int unpinned;      /* threads that could not be bound to their core */
    atomic_bool lends; /* all are bound: whoever waits may give its core away */
    bool has_lent;
    pthread_mutex_t cores_lock; /* held by who changes what threads are bound to */
    sluice__bound bound;        /* the caller */
    worker *workers;            /* threads - 1; the first `started` run */
    int started;

    sluice__team_task *function;
    const void *job;
    int64_t tasks;
    char apart_next[64];      /* keeps what is written often on separate cache lines */
    atomic_int_fast64_t next; /* the first task that nobody took */
    char apart_number[64];
    atomic_uint number; /* of the latest job */
    atomic_bool open, stop;
    char apart_inside[64];
    atomic_int inside; /* workers that look at the job */

    pthread_mutex_t mutex;
    pthread_cond_t opened, left;
    atomic_int sleepers; /* workers asleep on `opened` */
    atomic_bool caller_sleeps;
};

/* Compute threads of all devices of this process. If there are more than cores, a spinning thread
 * keeps the one that it waits for from running. */
static atomic_int threads_alive;

int sluice__team_threads(void) {
    return atomic_load(&threads_alive);
}

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int spins_of(const sluice__team *team) {
    return atomic_load_explicit(&threads_alive, memory_order_relaxed) <= team->core_count ? SPINS
                                                                                          : 0;
}

static void take_tasks(sluice__team *team, int thread) {
    for (;;) {
        const int64_t task = atomic_fetch_add_explicit(&team->next, 1, memory_order_relaxed);
        if (task >= team->tasks) return;
        team->function(team->job, task, thread);
    }
}

/* ---- a worker ---- */

/* The caller is in the middle of a task, all others of which are done, and does not run: it gets
 * the core of the worker that finds out, which has nothing to do. */
static void help_caller(sluice__team *team, worker *self) {
    if (!atomic_load(&team->lends) || pthread_mutex_trylock(&team->cores_lock) != 0) return;
    if (!self->bound.is_lent && atomic_load(&team->open) &&
        sluice__is_off_core(&team->bound, &team->open))
        sluice__swap_cores(&team->bound, &self->bound, &team->cores);
    (void)pthread_mutex_unlock(&team->cores_lock);
}

static void await_job(sluice__team *team, worker *self, unsigned seen) {
    for (int spins = spins_of(team); spins > 0; spins--) {
        if (atomic_load(&team->number) != seen) return;
        relax();
    }
    help_caller(team, self);
    (void)pthread_mutex_lock(&team->mutex);
    (void)atomic_fetch_add(&team->sleepers, 1);
    while (atomic_load(&team->number) == seen) (void)pthread_cond_wait(&team->opened, &team->mutex);
    (void)atomic_fetch_sub(&team->sleepers, 1);
    (void)pthread_mutex_unlock(&team->mutex);
}

static void leave_job(sluice__team *team) {
    if (atomic_fetch_sub(&team->inside, 1) != 1 || !atomic_load(&team->caller_sleeps)) return;
    (void)pthread_mutex_lock(&team->mutex);
    (void)pthread_cond_signal(&team->left);
    (void)pthread_mutex_unlock(&team->mutex);
}

static void *work(void *argument) {
    worker *const self = argument;
    sluice__team *team = self->team;
    sluice__blas_use_one_thread();
    for (unsigned seen = 0;;) {
        await_job(team, self, seen);
        seen = atomic_load(&team->number);
        if (atomic_load(&team->stop)) return NULL;
        (void)atomic_fetch_add(&team->inside, 1);
        atomic_store(&self->inside, true);
        if (atomic_load(&team->open)) take_tasks(team, self->thread);
        atomic_store(&self->inside, false);
        leave_job(team);
    }
}

/* ---- the caller ---- */

static void announce(sluice__team *team) {
    (void)atomic_fetch_add(&team->number, 1);
    if (atomic_load(&team->sleepers) == 0) return;
    (void)pthread_mutex_lock(&team->mutex);
    (void)pthread_cond_broadcast(&team->opened);
    (void)pthread_mutex_unlock(&team->mutex);
}

/* Workers in the middle of a task that do not run get the caller's core. */
static void help_workers(sluice__team *team) {
    if (!atomic_load(&team->lends) || pthread_mutex_trylock(&team->cores_lock) != 0) return;
    for (int w = 0; w < team->started; w++) {
        worker *const late = &team->workers[w];
        if (late->bound.is_lent || !atomic_load(&late->inside)) continue;
        if (!sluice__is_off_core(&late->bound, &late->inside)) continue;
        sluice__lend_core(&late->bound, &team->bound, &team->cores);
        team->has_lent = true;
    }
    (void)pthread_mutex_unlock(&team->cores_lock);
}

/* Before the next job. */
static void take_cores_back(sluice__team *team) {
    if (!team->has_lent) return;
    (void)pthread_mutex_lock(&team->cores_lock);
    for (int w = 0; w < team->started; w++)
        sluice__give_back(&team->workers[w].bound, &team->cores);
    (void)pthread_mutex_unlock(&team->cores_lock);
    team->has_lent = false;
}

static void sleep_until_left(sluice__team *team) {
    const struct timespec end = sluice__time_after(patience_s);
    (void)pthread_mutex_lock(&team->mutex);
    atomic_store(&team->caller_sleeps, true);
    for (int late = 0; late == 0 && atomic_load(&team->inside) != 0;)
        late = pthread_cond_timedwait(&team->left, &team->mutex, &end);
    atomic_store(&team->caller_sleeps, false);
    (void)pthread_mutex_unlock(&team->mutex);
}

static void await_workers(sluice__team *team) {
    for (int spins = spins_of(team); spins > 0; spins--) {
        if (atomic_load(&team->inside) == 0) return;
        relax();
    }
    while (atomic_load(&team->inside) != 0) {
        help_workers(team);
        sleep_until_left(team);
    }
}

void sluice__team_run(sluice__team *team, int64_t tasks, sluice__team_task *function,
                      const void *job) {
    if (!team || team->threads == 1 || tasks <= 1) {
        for (int64_t task = 0; task < tasks; task++) function(job, task, 0);
        return;
    }
    take_cores_back(team);
    team->function = function;
    team->job      = job;
    team->tasks    = tasks;
    atomic_store_explicit(&team->next, 0, memory_order_relaxed);
    atomic_store(&team->open, true);
    announce(team);
    take_tasks(team, 0);
    atomic_store(&team->open, false);
    await_workers(team);
}

/* ---- start and stop ---- */

static sluice_status start_workers(sluice__team *team) {
    for (int t = 1; t < team->threads; t++) {
        worker *const w = &team->workers[team->started];
        w->team         = team;
        w->thread       = t;
        const int error = pthread_create(&w->id, NULL, work, w);
        if (error != 0)
            return sluice__hint_limit(sluice__fail(SLUICE_E_DEVICE,
                                                   "compute thread %d of %d cannot be started: %s",
                                                   t + 1, team->threads, strerror(error)),
                                      "use fewer threads");
        team->started++;
        (void)atomic_fetch_add(&threads_alive, 1);
    }
    return SLUICE_OK;
}

static void pin_threads(sluice__team *team) {
    if (!team->pin) return;
    team->unpinned = !sluice__pin(pthread_self(), &team->cores, team->first_core);
    team->bound    = sluice__bound_to(pthread_self(), team->first_core);
    for (int w = 0; w < team->started; w++) {
        worker *const bound = &team->workers[w];
        bound->bound        = sluice__bound_to(bound->id, team->first_core + bound->thread);
        team->unpinned += !sluice__pin(bound->id, &team->cores, bound->bound.core);
    }
    atomic_store(&team->lends, team->unpinned == 0);
}

int sluice__team_unpinned(const sluice__team *team) {
    return team->unpinned;
}

sluice_status sluice__team_start(sluice__team **out, int threads, int first_core, bool pin) {
    sluice__team *team   = NULL;
    sluice_status status = SLUICE_OK;
    if (threads < 1)
        return sluice__hint(
            sluice__fail(SLUICE_E_ARGUMENT, "%d compute threads are too few for a device", threads),
            "ask for at least 1");
    SLUICE__TRY(sluice__alloc(&team, 1, sizeof *team));
    team->threads    = threads;
    team->first_core = first_core;
    team->pin        = pin;
    team->caller     = gettid();
    team->core_count = sluice__cores(&team->cores);
    (void)pthread_mutex_init(&team->mutex, NULL);
    (void)pthread_mutex_init(&team->cores_lock, NULL);
    (void)pthread_cond_init(&team->opened, NULL);
    sluice__condition_init(&team->left); /* whose time limits are by the clock of sluice__now() */
    (void)atomic_fetch_add(&threads_alive, 1);
    SLUICE__TRY_OUT(sluice__alloc(&team->workers, (size_t)threads, sizeof *team->workers));
    SLUICE__TRY_OUT(start_workers(team));
    pin_threads(team);
    sluice__blas_use_one_thread();
    *out = team;
    team = NULL;
out:
    sluice__team_stop(team);
    return status;
}

void sluice__team_stop(sluice__team *team) {
    if (!team) return;
    atomic_store(&team->stop, true);
    announce(team);
    for (int w = 0; w < team->started; w++) (void)pthread_join(team->workers[w].id, NULL);
    (void)atomic_fetch_sub(&threads_alive, team->started + 1);
    if (team->pin && gettid() == team->caller) sluice__unpin(&team->cores);
    (void)pthread_cond_destroy(&team->left);
    (void)pthread_cond_destroy(&team->opened);
    (void)pthread_mutex_destroy(&team->cores_lock);
    (void)pthread_mutex_destroy(&team->mutex);
    sluice__free(team->workers);
    sluice__free(team);
}
