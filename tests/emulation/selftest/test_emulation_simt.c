/* SPDX-License-Identifier: MIT */
/* Tests of the kernel language on the CPU: every feature, in every order of threads. */
#include "emu.h"
#include "kernels.h"
#include "tests/support/child.h"

#define REPEAT 6

static cudaStream_t stream;

static void *device_new(size_t bytes) {
    void *block = NULL;
    child_ok(cudaMalloc(&block, bytes));
    return block;
}

static void *device_of(const void *host, size_t bytes) {
    void *const block = device_new(bytes);
    child_ok(cudaMemcpyAsync(block, host, bytes, cudaMemcpyHostToDevice, stream));
    return block;
}

static void fetch(void *host, const void *device, size_t bytes) {
    child_ok(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream));
}

static int differs(const char *what, int at, double got, double expected) {
    if (got == expected) return 0;
    (void)fprintf(stderr, "%s[%d] is %g, not %g\n", what, at, got, expected);
    return 1;
}

/* ---- bodies, each in a child with a mode, a seed and an order ---- */

static int warp_words(void) {
    int out[96][12], wrong = 0;
    int *const device = device_new(sizeof out);
    child_ok(launch_warp_words(device, stream));
    fetch(out, device, sizeof out);
    for (int t = 0; t < 96; t++) {
        const int lane = t % 32, base = t - lane;
        const int expected[12] = {
            base + 3,
            lane >= 1 ? t - 1 : t,
            lane + 2 < 32 ? t + 2 : t,
            base + (lane ^ 5),
            lane % 8 < 7 ? t + 1 : t,
            0x49249249,
            base == 32,
            base < 64,
            48,
            1,
            0,
            lane < 16 ? 120 : 376,
        };
        for (int i = 0; i < 12; i++) wrong += differs("out", t * 12 + i, out[t][i], expected[i]);
    }
    return wrong ? CHILD_WRONG : CHILD_RIGHT;
}

static int row_sums(void) {
    enum { ROWS = 7, WIDTH = 301 };
    static float x[ROWS][WIDTH], y[ROWS];
    int wrong = 0;
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < WIDTH; i++) x[r][i] = (float)(r + i % 5);
    float *const dx = device_of(x, sizeof x), *const dy = device_new(sizeof y);
    child_ok(launch_row_sums(dy, dx, ROWS, WIDTH, stream));
    fetch(y, dy, sizeof y);
    for (int r = 0; r < ROWS; r++) wrong += differs("y", r, y[r], WIDTH * r + 600);
    return wrong ? CHILD_WRONG : CHILD_RIGHT;
}

static int reverse(void) {
    float x[256], y[256];
    int wrong = 0;
    for (int i = 0; i < 256; i++) x[i] = (float)i;
    float *const dx = device_of(x, sizeof x), *const dy = device_new(sizeof y);
    child_ok(launch_reverse(dy, dx, 256, stream));
    fetch(y, dy, sizeof y);
    for (int i = 0; i < 256; i++) wrong += differs("y", i, y[i], i ^ 63);
    return wrong ? CHILD_WRONG : CHILD_RIGHT;
}

static int atomics(void) {
    int out[7] = {0, -1, 1000, 0, 0, 0, 0}, wrong = 0;
    const int expected[7] = {320, 319, 0, 0x7fffffff, 1, 1, 640};
    int *const device     = device_of(out, sizeof out);
    child_ok(launch_atomics(device, 5, stream));
    fetch(out, device, sizeof out);
    for (int i = 0; i < 7; i++) wrong += differs("out", i, out[i], expected[i]);
    return wrong ? CHILD_WRONG : CHILD_RIGHT;
}

static int positions(void) {
    const dim3 grid = {3, 2, 5}, block = {4, 3, 2};
    static unsigned out[30 * 24][6];
    unsigned *const device = device_new(sizeof out);
    int wrong              = 0;
    child_ok(launch_positions(device, grid, block, stream));
    fetch(out, device, sizeof out);
    for (unsigned i = 0; i < 30 * 24; i++) {
        const unsigned b = i / 24, t = i % 24;
        const unsigned expected[6] = {b % 3, b / 3 % 2, b / 6, t % 4, t / 4 % 3, t / 12};
        for (int j = 0; j < 6; j++) wrong += differs("out", (int)i, out[i][j], expected[j]);
    }
    return wrong ? CHILD_WRONG : CHILD_RIGHT;
}

