/* SPDX-License-Identifier: MIT */
/* halt.c -- tells ThreadSanitizer, where it is there, to end the process at the first race. */
#if defined(__SANITIZE_THREAD__)
const char *__tsan_default_options(void);

const char *__tsan_default_options(void) {
    return "halt_on_error=1";
}
#else
extern int no_sanitizer_to_tell;
#endif
