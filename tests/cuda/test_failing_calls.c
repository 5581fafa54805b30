/* SPDX-License-Identifier: MIT */
/*
 * test_failing_calls.c -- every call site of CUDA and cuBLAS in the backend, and every kernel
 * launch, fails in each phase of a pipeline: at its first use, at its last or between. Memory
 * runs out, too: the GPU's, pinned memory, the host's.
 *
 * The call sites are those of a run without failures, so that a new one is covered automatically; a
 * test checks that no function and no kernel of the backend is missing among them.
 */
#include "call_census.h"

#include "runtime/base/error.h"

static const scenario scenarios[] = {
    {"a GPT", "1f1b", "cuda", true, 30, false},
    {"linear layers", "zb1p", "cuda", false, 30, false},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

/* ---- runs without failures ---- */

static call_census whole[SCENARIOS];

static int run_without_failures(void **state) {
    (void)state;
    scenario_begin();
    scenario_settings.major = 8;           /* only the workspaces depend on it: they are small */
    census_take(&whole[0], &scenarios[0]); /* the GPUs meet, once: test_peers */
    for (int s = 0; s < SCENARIOS; s++) census_take(&whole[s], &scenarios[s]);
    return 0;
}

/* ---- a case ---- */

static struct {
    int scenario;
    const emu_site *site;
    scenario_phase phase;
    int nth, code;
    char words[192];
} injected;

static void inject_in_phase(scenario_phase phase) {
    if (phase == injected.phase) emu_inject(injected.site, EMU_FAILS, injected.nth, injected.code);
}

#define complain(format, ...)                                                                      \
    do {                                                                                           \
        char at_[256];                                                                             \
        fail_msg("%s, which is %s: " format, injected.words,                                       \
                 emu_site_words(injected.site, at_, sizeof at_), __VA_ARGS__);                     \
    } while (0)

static bool gives_back(const char *function) {
    static const char *const names[] = {"cudaFree", "cudaFreeHost", "cudaEventDestroy",
                                        "cudaStreamDestroy", "cublasLtDestroy"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        if (strcmp(names[n], function) == 0) return true;
    return false;
}

/* Who fails: a pipeline is opened by the caller's thread at first, then by ranks that also warm up;
 * a run's last calls belong to no instruction; a rank moves parameters. */
static void who(char *out, size_t bytes, int device) {
    switch (injected.phase) {
    case SCENARIO_CREATE:
        (void)snprintf(out, bytes, "((rank |cuda:)[01](, stage [01], [01][FBIW][0-9])?: )?");
        return;
    case SCENARIO_STEP:
    case SCENARIO_AGAIN:
    case SCENARIO_EVALUATE:
        (void)snprintf(
            out, bytes,
            "rank %d(, stage %d, %d([FBIW]|(SEND|RECV)_[FB])[0-9]|, [a-z][a-z0-9 -]*)?: ", device,
            device, device);
        return;
    default:
        (void)snprintf(out, bytes, "rank %d: ", device);
    }
}

static const char *reason(void) {
    if (strncmp(injected.site->function, "cublas", 6) == 0)
        return "the function failed[a-zA-Z ]* \\(cuBLAS status [0-9]+, CUBLAS_STATUS_[A-Z_]+\\)";
    return injected.code == cudaErrorMemoryAllocation
               ? "out of memory \\(CUDA error 2, cudaErrorMemoryAllocation\\)"
               : "unspecified launch failure \\(CUDA error 719, cudaErrorLaunchFailure\\)";
}

static sluice_status expected_status(void) {
    if (injected.code != cudaErrorMemoryAllocation) return SLUICE_E_DEVICE;
    return strcmp(injected.site->function, "cudaHostAlloc") == 0 ? SLUICE_E_HOST_MEMORY
                                                                 : SLUICE_E_DEVICE_MEMORY;
}

static void expect_message(const outcome *end, int device) {
    char rank[128], pattern[512];
    who(rank, sizeof rank, device);
    (void)snprintf(pattern, sizeof pattern,
                   "%s[a-zA-Z0-9 ']+: %s(; some parameters may be updated already)?", rank,
                   reason());
    if (end->failed_in != injected.phase)
        complain("'%s' fails",
                 end->failed_in == SCENARIO_END ? "nothing" : scenario_phase_words[end->failed_in]);
    if (end->status != expected_status() || !test_matches(end->error.what, pattern))
        complain("%s: '%s', expected '%s'", sluice_status_name(end->status), end->error.what,
                 pattern);
    if (end->seconds > 10) complain("it took %g s", end->seconds);
}

/* One call fails, once. Calls that release have nobody to report to, and how often a call polls
 * depends on timing. */
static void run_case(void) {
    const call_census *const usual = &whole[injected.scenario];
    (void)snprintf(injected.words, sizeof injected.words, "%s, %s, call %d of %s, code %d",
                   scenarios[injected.scenario].name, scenario_phase_words[injected.phase],
                   injected.nth, injected.site->function, injected.code);
    const outcome end =
        scenario_run(&scenarios[injected.scenario], inject_in_phase, injected.words);
    const int device = emu_fired();
    const bool is_told =
        device >= 0 && injected.phase != SCENARIO_FREE && !gives_back(injected.site->function);
    if (device < 0 && !census_is_poll(injected.site)) complain("%s", "there was no such call");
    if (census_is_poll(injected.site) && end.failed_in > injected.phase)
        injected.phase = end.failed_in;
    if (is_told)
        expect_message(&end, device);
    else if (end.failed_in != SCENARIO_END || end.digest != usual->end.digest)
        complain("%s", end.failed_in == SCENARIO_END ? "other bits" : end.error.what);
    if (end.free_seconds > 10) complain("freeing took %g s", end.free_seconds);
    scenario_expect_nothing_left(injected.words);
}

/* ---- the sweep ---- */

/* If there are few calls all are tried, else one: the first, the last or one between, each in
 * another phase (with a sanitizer of those that it tries). SLUICE_LONG=1: every call. */
static int only_call(int n, int phase, long calls, uint64_t *random) {
    switch ((n / 3 + phase / 3) % 3) {
    case 0:
        return 1;
    case 1:
        return (int)calls;
    default:
        return test_random_int(random, 1, (int)calls);
    }
}

/* In one phase of so many. */
static int try_site(const census_site *at, int one_in, int code, int few, uint64_t *random) {
    const int n = (int)(at - whole[injected.scenario].list);
    int cases   = 0;
    for (int phase = 0; phase < SCENARIO_END; phase++) {
        if ((n + phase) % one_in != 0) continue;
        const long calls = census_calls(at, phase);
        const bool all   = getenv("SLUICE_LONG") || calls <= few;
        const int only   = all ? 0 : only_call(n, phase, calls, random);
        for (int nth = 1; nth <= calls; nth++) {
            if (!all && nth != only) continue;
            injected.site  = &at->site;
            injected.phase = (scenario_phase)phase;
            injected.nth   = nth;
            injected.code  = code;
            run_case();
            cases++;
        }
    }
    return cases;
}

static void every_call_may_fail(void **state) {
    (void)state;
    uint64_t random  = test_seed();
    const int one_in = test_is_sanitized() && !getenv("SLUICE_LONG") ? 3 : 1;
    for (int s = 0; s < SCENARIOS; s++) {
        int cases         = 0;
        injected.scenario = s;
        for (int n = 0; n < whole[s].count; n++)
            cases += try_site(&whole[s].list[n], one_in, cudaErrorLaunchFailure, 1, &random);
        print_message("%s: %d calls failed at %d call sites\n", scenarios[s].name, cases,
                      whole[s].count);
        census_expect_same(&whole[s], &scenarios[s]);
    }
}

/* ---- memory ---- */

static void memory_of_the_gpu_and_pinned_memory_may_run_out(void **state) {
    (void)state;
    enum { FEW = 16 };
    uint64_t random   = test_seed();
    int cases         = 0;
    injected.scenario = 0;
    for (int n = 0; n < whole[0].count; n++) {
        const census_site *const at = &whole[0].list[n];
        if (strcmp(at->site.function, "cudaMalloc") == 0 ||
            strcmp(at->site.function, "cudaHostAlloc") == 0)
            cases += try_site(at, 1, cudaErrorMemoryAllocation, FEW, &random);
    }
    print_message("%d allocations failed\n", cases);
    if (cases < 20) fail_msg("only %d allocations failed", cases);
    census_expect_same(&whole[0], &scenarios[0]);
}

static int failing_request;

static void fail_a_request(scenario_phase phase) {
    if (phase == SCENARIO_CREATE) scenario_fail_memory(failing_request);
    if (phase == SCENARIO_END) scenario_fail_memory(-1);
}

static void memory_of_the_host_may_run_out(void **state) {
    (void)state;
    uint64_t random = test_seed();
    const int all = whole[0].requests, limit = getenv("SLUICE_LONG") ? all : 60;
    int cases = 0;
    for (failing_request = 0; failing_request < all; failing_request++) {
        char words[64];
        if (test_random_int(&random, 1, all) > limit) continue;
        (void)snprintf(words, sizeof words, "request %d for host memory", failing_request);
        const outcome end = scenario_run(&scenarios[0], fail_a_request, words);
        if (end.status != SLUICE_E_HOST_MEMORY || end.error.what[0] == '\0')
            fail_msg("%s: %s: '%s'", words, sluice_status_name(end.status), end.error.what);
        scenario_expect_nothing_left(words);
        cases++;
    }
    print_message("%d of %d requests for host memory failed\n", cases, all);
    census_expect_same(&whole[0], &scenarios[0]);
}

/* ---- what no pipeline reaches ---- */

static sluice_status describe(const sluice_device_ops *ops, sluice_stream *stream) {
    char text[64];
    (void)stream;
    return ops->describe(text, sizeof text, 0);
}

/* What no training of a GPT computes: one row of one head of two elements, of
 * which every tensor is the same memory. */
typedef sluice_status operation(const sluice_operations *operations, sluice_stream *stream,
                                void *memory);
#define ONE_HEAD .heads = 1, .kv_heads = 1, .head_width = 2

/* A product without an inner dimension is beta times the old content. */
static sluice_status multiply_nothing(const sluice_operations *operations, sluice_stream *stream,
                                      void *memory, float beta) {
    return operations->matmul(
        stream, &(sluice_matmul){.c = memory, .rows = 2, .columns = 2, .alpha = 1, .beta = beta});
}

static sluice_status double_content(const sluice_operations *operations, sluice_stream *stream,
                                    void *memory) {
    return multiply_nothing(operations, stream, memory, 2);
}

static sluice_status forget_content(const sluice_operations *operations, sluice_stream *stream,
                                    void *memory) {
    return multiply_nothing(operations, stream, memory, 0);
}

static sluice_status attend_with_cache(const sluice_operations *operations, sluice_stream *stream,
                                       void *memory) {
    return operations->attention_cached(
        stream, &(sluice_attention_cached){memory, memory, memory, memory, 1, 0, 1, 1, 1, 2});
}

static sluice_status turn_heads(const sluice_operations *operations, sluice_stream *stream,
                                void *memory) {
    return operations->rotary(
        stream,
        &(sluice_rotary){
            .qkv = memory, .samples = 1, .length = 1, ONE_HEAD, .frequencies = {.base = 10000}});
}

static sluice_status norm_of_heads(const sluice_operations *operations, sluice_stream *stream,
                                   void *memory) {
    return operations->head_norm(stream, &(sluice_head_norm){.y      = memory,
                                                             .rstd   = memory,
                                                             .qkv    = memory,
                                                             .q_gain = memory,
                                                             .k_gain = memory,
                                                             .rows   = 1,
                                                             ONE_HEAD,
                                                             .epsilon = 1});
}

static sluice_status gradient_of_heads(const sluice_operations *operations, sluice_stream *stream,
                                       void *memory) {
    return operations->head_norm_backward(stream,
                                          &(sluice_head_norm_backward){.dqkv    = memory,
                                                                       .dq_gain = memory,
                                                                       .dk_gain = memory,
                                                                       .qkv     = memory,
                                                                       .rstd    = memory,
                                                                       .q_gain  = memory,
                                                                       .k_gain  = memory,
                                                                       .scratch = memory,
                                                                       .rows    = 1,
                                                                       ONE_HEAD,
                                                                       .first_write = true});
}

static sluice_status open_gate(const sluice_operations *operations, sluice_stream *stream,
                               void *memory) {
    return operations->swiglu(stream, &(sluice_swiglu){memory, memory, 1, 1});
}

static sluice_status slope_of_gate(const sluice_operations *operations, sluice_stream *stream,
                                   void *memory) {
    return operations->swiglu_backward(stream,
                                       &(sluice_swiglu_backward){memory, memory, memory, 1, 1});
}

static sluice_status copy_parameter(const sluice_operations *operations, sluice_stream *stream,
                                    void *memory) {
    return operations->store_working(stream, &(sluice_store_working){memory, memory, 1});
}

static sluice_status run_on_memory(const sluice_device_ops *ops, sluice_stream *stream,
                                   operation *run) {
    enum { BYTES = 4096 };
    void *memory = NULL;
    SLUICE__TRY(ops->arena_alloc(&memory, NULL, BYTES));
    const sluice_status status = run(ops->operations(SLUICE_PRECISION_FP32), stream, memory);
    (void)ops->synchronize(stream);
    ops->arena_free(NULL, memory, BYTES);
    return status;
}

#define ON_MEMORY(name, run)                                                                       \
    static sluice_status name(const sluice_device_ops *ops, sluice_stream *stream) {               \
        return run_on_memory(ops, stream, run);                                                    \
    }
ON_MEMORY(scale, double_content)
ON_MEMORY(clear, forget_content)
ON_MEMORY(store, copy_parameter)
ON_MEMORY(attend_cached, attend_with_cache)
ON_MEMORY(turn, turn_heads)
ON_MEMORY(normalize, norm_of_heads)
ON_MEMORY(norm_gradient, gradient_of_heads)
ON_MEMORY(gate, open_gate)
ON_MEMORY(slope, slope_of_gate)

static const struct {
    const char *function, *what;
    sluice_status (*call)(const sluice_device_ops *ops, sluice_stream *stream);
} rest[] = {
    {"cudaGetDeviceProperties", "asking for the properties of a GPU", describe},
    {"scale_elements", "scaling", scale},
    {"cudaMemsetAsync", "scaling", clear},
    {"copy_elements", "copying a parameter", store},
    {"store_rows", "attention with a cache", attend_cached},
    {"attend_cached", "attention with a cache", attend_cached},
    {"turn", "rotary positions", turn},
    {"normalize", "a norm of heads", normalize},
    {"sum_rows", "the gradient of a norm of heads", norm_gradient},
    {"gradient_of_input", "the gradient of a norm of heads", norm_gradient},
    {"gate", "a gate", gate},
    {"slope", "the gradient of a gate", slope},
};

static void calls_outside_pipelines_may_fail(void **state) {
    (void)state;
    const sluice_device_ops *ops = NULL;
    sluice_device *device        = NULL;
    sluice_stream *stream        = NULL;
    emu_restart(&scenario_settings);
    assert_ok(sluice_device_find(&ops, "cuda"));
    assert_ok(ops->open(&device, 0, 1, 0, false));
    assert_ok(ops->stream_create(&stream, device, SLUICE_STREAM_COMPUTE));
    for (size_t k = 0; k < sizeof rest / sizeof *rest; k++) {
        char text[160];
        (void)snprintf(text, sizeof text,
                       "%s: unspecified launch failure (CUDA error 719, "
                       "cudaErrorLaunchFailure)",
                       rest[k].what);
        assert_ok(rest[k].call(ops, stream));
        emu_fail_call(rest[k].function, 1, cudaErrorLaunchFailure);
        assert_refused(rest[k].call(ops, stream), SLUICE_E_DEVICE, text);
        assert_ok(rest[k].call(ops, stream));
    }
    ops->stream_destroy(stream);
    ops->close(device);
    scenario_expect_nothing_left("the rest");
}

/* ---- nothing is missing ---- */

static bool was_called(const char *function) {
    for (int s = 0; s < SCENARIOS; s++)
        for (int n = 0; n < whole[s].count; n++)
            if (strcmp(whole[s].list[n].site.function, function) == 0) return true;
    for (size_t k = 0; k < sizeof rest / sizeof *rest; k++)
        if (strcmp(rest[k].function, function) == 0) return true;
    return false;
}

/* They tell the version, or of an error: called after one, and what they return is its reason. The
 * one that forbids access between peers is for those whose copies are wrong (test_plugin.sh). */
static bool only_tells(const char *function) {
    static const char *const names[] = {"cudaDeviceDisablePeerAccess", "cudaGetErrorName",
                                        "cudaGetErrorString",          "cudaGetLastError",
                                        "cudaRuntimeGetVersion",       "cudaStreamQuery",
                                        "cublasLtGetStatusName",       "cublasLtGetStatusString"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        if (strcmp(names[n], function) == 0) return true;
    return false;
}

/* Call for each line that `command` prints. */
static int expect_called(const char *command) {
    char name[128];
    int count        = 0;
    FILE *const list = popen(command, "r");
    assert_non_null(list);
    for (; fgets(name, sizeof name, list); count++) {
        name[strcspn(name, "\n")] = '\0';
        if (!was_called(name) && !only_tells(name)) fail_msg("%s is never called here", name);
    }
    assert_int_equal(pclose(list), 0);
    return count;
}

static void no_function_and_no_kernel_is_missing(void **state) {
    (void)state;
    setenv("BACKEND", BACKEND, 1); /* its path may have blanks and quotes */
    const int functions =
        expect_called("nm -D --undefined-only \"$SLUICE_PLUGIN_PATH/libsluice_cuda.so\" | "
                      "grep -oE '(cuda|cublas)[A-Z]\\w+'");
    const int kernels =
        expect_called("cat \"$BACKEND\"/*.cu | tr -d '\\n' | "
                      "grep -oE 'SLUICE__LAUNCH\\([^,]+' | sed 's/<.*//; s/.*(//' | sort -u");
    print_message("%d functions, %d kernels\n", functions, kernels);
    if (functions < 20 || kernels < 20) fail_msg("that is too few");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_function_and_no_kernel_is_missing),
        cmocka_unit_test(calls_outside_pipelines_may_fail),
        cmocka_unit_test(memory_of_the_gpu_and_pinned_memory_may_run_out),
        cmocka_unit_test(memory_of_the_host_may_run_out),
        cmocka_unit_test(every_call_may_fail),
    };
    return cmocka_run_group_tests(tests, run_without_failures, NULL);
}
