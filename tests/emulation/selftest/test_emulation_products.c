/* SPDX-License-Identifier: MIT */
/* Tests of the emulated cuBLASLt: products against sums in double, and the shapes that an algorithm
 * may be used for. */
#include "everywhere.h"
#include "multiply.h"
#include "rig.h"

#include <math.h>

static cublasLtHandle_t handle_new(void) {
    cublasLtHandle_t handle = NULL;
    child_ok(cublasLtCreate(&handle));
    return handle;
}

static float *random_matrix(uint64_t *random, size_t count) {
    float *const x = malloc(count * sizeof *x);
    child_ok(x == NULL);
    for (size_t i = 0; i < count; i++) x[i] = (float)test_random_int(random, -9, 9) / 8;
    return x;
}

static float *upload(const float *x, size_t count, cudaStream_t stream) {
    float *const device = rig_memory(0, count * sizeof *x);
    child_ok(cudaMemcpyAsync(device, x, count * sizeof *x, cudaMemcpyHostToDevice, stream));
    return device;
}

static double reference(const multiplication *p, const float *a, const float *b, int i, int j) {
    double sum = 0;
    for (int l = 0; l < p->k; l++)
        sum += (double)a[p->transpose_a ? i * p->lda + l : l * p->lda + i] *
               (double)b[p->transpose_b ? l * p->ldb + j : j * p->ldb + l];
    return sum;
}

static void expect_product(const multiplication *p, const float *a, const float *b,
                           const float *before, const float *after) {
    for (int j = 0; j < p->n; j++)
        for (int i = 0; i < p->ldc; i++) {
            const int at    = j * p->ldc + i;
            double expected = (double)before[at];
            if (i < p->m)
                expected = (double)p->alpha * reference(p, a, b, i, j) +
                           (p->beta == 0 ? 0 : (double)p->beta * (double)before[at]);
            expect_that(fabs((double)after[at] - expected) < 1e-4,
                        "(%d,%d) of %dx%dx%d is %g, not %g", i, j, p->m, p->n, p->k,
                        (double)after[at], expected);
        }
}

static void try_product(const multiplication *p, uint64_t *random, cublasLtHandle_t handle,
                        cudaStream_t stream) {
    const size_t a_count = (size_t)p->lda * (size_t)(p->transpose_a ? p->m : p->k);
    const size_t b_count = (size_t)p->ldb * (size_t)(p->transpose_b ? p->k : p->n);
    const size_t c_count = (size_t)p->ldc * (size_t)p->n;
    float *const a = random_matrix(random, a_count), *const b = random_matrix(random, b_count);
    float *const c = random_matrix(random, c_count), *const d = random_matrix(random, c_count);
    float *const da = upload(a, a_count, stream), *const db = upload(b, b_count, stream);
    if (p->beta == 0)
        for (size_t i = 0; i < c_count; i++)
            if (i % (size_t)p->ldc < (size_t)p->m) c[i] = NAN; /* it must not be read */
    float *const dc = upload(c, c_count, stream);
    child_ok(multiply(handle, p, da, db, dc, stream));
    child_ok(cudaMemcpyAsync(d, dc, c_count * sizeof *d, cudaMemcpyDeviceToHost, stream));
    expect_product(p, a, b, c, d);
    child_ok(cudaFree(da));
    child_ok(cudaFree(db));
    child_ok(cudaFree(dc));
    free(a);
    free(b);
    free(c);
    free(d);
}

static void random_products(void) {
    rig r                   = rig_new();
    cublasLtHandle_t handle = handle_new();
    uint64_t random         = emu_settings_now().seed * 2 + 1;
    for (int i = 0; i < 24; i++) {
        multiplication p =
            multiplication_of(test_random_int(&random, 1, 17), test_random_int(&random, 1, 17),
                              test_random_int(&random, 1, 33));
        p.transpose_a = i & 1;
        p.transpose_b = i >> 1 & 1;
        p.alpha       = i % 3 ? 1 : 0.5F;
        p.beta        = i % 4 ? 0 : 1;
        p.lda         = (p.transpose_a ? p.k : p.m) + test_random_int(&random, 0, 3);
        p.ldb         = (p.transpose_b ? p.n : p.k) + test_random_int(&random, 0, 3);
        p.ldc         = p.m + test_random_int(&random, 0, 3);
        try_product(&p, &random, handle, r.compute[0]);
    }
    child_ok(cublasLtDestroy(handle));
    rig_free(&r);
}

