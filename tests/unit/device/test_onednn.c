/* SPDX-License-Identifier: MIT */
/* test_onednn.c -- oneDNN, which allocates in each product: one that gets no memory is reported by
 * its operation, and the next one works. */
#include <sys/resource.h>

#include "runtime/device/cpu/cpu.h"
#include "tests/support/support.h"

enum { EDGE = 2048, WIDE = 4096 };

/* What is left below a limit, in blocks: a product on some processors takes 16 KiB at a time. */
typedef struct taken {
    struct taken *next;
} taken;

static taken *take_all(void) {
    enum { BYTES = 4096 };
    taken *all = NULL;
    for (taken *more = malloc(BYTES); more; more = malloc(BYTES)) {
        more->next = all;
        all        = more;
    }
    return all;
}

static void give_back(taken *all) {
    for (taken *next; all; all = next) {
        next = all->next;
        free(all);
    }
}

/* With no more memory than the process has; 0: as much as it likes. */
static sluice_status multiply_within(rlim_t limit, sluice_stream *stream,
                                     const sluice_matmul *product) {
    const sluice_operations *const operations = sluice__cpu_ops.operations(SLUICE_PRECISION_FP32);
    struct rlimit usual, tight;
    assert_int_equal(getrlimit(RLIMIT_AS, &usual), 0);
    tight = usual;
    if (limit > 0) tight.rlim_cur = limit;
    assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
    taken *const all           = limit > 0 ? take_all() : NULL;
    const sluice_status status = operations->matmul(stream, product);
    assert_int_equal(setrlimit(RLIMIT_AS, &usual), 0);
    give_back(all);
    return status;
}

static void a_product_without_memory_is_reported(void **state) {
    (void)state;
    sluice_device *device = NULL;
    sluice_stream *stream = NULL;
    float *const a        = calloc((size_t)3 * WIDE * WIDE, sizeof *a);
    assert_non_null(a);
    const sluice_matmul product = {.c       = a + (ptrdiff_t)2 * WIDE * WIDE,
                                   .a       = a,
                                   .b       = a + (ptrdiff_t)WIDE * WIDE,
                                   .rows    = EDGE,
                                   .columns = EDGE,
                                   .inner   = WIDE,
                                   .alpha   = 1};
    assert_ok(sluice__cpu_ops.prepare(1, "onednn"));
    assert_ok(sluice__cpu_ops.open(&device, 0, 1, 0, false));
    assert_ok(sluice__cpu_ops.stream_create(&stream, device, SLUICE_STREAM_COMPUTE));
    assert_refused(multiply_within(1, stream, &product), SLUICE_E_HOST_MEMORY,
                   "out of host memory: onednn has too little for a product");
    assert_ok(multiply_within(0, stream, &product));
    sluice__cpu_ops.stream_destroy(stream);
    sluice__cpu_ops.close(device);
    free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_product_without_memory_is_reported)};
    const char *name                = NULL;
    if (sluice_blas_find(&name, "onednn") == SLUICE_E_UNSUPPORTED) {
        printf("skipped: %s\n", sluice_last_error()->what);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
