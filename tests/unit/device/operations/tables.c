/* SPDX-License-Identifier: MIT */
/* tables.c -- operations that read rows of a table by number: embedding and classifier. */
#include "tests/unit/device/operations/check.h"
#include "tests/unit/device/operations/tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/reference64.h"

/* ---- embedding ---- */

static sluice_status run_embedding(sluice_stream *stream, float *out, const void *context) {
    sluice_embedding args = *(const sluice_embedding *)context;
    args.y                = out;
    return operations->embedding(stream, &args);
}

static sluice_status run_embedding_backward(sluice_stream *stream, float *out,
                                            const void *context) {
    sluice_embedding_backward args = *(const sluice_embedding_backward *)context;
    args.dtable                    = out;
    if (args.positions > 0) args.dpositions = out + args.vocabulary * args.width;
    return operations->embedding_backward(stream, &args);
}

static void check_embedding(uint64_t *random, const int64_t shape[4], bool has_positions,
                            bool first) {
    const int64_t samples = shape[0], length = shape[1], width = shape[2], vocabulary = shape[3];
    const int64_t rows = samples * length, positions = has_positions ? length + 2 : 0;
    const int64_t table_count = vocabulary * width, all = (vocabulary + positions) * width;
    int32_t *const tokens = random_integers(random, rows, 0, (int)vocabulary - 1);
    float *const tables = random_floats(random, all), *const y = floats(rows * width);
    float *const dy = random_floats(random, rows * width), *const out = floats(all);
    memset(y, 0, (size_t)(rows * width) * sizeof *y);
    memcpy(out, tables, (size_t)all * sizeof *out);
    const float *const position_rows     = has_positions ? tables + table_count : NULL;
    const sluice_embedding args          = {NULL,    tokens, tables, position_rows,
                                            samples, length, width,  vocabulary};
    const sluice_embedding_backward back = {NULL,   NULL,  tokens,     dy,        samples,
                                            length, width, vocabulary, positions, first};
    double *const tables64 = reference_copy(tables, all), *const out64 = reference_zeros(all);
    double *const dy64 = reference_copy(dy, rows * width);
    double *const y64  = reference_zeros(rows * width);
    reference_embedding(y64, tokens, tables64, has_positions ? tables64 + table_count : NULL,
                        samples, length, width);
    reference_embedding_backward(out64, has_positions ? out64 + table_count : NULL, tokens, dy64,
                                 samples, length, width);
    const char *const label =
        label_of("embedding", shape, 4, (first ? 1 : 0) + (has_positions ? 2 : 0));
    run_on_every_team(y, rows * width, run_embedding, &args, label);
    expect_close(label, "y", y, y64, rows * width, 1e-7);
    run_on_every_team(out, all, run_embedding_backward, &back, label);
    expect_gradient(label, "dtable and dpositions", out, tables, out64, all, first, 2e-6);
    release(tokens), release(tables), release(y), release(dy), release(out);
    free(tables64), free(out64), free(dy64), free(y64);
}

void embedding_agrees(void **state) {
    (void)state;
    static const int64_t shapes[][4] = {
        {0, 4, 3, 5}, {1, 1, 1, 1}, {3, 17, 33, 7}, {4, 32, 130, 300}};
    uint64_t random = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        check_embedding(&random, shapes[s], true, true);
        check_embedding(&random, shapes[s], true, false);
        check_embedding(&random, shapes[s], false, true);
        check_embedding(&random, shapes[s], false, false);
    }
}

void a_token_outside_the_table_is_refused(void **state) {
    (void)state;
    int32_t *const tokens = block(3 * sizeof *tokens);
    enum { ELEMENTS = 2 * (256 + 3) };
    float *const tables = floats(ELEMENTS), *const y = floats(6);
    memset(tables, 0, ELEMENTS * sizeof *tables);
    memset(y, 0, 6 * sizeof *y);
    tokens[0] = 0, tokens[1] = 1, tokens[2] = 300;
    const sluice_embedding args = {y, tokens, tables, tables + 512, 1, 3, 2, 256};
    assert_refused(done(operations->embedding(streams[0], &args)), SLUICE_E_ARGUMENT,
                   "token 2 is 300, and the table has 256 rows");
    assert_string_equal(sluice_last_error()->hint,
                        "use a model whose vocabulary is that of the data");
    const sluice_embedding_backward back = {tables, tables + 512, tokens, y,    1, 3,
                                            2,      256,          3,      false};
    tokens[1]                            = -1;
    assert_refused(done(operations->embedding_backward(streams[0], &back)), SLUICE_E_ARGUMENT,
                   "token 1 is -1, and the table has 256 rows");
    tokens[1] = 1, tokens[2] = 2; /* the error was reported once, and is forgotten */
    assert_ok(done(operations->embedding(streams[0], &args)));
    release(tokens), release(tables), release(y);
}

/* ---- classifier ---- */

enum { NO_DX = 1, NO_DW = 2, FIRST = 4, EXTREME = 8 };

typedef struct head_case {
    sluice_classifier args;
    int flags;
} head_case;

/* out: loss as two floats' bits, dx, dw */
static sluice_status run_classifier(sluice_stream *stream, float *out, const void *context) {
    const head_case *const c = context;
    sluice_classifier args   = c->args;
    args.loss                = (double *)out;
    args.dx                  = c->flags & NO_DX ? NULL : out + 2;
    args.dw                  = c->flags & NO_DW ? NULL : out + 2 + args.rows * args.width;
    return operations->classifier(stream, &args);
}

/* With a width of 1: logits of +200 and -200, which without the maximum subtracted overflow, or
 * leave nothing. All are exact. */
