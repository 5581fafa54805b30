/* SPDX-License-Identifier: MIT */
/* failure.c -- the first failure of any rank, kept and told in one sentence. */
#include <stdio.h>

#include "runtime/base/error.h"
#include "runtime/executor/internal.h"

static const sluice_instruction *instruction_of(const sluice__rank *rank) {
    const sluice_program *program = rank->pipeline->run.program;
    if (!program) return NULL;
    const int at = atomic_load(&rank->at);
    return at >= 0 && at < program->rank[rank->index].count ? &program->rank[rank->index].list[at]
                                                            : NULL;
}

static bool is_done(const sluice__rank *rank) {
    pthread_mutex_lock(&rank->pipeline->lock);
    const bool done = rank->finished == rank->pipeline->generation;
    pthread_mutex_unlock(&rank->pipeline->lock);
    return done;
}

static void describe_rank(const sluice__rank *rank, char *out, size_t bytes) {
    const sluice_instruction *at = instruction_of(rank);
    char words[96];
    if (!rank->pipeline->run.program) {
        snprintf(out, bytes, "rank %d is %s", rank->index, is_done(rank) ? "done" : "not done");
        return;
    }
    if (!at) {
        snprintf(out, bytes, "rank %d %s", rank->index,
                 atomic_load(&rank->at) < 0   ? "has not begun"
                 : atomic_load(&rank->awaits) ? "waits for its device"
                                              : "has finished");
        return;
    }
    sluice__describe_instruction(words, sizeof words, at);
    if (atomic_load(&rank->awaits)) {
        snprintf(out, bytes, "rank %d waits for its device in %s", rank->index, words);
        return;
    }
    const bool waits = at->kind == SLUICE_INSTRUCTION_WAIT || at->kind == SLUICE_INSTRUCTION_NORM;
    snprintf(out, bytes, "rank %d %s %s", rank->index, waits ? "waits for" : "is at", words);
}

void sluice__describe_ranks(const sluice_pipeline *pipeline, const sluice__rank *except, char *out,
                            size_t bytes) {
    enum { MOST = 4 };
    size_t used = 0;
    int named   = 0;
    out[0]      = 0;
    for (int r = 0; r < pipeline->ranks && named < MOST; r++) {
        char words[128];
        if (&pipeline->rank[r] == except) continue;
        describe_rank(&pipeline->rank[r], words, sizeof words);
        const int added = snprintf(out + used, bytes - used, "%s%s", named ? "; " : "", words);
        if (added < 0 || (size_t)added >= bytes - used) return;
        used += (size_t)added;
        named++;
    }
}

sluice_status sluice__stopped(void) {
    return sluice__fail(SLUICE_E_STOPPED, "another rank failed first");
}

/* Whether `error` takes the place of what the task has failed with so far; under the lock. That
 * another rank failed first is no reason of its own. */
static bool is_first(const sluice_pipeline *pipeline, const sluice_error *error) {
    return pipeline->failure.status == SLUICE_OK ||
           (pipeline->failure.status == SLUICE_E_STOPPED && error->status != SLUICE_E_STOPPED);
}

static void stop_ranks(sluice_pipeline *pipeline) {
    atomic_store(&pipeline->failed, true);
    if (pipeline->transport) pipeline->transport_ops->abort(pipeline->transport);
}

void sluice__keep_failure(sluice_pipeline *pipeline) {
    const sluice_error *error = sluice_last_error();
    pthread_mutex_lock(&pipeline->lock);
    if (is_first(pipeline, error)) pipeline->failure = *error;
    pthread_mutex_unlock(&pipeline->lock);
    stop_ranks(pipeline);
}

void sluice__fail_pipeline(sluice__rank *rank) {
    const sluice_error *error    = sluice_last_error();
    const sluice_instruction *at = instruction_of(rank);
    sluice_error told            = *error;
    char words[96]               = "";
    if (at) sluice__describe_instruction(words, sizeof words, at);
    if (at && at->microbatch >= 0)
        snprintf(told.what, sizeof told.what, "rank %d, stage %d, %s: %.600s", rank->index,
                 at->stage, words, error->what);
    else
        snprintf(told.what, sizeof told.what, "rank %d%s%s: %.600s", rank->index, at ? ", " : "",
                 words, error->what);
    (void)sluice__fail_again(&told);
    sluice__keep_failure(rank->pipeline);
}
