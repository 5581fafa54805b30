/* SPDX-License-Identifier: MIT */
/* internal.h -- what the files of the emulation share. "Locked" means under emu__lock(). */
#ifndef SLUICE_TESTS_EMULATION_INTERNAL_H
#define SLUICE_TESTS_EMULATION_INTERNAL_H

#include "emu.h"
#include "order.h"

/* Kernels have no code for devices of an earlier major compute capability. */
enum { EMU__OLDEST = 8 };
enum { EMU__DEVICES = 8, EMU__PAGE = 4096, EMU__EXIT_REPORT = 97 };

/* ---- lock.c: one lock for everything, and one condition ---- */

void emu__lock(void);
void emu__unlock(void);
void emu__wake(void);         /* something changed: all waiters check again (locked) */
bool emu__sleep(int ms);      /* locked before and after; false: timed out */
uint64_t emu__progress(void); /* number of wake-ups (locked) */

/* ---- device.c ---- */

int emu__shared_max(void); /* bytes of shared memory that a block may ask for */

/* ---- settings.c ---- */

extern emu_settings emu__settings;
void emu__start(void); /* reads the environment, once (locked) */
uint64_t emu__random(uint64_t *state);
uint64_t emu__seed(uint64_t salt); /* initial state of a random generator */

/* ---- report.c: every mistake ends the process here, with a message ---- */

_Noreturn void emu__report(const char *format, ...) __attribute__((format(printf, 1, 2)));
void emu__catch_faults(void);
/* The file and line of a code address; false if unknown. */
bool emu__line(const void *address, char *text, size_t bytes);
void emu__fault_stack(void); /* this thread's faults are handled on a separate stack */

/* ---- error.c: an error belongs to a thread until that thread reads it; a broken device's is
 * permanent */

/* Every function of the API begins with this: returns an error to return at once, or success. The
 * call site is known by the function's return address. */
#define emu__enter(function) emu__enter_from(function, __builtin_return_address(0))
cudaError_t emu__enter_from(const char *function, const void *from);
cudaError_t emu__fail(cudaError_t code, const char *function);
void emu__expect_no_error(const char *function, bool launch); /* before anything is enqueued */
cudaError_t emu__broken(int device);
/* A library has a runtime of its own: its calls leave no error in the program's. */
void emu__library_keeps_error(void);
void emu__errors_forget(void); /* clears this thread's error, and those of all devices */

/* The device fails: emu_break_device(). (locked) */
void emu__break(int device, cudaError_t code);

/* Also allowed on a broken device: for calls that only query or choose a device. */
#define emu__enter_any(function) emu__enter_any_from(function, __builtin_return_address(0))
cudaError_t emu__enter_any_from(const char *function, const void *from);
/* For calls that release: they do so whatever they return. False: there is nothing to release. */
#define emu__enter_back(function, error)                                                           \
    emu__enter_back_from(function, __builtin_return_address(0), error)
bool emu__enter_back_from(const char *function, const void *from, cudaError_t *error);

#define EMU__ENTER()                                                                               \
    do {                                                                                           \
        emu__asked_from(__builtin_return_address(0));                                              \
        const cudaError_t entered_ = emu__enter(__func__);                                         \
        if (entered_ != cudaSuccess) return entered_;                                              \
    } while (0)

/* The same for those that make a context, where there is none yet. */
#define EMU__ENTER_CONTEXT()                                                                       \
    do {                                                                                           \
        EMU__ENTER();                                                                              \
        emu__make_context();                                                                       \
    } while (0)

/* ---- counts.c ---- */

void emu__count_call_from(const char *function, const void *from); /* reports a forbidden one */
void emu__count(const char *what);
void emu__live(const char *what, int more); /* objects that must be released (locked) */
void emu__counts_forget(void);

/* ---- inject.c ---- */

struct emu__operation;
int emu__injected(const char *function,
                  const void *from); /* the failure injected into the call, or 0 */
void emu__inject_into(struct emu__operation *operation); /* that is being enqueued (locked) */
void emu__hang(struct emu__operation *operation);        /* before it is enqueued (locked) */
bool emu__hanging(void); /* an operation hangs because a test asked for it */
void emu__injected_forget(void);

/* ---- device.c ---- */

int emu__device(void);               /* this thread's */
void emu__use_device(int device);    /* for a thread that executes a stream's work */
bool emu__reaches(int from, int to); /* kernels of `from` may touch memory of `to` (locked) */
void emu__devices_forget(void);
void emu__make_context(void); /* on this thread's device, where it has none yet */

/* ---- memory.c ---- */

typedef struct emu__allocation {
    struct emu__allocation *next;
    char *base, *map;
    size_t bytes, map_bytes;
    int device; /* -1: pinned host memory */
    int number;
    bool freed, registered;
} emu__allocation;

emu__allocation *emu__find(const void *pointer); /* live, or NULL (locked) */
/* "device allocation 3 (device 0, 4096 bytes), offset 4100, freed", or "no memory of a device" */
const char *emu__describe(const void *pointer, char *text, size_t bytes);
/* Reports unless the range lies in one live allocation; of `device` unless that is -1. (locked) */
void emu__expect_range(const void *from, size_t bytes, int device, const char *what);
void emu__expect_no_memory(void);
/* The memory of a device cannot be touched while none of its work runs. Opens that of `device`, of
 * the peers it reaches and of `also`, a bit each; returns what was opened. (locked) */
