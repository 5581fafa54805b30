/* SPDX-License-Identifier: MIT */
/* word_merges.c -- the tokens of one word. Short words look for the next pair among all, which is
 * quickest; long ones keep pairs in a heap: n log n for a word of n bytes. */
#include "runtime/tokenizer/word_merges.h"

#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

enum { SHORT = 48 };

/* ---- short words ---- */

typedef struct short_word {
    int32_t *ids;
    size_t count;
    const sluice__merge *merge[SHORT]; /* of each token with the next one; NULL: none */
} short_word;

static void look(short_word *word, const sluice__merges *merges, size_t at) {
    word->merge[at] =
        at + 1 < word->count ? sluice__merges_get(merges, word->ids[at], word->ids[at + 1]) : NULL;
}

static bool find_first(size_t *out, const short_word *word) {
    uint32_t first = UINT32_MAX;
    for (size_t at = 0; at + 1 < word->count; at++)
        if (word->merge[at] && word->merge[at]->order < first)
            first = word->merge[at]->order, *out = at;
    return first != UINT32_MAX;
}

static void join(short_word *word, size_t at) {
    word->ids[at]     = word->merge[at]->id;
    const size_t rest = word->count - at - 2;
    memmove(&word->ids[at + 1], &word->ids[at + 2], rest * sizeof *word->ids);
    memmove(&word->merge[at + 1], &word->merge[at + 2], rest * sizeof(void *));
    word->count--;
}

static void merge_short(int32_t *ids, size_t *count, const sluice__merges *merges) {
    short_word word = {.ids = ids, .count = *count};
    size_t at       = 0;
    for (size_t k = 0; k < word.count; k++) look(&word, merges, k);
    while (find_first(&at, &word)) {
        join(&word, at);
        look(&word, merges, at);
        if (at > 0) look(&word, merges, at - 1);
    }
    *count = word.count;
}

/* ---- long words: a list of parts, and a heap of pairs of neighbours ---- */

struct sluice__word_part {
    int32_t id; /* -1: it has become part of one before */
    uint32_t before, after;
};

struct sluice__word_pair {
    uint32_t order, at; /* of the left part */
    int32_t left, right, id;
};

enum { MAX_PARTS = INT32_MAX };
static const uint32_t none = UINT32_MAX;

static bool is_before(const sluice__word_pair *one, const sluice__word_pair *other) {
    return one->order != other->order ? one->order < other->order : one->at < other->at;
}

static sluice_status heap_push(sluice__word_scratch *in, const sluice__word_pair *pair) {
    size_t at = in->heap_count;
    SLUICE__TRY(sluice__reserve(&in->heap, &in->heap_space, at + 1, sizeof *in->heap));
    in->heap_count++;
    for (size_t up; at > 0 && is_before(pair, &in->heap[up = (at - 1) / 2]); at = up)
        in->heap[at] = in->heap[up];
    in->heap[at] = *pair;
    return SLUICE_OK;
}

static sluice__word_pair heap_pop(sluice__word_scratch *in) {
    const sluice__word_pair top = in->heap[0], last = in->heap[--in->heap_count];
    size_t at = 0;
    for (size_t down; (down = 2 * at + 1) < in->heap_count; at = down) {
        if (down + 1 < in->heap_count && is_before(&in->heap[down + 1], &in->heap[down])) down++;
        if (!is_before(&in->heap[down], &last)) break;
        in->heap[at] = in->heap[down];
    }
    in->heap[at] = last;
    return top;
}

static sluice_status push_pair(sluice__word_scratch *in, const sluice__merges *merges,
                               uint32_t at) {
    const uint32_t after = at == none ? none : in->parts[at].after;
    if (after == none) return SLUICE_OK;
    const int32_t left = in->parts[at].id, right = in->parts[after].id;
    const sluice__merge *const merge = sluice__merges_get(merges, left, right);
    if (!merge) return SLUICE_OK;
    return heap_push(in, &(sluice__word_pair){merge->order, at, left, right, merge->id});
}

static sluice_status list_parts(sluice__word_scratch *in, const int32_t *ids, size_t count) {
    if (count > MAX_PARTS)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "a word has %zu bytes; the pattern that cuts a text into words must "
                            "leave at most %d in one",
                            count, MAX_PARTS);
    SLUICE__TRY(sluice__reserve(&in->parts, &in->part_space, count, sizeof *in->parts));
    for (size_t k = 0; k < count; k++)
        in->parts[k] = (sluice__word_part){ids[k], k > 0 ? (uint32_t)k - 1 : none,
                                           k + 1 < count ? (uint32_t)k + 1 : none};
    in->heap_count = 0;
    return SLUICE_OK;
}

/* Whether the two parts of a pair are still what they were when it was pushed. */
static bool is_current(const sluice__word_scratch *in, const sluice__word_pair *pair) {
    const sluice__word_part *const left = &in->parts[pair->at];
    return left->id == pair->left && left->after != none &&
           in->parts[left->after].id == pair->right;
}

static sluice_status join_parts(sluice__word_scratch *in, const sluice__merges *merges,
                                const sluice__word_pair *pair) {
    sluice__word_part *const left  = &in->parts[pair->at];
    sluice__word_part *const right = &in->parts[left->after];
    left->id                       = pair->id;
    left->after                    = right->after;
    right->id                      = -1;
    if (left->after != none) in->parts[left->after].before = pair->at;
    SLUICE__TRY(push_pair(in, merges, left->before));
    return push_pair(in, merges, pair->at);
}

static sluice_status merge_long(int32_t *ids, size_t *count, const sluice__merges *merges,
                                sluice__word_scratch *scratch) {
    SLUICE__TRY(list_parts(scratch, ids, *count));
    for (size_t k = 0; k < *count; k++) SLUICE__TRY(push_pair(scratch, merges, (uint32_t)k));
    while (scratch->heap_count > 0) {
        const sluice__word_pair pair = heap_pop(scratch);
        if (is_current(scratch, &pair)) SLUICE__TRY(join_parts(scratch, merges, &pair));
    }
    *count = 0;
    for (uint32_t at = 0; at != none; at = scratch->parts[at].after)
        ids[(*count)++] = scratch->parts[at].id;
    return SLUICE_OK;
}

sluice_status sluice__word_merge(int32_t *ids, size_t *count, const sluice__merges *merges,
                                 sluice__word_scratch *scratch) {
    if (*count > SHORT) return merge_long(ids, count, merges, scratch);
    merge_short(ids, count, merges);
    return SLUICE_OK;
}

void sluice__word_scratch_free(sluice__word_scratch *scratch) {
    sluice__free(scratch->parts);
    sluice__free(scratch->heap);
}
