/* SPDX-License-Identifier: MIT */
/* crash.c -- a signal handler for crashes in tests, on any thread; it calls nothing that is not
 * safe there. */
#include "tests/support/support.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/executor/here.h"

/* Programs that test the emulation alone have no ranks. */
#pragma weak sluice__where
#pragma weak sluice_instruction_name

static const struct {
    int number;
    const char *words;
} crashes[] = {{SIGSEGV, "segmentation fault"},
               {SIGBUS, "bus error"},
               {SIGFPE, "arithmetic error"},
               {SIGILL, "illegal instruction"},
               {SIGABRT, "abort"}};
enum { CRASHES = sizeof crashes / sizeof *crashes };

static struct sigaction previous[CRASHES]; /* cmocka's, or the system's */
static const char *volatile running;       /* name of the test */

/* ---- words ---- */

typedef struct line {
    char text[256];
    size_t length;
} line;

static void add_text(line *to, const char *text) {
    while (*text != '\0' && to->length + 1 < sizeof to->text) to->text[to->length++] = *text++;
}

static void add_number(line *to, int number) {
    char digits[16];
    size_t at     = sizeof digits - 1;
    unsigned rest = number < 0 ? 0U - (unsigned)number : (unsigned)number;
    digits[at]    = '\0';
    do digits[--at] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (number < 0) digits[--at] = '-';
    add_text(to, &digits[at]);
}

/* "1F3", "wait 1F3": the stage and micro-batch of an instruction, those it has. */
static void add_instruction(line *to, const sluice_instruction *at) {
    const bool computes = at->kind <= SLUICE_INSTRUCTION_BACKWARD_WEIGHT;
    if (!computes) add_text(to, sluice_instruction_name(at->kind));
    if (at->microbatch < 0) return;
    add_text(to, computes ? "" : " of ");
    add_number(to, at->stage);
    if (computes) add_text(to, sluice_instruction_name(at->kind));
    if (!computes) add_text(to, at->payload == SLUICE_PAYLOAD_ACTIVATION ? "F" : "B");
    add_number(to, at->microbatch);
}

static void describe(line *to, int crash, bool is_main) {
    const sluice__here here =
        sluice__where ? *sluice__where() : (sluice__here){.rank = -1, .at = NULL};
    add_text(to, "ERROR: ");
    add_text(to, crashes[crash].words);
    add_text(to, " in the test ");
    add_text(to, running ? running : "(none)");
    if (here.rank >= 0) {
        add_text(to, ", rank ");
        add_number(to, here.rank);
    } else {
        add_text(to, is_main ? ", its own thread" : ", a thread that is no rank");
    }
    if (here.at) {
        add_text(to, ", at ");
        add_instruction(to, here.at);
    }
    add_text(to, "\n");
}

/* ---- the handler ---- */

/* On the test's own thread cmocka reports the crash, too, and goes on; any other ends the process.
 */
static void on_crash(int number) {
    const bool is_main = syscall(SYS_gettid) == getpid();
    line said          = {.length = 0};
    int crash          = 0;
    while (crashes[crash].number != number) crash++;
    describe(&said, crash, is_main);
    (void)!write(STDERR_FILENO, said.text, said.length);
    void (*const before)(int) = previous[crash].sa_handler;
    if (is_main && before != SIG_DFL && before != SIG_IGN && before != on_crash) before(number);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void catch_crashes(void) {
    struct sigaction action = {.sa_flags = (int)(SA_NODEFER | SA_ONSTACK)};
    action.sa_handler       = on_crash;
    for (int k = 0; k < CRASHES; k++) (void)sigaction(crashes[k].number, &action, &previous[k]);
}

/* ---- tests ---- */

/* cmocka has set its handlers just before. */
static void run_one(void **state) {
    const struct CMUnitTest *const test = *state;
    void *own                           = test->initial_state;
    running                             = test->name;
    catch_crashes();
    test->test_func(&own);
}

int run_test_group(const char *group, const struct CMUnitTest *tests, size_t count,
                   int (*setup)(void **state), int (*teardown)(void **state)) {
    struct CMUnitTest *const guarded = calloc(count, sizeof *guarded);
    if (!guarded) abort();
    for (size_t k = 0; k < count; k++) {
        const void *const test = &tests[k];
        guarded[k]             = tests[k];
        guarded[k].test_func   = run_one;
        memcpy(&guarded[k].initial_state, &test, sizeof test);
    }
    const int failed = _cmocka_run_group_tests(group, guarded, count, setup, teardown);
    free(guarded);
    return failed;
}
