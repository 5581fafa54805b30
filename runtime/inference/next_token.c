/* SPDX-License-Identifier: MIT */
/* next_token.c -- the choice of the next token from its logits. */
#include <inttypes.h>
#include <math.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/random.h"
#include "sluice/generation.h"

static sluice_status check(const float *logits, int64_t count, const sluice_sampling *s) {
    if (!isfinite(s->temperature) || s->temperature < 0)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "a temperature of %g; it must be a finite number, at least 0",
                            s->temperature);
    if (!(s->top_p > 0 && s->top_p <= 1)) /* true for NaN */
        return sluice__fail(SLUICE_E_ARGUMENT, "top-p is %g; it must be above 0, and at most 1",
                            s->top_p);
    if (s->top_k < 0 || count < 1)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "the %" PRId64 " most probable of %" PRId64 " tokens", s->top_k, count);
    for (int64_t k = 0; k < count; k++)
        if (!isfinite(logits[k]))
            return sluice__fail(SLUICE_E_NONFINITE,
                                "the logit of token %" PRId64 " is not a finite number", k);
    return SLUICE_OK;
}

static int32_t best_token(const float *logits, int64_t count) {
    int64_t best = 0;
    for (int64_t k = 1; k < count; k++)
        if (logits[k] > logits[best]) best = k;
    return (int32_t)best;
}

/* From 0 to below 1, in steps of 2^-53. */
static double draw(uint64_t seed, int64_t number) {
    uint32_t word[4];
    const uint32_t counter[4] = {(uint32_t)number, (uint32_t)((uint64_t)number >> 32), 0, 0};
    sluice__philox(word, counter, sluice__random_key(seed, "next token", ""));
    return ((double)(word[0] >> 5) * 67108864.0 + (double)(word[1] >> 6)) / 9007199254740992.0;
}

/* Relative to the most probable token's. */
static double weight_of(const float *logits, int64_t token, float largest, double temperature) {
    return exp(((double)logits[token] - (double)largest) / temperature);
}

/* All tokens, in the order of their ids. */
static int32_t sample_all(const float *logits, int64_t count, const sluice_sampling *s,
                          int64_t number) {
    const float largest = logits[best_token(logits, count)];
    double total = 0, sum = 0;
    int64_t last = 0; /* that has any probability */
    for (int64_t k = 0; k < count; k++) total += weight_of(logits, k, largest, s->temperature);
    const double at = draw(s->seed, number) * total;
    for (int64_t k = 0; k < count; k++) {
        const double weight = weight_of(logits, k, largest, s->temperature);
        if (weight > 0) last = k;
        sum += weight;
        if (sum > at) return (int32_t)k;
    }
    return (int32_t)last;
}

/* ---- the most probable ones, taken from a heap ---- */

typedef struct heap {
    const float *logits;
    int32_t *tokens; /* the most probable first; below each two that are less so */
    int64_t count;
} heap;

static bool is_before(const heap *h, int32_t a, int32_t b) {
    return h->logits[a] != h->logits[b] ? h->logits[a] > h->logits[b] : a < b;
}

static void sink(heap *h, int64_t at) {
    for (;;) {
        int64_t best = at;
        for (int64_t child = 2 * at + 1; child <= 2 * at + 2 && child < h->count; child++)
            if (is_before(h, h->tokens[child], h->tokens[best])) best = child;
        if (best == at) return;
        const int32_t token = h->tokens[at];
        h->tokens[at]       = h->tokens[best];
        h->tokens[best]     = token;
        at                  = best;
    }
}

/* The most probable one moves behind those that are left. */
static int32_t take(heap *h) {
    const int32_t token = h->tokens[0];
    h->tokens[0]        = h->tokens[--h->count];
    h->tokens[h->count] = token;
    sink(h, 0);
    return token;
}

/* The `k` most probable tokens, and of those as many as have a share of top_p. Taken, they are at
 * the end of the heap's list, the first of them last. */
static int32_t sample_some(heap *h, double *weights, int64_t k, const sluice_sampling *s,
                           int64_t number) {
    const int64_t count = h->count;
    const float largest = h->logits[h->tokens[0]];
    double total = 0, kept = 0, sum = 0;
    int64_t taken = 0, n = 0, chosen = 0;
    for (; k < count && taken < k; taken++)
        total += weights[taken] = weight_of(h->logits, take(h), largest, s->temperature);
    for (int64_t t = 0; k == count && t < count; t++)
        total += weight_of(h->logits, t, largest, s->temperature);
    for (; n < k && (n == 0 || kept < s->top_p * total); n++) {
        if (n == taken) weights[taken++] = weight_of(h->logits, take(h), largest, s->temperature);
        kept += weights[n];
    }
    const double at = draw(s->seed, number) * kept;
    for (; chosen + 1 < n && sum + weights[chosen] <= at; chosen++) sum += weights[chosen];
    return h->tokens[count - 1 - chosen];
}

static sluice_status sample_heap(int32_t *out, const float *logits, int64_t count,
                                 const sluice_sampling *s, int64_t number) {
    const int64_t k      = s->top_k > 0 && s->top_k < count ? s->top_k : count;
    heap h               = {logits, NULL, count};
    double *weights      = NULL;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&h.tokens, (size_t)count, sizeof *h.tokens));
    SLUICE__TRY_OUT(sluice__alloc(&weights, (size_t)k, sizeof *weights));
    for (int64_t t = 0; t < count; t++) h.tokens[t] = (int32_t)t;
    for (int64_t t = count / 2; t >= 0; t--) sink(&h, t);
    *out = sample_some(&h, weights, k, s, number);
out:
    sluice__free(weights);
    sluice__free(h.tokens);
    return status;
}

sluice_status sluice_next_token(int32_t *out, const float *logits, int64_t count,
                                const sluice_sampling *sampling, int64_t number) {
    SLUICE__TRY(check(logits, count, sampling));
    if (sampling->temperature == 0) {
        *out = best_token(logits, count);
        return SLUICE_OK;
    }
    if (sampling->top_p < 1 || (sampling->top_k > 0 && sampling->top_k < count))
        return sample_heap(out, logits, count, sampling, number);
    *out = sample_all(logits, count, sampling, number);
    return SLUICE_OK;
}
