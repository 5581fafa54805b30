/* SPDX-License-Identifier: MIT */
/* everywhere.h -- runs the body of a test in child processes: in both modes, with several seeds. */
#ifndef SLUICE_TESTS_EMULATION_EVERYWHERE_H
#define SLUICE_TESTS_EMULATION_EVERYWHERE_H

#include "tests/support/child.h"

/* A body reports a failure on stderr with this, and goes on. */
static int mistakes;

#define expect_that(condition, ...)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            mistakes++;                                                                            \
            (void)fprintf(stderr, "%s:%d: not %s: ", __FILE__, __LINE__, #condition);              \
            (void)fprintf(stderr, __VA_ARGS__);                                                    \
            (void)fprintf(stderr, "\n");                                                           \
        }                                                                                          \
    } while (0)

#define expect_code(call, code)                                                                    \
    do {                                                                                           \
        const int code_ = (int)(call);                                                             \
        expect_that(code_ == (int)(code), "%s gives %d", #call, code_);                            \
    } while (0)

static void (*everywhere_body)(void);

static int everywhere_run(void) {
    everywhere_body();
    return mistakes ? CHILD_WRONG : CHILD_RIGHT;
}

static void everywhere(const char *name, void (*body)(void), const char *variable) {
    enum { SEEDS = 3 };
    everywhere_body = body;
    for (int i = 0; i < 2 * SEEDS; i++) {
        char seed[32];
        (void)snprintf(seed, sizeof seed, "EMU_SEED=%d", i / 2 + 1);
        const char *const variables[] = {seed, i % 2 ? "EMU_MODE=lazy" : "EMU_MODE=async", variable,
                                         NULL};
        const child_result result     = child_run(everywhere_run, variables);
        if (result.status != CHILD_RIGHT)
            fail_msg("%s, %s, %s: status %d\n%s", name, seed, variables[1], result.status,
                     result.text);
    }
}

/* A test called test_<name> of the body <name>, with one more environment variable or NULL. */
#define EVERYWHERE(name, variable)                                                                 \
    static void test_##name(void **state) {                                                        \
        (void)state;                                                                               \
        everywhere(#name, name, variable);                                                         \
    }

#endif
