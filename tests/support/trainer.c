/* SPDX-License-Identifier: MIT */
/* trainer.c -- steps, digest and end of a run in a test. */
#include "tests/support/trainer.h"

#include "tests/support/support.h"

uint64_t digest_of(sluice_pipeline *pipeline) {
    uint64_t digest = 0;
    assert_ok(sluice_pipeline_digest(&digest, pipeline));
    return digest;
}

void trainer_close(trainer *it) {
    sluice_run_close(it->run);
    sluice_pipeline_close(it->pipeline);
}

void trainer_go(const trainer *it, int steps) {
    sluice_run_result result;
    for (int k = 0; k < steps; k++) assert_ok(sluice_run_step(&result, it->run));
}

uint64_t trainer_digest(const trainer *it) {
    return digest_of(it->pipeline);
}