static void set_extremes(uint64_t *random, float *x, int64_t x_count, float *w, int64_t w_count) {
    for (int64_t i = 0; i < x_count; i++) x[i] = test_random_int(random, 0, 1) == 0 ? 20 : -20;
    for (int64_t i = 0; i < w_count; i++) w[i] = test_random_int(random, 0, 1) == 0 ? 10 : -10;
    if (w_count > 1) w[0] = 10, w[1] = 10; /* with one input, all of them are low, too */
}

static void check_classifier(uint64_t *random, const int64_t shape[3], int flags) {
    const int64_t rows = shape[0], width = shape[1], classes = shape[2];
    const int64_t x_count = rows * width, w_count = classes * width, all = 2 + x_count + w_count;
    const double scale     = 0.37;
    const double tolerance = 5e-6 * fmax(1, (double)width / 1000) /* logits grow */
                             + rounded_on_gpus(2);                /* their gradients */
    float *const x = random_floats(random, x_count), *const w = random_floats(random, w_count);
    float *const old = random_floats(random, all), *const out = floats(all);
    int32_t *const targets = random_integers(random, rows, -1, (int)classes - 1);
    void *const scratch = block(sluice_classifier_scratch(rows, width, classes, operations->type));
    memcpy(out, old, (size_t)all * sizeof *out);
    if (flags & EXTREME) set_extremes(random, x, x_count, w, w_count);
    const head_case c = {.args  = {.x           = x,
                                   .w           = w,
                                   .targets     = targets,
                                   .scratch     = scratch,
                                   .rows        = rows,
                                   .width       = width,
                                   .classes     = classes,
                                   .scale       = scale,
                                   .first_write = flags & FIRST},
                         .flags = flags};
    double *const x64 = reference_copy(x, x_count), *const w64 = reference_copy(w, w_count);
    double *const dx64 = reference_zeros(x_count), *const dw64 = reference_zeros(w_count);
    const double expected =
        reference_classifier(dx64, dw64, x64, w64, targets, rows, width, classes, scale);
    const char *const label = label_of("classifier", shape, 3, flags);
    run_on_every_team(out, all, run_classifier, &c, label);
    double loss;
    memcpy(&loss, out, sizeof loss);
    if (!(fabs(loss - expected) <= 1e-6 * fabs(expected)))
        fail_msg("%s: loss is %.9g, expected %.9g", label, loss, expected);
    if (!(flags & NO_DX)) expect_close(label, "dx", out + 2, dx64, x_count, tolerance);
    if (!(flags & NO_DW))
        expect_gradient(label, "dw", out + 2 + x_count, old + 2 + x_count, dw64, w_count,
                        flags & FIRST, tolerance);
    release(x), release(w), release(old), release(out), release(targets), release(scratch);
    free(x64), free(w64), free(dx64), free(dw64);
}

void classifier_agrees(void **state) {
    (void)state;
    static const int64_t shapes[][3] = {{0, 3, 4},       {1, 1, 1},     {5, 7, 3},
                                        {300, 9, 70},    {517, 16, 33}, {3, 4, 5003},
                                        {70, 130, 1500}, {40, 5000, 5}};
    uint64_t random                  = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int flags = 0; flags < 8; flags++)
            if (test_picks((int)s + flags, 1, 3)) check_classifier(&random, shapes[s], flags);
}

void classifier_bears_extreme_logits(void **state) {
    (void)state;
    static const int64_t shapes[][3] = {{4, 1, 2}, {9, 1, 70}, {300, 1, 33}};
    uint64_t random                  = test_seed();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        check_classifier(&random, shapes[s], EXTREME | FIRST);
}

void a_target_past_the_classes_is_refused(void **state) {
    (void)state;
    int32_t *const targets = block(2 * sizeof *targets);
    float *const x = floats(2), *const w = floats(4), *const dw = floats(4);
    void *const scratch = block(sluice_classifier_scratch(2, 1, 4, operations->type));
    double *const loss  = block(sizeof *loss);
    memset(x, 0, 2 * sizeof *x);
    memset(w, 0, 4 * sizeof *w);
    targets[0] = -100, targets[1] = 4;
    const sluice_classifier args = {loss, NULL, dw, x, w, targets, scratch, 2, 1, 4, 1.0, true};
    assert_refused(done(operations->classifier(streams[0], &args)), SLUICE_E_ARGUMENT,
                   "the target of row 1 is 4, and there are 4 classes");
    assert_string_equal(sluice_last_error()->hint,
                        "use a model whose vocabulary is that of the data");
    release(targets), release(x), release(w), release(dw), release(scratch), release(loss);
}

/* An error in a step must show in its loss. */
void a_nan_reaches_the_loss(void **state) {
    (void)state;
    int32_t *const targets = block(sizeof *targets);
    float *const x = floats(1), *const w = floats(20), *const dx = floats(1);
    double *const scratch = block(32 * sizeof *scratch), *const loss = block(sizeof *loss);
    targets[0] = 1;
    x[0]       = NAN;
    for (int i = 0; i < 20; i++) w[i] = 1;
    assert_true(sluice_classifier_scratch(1, 1, 20, SLUICE_TYPE_F32) <= 32 * sizeof *scratch);
    const sluice_classifier args = {loss, dx, NULL, x, w, targets, scratch, 1, 1, 20, 1.0, true};
    assert_ok(done(operations->classifier(streams[0], &args)));
    assert_true(isnan(*loss) && isnan(*dx));
    release(targets), release(x), release(w), release(dx), release(scratch), release(loss);
}
