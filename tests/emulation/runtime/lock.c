/* SPDX-License-Identifier: MIT */
/*
 * lock.c -- the one lock and the one condition of the emulation.
 *
 * Bare futexes rather than a mutex: ThreadSanitizer must not see this lock, or the emulation's
 * locking would hide a wait that the program forgot.
 */
#include "internal.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic uint32_t lock;  /* 0 free, 1 held, 2 held and waited for */
static _Atomic uint32_t wakes; /* word that sleepers wait on */
static uint64_t progress;

static long futex(_Atomic uint32_t *word, int operation, uint32_t value,
                  const struct timespec *limit) {
    return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, limit, NULL, 0);
}

void emu__lock(void) {
    uint32_t free_word = 0;
    if (atomic_compare_exchange_strong(&lock, &free_word, 1)) return;
    while (atomic_exchange(&lock, 2) != 0) futex(&lock, FUTEX_WAIT, 2, NULL);
}

void emu__unlock(void) {
    if (atomic_exchange(&lock, 0) == 2) futex(&lock, FUTEX_WAKE, 1, NULL);
}

void emu__wake(void) {
    progress++;
    atomic_fetch_add(&wakes, 1);
    futex(&wakes, FUTEX_WAKE, INT32_MAX, NULL);
}

uint64_t emu__progress(void) {
    return progress;
}

bool emu__sleep(int ms) {
    const uint32_t seen         = atomic_load(&wakes);
    const struct timespec limit = {ms / 1000, (ms % 1000) * 1000000L};
    emu__unlock();
    const bool late = futex(&wakes, FUTEX_WAIT, seen, &limit) < 0 && errno == ETIMEDOUT;
    emu__lock();
    return !late;
}
