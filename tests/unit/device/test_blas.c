/* SPDX-License-Identifier: MIT */
/* test_blas.c -- each library of products that is here against float64: shapes, transpositions,
 * strides, alpha and beta; what is not here is refused by name. */
#include <float.h>
#include <math.h>

#include "runtime/device/cpu/blas_library.h"
#include "tests/support/support.h"

enum { LARGEST = 385, LIBRARIES = 8 };
static const int sizes[] = {1, 3, 17, 64, 65, 100, LARGEST};
enum { SIZES = sizeof sizes / sizeof *sizes, STRIDE = 1024, SPACE = LARGEST * STRIDE };

static float a[SPACE], b[SPACE], fresh[SPACE], before[SPACE], got[SPACE];
static double expected[SPACE], bound[SPACE];
static _Alignas(64) float panel[SLUICE__PANEL];
static const sluice__blas *libraries[LIBRARIES];
static int library_count;

static float random_float(uint64_t *random) {
    return (float)((double)(test_random(random) >> 11) / 0x1p52 - 1);
}

/* No row apart, some of a row apart, or rows that compete for lines of a cache. */
static int64_t stride_of(int64_t columns, uint64_t which) {
    return which == 0 ? columns : which == 1 ? columns + 5 : STRIDE;
}

/* The result, and how far floats may be from it: each of `inner` sums rounds once. */
static void multiply64(const sluice__product *p) {
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t j = 0; j < p->columns; j++) {
            const int64_t at = i * p->c_stride + j;
            double sum = 0, size = 0;
            for (int64_t k = 0; k < p->inner; k++) {
                const double one =
                    (double)a[p->transpose_a ? k * p->a_stride + i : i * p->a_stride + k] *
                    (double)b[p->transpose_b ? j * p->b_stride + k : k * p->b_stride + j];
                sum += one;
                size += fabs(one);
            }
            const double added = p->beta == 0 ? 0 : (double)p->beta * (double)before[at];
            expected[at]       = (double)p->alpha * sum + added;
            bound[at]          = (double)(p->inner + 8) * FLT_EPSILON / 2 *
                        (fabs((double)p->alpha) * size + fabs(added));
        }
}

static void check_element(const sluice__blas *blas, const sluice__product *p, int64_t i,
                          int64_t j) {
    const int64_t at = i * p->c_stride + j;
    if (j >= p->columns ? memcmp(&got[at], &before[at], sizeof *got) == 0
                        : fabs((double)got[at] - expected[at]) <= bound[at])
        return;
    fail_msg("%s: %lld x %lld x %lld, strides %lld, %lld, %lld, transposed %d, %d, alpha %g, beta "
             "%g: row %lld, column %lld is %.9g, expected %.9g",
             blas->name, (long long)p->rows, (long long)p->columns, (long long)p->inner,
             (long long)p->c_stride, (long long)p->a_stride, (long long)p->b_stride, p->transpose_a,
             p->transpose_b, (double)p->alpha, (double)p->beta, (long long)i, (long long)j,
             (double)got[at], j >= p->columns ? (double)before[at] : expected[at]);
}

static void check(const sluice__product *p) {
    for (int64_t at = 0; at < p->rows * p->c_stride; at++)
        before[at] = p->beta == 0 ? NAN : fresh[at];
    multiply64(p);
    for (int l = 0; l < library_count; l++) {
        memcpy(got, before, (size_t)(p->rows * p->c_stride) * sizeof *got);
        assert_true(sluice__multiply_with(libraries[l], p, panel));
        for (int64_t i = 0; i < p->rows; i++)
            for (int64_t j = 0; j < p->c_stride; j++) check_element(libraries[l], p, i, j);
    }
}

static void fill(uint64_t *random) {
    for (int64_t at = 0; at < SPACE; at++) {
        a[at]     = random_float(random);
        b[at]     = random_float(random);
        fresh[at] = random_float(random);
    }
}

/* Every shape in all four transpositions; scales and strides take turns. */
static void check_shape(uint64_t *random, int64_t rows, int64_t columns, int64_t inner) {
    static const float alphas[] = {1, 0, -0.5f}, betas[] = {0, 1, 0.25f};
    for (unsigned flags = 0; flags < 4; flags++) {
        const uint64_t turn     = test_random(random);
        sluice__product product = {.c           = got,
                                   .a           = a,
                                   .b           = b,
                                   .rows        = rows,
                                   .columns     = columns,
                                   .inner       = inner,
                                   .alpha       = alphas[turn % 8 < 5   ? 0
                                                         : turn % 8 < 7 ? 2
                                                                        : 1],
                                   .beta        = betas[turn / 8 % 3],
                                   .transpose_a = flags & 1,
                                   .transpose_b = flags & 2};
        product.c_stride        = stride_of(columns, turn / 24 % 3);
        product.a_stride        = stride_of(flags & 1 ? rows : inner, turn / 72 % 3);
        product.b_stride        = stride_of(flags & 2 ? inner : columns, turn / 216 % 3);
        check(&product);
    }
}

static void libraries_agree_with_float64(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int r = 0; r < SIZES; r++)
        for (int c = 0; c < SIZES; c++) {
            fill(&random);
            for (int k = 0; k < SIZES; k++) check_shape(&random, sizes[r], sizes[c], sizes[k]);
            check_shape(&random, sizes[r], sizes[c], 0);
        }
}

static void an_unknown_one_is_refused(void **state) {
    const char *name = "as before";
    (void)state;
    assert_refused(sluice_blas_find(&name, "cublas"), SLUICE_E_ARGUMENT,
                   "no library of matrix products is called 'cublas'");
    assert_non_null(strstr(sluice_last_error()->hint, "choose one of: auto "));
    assert_string_equal(name, "as before");
}

/* Until one is used, "auto" is the first that can be. */
static void the_first_is_chosen(void **state) {
    const char *name = NULL;
    (void)state;
    assert_ok(sluice_blas_find(&name, "auto"));
    assert_string_equal(name, libraries[0]->name);
    assert_string_equal(sluice__blas_used()->name, libraries[0]->name);
    assert_true((sluice__blas_degradation()[0] == '\0') == (library_count > 1));
}

/* LIBXSMM asks the OpenMP of a process to bind it to a core; others are loaded with variables. */
static const char *const variables[] = {"OMP_PROC_BIND", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS",
                                        "BLIS_ARCH_TYPE"};

static void the_environment_is_as_before(void **state) {
    (void)state;
    for (size_t v = 0; v < sizeof variables / sizeof *variables; v++)
        if (getenv(variables[v])) fail_msg("%s was not set and is now", variables[v]);
}

static void find_libraries(void) {
    char words[128];
    const char *name;
    for (int k = 0; (name = sluice_blas_name(k)) != NULL; k++)
        if (sluice_blas_describe(words, sizeof words, name) != SLUICE_OK)
            printf("%s is left out: %s\n", name, sluice_last_error()->what);
        else if (sluice__blas_find(&libraries[library_count], name) == SLUICE_OK) {
            printf("%s: %s\n", name, words);
            sluice__library_use_one_thread(libraries[library_count++]->library);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libraries_agree_with_float64),
        cmocka_unit_test(an_unknown_one_is_refused),
        cmocka_unit_test(the_first_is_chosen),
        cmocka_unit_test(the_environment_is_as_before),
    };
    for (size_t v = 0; v < sizeof variables / sizeof *variables; v++)
        assert_int_equal(unsetenv(variables[v]), 0);
    find_libraries();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