unsigned emu__open_memory(int device, unsigned also);
void emu__close_memory(unsigned opened, const char *what);
void emu__settle_memory(
    bool all); /* closes what no work needs; at once what is cheap to close (locked) */

/* ---- stream.c, run.c, wait.c ---- */

typedef void emu__function(void *argument);
enum emu__kind { EMU__WORK, EMU__RECORD, EMU__WAIT, EMU__HOST };

typedef struct emu__operation {
    struct emu__operation *next;
    enum emu__kind kind;
    const char *what;
    emu__function *run, *release;  /* `release` may be NULL */
    bool (*ready)(void *argument); /* or NULL: at once (locked) */
    emu__function *begin;          /* or NULL: it is ready, and will run now (locked) */
    void *argument;
    struct CUevent_st *event;
    uint64_t ticket; /* which record of the event */
    struct emu__record *record;
    const void *caller; /* who asked for it */
    emu__promise asked;
    unsigned also; /* further devices whose memory it accesses, a bit each */
    bool delayed, hangs;
    cudaError_t fault; /* that it ends with */
} emu__operation;

struct CUstream_st {
    struct CUstream_st *next;
    emu__operation *head, *tail;
    int device, number, priority, queued;
    uint64_t enqueued; /* in all */
    unsigned flags;
    int slowness; /* factor of its delays */
    bool running, closing;
    uint64_t random;
    void *thread; /* the pthread of asynchronous mode */
    void *grid;   /* state of grid.c between kernels */
    void *who;    /* see order.h */
    emu__promise done, stack;
};

extern struct CUstream_st *emu__streams; /* newest first (locked) */

/* Appends a copy of `operation`; waits while the queue is full. (locked) */
void emu__enqueue(cudaStream_t stream, const emu__operation *operation);
void emu__expect_stream(cudaStream_t stream, const char *function); /* a live one (locked) */
bool emu__ready(const struct CUstream_st *stream);                  /* (locked) */
void emu__step(struct CUstream_st *stream);                         /* its head is ready (locked) */
bool emu__step_any(void); /* lazy: runs one ready operation, false if there is none (locked) */
void *emu__worker(void *stream);
void emu__drop_queued(int device); /* of a broken device (locked) */
void emu__streams_forget(void);
void emu__choices_forget(void);
struct CUstream_st *emu__running_stream(void); /* whose work this thread executes, or NULL */
const char *emu__running_what(void);
/* From now on this thread is ordered after the stream's work. (locked, idle) */
void emu__rely_on_stream(struct CUstream_st *stream);
void emu__rely_on_device(int device);
void emu__asked_from(const void *caller); /* call site of what this thread enqueues next */
void emu__host_touches(const void *at, size_t bytes, bool writes); /* by the call itself */

/* Waits on the host until `done(argument)`, running work if lazy. (locked) */
void emu__wait(bool (*done)(void *argument), void *argument, const char *what);
bool emu__stream_idle(void *stream);
bool emu__device_idle(void *device); /* an int * */

/* ---- event.c ---- */

/* One record of an event: it exists as long as something may wait for it. */
typedef struct emu__record {
    emu__promise reached;
    int users;
} emu__record;

struct CUevent_st {
    struct CUevent_st *next;
    emu__record *last; /* NULL: never recorded */
    int device, number;
    unsigned flags;
    uint64_t recorded, done; /* tickets of the last record asked for, and reached */
    double done_ms;
    bool destroyed;
};
void emu__event_reached(struct CUevent_st *event, uint64_t ticket); /* (locked) */
void emu__record_let_go(emu__record *record);                       /* or NULL (locked) */
void emu__events_forget(void);

/* ---- barrier.c ---- */

bool emu__skips(const char *file, int line); /* emu_skip_barrier() says so */

/* ---- grid.c ---- */

void emu__grid_free(void *grid);
/* The position of this host thread in a kernel: "block (1,0,0), thread (3,0,0)", or "". */
const char *emu__grid_position(char *text, size_t bytes);
/* The limit that the running kernel has exceeded if it accessed `address`, or "". */
const char *emu__grid_touched(const void *address);

/* ---- for the libraries that stand on this one (cuBLAS, NCCL) ---- */

/* Every function of such a library begins with this: counts the call, which must not come from a
 * host function. Returns the injected failure, or 0. */
#define emu__enter_library(function) emu__enter_library_from(function, __builtin_return_address(0))
int emu__enter_library_from(const char *function, const void *from);
/* The reason why nothing may be allocated or waited for now, or NULL; called at each such call
 * (locked). */
extern const char *(*emu__forbidden_by_library)(void);
extern void (*emu__library_report)(void);  /* adds to a report what it waits for */
extern void (*emu__library_restart)(void); /* reports objects that still exist (locked) */

cudaError_t emu__work(cudaStream_t stream, const char *what, emu__function *run, void *argument,
                      emu__function *release);
void *emu__need(size_t bytes); /* zeroed memory of the host, or a report */

#endif
