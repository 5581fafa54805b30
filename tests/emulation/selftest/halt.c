/* SPDX-License-Identifier: MIT */
/* halt.c -- tells ThreadSanitizer, if present, to end the process at the first race, and to let the
 * emulation look up the line of a fault with calls that a signal handler should not make
 * otherwise. */
#if defined(__SANITIZE_THREAD__)
__attribute__((visibility("default"))) const char *__tsan_default_options(void);

const char *__tsan_default_options(void) {
    return "halt_on_error=1:report_signal_unsafe=0:atexit_sleep_ms=0";
}
#else
extern int no_sanitizer_to_tell;
#endif
