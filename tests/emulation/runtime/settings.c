/* SPDX-License-Identifier: MIT */
/* settings.c -- the one place that reads EMU_* variables, and makes the random numbers that they
 * seed. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

emu_settings emu__settings;
void (*emu__library_restart)(void);
static bool started;

static int number(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text && *text ? (int)strtol(text, NULL, 10) : otherwise;
}

static emu_peers read_peers(void) {
    const char *const text = getenv("EMU_PEERS");
    if (text && strcmp(text, "lie") == 0) return EMU_PEERS_LIE;
    if (text && strcmp(text, "hang") == 0) return EMU_PEERS_HANG;
    return number("EMU_PEERS", 1) != 0 ? EMU_PEERS_REACH : EMU_NO_PEERS;
}

static void read_environment(void) {
    const char *mode = getenv("EMU_MODE"), *seed = getenv("EMU_SEED");
    emu__settings = (emu_settings){
        .seed       = seed && *seed ? strtoull(seed, NULL, 10) : 1,
        .lazy       = mode && strcmp(mode, "lazy") == 0,
        .peers      = read_peers(),
        .driver     = number("EMU_DRIVER", 1) != 0,
        .devices    = number("EMU_DEVICES", 2),
        .delay_us   = number("EMU_DELAY_US", 200),
        .timeout_ms = number("EMU_TIMEOUT_MS", 5000),
        .memory_mib = number("EMU_MEMORY_MIB", 8192),
        .queue      = number("EMU_QUEUE", 1024),
        .resident   = number("EMU_NCCL_RESIDENT", 1),
        .nccl       = number("EMU_NCCL_VERSION", 22809),
        .major      = number("EMU_MAJOR", 9),
    };
    if (mode && *mode && strcmp(mode, "lazy") != 0 && strcmp(mode, "async") != 0)
        emu__report("EMU_MODE is '%s', not async or lazy", mode);
    if (emu__settings.devices < 0 || emu__settings.devices > EMU__DEVICES)
        emu__report("EMU_DEVICES is %d, not 0..%d", emu__settings.devices, EMU__DEVICES);
}

void emu__start(void) {
    if (started) return;
    started = true;
    read_environment();
    emu_skip_barrier(getenv("EMU_SKIP"));
    emu__catch_faults();
}

emu_settings emu_settings_now(void) {
    emu__lock();
    emu__start();
    const emu_settings now = emu__settings;
    emu__unlock();
    return now;
}

void emu_restart(const emu_settings *settings) {
    emu__lock();
    emu__start();
    if (emu__streams) emu__report("emu_restart: stream %d still exists", emu__streams->number);
    if (emu__library_restart) emu__library_restart();
    emu__expect_no_memory();
    emu__settings = *settings;
    emu__events_forget();
    emu__streams_forget();
    emu__choices_forget();
    emu__devices_forget();
    emu__errors_forget();
    emu__counts_forget();
    emu__injected_forget();
    emu__catch_faults(); /* a test framework may have installed its own */
    emu__unlock();
}

/* splitmix64 */
uint64_t emu__random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);
    z          = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z          = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

uint64_t emu__seed(uint64_t salt) {
    uint64_t state = emu__settings.seed * 0xd1342543de82ef95ULL + salt;
    return emu__random(&state);
}

void *emu__need(size_t bytes) {
    void *const block = calloc(1, bytes ? bytes : 1);
    if (!block) emu__report("out of host memory: %zu bytes requested", bytes);
    return block;
}
