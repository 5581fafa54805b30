/* SPDX-License-Identifier: MIT */
/* attention_cached.c -- attention with a cache, in chunks of any size, against attention over the
 * whole sequence. */
#include "tests/unit/device/operations/check.h"
#include "tests/unit/device/operations/tests.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/reference64.h"

/* A sequence, which is given in chunks of at most `chunk` rows. */
typedef struct sequence {
    sluice_attention_cached args; /* of all of it */
    int64_t chunk;
} sequence;

static sluice_status run_chunks(sluice_stream *stream, float *out, const void *context) {
    const sequence *const all = context;
    const int64_t width       = all->args.heads * all->args.head_width;
    const int64_t row         = width + 2 * all->args.kv_heads * all->args.head_width;
    for (int64_t at = 0; at < all->args.rows; at += all->chunk) {
        sluice_attention_cached args = all->args;
        const int64_t left           = all->args.rows - at;
        args.out                     = out + at * width;
        args.qkv                     = (const float *)all->args.qkv + at * row;
        args.position                = at;
        args.rows                    = left < all->chunk ? left : all->chunk;
        const sluice_status status   = operations->attention_cached(stream, &args);
        if (status != SLUICE_OK) return status;
    }
    return SLUICE_OK;
}

/* shape: length, heads, kv_heads, head_width, capacity */
static sequence make_sequence(uint64_t *random, const int64_t shape[5], int64_t chunk) {
    const int64_t length = shape[0], heads = shape[1], kv_heads = shape[2], width = shape[3];
    const int64_t cache = shape[4] * kv_heads * width;
    return (sequence){{.keys       = random_floats(random, cache),
                       .values     = random_floats(random, cache),
                       .qkv        = random_floats(random, length * (heads + 2 * kv_heads) * width),
                       .rows       = length,
                       .capacity   = shape[4],
                       .heads      = heads,
                       .kv_heads   = kv_heads,
                       .head_width = width},
                      chunk};
}

static void free_sequence(const sequence *all) {
    release(all->args.keys), release(all->args.values), release((void *)all->args.qkv);
}

static const int64_t shapes[][5] = {{1, 1, 1, 1, 1},     {7, 3, 3, 5, 7},      {9, 4, 2, 16, 12},
                                    {40, 2, 1, 33, 40},  {20, 6, 3, 64, 21},   {12, 2, 2, 130, 12},
                                    {300, 2, 2, 8, 320}, {270, 1, 1, 256, 270}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

void cached_attention_agrees(void **state) {
    (void)state;
    const sluice_dropout none = {0};
    uint64_t random           = test_seed();
    for (int s = 0; s < SHAPES; s++) {
        const int64_t *const shape = shapes[s];
        if (!on_cpu && shape[0] > 100) continue; /* it has no blocks of keys */
        const int64_t length = shape[0], heads = shape[1], kv_heads = shape[2], width = shape[3];
        const int64_t count = length * heads * width;
        const sequence all  = make_sequence(&random, shape, length > 100 ? 64 : 4);
        float *const out    = random_floats(&random, count);
        double *const qkv64 = reference_copy(all.args.qkv, length * (heads + 2 * kv_heads) * width);
        double *const out64 = reference_zeros(count);
        reference_attention(out64, NULL, qkv64, 1, length, heads, kv_heads, width, &none);
        const char *const label = label_of("attention with a cache", shape, 5, 0);
        run_on_every_team(out, count, run_chunks, &all, label);
        expect_close(label, "out", out, out64, count, 1e-5);
        free_sequence(&all);
        release(out);
        free(qkv64), free(out64);
    }
}

void cached_attention_does_not_depend_on_chunks(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int s = 1; s < SHAPES; s++) {
        const int64_t *const shape = shapes[s];
        if (!on_cpu && shape[0] > 12) continue;
        const int64_t count = shape[0] * shape[1] * shape[3];
        sequence all        = make_sequence(&random, shape, shape[0]);
        float *const whole = random_floats(&random, count), *const out = floats(count);
        const char *const label = label_of("attention with a cache", shape, 5, 0);
        run_on_every_team(whole, count, run_chunks, &all, label);
        /* Single rows of a long sequence have no races that those of a short one have not. */
        all.chunk = test_finds_races() && shape[0] > 100 ? 127 : 1;
        for (; all.chunk < shape[0]; all.chunk = 2 * all.chunk + 1) {
            run_on_every_team(out, count, run_chunks, &all, label);
            if (memcmp(out, whole, (size_t)count * sizeof *out) != 0)
                fail_msg("%s: chunks of %d rows have other bits than one chunk", label,
                         (int)all.chunk);
        }
        free_sequence(&all);
        release(whole), release(out);
    }
}

void a_full_cache_is_refused(void **state) {
    (void)state;
    const sluice_attention_cached args = {
        .rows = 3, .position = 6, .capacity = 8, .heads = 1, .kv_heads = 1, .head_width = 4};
    assert_refused(operations->attention_cached(streams[0], &args), SLUICE_E_ARGUMENT,
                   "the key/value cache is for positions 0 to 7, and attention is asked for 3 from "
                   "position 6 on");
}
