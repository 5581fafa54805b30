/* SPDX-License-Identifier: MIT */
/* counts.c -- the one place that knows how often each function was called, and which may not be
 * now. */
#include "internal.h"

#include <string.h>

enum { NAMES = 128 };
struct count {
    const char *name;
    long count;
};
static struct count calls[NAMES], events[NAMES];
static const char *forbidden_why;
const char *(*emu__forbidden_by_library)(void);
static struct {
    const char *function;
    int left, code;
} injected;

/* Each may wait for a whole device, or allocate: nothing for the middle of a step. */
static const char *const slow[] = {"cudaMalloc",
                                   "cudaFree",
                                   "cudaMallocHost",
                                   "cudaHostAlloc",
                                   "cudaFreeHost",
                                   "cudaHostRegister",
                                   "cudaHostUnregister",
                                   "cudaStreamCreateWithPriority",
                                   "cudaStreamCreateWithFlags",
                                   "cudaStreamCreate",
                                   "cudaStreamDestroy",
                                   "cudaEventCreate",
                                   "cudaEventCreateWithFlags",
                                   "cudaEventDestroy",
                                   "cudaDeviceSynchronize",
                                   "cudaDeviceEnablePeerAccess",
                                   "cublasLtCreate",
                                   "cublasLtDestroy",
                                   "ncclCommInitRankConfig",
                                   "ncclCommFinalize",
                                   "ncclCommDestroy",
                                   NULL};

static struct count *find(struct count *table, const char *name) {
    for (int i = 0; i < NAMES; i++) {
        if (!table[i].name) table[i].name = name;
        if (strcmp(table[i].name, name) == 0) return &table[i];
    }
    emu__report("more than %d things are counted", NAMES);
}

static bool is_slow(const char *function) {
    for (int i = 0; slow[i]; i++)
        if (strcmp(slow[i], function) == 0) return true;
    return false;
}

void emu__count_call(const char *function) {
    emu__lock();
    find(calls, function)->count++;
    const bool slow_one   = is_slow(function);
    const char *const why = !slow_one       ? NULL
                            : forbidden_why ? forbidden_why
                            : emu__forbidden_by_library && strncmp(function, "nccl", 4) != 0
                                ? emu__forbidden_by_library()
                                : NULL;
    if (why) emu__report("%s is called, and may not be: %s", function, why);
    emu__unlock();
}

void emu__count(const char *what) {
    find(events, what)->count++;
}

static long look_up(const struct count *table, const char *name) {
    emu__lock();
    long count = 0;
    for (int i = 0; i < NAMES && table[i].name; i++)
        if (strcmp(table[i].name, name) == 0) count = table[i].count;
    emu__unlock();
    return count;
}

long emu_calls(const char *function) {
    return look_up(calls, function);
}

long emu_happened(const char *what) {
    return look_up(events, what);
}

void emu_forbid(const char *why) {
    emu__lock();
    forbidden_why = why;
    emu__unlock();
}

void emu_fail_call(const char *function, int nth, int code) {
    emu__lock();
    injected.function = function;
    injected.left     = nth;
    injected.code     = code;
    emu__unlock();
}

int emu__injected(const char *function) {
    emu__lock();
    int code = 0;
    if (injected.function && strcmp(injected.function, function) == 0 && --injected.left == 0) {
        code              = injected.code;
        injected.function = NULL;
    }
    emu__unlock();
    return code;
}

void emu__counts_forget(void) {
    memset(calls, 0, sizeof calls);
    memset(events, 0, sizeof events);
    forbidden_why     = NULL;
    injected.function = NULL;
}
