/* SPDX-License-Identifier: MIT */
/*
 * test_failing_calls.c -- every place of the backend that calls CUDA or cuBLAS, and every launch of
 * a kernel, fails: at its first use, at its last and between, in each phase of a pipeline's life.
 * Memory runs out, too: the GPU's, pinned memory, the host's.
 *
 * The places are those that a life without failures was seen to call from, so that a new one is
 * tried by itself; that no function and no kernel of the backend is missing among them is checked.
 */
#include "life.h"

#include "runtime/base/error.h"

static const story stories[] = {
    {"a GPT", "1f1b", "cuda", true, 30, false},
    {"linear layers", "zb1p", "cuda", false, 30, false},
};
enum { STORIES = sizeof stories / sizeof *stories };

/* ---- lives without failures ---- */

static life whole[STORIES];

static int tell_without_failures(void **state) {
    (void)state;
    story_begin();
    story_settings.major = 8; /* of all that, only the workspaces depend on it: they are small */
    for (int s = 0; s < STORIES; s++) life_tell(&whole[s], &stories[s]);
    return 0;
}

/* ---- a case ---- */

static struct {
    int story;
    const emu_site *site;
    story_phase phase;
    int nth, code;
    char words[192];
} strike;

static void strike_in_phase(story_phase phase) {
    if (phase == strike.phase) emu_strike(strike.site, EMU_FAILS, strike.nth, strike.code);
}

#define complain(format, ...)                                                                      \
    do {                                                                                           \
        char at_[256];                                                                             \
        fail_msg("%s, which is %s: " format, strike.words,                                         \
                 emu_site_words(strike.site, at_, sizeof at_), __VA_ARGS__);                       \
    } while (0)

