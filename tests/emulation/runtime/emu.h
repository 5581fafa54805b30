/* SPDX-License-Identifier: MIT */
/* emu.h -- what a test may ask of the emulated devices beside CUDA's own functions. */
#ifndef SLUICE_TESTS_EMULATION_EMU_H
#define SLUICE_TESTS_EMULATION_EMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the EMU_* variables of the environment say; README.md lists them. */
typedef struct emu_settings {
    uint64_t seed;
    bool lazy;      /* nothing runs until a host thread blocks; else a thread per stream */
    bool peers;     /* devices reach each other's memory once that is enabled */
    bool driver;    /* false: every call says that the driver is too old */
    int devices;    /* 0..8 */
    int delay_us;   /* longest delay of an operation, asynchronous mode */
    int timeout_ms; /* without progress: a deadlock */
    int memory_mib; /* of each device */
    int queue;      /* operations a stream holds before its host waits */
    int resident;   /* kernels of NCCL on a device at one time; 0: any number */
    int nccl;       /* its version, as NCCL_VERSION_CODE */
    int major;      /* of the devices' compute capability */
} emu_settings;

emu_settings emu_settings_now(void);
/* Other settings for what comes; devices whole, and counts and this thread's error forgotten.
 * Reported if a stream lives, or memory does on a device that is whole. */
void emu_restart(const emu_settings *settings);

/* How often `function` was called since the start; 0 if never. A launch is a call of its kernel. */
long emu_calls(const char *function);
/* One place of the program that calls `function`; `from` is the address that the call returns to,
 * which says nothing of a launch. */
typedef struct emu_site {
    const char *function;
    const void *from;
    long calls;
} emu_site;
/* The nth place (from 0) of those that have called so far, the first to call first; false past the
 * last. */
bool emu_site_at(int n, emu_site *out);
/* "cudaMemcpyAsync (device.c:150)". Slow: another program looks it up. */
const char *emu_site_words(const emu_site *site, char *text, size_t bytes);
/* What happened, in all: README.md has the names ("pageable copy", ...). */
long emu_happened(const char *what);
/* From now on a call that allocates, creates, destroys or waits for a whole device is a fatal
 * report that quotes `why`; NULL allows them again. For every thread. */
void emu_forbid(const char *why);

/* What was made and not given back: "1 stream, 2 events"; "" if nothing. */
const char *emu_left(char *text, size_t bytes);
/* What reports quote: which case of many this is. NULL: none. */
void emu_case(const char *words);

/* ---- failures: one at a time ---- */

typedef enum emu_fault {
    EMU_FAILS,  /* the call fails with `code`; one that waits or gives back does so first */
    EMU_FAULTS, /* what the call enqueues breaks its device, when its turn comes, with `code` */
    EMU_HANGS   /* what the call enqueues is not over before emu_release() */
} emu_fault;

/* It fires at the `nth` call (from 1, counted from now) at `site` on any thread. A site without
 * `from` is all places that call the function; one without `function`, everything that enqueues
 * work. */
void emu_inject(const emu_site *site, emu_fault fault, int nth, int code);
/* The device that the call was for, once it has fired; else -1. */
int emu_fired(void);
/* The same, of all calls of `function`: EMU_FAILS. */
void emu_fail_call(const char *function, int nth, int code);
/* From now on nobody waits at the __syncthreads or __syncwarp of this line, "lanes.cuh:57": a
 * mistake to be found. NULL: everybody does. */
void emu_skip_barrier(const char *where);
void emu_release(void);
/* The device fails as if a kernel had faulted: what is queued is dropped, and every call that
 * concerns the device says `code` from now on. */
void emu_break_device(int device, cudaError_t code);

/* ---- of libnccl ---- */

/* Communicators that live. */
int emu_communicators(void);
/* The device leaves all its communicators, as if its process had died: nothing there begins any
 * more, and the others hear of it as of `code`. */
void emu_lose_communicators(int device, int code);

#ifdef __cplusplus
}
#endif
#endif