static int try_sizes(cublasLtHandle_t handle, const rig *r, int m, int lda) {
    multiplication p = multiplication_of(m, 2, 2);
    p.lda            = lda;
    return (int)multiply(handle, &p, r->x[0], r->y[0], r->z[0], r->compute[0]);
}

static void sizes(void) {
    rig r                   = rig_new();
    cublasLtHandle_t handle = handle_new();
    expect_code(try_sizes(handle, &r, 4, 4), CUBLAS_STATUS_SUCCESS);
    expect_code(try_sizes(handle, &r, 4, 3), CUBLAS_STATUS_INVALID_VALUE);
    expect_code(try_sizes(NULL, &r, 4, 4), CUBLAS_STATUS_NOT_INITIALIZED);
    child_ok(cublasLtDestroy(handle));
    rig_free(&r);
}

/* A product fills its workspace with NaNs. */
static void workspace(void) {
    rig r                   = rig_new();
    cublasLtHandle_t handle = handle_new();
    float *const memory     = rig_memory(0, RIG_BYTES);
    multiplication p        = multiplication_of(4, 4, 4);
    child_ok(launch_fill(memory, 1, RIG_COUNT, r.compute[0]));
    child_ok(multiply(handle, &p, r.x[0], r.y[0], r.z[0], r.compute[0]));
    expect_code(rig_holds(memory, 1, r.compute[0]), CHILD_RIGHT);
    p.workspace       = memory;
    p.workspace_bytes = RIG_BYTES;
    child_ok(multiply(handle, &p, r.x[0], r.y[0], r.z[0], r.compute[0]));
    expect_code(rig_holds(memory, 1, r.compute[0]), CHILD_WRONG);
    p.workspace       = memory + 1;
    p.workspace_bytes = 256;
    expect_code(multiply(handle, &p, r.x[0], r.y[0], r.z[0], r.compute[0]),
                CUBLAS_STATUS_INVALID_VALUE);
    child_ok(cublasLtDestroy(handle));
    child_ok(cudaStreamSynchronize(r.compute[0]));
    child_ok(cudaFree(memory));
    rig_free(&r);
}

/* 1 + 2^-12 is 1 to a tensor core. */
static void tf32(void) {
    rig r                   = rig_new();
    cublasLtHandle_t handle = handle_new();
    multiplication p        = multiplication_of(1, 1, 1);
    const float x           = 1 + 1.0F / 4096;
    float got               = 0;
    child_ok(launch_fill(r.x[0], x, RIG_COUNT, r.compute[0]));
    child_ok(launch_fill(r.y[0], 1, RIG_COUNT, r.compute[0]));
    for (int times = 0; times < 2; times++) {
        p.tf32 = times;
        child_ok(multiply(handle, &p, r.x[0], r.y[0], r.z[0], r.compute[0]));
        child_ok(cudaMemcpyAsync(&got, r.z[0], sizeof got, cudaMemcpyDeviceToHost, r.compute[0]));
        expect_that(got == (times ? 1 : x), "%.9g", (double)got);
        expect_that(emu_happened("tf32 product") == times, "%ld", emu_happened("tf32 product"));
    }
    child_ok(cublasLtDestroy(handle));
    rig_free(&r);
}

/* Ones in bf16: their sum and the bias are rounded once, to nearest, ties to even. */
static void expect_rounded(const multiplication *p, cublasLtHandle_t handle, const rig *r,
                           uint16_t expected) {
    uint16_t got = 0;
    child_ok(multiply(handle, p, r->x[0], r->y[0], r->z[0], r->compute[0]));
    child_ok(cudaMemcpyAsync(&got, r->z[0], sizeof got, cudaMemcpyDeviceToHost, r->compute[0]));
    expect_that(got == expected, "%d ones%s: %04x, not %04x", p->k, p->bias ? " and a bias" : "",
                (unsigned)got, (unsigned)expected);
}