static int bits(void) {
    float out[10];
    const float expected[10] = {0.5F, 1, 2, 7, 1.5F, 8, 31, 2, -2, 2};
    int wrong                = 0;
    float *const device      = device_new(sizeof out);
    child_ok(launch_bits(device, stream));
    fetch(out, device, sizeof out);
    for (int i = 0; i < 10; i++) wrong += differs("out", i, out[i], expected[i]);
    return wrong ? CHILD_WRONG : CHILD_RIGHT;
}

/* A kernel gets 48 KiB of dynamic shared memory by default. */
static int large(void) {
    float out           = 0;
    float *const device = device_new(sizeof out);
    if (launch_large(device, 65536, stream) != cudaErrorInvalidConfiguration) return CHILD_WRONG;
    if (cudaGetLastError() != cudaErrorInvalidConfiguration) return CHILD_WRONG;
    child_ok(prepare_large(65536));
    child_ok(launch_large(device, 65536, stream));
    fetch(&out, device, sizeof out);
    return differs("out", 0, out, 16384) ? CHILD_WRONG : CHILD_RIGHT;
}

/* The more recent major number has less: 227 and 99 KiB. */
static int largest(void) {
    enum { OF_9 = 227 * 1024, OF_12 = 99 * 1024 };
    emu_settings settings = emu_settings_now();
    const bool is_9 =
        prepare_large(OF_9) == cudaSuccess && prepare_large(OF_9 + 1) == cudaErrorInvalidValue;
    (void)cudaGetLastError();
    child_ok(cudaStreamDestroy(stream));
    settings.major = 12;
    emu_restart(&settings);
    child_ok(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    const bool is_12 =
        prepare_large(OF_12) == cudaSuccess && prepare_large(OF_12 + 1) == cudaErrorInvalidValue;
    (void)cudaGetLastError();
    return is_9 && is_12 ? CHILD_RIGHT : CHILD_WRONG;
}

/* ---- the table ---- */

static int (*body)(void);

static int with_stream(void) {
    child_ok(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    const int status = body();
    child_ok(cudaStreamDestroy(stream));
    return status;
}

static void run_everywhere(const char *name, int (*it)(void)) {
    static const char *const orders[] = {"forward", "reverse", "random"};
    body                              = it;
    for (int i = 0; i < REPEAT; i++) {
        char seed[32], order[32];
        (void)snprintf(seed, sizeof seed, "EMU_SEED=%d", i + 1);
        (void)snprintf(order, sizeof order, "EMU_ORDER=%s", orders[i % 3]);
        const char *const variables[] = {seed, order, i % 2 ? "EMU_MODE=lazy" : "EMU_MODE=async",
                                         i == 5 ? "EMU_FIBERS=ucontext" : NULL, NULL};
        const child_result result     = child_run(with_stream, variables);
        if (result.status != CHILD_RIGHT)
            fail_msg("%s, %s, %s: status %d\n%s", name, seed, order, result.status, result.text);
    }
}

#define EVERYWHERE(name)                                                                           \
    static void test_##name(void **state) {                                                        \
        (void)state;                                                                               \
        run_everywhere(#name, name);                                                               \
    }
EVERYWHERE(warp_words)
EVERYWHERE(row_sums)
EVERYWHERE(reverse)
EVERYWHERE(atomics)
EVERYWHERE(positions)
EVERYWHERE(bits)
EVERYWHERE(large)
EVERYWHERE(largest)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warp_words), cmocka_unit_test(test_row_sums),
        cmocka_unit_test(test_reverse),    cmocka_unit_test(test_atomics),
        cmocka_unit_test(test_positions),  cmocka_unit_test(test_bits),
        cmocka_unit_test(test_large),      cmocka_unit_test(test_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
