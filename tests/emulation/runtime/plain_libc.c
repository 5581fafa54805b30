/* SPDX-License-Identifier: MIT */
/*
 * plain_libc.c -- in builds with ThreadSanitizer: the C library functions that the emulation and
 * gcc's generated code call, under the same names and visible to this library alone.
 *
 * The sanitizer intercepts the C library's functions even if the caller is not instrumented: it
 * would take the emulation's bookkeeping for the program's reads and writes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "order.h"

#define SEEN_HERE __attribute__((visibility("hidden")))

SEEN_HERE void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
SEEN_HERE void *memset(void *to, int value, size_t bytes);
SEEN_HERE void *calloc(size_t count, size_t bytes);
SEEN_HERE void free(void *block);
SEEN_HERE int clock_gettime(clockid_t clock, struct timespec *now);
SEEN_HERE int nanosleep(const struct timespec *time, struct timespec *left);
SEEN_HERE int vsnprintf(char *to, size_t bytes, const char *format, va_list arguments);
SEEN_HERE int snprintf(char *to, size_t bytes, const char *format, ...);

/* glibc's own heap, separate from the sanitizer's.
 * NOLINTBEGIN(bugprone-reserved-identifier,cert-*) */
void *__libc_calloc(size_t count, size_t bytes);
void __libc_free(void *block);
int __vsnprintf_chk(char *to, size_t limit, int flags, size_t bytes, const char *format,
                    va_list arguments);
/* NOLINTEND(bugprone-reserved-identifier,cert-*) */

void *calloc(size_t count, size_t bytes) {
    return __libc_calloc(count, bytes);
}

void free(void *block) {
    __libc_free(block);
}

int vsnprintf(char *to, size_t bytes, const char *format, va_list arguments) {
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__); /* intercepted under any name */
    const int length = __vsnprintf_chk(to, bytes, 0, bytes, format, arguments);
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    return length;
}

int snprintf(char *to, size_t bytes, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(to, bytes, format, arguments);
    va_end(arguments);
    return length;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    return (int)syscall(SYS_clock_gettime, clock, now);
}

/* ThreadSanitizer's own updates a clock for every fiber, which is slow. */
int nanosleep(const struct timespec *time, struct timespec *left) {
    return (int)syscall(SYS_nanosleep, time, left);
}

#if defined(__x86_64__)
void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(bytes) : : "memory");
    return to;
}

void *memset(void *to, int value, size_t bytes) {
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(value) : "memory");
    return to;
}
#else
void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    volatile char *const at = to;
    for (size_t b = 0; b < bytes; b++) at[b] = ((const char *)from)[b];
    return to;
}

void *memset(void *to, int value, size_t bytes) {
    volatile char *const at = to;
    for (size_t b = 0; b < bytes; b++) at[b] = (char)value;
    return to;
}
#endif
