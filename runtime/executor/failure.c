/* SPDX-License-Identifier: MIT */
/* failure.c -- the first failure of any rank, kept and told in one sentence. */
#include <stdio.h>

#include "runtime/executor/internal.h"

static const sluice_instruction *instruction_of(const sluice__rank *rank) {
    const sluice_program *program = rank->pipeline->run.program;
    if (!program) return NULL;
    const int at = atomic_load(&rank->at);
    return at >= 0 && at < program->rank[rank->index].count ? &program->rank[rank->index].list[at]
                                                            : NULL;
}

static void describe_rank(const sluice__rank *rank, char *out, size_t bytes) {
    const sluice_instruction *at = instruction_of(rank);
    char words[96];
    if (!at) {
        snprintf(out, bytes, "rank %d has finished", rank->index);
        return;
    }
    sluice__describe_instruction(words, sizeof words, at);
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

void sluice__fail_pipeline(sluice__rank *rank) {
    sluice_pipeline *pipeline  = rank->pipeline;
    const sluice_error *error  = sluice_last_error();
    const sluice_instruction *at = instruction_of(rank);
    pthread_mutex_lock(&pipeline->lock);
    const bool is_first = pipeline->failure.status == SLUICE_OK ||
                          (pipeline->failure.status == SLUICE_E_STOPPED &&
                           error->status != SLUICE_E_STOPPED);
    if (is_first) {
        pipeline->failure = *error;
        char words[96] = "";
        if (at) sluice__describe_instruction(words, sizeof words, at);
        if (at && at->microbatch >= 0)
            snprintf(pipeline->failure.what, sizeof pipeline->failure.what,
                     "rank %d, stage %d, %s: %.600s", rank->index, at->stage, words, error->what);
        else if (error->status != SLUICE_E_NONFINITE)
            snprintf(pipeline->failure.what, sizeof pipeline->failure.what, "rank %d%s%s: %.600s",
                     rank->index, at ? ", " : "", words, error->what);
    }
    pthread_mutex_unlock(&pipeline->lock);
    atomic_store(&pipeline->failed, true);
    if (pipeline->transport) pipeline->transport_ops->abort(pipeline->transport);
}