static bool gives_back(const char *function) {
    static const char *const names[] = {"cudaFree", "cudaFreeHost", "cudaEventDestroy",
                                        "cudaStreamDestroy", "cublasLtDestroy"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        if (strcmp(names[n], function) == 0) return true;
    return false;
}

/* Who fails: a pipeline is made by the caller's thread at first, then by ranks that rehearse, too;
 * a run's last calls belong to no instruction; parameters are moved by a rank. */
static void who(char *out, size_t bytes, int device) {
    switch (strike.phase) {
    case STORY_CREATE:
        (void)snprintf(out, bytes, "((rank |cuda:)[01](, stage [01], [01][FBIW][0-9])?: )?");
        return;
    case STORY_STEP:
    case STORY_AGAIN:
    case STORY_EVALUATE:
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
    if (strncmp(strike.site->function, "cublas", 6) == 0)
        return "the function failed[a-zA-Z ]* \\(cuBLAS status [0-9]+, CUBLAS_STATUS_[A-Z_]+\\)";
    return strike.code == cudaErrorMemoryAllocation
               ? "out of memory \\(CUDA error 2, cudaErrorMemoryAllocation\\)"
               : "unspecified launch failure \\(CUDA error 719, cudaErrorLaunchFailure\\)";
}

static sluice_status expected_status(void) {
    if (strike.code != cudaErrorMemoryAllocation) return SLUICE_E_DEVICE;
    return strcmp(strike.site->function, "cudaHostAlloc") == 0 ? SLUICE_E_HOST_MEMORY
                                                               : SLUICE_E_DEVICE_MEMORY;
}

static void expect_sentence(const ending *end, int device) {
    char rank[128], pattern[512];
    who(rank, sizeof rank, device);
    (void)snprintf(pattern, sizeof pattern,
                   "%s[a-zA-Z0-9 ']+: %s(; some parameters may be updated already)?", rank,
                   reason());
    if (end->failed_in != strike.phase)
        complain("'%s' fails",
                 end->failed_in == STORY_END ? "nothing" : story_phase_words[end->failed_in]);
    if (end->status != expected_status() || !test_matches(end->error.what, pattern))
        complain("%s: '%s', expected '%s'", sluice_status_name(end->status), end->error.what,
                 pattern);
    if (end->seconds > 10) complain("it took %g s", end->seconds);
}

/* One thing fails, once. What gives back has nobody to tell, and whether somebody looks once more
 * is a matter of time. */
static void run_case(void) {
    const life *const usual = &whole[strike.story];
    (void)snprintf(strike.words, sizeof strike.words, "%s, %s, call %d of %s, code %d",
                   stories[strike.story].name, story_phase_words[strike.phase], strike.nth,
                   strike.site->function, strike.code);
    const ending end = story_tell(&stories[strike.story], strike_in_phase, strike.words);
    const int device = emu_struck();
    const bool is_told =
        device >= 0 && strike.phase != STORY_FREE && !gives_back(strike.site->function);
    if (device < 0 && !life_is_look(strike.site)) complain("%s", "there was no such call");
    if (life_is_look(strike.site) && end.failed_in > strike.phase) strike.phase = end.failed_in;
    if (is_told)
        expect_sentence(&end, device);
    else if (end.failed_in != STORY_END || end.digest != usual->end.digest)
        complain("%s", end.failed_in == STORY_END ? "other bits" : end.error.what);
    if (end.free_seconds > 10) complain("freeing took %g s", end.free_seconds);
    story_expect_nothing_left(strike.words);
}

/* ---- the sweep ---- */

/* Of few calls all are tried, of many the ends and one or so between. The second step calls as the
 * first does: one call or so of each place. */
static bool is_tried(int phase, int nth, long calls, int few, uint64_t *random) {
    if (getenv("SLUICE_LONG") || calls <= few) return true;
    if (phase != STORY_AGAIN && (nth == 1 || nth == calls)) return true;
    return test_random_int(random, 1, (int)calls) == 1;
}

static int try_place(const life_place *at, int code, int few, uint64_t *random) {
    int cases = 0;
    for (int phase = 0; phase < STORY_END; phase++) {
        const long calls = life_calls(at, phase);
        for (int nth = 1; nth <= calls; nth++) {
            if (!is_tried(phase, nth, calls, few, random)) continue;
            strike.site  = &at->site;
            strike.phase = (story_phase)phase;
            strike.nth   = nth;
            strike.code  = code;
            run_case();
            cases++;
        }
    }
    return cases;
}

static void every_call_may_fail(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int s = 0; s < STORIES; s++) {
        int cases    = 0;
        strike.story = s;
        for (int n = 0; n < whole[s].count; n++)
            cases += try_place(&whole[s].list[n], cudaErrorLaunchFailure, 1, &random);
        print_message("%s: %d calls failed at %d places\n", stories[s].name, cases, whole[s].count);
        life_expect_same(&whole[s], &stories[s]);
    }
}

/* ---- memory ---- */

static void memory_of_the_gpu_and_pinned_memory_may_run_out(void **state) {
    (void)state;
    enum { FEW = 16 };
    uint64_t random = test_seed();
    int cases       = 0;
    strike.story    = 0;
    for (int n = 0; n < whole[0].count; n++) {
        const life_place *const at = &whole[0].list[n];
        if (strcmp(at->site.function, "cudaMalloc") == 0 ||
            strcmp(at->site.function, "cudaHostAlloc") == 0)
            cases += try_place(at, cudaErrorMemoryAllocation, FEW, &random);
    }
    print_message("%d allocations failed\n", cases);
    if (cases < 20) fail_msg("only %d allocations failed", cases);
    life_expect_same(&whole[0], &stories[0]);
}

static int failing_request;

static void fail_a_request(story_phase phase) {
    if (phase == STORY_CREATE) story_fail_memory(failing_request);
    if (phase == STORY_END) story_fail_memory(-1);
}

static void memory_of_the_host_may_run_out(void **state) {
    (void)state;
    uint64_t random = test_seed();
    const int all = whole[0].requests, most = getenv("SLUICE_LONG") ? all : 60;
    int cases = 0;
    for (failing_request = 0; failing_request < all; failing_request++) {
        char words[64];
        if (test_random_int(&random, 1, all) > most) continue;
        (void)snprintf(words, sizeof words, "request %d for host memory", failing_request);
        const ending end = story_tell(&stories[0], fail_a_request, words);
        if (end.status != SLUICE_E_HOST_MEMORY || end.error.what[0] == '\0')
            fail_msg("%s: %s: '%s'", words, sluice_status_name(end.status), end.error.what);
        story_expect_nothing_left(words);
        cases++;
    }
    print_message("%d of %d requests for host memory failed\n", cases, all);
    life_expect_same(&whole[0], &stories[0]);
}

/* ---- what no pipeline reaches ---- */

static sluice_status describe(const sluice_device_ops *ops, sluice_stream *stream) {
    char text[64];
    (void)stream;
    return ops->describe(0, text, sizeof text);
}

/* A product without an inner dimension is beta times what stands there. */
static sluice_status multiply_nothing(const sluice_device_ops *ops, sluice_stream *stream,
                                      float beta) {
    const sluice_matmul nothing = {.rows = 2, .columns = 2, .alpha = 1, .beta = beta};
    sluice_matmul product       = nothing;
    void *c                     = NULL;
    SLUICE__TRY(ops->arena_alloc(NULL, &c, 4 * sizeof(float)));
    product.c                  = c;
    const sluice_status status = ops->matmul(stream, &product);
    (void)ops->synchronize(stream);
    ops->arena_free(NULL, c, 4 * sizeof(float));
    return status;
}

static sluice_status scale(const sluice_device_ops *ops, sluice_stream *stream) {
    return multiply_nothing(ops, stream, 2);
}

static sluice_status clear(const sluice_device_ops *ops, sluice_stream *stream) {
    return multiply_nothing(ops, stream, 0);
}

static const struct {
    const char *function, *what;
    sluice_status (*call)(const sluice_device_ops *ops, sluice_stream *stream);
} rest[] = {
    {"cudaGetDeviceProperties", "asking for the properties of a GPU", describe},
    {"scale_elements", "scaling", scale},
    {"cudaMemsetAsync", "clearing memory", clear},
};

static void the_rest_may_fail(void **state) {
    (void)state;
    const sluice_device_ops *ops = NULL;
    sluice_device *device        = NULL;
    sluice_stream *stream        = NULL;
    emu_restart(&story_settings);
    assert_ok(sluice_device_find(&ops, "cuda"));
    assert_ok(ops->open(&device, 0, 1, 0, false));
    assert_ok(ops->stream_create(device, SLUICE_STREAM_COMPUTE, &stream));
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
    story_expect_nothing_left("the rest");
}

/* ---- nothing is missing ---- */

static bool was_called(const char *function) {
    for (int s = 0; s < STORIES; s++)
        for (int n = 0; n < whole[s].count; n++)
            if (strcmp(whole[s].list[n].site.function, function) == 0) return true;
    for (size_t k = 0; k < sizeof rest / sizeof *rest; k++)
        if (strcmp(rest[k].function, function) == 0) return true;
    return false;
}

/* They say what a failure is, and the version: there is nothing to fail. */
static bool only_tells(const char *function) {
    static const char *const names[] = {"cudaGetErrorName",      "cudaGetErrorString",
                                        "cudaGetLastError",      "cudaRuntimeGetVersion",
                                        "cublasLtGetStatusName", "cublasLtGetStatusString"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        if (strcmp(names[n], function) == 0) return true;
    return false;
}

/* Each line of what `command` prints. */
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
    char command[1024];
    (void)snprintf(
        command, sizeof command,
        "nm -D --undefined-only '%s/libsluice_cuda.so' | grep -oE '(cuda|cublas)[A-Z]\\w+'",
        getenv("SLUICE_PLUGIN_PATH"));
    const int functions = expect_called(command);
    const int kernels   = expect_called("cat " BACKEND "/*.cu | tr -d '\\n' | "
                                          "grep -oE 'SLUICE__LAUNCH\\([^,]+' | sed 's/.*(//'");
    print_message("%d functions, %d kernels\n", functions, kernels);
    if (functions < 20 || kernels < 20) fail_msg("that is too few");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_function_and_no_kernel_is_missing),
        cmocka_unit_test(the_rest_may_fail),
        cmocka_unit_test(memory_of_the_gpu_and_pinned_memory_may_run_out),
        cmocka_unit_test(memory_of_the_host_may_run_out),
        cmocka_unit_test(every_call_may_fail),
    };
    return cmocka_run_group_tests(tests, tell_without_failures, NULL);
}
