/* SPDX-License-Identifier: MIT */
/* counts.c -- the one place that counts calls by function and call site and objects not released,
 * and knows which calls are forbidden now. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

enum { NAMES = 128, SITES = 1024 };
struct count {
    const char *name;
    long count;
};
static struct count events[NAMES], live[NAMES];
static emu_site sites[SITES];
static int site_count;
static const char *forbidden_why;
const char *(*emu__forbidden_by_library)(void);

/* Each may wait for a whole device, or allocate: not allowed in the middle of a step. */
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

/* Code may be loaded for what they choose, which may wait for a whole device. */
static const char *const loads[] = {"cublasLtMatmulAlgoGetHeuristic", NULL};

static struct count *find(struct count *table, const char *name) {
    for (int i = 0; i < NAMES; i++) {
        if (!table[i].name) table[i].name = name;
        if (strcmp(table[i].name, name) == 0) return &table[i];
    }
    emu__report("more than %d functions and events are counted", NAMES);
}

static bool is_among(const char *const *names, const char *function) {
    for (; *names; names++)
        if (strcmp(*names, function) == 0) return true;
    return false;
}

/* Why the function may not be called now; NULL: it may. */
static const char *why_not(const char *function) {
    const bool is_slow = is_among(slow, function);
    if (is_slow && forbidden_why) return forbidden_why;
    if ((!is_slow && !is_among(loads, function)) || strncmp(function, "nccl", 4) == 0) return NULL;
    return emu__forbidden_by_library ? emu__forbidden_by_library() : NULL;
}

static emu_site *find_site(const char *function, const void *from) {
    for (int i = 0; i < site_count; i++)
        if (sites[i].from == from && strcmp(sites[i].function, function) == 0) return &sites[i];
    if (site_count == SITES) emu__report("more than %d call sites of CUDA", SITES);
    sites[site_count] = (emu_site){function, from, 0};
    return &sites[site_count++];
}

void emu__count_call_from(const char *function, const void *from) {
    emu__lock();
    find_site(function, from)->calls++;
    const char *const why = why_not(function);
    if (why) emu__report("%s is not allowed now: %s", function, why);
    emu__unlock();
}

void emu__count(const char *what) {
    find(events, what)->count++;
}

long emu_happened(const char *what) {
    emu__lock();
    long count = 0;
    for (int i = 0; i < NAMES && events[i].name; i++)
        if (strcmp(events[i].name, what) == 0) count = events[i].count;
    emu__unlock();
    return count;
}

long emu_calls(const char *function) {
    emu__lock();
    long calls = 0;
    for (int i = 0; i < site_count; i++)
        if (strcmp(sites[i].function, function) == 0) calls += sites[i].calls;
    emu__unlock();
    return calls;
}

bool emu_site_at(int n, emu_site *out) {
    emu__lock();
    const bool there = n >= 0 && n < site_count;
    if (there) *out = sites[n];
    emu__unlock();
    return there;
}

const char *emu_site_words(const emu_site *site, char *text, size_t bytes) {
    char line[192];
    if (emu__line(site->from, line, sizeof line))
        (void)snprintf(text, bytes, "%s (%s)", site->function, line);
    else
        (void)snprintf(text, bytes, "%s", site->function);
    return text;
}

/* ---- objects not released ---- */

void emu__live(const char *what, int more) {
    find(live, what)->count += more;
}

const char *emu_left(char *text, size_t bytes) {
    size_t used = 0;
    text[0]     = '\0';
    emu__lock();
    for (int i = 0; i < NAMES && live[i].name && used < bytes; i++)
        if (live[i].count != 0)
            used += (size_t)snprintf(text + used, bytes - used, "%s%ld %s%s", used ? ", " : "",
                                     live[i].count, live[i].name, live[i].count == 1 ? "" : "s");
    emu__unlock();
    return text;
}

/* ---- forbidden calls ---- */

void emu_forbid(const char *why) {
    emu__lock();
    forbidden_why = why;
    emu__unlock();
}

void emu__counts_forget(void) {
    site_count    = 0;
    forbidden_why = NULL;
    memset(events, 0, sizeof events);
}
