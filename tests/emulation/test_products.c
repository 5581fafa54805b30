/* SPDX-License-Identifier: MIT */
/* Tests of the emulated cuBLAS: products against sums in double, and what a handle remembers. */
#include "everywhere.h"
#include "rig.h"

#include <math.h>

#include <cublas_v2.h>

typedef struct product {
    int m, n, k, lda, ldb, ldc, batch;
    bool transpose_a, transpose_b;
    float alpha, beta;
} product;

static cublasHandle_t handle_new(cudaStream_t stream) {
    cublasHandle_t handle = NULL;
    child_ok(cublasCreate(&handle));
    child_ok(cublasSetStream(handle, stream));
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

static double reference(const product *p, const float *a, const float *b, int i, int j) {
    double sum = 0;
    for (int l = 0; l < p->k; l++)
        sum += (double)a[p->transpose_a ? i * p->lda + l : l * p->lda + i] *
               (double)b[p->transpose_b ? l * p->ldb + j : j * p->ldb + l];
    return sum;
}

static void expect_product(const product *p, const float *a, const float *b, const float *before,
                           const float *after) {
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

static void try_product(const product *p, uint64_t *random, cublasHandle_t handle,
                        cudaStream_t stream) {
    const size_t a_one = (size_t)p->lda * (size_t)(p->transpose_a ? p->m : p->k);
    const size_t b_one = (size_t)p->ldb * (size_t)(p->transpose_b ? p->k : p->n);
    const size_t c_one = (size_t)p->ldc * (size_t)p->n, times = (size_t)p->batch;
    float *const a = random_matrix(random, a_one * times), *const b =
                                                               random_matrix(random, b_one * times);
    float *const c = random_matrix(random, c_one * times), *const d =
                                                               random_matrix(random, c_one * times);
    float *const da = upload(a, a_one * times, stream), *const db =
                                                            upload(b, b_one * times, stream);
    if (p->beta == 0)
        for (size_t i = 0; i < c_one * times; i++)
            if (i % (size_t)p->ldc < (size_t)p->m) c[i] = NAN; /* it must not be read */
    float *const dc = upload(c, c_one * times, stream);
    child_ok(cublasSgemmStridedBatched(handle, p->transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N,
                                       p->transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N, p->m, p->n, p->k,
                                       &p->alpha, da, p->lda, (long long)a_one, db, p->ldb,
                                       (long long)b_one, &p->beta, dc, p->ldc, (long long)c_one,
                                       p->batch));
    child_ok(cudaMemcpyAsync(d, dc, c_one * times * sizeof *d, cudaMemcpyDeviceToHost, stream));
    for (size_t t = 0; t < times; t++)
        expect_product(p, a + t * a_one, b + t * b_one, c + t * c_one, d + t * c_one);
    child_ok(cudaFree(da));
    child_ok(cudaFree(db));
    child_ok(cudaFree(dc));
    free(a);
    free(b);
    free(c);
    free(d);
}

static void random_products(void) {
    rig r                 = rig_new();
    cublasHandle_t handle = handle_new(r.compute[0]);
    uint64_t random       = emu_settings_now().seed * 2 + 1;
    for (int i = 0; i < 24; i++) {
        product p = {.m           = test_random_int(&random, 1, 17),
                     .n           = test_random_int(&random, 1, 17),
                     .k           = test_random_int(&random, 1, 33),
                     .batch       = test_random_int(&random, 1, 3),
                     .transpose_a = i & 1,
                     .transpose_b = i >> 1 & 1,
                     .alpha       = i % 3 ? 1 : 0.5F,
                     .beta        = i % 4 ? 0 : 1};
        p.lda     = (p.transpose_a ? p.k : p.m) + test_random_int(&random, 0, 3);
        p.ldb     = (p.transpose_b ? p.n : p.k) + test_random_int(&random, 0, 3);
        p.ldc     = p.m + test_random_int(&random, 0, 3);
        try_product(&p, &random, handle, r.compute[0]);
    }
    child_ok(cublasDestroy(handle));
    rig_free(&r);
}

static int sgemm(cublasHandle_t handle, const rig *r, int m, int lda) {
    const float one = 1, zero = 0;
    return (int)cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, m, 2, 2, &one, r->x[0], lda, r->y[0],
                            2, &zero, r->z[0], m > 1 ? m : 1);
}

static void sizes(void) {
    rig r                 = rig_new();
    cublasHandle_t handle = handle_new(r.compute[0]);
    expect_code(sgemm(handle, &r, 0, 1), CUBLAS_STATUS_SUCCESS);
    expect_code(sgemm(handle, &r, 4, 3), CUBLAS_STATUS_INVALID_VALUE);
    expect_code(sgemm(handle, &r, -1, 3), CUBLAS_STATUS_INVALID_VALUE);
    expect_code(sgemm(NULL, &r, 4, 4), CUBLAS_STATUS_NOT_INITIALIZED);
    child_ok(cublasDestroy(handle));
    rig_free(&r);
}

/* Setting the stream forgets the workspace; a product fills its workspace with what is no number.
 */
static void workspace(void) {
    rig r                 = rig_new();
    cublasHandle_t handle = handle_new(r.compute[0]);
    float *const room     = rig_memory(0, RIG_BYTES);
    child_ok(launch_fill(room, 1, RIG_COUNT, r.compute[0]));
    expect_code(sgemm(handle, &r, 4, 4), 0);
    expect_that(emu_happened("product without workspace") == 1, "first");
    expect_code(rig_holds(room, 1, r.compute[0]), CHILD_RIGHT);
    child_ok(cublasSetWorkspace(handle, room, RIG_BYTES));
    expect_code(sgemm(handle, &r, 4, 4), 0);
    expect_that(emu_happened("product without workspace") == 1, "second");
    expect_code(rig_holds(room, 1, r.compute[0]), CHILD_WRONG);
    child_ok(cublasSetStream(handle, r.compute[0]));
    expect_code(sgemm(handle, &r, 4, 4), 0);
    expect_that(emu_happened("product without workspace") == 2, "third");
    expect_code(cublasSetWorkspace(handle, room + 1, 256), CUBLAS_STATUS_INVALID_VALUE);
    child_ok(cublasDestroy(handle));
    child_ok(cudaStreamSynchronize(r.compute[0]));
    child_ok(cudaFree(room));
    rig_free(&r);
}

/* 1 + 2^-12 is 1 to a tensor core. */
static void tf32(void) {
    rig r                 = rig_new();
    cublasHandle_t handle = handle_new(r.compute[0]);
    const float one = 1, zero = 0, x = 1 + 1.0F / 4096;
    float got = 0;
    child_ok(launch_fill(r.x[0], x, RIG_COUNT, r.compute[0]));
    child_ok(launch_fill(r.y[0], 1, RIG_COUNT, r.compute[0]));
    for (int times = 0; times < 2; times++) {
        if (times) child_ok(cublasSetMathMode(handle, CUBLAS_TF32_TENSOR_OP_MATH));
        child_ok(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, r.x[0], 1, r.y[0], 1,
                             &zero, r.z[0], 1));
        child_ok(cudaMemcpyAsync(&got, r.z[0], sizeof got, cudaMemcpyDeviceToHost, r.compute[0]));
        expect_that(got == (times ? 1 : x), "%.9g", (double)got);
        expect_that(emu_happened("tf32 product") == times, "%ld", emu_happened("tf32 product"));
    }
    child_ok(cublasDestroy(handle));
    rig_free(&r);
}

