/* SPDX-License-Identifier: MIT */
/* failure.c -- the first failure of any rank, kept and reported in one sentence. */
#include "runtime/executor/failure.h"

#include <stdio.h>

#include "runtime/base/error.h"

static const sluice_instruction *instruction_of(const sluice_pipeline *pipeline, int r) {
    const sluice_program *program = pipeline->run.program;
    if (!program) return NULL;
    const int at = atomic_load(&pipeline->positions[r].at);
    return at >= 0 && at < program->rank[r].count ? &program->rank[r].list[at] : NULL;
}

static void describe_rank(const sluice_pipeline *pipeline, int r, char *out, size_t bytes) {
    const sluice__position *const position = &pipeline->positions[r];
    const sluice_instruction *at           = instruction_of(pipeline, r);
    char words[SLUICE__WORDS]; /* of the instruction */
    if (!pipeline->run.program) {
        snprintf(out, bytes, "rank %d is %s", r,
                 atomic_load(&position->has_finished) ? "done" : "not done");
        return;
    }
    if (!at) {
        snprintf(out, bytes, "rank %d %s", r,
                 atomic_load(&position->at) < 0   ? "has not begun"
                 : atomic_load(&position->awaits) ? "waits for its device"
                                                  : "has finished");
        return;
    }
    sluice__describe_instruction(words, sizeof words, at);
    if (atomic_load(&position->awaits)) {
        snprintf(out, bytes, "rank %d waits for its device in %s", r, words);
        return;
    }
    const bool waits = at->kind == SLUICE_INSTRUCTION_WAIT || at->kind == SLUICE_INSTRUCTION_NORM;
    snprintf(out, bytes, "rank %d %s %s", r, waits ? "waits for" : "is at", words);
}

void sluice__describe_ranks(const sluice_pipeline *pipeline, int except, char *out, size_t bytes) {
    enum { MAX_NAMED = 4 };
    size_t used = 0;
    int named   = 0;
    out[0]      = 0;
    for (int r = 0; r < pipeline->ranks && named < MAX_NAMED; r++) {
        char words[192];
        if (r == except) continue;
        describe_rank(pipeline, r, words, sizeof words);
        const int added = snprintf(out + used, bytes - used, "%s%s", named ? "; " : "", words);
        if (added < 0 || (size_t)added >= bytes - used) return;
        used += (size_t)added;
        named++;
    }
}

sluice_status sluice__deadline_passed(sluice__rank *rank, const char *words) {
    char others[384];
    sluice__describe_ranks(rank->pipeline, rank->index, others, sizeof others);
    sluice__fail(SLUICE_E_DEADLINE, "no rank finished anything for %g s: rank %d waits for %s%s%s",
                 rank->pipeline->deadline.seconds, rank->index, words, others[0] ? "; " : "",
                 others);
    return sluice__hint(SLUICE_E_DEADLINE,
                        "if a single action can take that long, raise deadline_s");
}

sluice_status sluice__stopped(void) {
    return sluice__fail(SLUICE_E_STOPPED, "another rank failed first");
}

/* Whether `error` replaces the task's failure so far; under the lock. E_STOPPED only says that
 * another rank failed. */
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
    const sluice_instruction *at = instruction_of(rank->pipeline, rank->index);
    sluice_error full            = *error;
    char words[SLUICE__WORDS]    = "";
    if (at) sluice__describe_instruction(words, sizeof words, at);
    if (at && at->microbatch >= 0)
        snprintf(full.what, sizeof full.what, "rank %d, stage %d, %s: %.600s", rank->index,
                 at->stage, words, error->what);
    else
        snprintf(full.what, sizeof full.what, "rank %d%s%s: %.600s", rank->index, at ? ", " : "",
                 words, error->what);
    (void)sluice__fail_again(&full);
    sluice__keep_failure(rank->pipeline);
}
