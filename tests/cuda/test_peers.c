/* SPDX-License-Identifier: MIT */
/*
 * test_peers.c -- GPUs that can copy to each other and GPUs that cannot: the same bits, no copy
 * that the driver stages, and a sentence; and what fails while two of them meet. (Those that lie
 * about it: test_plugin.sh, since a process finds that out once.)
 */
#include "tests/cuda/stack.h"

#include "runtime/base/error.h"

typedef struct row {
    const char *name;
    emu_peers peers;
    const char *transport;
    const char *says; /* of the two GPUs, by the pipeline */
} row;

static const row rows[] = {
    {"GPUs that reach each other", EMU_PEERS_REACH, "local", ""},
    {"the same, through host memory", EMU_PEERS_REACH, "host", ""},
    {"GPUs that do not reach each other", EMU_NO_PEERS, "local",
     "cuda:0 and cuda:1 do not reach each other's memory: their transfers go through host memory"},
    {"the same, through host memory", EMU_NO_PEERS, "host", ""},
};

static char said[512];

/* Sees the pipeline while it runs. */
static void watch(sluice__rank *rank, const sluice_instruction *at) {
    (void)at;
    if (rank->index == 0)
        (void)snprintf(said, sizeof said, "%s", sluice_pipeline_degradations(rank->pipeline));
}

static stack_outcome train(const row *it, uint64_t seed, bool lazy) {
    const stack with      = {.schedule     = "zbv",
                             .transport    = it->transport,
                             .ranks        = 2,
                             .microbatches = 4,
                             .samples      = 8,
                             .watch        = watch};
    emu_settings settings = emu_settings_now();
    settings.peers        = it->peers;
    emu_restart(&settings);
    stack_devices(2, seed, lazy);
    said[0] = '\0';
    return stack_train(&with);
}

static void any_two_gpus_train_alike(void **state) {
    const stack_outcome expected = train(&rows[0], 1, false);
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        for (int n = 0; n < 4; n++) {
            const row *const it      = &rows[k];
            const stack_outcome got  = train(it, (uint64_t)(n / 2) + 1, n % 2 == 1);
            const long by_the_driver = emu_happened("copy through the driver");
            if (memcmp(&got, &expected, sizeof got) != 0)
                fail_msg("%s, transport %s, seed %d: other bits", it->name, it->transport,
                         n / 2 + 1);
            if (by_the_driver > 0)
                fail_msg("%s, transport %s: the driver stages %ld copies", it->name, it->transport,
                         by_the_driver);
            if (strcmp(said, it->says) != 0)
                fail_msg("%s: '%s', expected '%s'", it->name, said, it->says);
        }
}

/* ---- calls that fail while two GPUs meet ---- */

static sluice_status open_both(const sluice_device_ops *ops, sluice_device *devices[2]) {
    for (int d = 0; d < 2; d++) SLUICE__TRY(ops->open(&devices[d], d, 1, 0, false));
    return ops->meet(devices[0], 1);
}

static void a_call_may_fail_while_two_meet(void **state) {
    static const struct {
        const char *function;
        int times, code; /* calls for two GPUs that meet for the first time */
    } calls[] = {
        {"cudaDeviceCanAccessPeer", 2, cudaErrorUnknown},
        {"cudaDeviceEnablePeerAccess", 2, cudaErrorUnknown},
        {"cudaStreamCreateWithPriority", 2, cudaErrorMemoryAllocation},
        {"cudaEventCreateWithFlags", 2, cudaErrorMemoryAllocation},
        {"cudaMalloc", 2, cudaErrorMemoryAllocation},
        {"cudaHostAlloc", 2, cudaErrorMemoryAllocation},
        {"cudaMemcpyAsync", 12, cudaErrorECCUncorrectable},
        {"cudaEventRecord", 12, cudaErrorECCUncorrectable},
    };
    const sluice_device_ops *ops = NULL;
    (void)state;
    assert_ok(sluice_device_find(&ops, "cuda"));
    emu_settings settings = emu_settings_now();
    settings.peers        = EMU_PEERS_REACH;
    settings.lazy         = false;
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++)
        for (int nth = 1; nth <= calls[c].times; nth++) {
            sluice_device *devices[2] = {NULL, NULL};
            char left[128];
            emu_restart(&settings);
            emu_fail_call(calls[c].function, nth, calls[c].code);
            const sluice_status status = open_both(ops, devices);
            for (int d = 0; d < 2; d++) ops->close(devices[d]);
            if (status == SLUICE_OK || !strstr(sluice_last_error()->what, "CUDA error"))
                fail_msg("%s %d fails: %s: '%s'", calls[c].function, nth,
                         sluice_status_name(status), sluice_last_error()->what);
            if (emu_left(left, sizeof left)[0] != '\0')
                fail_msg("%s %d fails: %s left", calls[c].function, nth, left);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_call_may_fail_while_two_meet),
                                       cmocka_unit_test(any_two_gpus_train_alike)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