static void bf16(void) {
    rig r                   = rig_new();
    cublasLtHandle_t handle = handle_new();
    uint16_t ones[2]        = {0x3f80, 0x3f80};
    float two_ones;
    memcpy(&two_ones, ones, sizeof two_ones);
    child_ok(launch_fill(r.x[0], two_ones, RIG_COUNT, r.compute[0]));
    child_ok(launch_fill(r.y[0], two_ones, RIG_COUNT, r.compute[0]));
    static const struct {
        int ones;
        uint16_t sum, with_bias; /* 256, 258 and 260 are 4380, 4381 and 4382 */
    } rows[] = {{256, 0x4380, 0x4380}, {257, 0x4380, 0x4381}, {258, 0x4381, 0x4382}};
    for (size_t w = 0; w < sizeof rows / sizeof *rows; w++) {
        multiplication p = multiplication_of(2, 2, rows[w].ones);
        p.ab_type = p.c_type = CUDA_R_16BF;
        expect_rounded(&p, handle, &r, rows[w].sum);
        p.bias = r.x[0];
        expect_rounded(&p, handle, &r, rows[w].with_bias);
    }
    multiplication p = multiplication_of(2, 1, 4); /* a single column */
    p.bias           = r.x[0];
    expect_code(multiply(handle, &p, r.x[0], r.y[0], r.z[0], r.compute[0]),
                CUBLAS_STATUS_NOT_SUPPORTED);
    p.bias   = NULL;
    p.c_type = CUDA_R_16BF; /* of fp32 operands */
    expect_code(multiply(handle, &p, r.x[0], r.y[0], r.z[0], r.compute[0]),
                CUBLAS_STATUS_NOT_SUPPORTED);
    child_ok(cublasLtDestroy(handle));
    rig_free(&r);
}

/* Whether 2^24 + 1 + 1 is summed forward in fp32 depends on the algorithm and the shape. */
static void orders(void) {
    enum { MAX_ROWS = 16 };
    rig r                   = rig_new();
    cublasLtHandle_t handle = handle_new();
    float column[3]         = {16777216, 1, 1}, got;
    int sums[2]             = {0, 0};
    child_ok(launch_fill(r.x[0], 1, RIG_COUNT, r.compute[0]));
    child_ok(cudaMemcpyAsync(r.y[0], column, sizeof column, cudaMemcpyHostToDevice, r.compute[0]));
    for (int m = 1; m <= MAX_ROWS; m++) {
        const multiplication p = multiplication_of(m, 1, 3);
        child_ok(multiply(handle, &p, r.x[0], r.y[0], r.z[0], r.compute[0]));
        child_ok(cudaMemcpyAsync(&got, r.z[0], sizeof got, cudaMemcpyDeviceToHost, r.compute[0]));
        sums[got == 16777218]++;
    }
    expect_that(sums[0] > 0 && sums[1] > 0, "%d of %d backward", sums[1], MAX_ROWS);
    child_ok(cublasLtDestroy(handle));
    rig_free(&r);
}

static void product_fails(void) {
    rig r                   = rig_new();
    cublasLtHandle_t handle = handle_new();
    emu_fail_call("cublasLtMatmul", 1, cudaErrorLaunchFailure);
    expect_code(try_sizes(handle, &r, 4, 4), CUBLAS_STATUS_EXECUTION_FAILED);
    expect_code(cudaGetLastError(), cudaSuccess);
    expect_code(try_sizes(handle, &r, 4, 4), CUBLAS_STATUS_SUCCESS);
    emu_fail_call("cublasLtCreate", 1, cudaErrorMemoryAllocation);
    cublasLtHandle_t more = NULL;
    expect_code(cublasLtCreate(&more), CUBLAS_STATUS_ALLOC_FAILED);
    expect_that(more == NULL, "%p", (void *)more);
    child_ok(cublasLtDestroy(handle));
    rig_free(&r);
}

/* clang-format off */
#define TESTS(X)                                                                                   \
    X(random_products, NULL) X(sizes, NULL) X(workspace, NULL) X(tf32, NULL) X(bf16, NULL)             \
    X(orders, NULL) X(product_fails, NULL)
/* clang-format on */

TESTS(EVERYWHERE)

int main(void) {
#define X(name, variable) cmocka_unit_test(test_##name),
    const struct CMUnitTest tests[] = {TESTS(X)};
#undef X
    return cmocka_run_group_tests(tests, NULL, NULL);
}