static void product_fails(void) {
    rig r                 = rig_new();
    cublasHandle_t handle = handle_new(r.compute[0]);
    emu_fail_call("cublasSgemm_v2", 1, cudaErrorLaunchFailure);
    expect_code(sgemm(handle, &r, 4, 4), CUBLAS_STATUS_EXECUTION_FAILED);
    expect_code(cudaGetLastError(), cudaSuccess);
    expect_code(sgemm(handle, &r, 4, 4), CUBLAS_STATUS_SUCCESS);
    emu_fail_call("cublasCreate_v2", 1, cudaErrorMemoryAllocation);
    cublasHandle_t more = NULL;
    expect_code(cublasCreate(&more), CUBLAS_STATUS_ALLOC_FAILED);
    expect_that(more == NULL, "%p", (void *)more);
    child_ok(cublasDestroy(handle));
    rig_free(&r);
}

/* clang-format off */
#define TESTS(X)                                                                                   \
    X(random_products, NULL) X(sizes, NULL) X(workspace, NULL) X(tf32, NULL) X(product_fails, NULL)
/* clang-format on */

TESTS(EVERYWHERE)

int main(void) {
#define X(name, variable) cmocka_unit_test(test_##name),
    const struct CMUnitTest tests[] = {TESTS(X)};
#undef X
    return cmocka_run_group_tests(tests, NULL, NULL);
}
