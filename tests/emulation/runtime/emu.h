/* SPDX-License-Identifier: MIT */
/* emu.h -- functions for tests of the emulated devices, in addition to CUDA's. */
#ifndef SLUICE_TESTS_EMULATION_EMU_H
#define SLUICE_TESTS_EMULATION_EMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether devices can access each other's memory, once that is enabled. */
typedef enum emu_peers {
    EMU_NO_PEERS    = 0, /* copies between them go through the driver, and the host waits */
    EMU_PEERS_REACH = 1,
    EMU_PEERS_LIE   = 2, /* copies between them change a byte */
    EMU_PEERS_HANG  = 3  /* copies between them do not end before emu_release() */
} emu_peers;

/* The settings of the EMU_* variables; README.md lists them. */
typedef struct emu_settings {
    uint64_t seed;
    bool lazy; /* nothing runs until a host thread blocks; false: a thread per stream */
    emu_peers peers;
    bool driver;    /* false: every call says that the driver is too old */
    int devices;    /* 0..8 */
    int delay_us;   /* longest delay of an operation, asynchronous mode */
    int timeout_ms; /* this long without progress is a deadlock */
    int memory_mib; /* of each device */
    int queue;      /* operations a stream holds before its host waits */
    int resident;   /* kernels of NCCL on a device at one time; 0: any number */
    int nccl;       /* its version, as NCCL_VERSION_CODE */
    int major;      /* of the devices' compute capability */
} emu_settings;

emu_settings emu_settings_now(void);
/* Restart with these settings: devices are intact, counts and this thread's error are cleared. A
 * stream that still exists is reported, and so is memory on a device that has not failed. */
void emu_restart(const emu_settings *settings);

/* How often `function` was called since the start; 0 if never. A launch is a call of its kernel. */
long emu_calls(const char *function);
/* One call site of `function` in the program; `from` is the call's return address, which is
 * meaningless for a launch. */
typedef struct emu_site {
    const char *function;
    const void *from;
    long calls;
} emu_site;
/* The nth call site (from 0) in order of its first call; false past the last. */
bool emu_site_at(int n, emu_site *out);
/* "cudaMemcpyAsync (device.c:150)". Slow: runs another program to look it up. */
const char *emu_site_words(const emu_site *site, char *text, size_t bytes);
/* How often an event happened; README.md has the names ("pageable copy", ...). */
long emu_happened(const char *what);
/* From now on a call on any thread that allocates, creates, destroys or waits for a whole device
 * ends the process with a report that quotes `why`; NULL allows them again. */
void emu_forbid(const char *why);

/* Whether anything has made the device's context, as choosing the device does. */
bool emu_has_context(int device);

/* What was made and not released: "1 stream, 2 events"; "" if nothing. */
const char *emu_left(char *text, size_t bytes);
/* Text that reports quote, to name the case of a sweep. NULL: none. */
void emu_case(const char *words);

/* ---- failures: one at a time ---- */

typedef enum emu_fault {
    EMU_FAILS,  /* the call fails with `code`; one that waits or releases does so first */
    EMU_FAULTS, /* what the call enqueues breaks its device with `code` when it runs */
    EMU_HANGS   /* what the call enqueues does not end before emu_release() */
} emu_fault;

/* It fires at the `nth` call (from 1, counted from now) at `site` on any thread. A site without
 * `from` means all call sites of the function; one without `function`, everything that enqueues
 * work. */
void emu_inject(const emu_site *site, emu_fault fault, int nth, int code);
/* The device that the call was for, once it has fired; else -1. */
int emu_fired(void);
/* EMU_FAILS, counted over all calls of `function`. */
void emu_fail_call(const char *function, int nth, int code);
/* From now on the __syncthreads or __syncwarp of this line, "lanes.cuh:57", does not wait: a
 * mistake that tests must find. NULL: none is skipped. */
void emu_skip_barrier(const char *where);
void emu_release(void);
/* The device fails as if a kernel had faulted: queued work is dropped, and every call that concerns
 * the device returns `code` from now on. */
void emu_break_device(int device, cudaError_t code);

/* ---- NCCL ---- */

/* Number of communicators that exist. */
int emu_communicators(void);
/* The device leaves all its communicators, as if its process had died: nothing starts there any
 * more, and the other ranks see `code`. */
void emu_lose_communicators(int device, int code);
/* The communicator of these two devices alone is broken: both see `code`. */
void emu_lose_pair(int device, int other, int code);

#ifdef __cplusplus
}
#endif
#endif
