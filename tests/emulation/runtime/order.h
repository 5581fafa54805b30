/* SPDX-License-Identifier: MIT */
/*
 * order.h -- tells ThreadSanitizer who does something, and which order CUDA promises.
 *
 * Every stream and every thread of a kernel is an actor (a fiber of the sanitizer), whatever stack
 * it runs on; one actor's promise is what another may rely on. These libraries are compiled without
 * ThreadSanitizer, lock with bare futexes and call no function that it intercepts (plain_libc.c),
 * so that nothing else creates an order. In other builds these functions do nothing.
 */
#ifndef SLUICE_TESTS_EMULATION_ORDER_H
#define SLUICE_TESTS_EMULATION_ORDER_H

#include <stdbool.h>
#include <stddef.h>

/* A point in time: what one actor did before it, others may rely on. */
typedef struct emu__promise {
    int word;
} emu__promise;

#ifdef EMU_TSAN
#include <sanitizer/tsan_interface.h>

/* Not in gcc's header, and there since the beginning.
 * NOLINTBEGIN(bugprone-reserved-identifier,cert-*) */
void __tsan_atomic32_store(volatile int *at, int value, int memory_order);
void __tsan_read_range(const void *at, size_t bytes);
void __tsan_write_range(const void *at, size_t bytes);
void __tsan_func_entry(const void *caller);
void __tsan_func_exit(void);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
/* NOLINTEND(bugprone-reserved-identifier,cert-*) */

#define EMU__TELLS true

static inline void *emu__somebody(const char *name) {
    void *const who = __tsan_create_fiber(0);
    __tsan_set_fiber_name(who, name);
    return who;
}

static inline void emu__nobody(void *who) {
    if (who) __tsan_destroy_fiber(who);
}

/* From now on this host thread acts for `who`; returns the previous actor. */
static inline void *emu__act_for(void *who) {
    void *const before = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(who, __tsan_switch_to_fiber_no_sync);
    return before;
}

/* Promise everything done until now; earlier promises here are forgotten. */
static inline void emu__give(emu__promise *promise) {
    __tsan_atomic32_store(&promise->word, 0, __ATOMIC_RELEASE);
}

static inline void emu__give_too(emu__promise *promise) { /* in addition to what others gave */
    __tsan_release(promise);
}

static inline void emu__rely_on(emu__promise *promise) {
    __tsan_acquire(promise);
}

static inline void emu__reads(const void *at, size_t bytes) {
    if (bytes > 0) __tsan_read_range(at, bytes);
}

static inline void emu__writes(const void *at, size_t bytes) {
    if (bytes > 0) __tsan_write_range(at, bytes);
}

/* Accesses in between are reported as called from there. */
static inline void emu__called_from(const void *caller) {
    __tsan_func_entry(caller);
}

static inline void emu__returned(void) {
    __tsan_func_exit();
}

#else

#define EMU__TELLS false

static inline void *emu__somebody(const char *name) {
    (void)name;
    return NULL;
}
static inline void emu__nobody(void *who) {
    (void)who;
}
static inline void *emu__act_for(void *who) {
    return who;
}
static inline void emu__give(emu__promise *promise) {
    (void)promise;
}
static inline void emu__give_too(emu__promise *promise) {
    (void)promise;
}
static inline void emu__rely_on(emu__promise *promise) {
    (void)promise;
}
static inline void emu__reads(const void *at, size_t bytes) {
    (void)at, (void)bytes;
}
static inline void emu__writes(const void *at, size_t bytes) {
    (void)at, (void)bytes;
}
static inline void emu__called_from(const void *caller) {
    (void)caller;
}
static inline void emu__returned(void) {
}

#endif
#endif
