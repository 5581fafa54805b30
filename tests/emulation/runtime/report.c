/* SPDX-License-Identifier: MIT */
/* report.c -- the one place where a mistake ends the process, with a list of what every stream
 * waits for. */
#include "internal.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct sigaction previous[2]; /* of SIGSEGV and SIGBUS */
void (*emu__library_report)(void);
static char this_case[256];

void emu_case(const char *words) {
    (void)snprintf(this_case, sizeof this_case, "%s", words ? words : "");
}

static void print_head(const struct CUstream_st *stream) {
    const emu__operation *const head = stream->head;
    (void)fprintf(stderr, "emulation:   device %d, stream %d: ", stream->device, stream->number);
    if (!head) {
        (void)fprintf(stderr, "idle\n");
        return;
    }
    (void)fprintf(stderr, "%d queued, first '%s'%s", stream->queued, head->what,
                  stream->running ? ", running" : "");
    if (head->kind == EMU__WAIT)
        (void)fprintf(stderr, ", waits for record %llu of event %d (reached: %llu)",
                      (unsigned long long)head->ticket, head->event->number,
                      (unsigned long long)head->event->done);
    (void)fprintf(stderr, "\n");
}

static _Noreturn void leave(void) {
    if (this_case[0] != '\0') (void)fprintf(stderr, "emulation:   case: %s\n", this_case);
    for (const struct CUstream_st *s = emu__streams; s; s = s->next) print_head(s);
    if (emu__library_report) emu__library_report();
    (void)fflush(NULL);
    _exit(EMU__EXIT_REPORT);
}

/* Two threads may find a mistake at once: the first one reports. */
static void only_once(void) {
    static bool reporting;
    if (__atomic_exchange_n(&reporting, true, __ATOMIC_SEQ_CST))
        for (;;) (void)pause();
}

void emu__report(const char *format, ...) {
    only_once();
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "emulation: ");
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, " (seed %llu, %s)\n", (unsigned long long)emu__settings.seed,
                  emu__settings.lazy ? "lazy" : "async");
    va_end(arguments);
    leave();
}

/* The line of a call is that of the byte before its return address. */
bool emu__line(const void *address, char *text, size_t bytes) {
    Dl_info in;
    char command[512];
    if (!dladdr(address, &in) || !in.dli_fname) return false;
    (void)setenv("EMU_OBJECT", in.dli_fname, 1); /* its path may have blanks and quotes */
    (void)snprintf(command, sizeof command, "addr2line -e \"$EMU_OBJECT\" 0x%zx 2>/dev/null",
                   (size_t)((const char *)address - 1 - (const char *)in.dli_fbase));
    FILE *const answer = popen(command, "r");
    const bool found   = answer && fgets(text, (int)bytes, answer) && text[0] != '?';
    if (answer) (void)pclose(answer);
    if (found) text[strcspn(text, "\n")] = '\0';
    return found;
}

/* The file and line of the innermost frame outside the C library: the fault may be in memcpy. */
static void print_line(void) {
    void *frames[32];
    const int count = backtrace(frames, 32);
    for (int f = 2; f < count; f++) { /* 0 and 1 are this function and the handler */
        Dl_info in;
        if (!dladdr(frames[f], &in) || !in.dli_fname || strstr(in.dli_fname, "libc.so") ||
            strstr(in.dli_fname, "san.so"))
            continue;
        char line[256];
        if (emu__line((const char *)frames[f] + 1, line, sizeof line))
            (void)fprintf(stderr, "emulation:   at %s\n", line);
        return;
    }
}

/* Describes the memory at `address`; "" if it is not the emulation's. */
static const char *touched(const void *address, char *text, size_t bytes) {
    const char *const outgrown = emu__grid_touched(address);
    if (*outgrown) return outgrown;
    (void)emu__describe(address, text, bytes);
    return strncmp(text, "no ", 3) == 0 ? "" : text;
}

static void on_fault(int signal_number, siginfo_t *info, void *context) {
    char text[192];
    const char *const what = touched(info->si_addr, text, sizeof text);
    (void)context;
    if (*what == '\0') { /* the previous handler */
        (void)sigaction(signal_number, &previous[signal_number == SIGBUS], NULL);
        return;
    }
    only_once();
    const char *const running = emu__running_what();
    if (running) {
        char where[128];
        (void)fprintf(stderr, "emulation: '%s'%s touches %s", running,
                      emu__grid_position(where, sizeof where), what);
    } else {
        (void)fprintf(stderr, "emulation: code of the host touches %s", what);
    }
    (void)fprintf(stderr, " (seed %llu, %s)\n", (unsigned long long)emu__settings.seed,
                  emu__settings.lazy ? "lazy" : "async");
    print_line();
    leave();
}

void emu__catch_faults(void) {
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    action.sa_sigaction     = on_fault;
    struct sigaction now;
    if (sigaction(SIGSEGV, NULL, &now) == 0 && now.sa_sigaction == on_fault) return;
    void *warm[1];
    (void)backtrace(warm, 1); /* loads what it needs now rather than in the handler */
    (void)sigaction(SIGSEGV, &action, &previous[0]);
    (void)sigaction(SIGBUS, &action, &previous[1]);
}

void emu__fault_stack(void) {
    enum { BYTES = 64 * 1024 };
    static __thread bool done;
    stack_t now;
    if (done || (done = true, sigaltstack(NULL, &now)) != 0 || !(now.ss_flags & SS_DISABLE)) return;
    void *const stack =
        mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) return;
    (void)sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = BYTES}, NULL);
}
