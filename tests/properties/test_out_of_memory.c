/* SPDX-License-Identifier: MIT */
/*
 * test_out_of_memory.c -- host memory may run out anywhere: each call then returns a status and a
 * message, nothing leaks, and no file is left half written.
 *
 * Each scenario makes some public calls from beginning to end. It runs again and again, and each
 * time the next allocation fails: one of ours, or one of the JSON library.
 */
#include "tests/support/files.h"
#include "tests/support/support.h"

#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdatomic.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "sluice/sluice.h"

/* ---- memory that runs out once ---- */

static atomic_int requests, fail_at, alive;
static bool json_failed; /* the failed one belonged to the JSON library */

static bool is_refused(void) {
    return atomic_fetch_add(&requests, 1) == atomic_load(&fail_at);
}

static void *resize(void *context, void *block, size_t old_bytes, size_t new_bytes) {
    (void)context, (void)old_bytes;
    if (new_bytes == 0) {
        if (block) atomic_fetch_sub(&alive, 1);
        free(block);
        return NULL;
    }
    if (is_refused()) return NULL;
    if (!block) atomic_fetch_add(&alive, 1);
    return realloc(block, new_bytes);
}

static void *json_allocate(size_t bytes) {
    if (is_refused()) {
        json_failed = true;
        return NULL;
    }
    atomic_fetch_add(&alive, 1);
    return malloc(bytes);
}

static void json_release(void *block) {
    if (block) atomic_fetch_sub(&alive, 1);
    free(block);
}

/* ---- shared by the scenarios ---- */

static folder files;
enum { LENGTH = 8, SAMPLES = 4 };
static const sluice_gpt_config gpt = {32, 16, 8, 1, 2, true, 0.1F};

static sluice_status load_tokens(void *context, void *to, int64_t first, int64_t samples) {
    (void)context;
    for (int64_t k = 0; k < samples * LENGTH; k++)
        ((int32_t *)to)[k] = (int32_t)((first * LENGTH + k) % 32);
    return SLUICE_OK;
}

static const sluice_batch batch = {SAMPLES,
                                   SAMPLES *LENGTH,
                                   {{"inputs", load_tokens, NULL}, {"targets", load_tokens, NULL}},
                                   1e-3};

static sluice_status make_schedule(sluice_schedule **out, const char *name, int ranks) {
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    options.ranks                   = ranks;
    options.microbatches            = 2;
    return sluice_schedule_generate(out, name, &options);
}

/* ---- the scenarios ---- */

static sluice_status schedules_as_text(void) {
    for (const char *const *name = sluice_schedule_names(); *name; name++) {
        sluice_schedule *schedule = NULL, *again = NULL;
        char *text           = NULL;
        sluice_status status = SLUICE_OK;
        SLUICE__TRY_OUT(make_schedule(&schedule, *name, 2));
        SLUICE__TRY_OUT(sluice_schedule_print(&text, schedule));
        SLUICE__TRY_OUT(sluice_schedule_parse(&again, text, strlen(text)));
    out:
        sluice_text_free(text);
        sluice_schedule_free(again);
        sluice_schedule_free(schedule);
        if (status != SLUICE_OK) return status;
    }
    return SLUICE_OK;
}

static sluice_status splits(void) {
    static sluice_split split;
    const sluice_cost costs[4] = {{1, 1, 1}, {2, 1, 1}, {1, 3, 1}, {1, 1, 1}};
    SLUICE__TRY(sluice_split_minmax(&split, costs, 4, 3));
    return sluice_split_parse(&split, "1,2,1", 5, 4, 3);
}

/* One stage per rank and several, limits, layouts, and a program's rows and what it holds. */
static sluice_status partitions(void) {
    static sluice_partition_result result;
    static sluice_split split;
    sluice_model *model            = NULL;
    sluice_schedule *schedule      = NULL;
    sluice_program *program        = NULL;
    sluice_profile_layer *rows     = NULL;
    sluice_held *held              = NULL;
    sluice_held_buffer *buffers    = NULL;
    char *text                     = NULL;
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_partition problem       = SLUICE_PARTITION_INIT;
    const size_t limits[2]         = {1 << 20, 1 << 20};
    sluice_partition_load loads[2];
    sluice_layout_layer parts[5];
    int inside;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice_gpt_model(&model, &gpt, LENGTH));
    SLUICE__TRY_OUT(make_schedule(&schedule, "interleaved", 2));
    options.samples = SAMPLES;
    SLUICE__TRY_OUT(sluice_program_compile(&program, schedule, NULL, NULL, &options));
    SLUICE__TRY_OUT(sluice_held_make(&held, &problem.held_count, program));
    SLUICE__TRY_OUT(sluice_held_buffers_make(&buffers, &problem.buffer_count, program));
    SLUICE__TRY_OUT(sluice_model_rows(&rows, model, 1, SLUICE_PRECISION_FP32));
    const sluice_profile_layer *layers[2] = {rows, rows};
    problem.layer_count                   = sluice_model_layer_count(model);
    problem.ranks                         = 2;
    problem.stages                        = 4;
    problem.layers                        = layers;
    problem.held                          = held;
    problem.memory_limits                 = limits;
    problem.buffers                       = buffers;
    SLUICE__TRY_OUT(sluice_partition_solve(&result, &problem));
    SLUICE__TRY_OUT(sluice_partition_loads(loads, &problem, &result.split));
    problem.held       = NULL;
    problem.buffers    = NULL;
    problem.held_count = problem.buffer_count = 0;
    problem.stages                            = 2;
    SLUICE__TRY_OUT(sluice_partition_solve(&result, &problem));
    for (int k = 0; k < SLUICE_BASELINES; k++)
        SLUICE__TRY_OUT(sluice_partition_baseline(&split, &problem, (sluice_baseline)k));
    SLUICE__TRY_OUT(sluice_model_layout(parts, model));
    SLUICE__TRY_OUT(sluice_layout_parse(&split, "Et|L", 4, parts, 5));
    status = sluice_layout_print(&text, &inside, &split, parts, 5);
out:
    sluice_text_free(text);
    sluice_held_free(held);
    sluice_held_buffers_free(buffers);
    if (rows) sluice_model_rows_free(rows, sluice_model_layer_count(model));
    sluice_program_free(program);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
    return status;
}

static sluice_status models_and_programs(void) {
    static sluice_split split;
    sluice_model *model       = NULL;
    sluice_schedule *schedule = NULL;
    sluice_program *program = NULL, *bare = NULL;
    const bool recompute[2]        = {true, false};
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    options.samples                = SAMPLES;
    options.recompute              = recompute;
    sluice_status status           = SLUICE_OK;
    SLUICE__TRY_OUT(sluice_gpt_model(&model, &gpt, LENGTH));
    SLUICE__TRY_OUT(make_schedule(&schedule, "1f1b", 2));
    SLUICE__TRY_OUT(sluice_split_from_model(&split, model, 2, SAMPLES, 2));
    SLUICE__TRY_OUT(sluice_program_compile(&program, schedule, model, &split, &options));
    options.recompute = NULL;
    SLUICE__TRY_OUT(sluice_program_compile(&bare, schedule, NULL, NULL, &options));
out:
    sluice_program_free(bare);
    sluice_program_free(program);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
    return status;
}

static sluice_status corpora(void) {
    sluice_corpus *corpus     = NULL;
    const char *const paths[] = {folder_path(&files, "texts")};
    SLUICE__TRY(sluice_corpus_open(&corpus, paths, 1, LENGTH));
    int32_t inputs[LENGTH], targets[LENGTH];
    const sluice_status status =
        sluice_corpus_window(inputs, targets, corpus, sluice_corpus_sample(corpus, 1, 0, 2, 1));
    sluice_corpus_close(corpus);
    return status;
}

static sluice_status weight_files(void) {
    static const float values[6]        = {1, 2, 3, 4, 5, 6};
    static const char index[]           = "{\"weight_map\":{\"a\":\"new\",\"b.c\":\"new\"}}";
    const sluice_named_tensor tensors[] = {{"a", {SLUICE_TYPE_F32, 2, {2, 2}}, values},
                                           {"b.c", {SLUICE_TYPE_F32, 1, {2}}, values + 4}};
    sluice_safetensors *file            = NULL;
    const char *path                    = folder_path(&files, "new");
    sluice_status status                = SLUICE_OK;
    folder_write(&files, "new.json", index, sizeof index - 1);
    SLUICE__TRY_OUT(sluice_safetensors_write(path, tensors, 2));
    SLUICE__TRY_OUT(sluice_safetensors_open(&file, path));
    if (sluice_safetensors_count(file) != 2) fail_msg("a tensor is missing in the file");
    sluice_safetensors_close(file);
    file = NULL;
    SLUICE__TRY_OUT(sluice_safetensors_open(&file, folder_path(&files, "new.json")));
    if (sluice_safetensors_count(file) != 2) fail_msg("a tensor is missing in the index");
out:
    sluice_safetensors_close(file);
    (void)unlink(path);
    (void)unlink(folder_path(&files, "new.json"));
    return status;
}

static sluice_status configurations(void) {
    sluice_model_config got;
    const char *path     = folder_path(&files, "new");
    sluice_status status = SLUICE_OK;
    sluice_gpt_to_model_config(&got, &gpt);
    SLUICE__TRY_OUT(sluice_model_config_write(path, &got));
    SLUICE__TRY_OUT(sluice_model_config_read(&got, path));
    if (sluice_model_config_numbers(&got).width != gpt.width)
        fail_msg("a configuration is read as another");
out:
    (void)unlink(path);
    return status;
}

static sluice_status devices(void) {
    const sluice_device_ops *ops = sluice_devices()[0];
    sluice_device *device        = NULL;
    sluice_stream *stream        = NULL;
    sluice_event *event          = NULL;
    void *arena                  = NULL;
    sluice_status status         = SLUICE_OK;
    SLUICE__TRY_OUT(ops->open(&device, 0, 2, 0, false));
    SLUICE__TRY_OUT(ops->stream_create(&stream, device, SLUICE_STREAM_COMPUTE));
    SLUICE__TRY_OUT(ops->event_create(&event, device, false));
    SLUICE__TRY_OUT(ops->arena_alloc(&arena, device, 4096));
out:
    if (arena) ops->arena_free(device, arena, 4096);
    if (event) ops->event_destroy(event);
    if (stream) ops->stream_destroy(stream);
    ops->close(device);
    return status;
}

static sluice_status take_nothing(void *context, const char *text, size_t bytes) {
    (void)context, (void)text, (void)bytes;
    return SLUICE_OK;
}

static sluice_status drawings(void) {
    const sluice_cost stages[2]          = {{1, 1, 1}, {1, 1, 1}};
    const sluice_simulation_costs costs  = {.stages = stages, .activation_transfer = 0.5};
    const sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_schedule *schedule            = NULL;
    sluice_program *program              = NULL;
    sluice_simulation *simulation        = NULL;
    sluice_timeline *timeline            = NULL;
    char *text = NULL, *coloured = NULL, *picture = NULL;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(make_schedule(&schedule, "1f1b", 2));
    SLUICE__TRY_OUT(sluice_program_compile(&program, schedule, NULL, NULL, &options));
    SLUICE__TRY_OUT(sluice_program_simulate(&simulation, program, &costs));
    SLUICE__TRY_OUT(sluice_simulation_draw(&text, simulation, program, 80));
    SLUICE__TRY_OUT(sluice_timeline_from_simulation(&timeline, program, simulation));
    const sluice_timeline *const one = timeline;
    SLUICE__TRY_OUT(sluice_timeline_draw(&coloured, timeline, 80, true));
    SLUICE__TRY_OUT(sluice_timeline_svg(&picture, &one, 1, 0));
    SLUICE__TRY_OUT(sluice_timeline_trace(take_nothing, NULL, &one, 1));
out:
    sluice_text_free(picture);
    sluice_text_free(coloured);
    sluice_text_free(text);
    sluice_timeline_free(timeline);
    sluice_simulation_free(simulation);
    sluice_program_free(program);
    sluice_schedule_free(schedule);
    return status;
}

/* From a profile to the cost of its stages over one queue per rank. */
static sluice_status profiles(void) {
    static const char text[] =
        "{\"sluice_profile\": 1, \"device\": \"d\", \"tables\": [{\"microbatch\": 1, \"layers\": ["
        "{\"name\": \"a\", \"kind\": \"k\", \"tie\": \"t\", \"forward_s\": 1, \"input_s\": 1, "
        "\"weight_s\": 1, \"recompute_s\": 1, \"parameter_bytes\": 400, \"saved_bytes\": 100, "
        "\"input_to_weight_bytes\": 9, \"scratch_bytes\": 8, \"output_bytes\": 70, "
        "\"parameters\": 100}, "
        "{\"name\": \"b\", \"kind\": \"k\", \"forward_s\": 1, \"input_s\": 1, \"weight_s\": 1, "
        "\"recompute_s\": 1, \"parameter_bytes\": 400, \"saved_bytes\": 300, "
        "\"input_to_weight_bytes\": 9, \"scratch_bytes\": 8, \"output_bytes\": 0, "
        "\"parameters\": 100}]}], \"default_link\": {\"latency_s\": 1, \"bytes_per_s\": 9}, "
        "\"links\": [{\"from\": 0, \"to\": 1, \"latency_s\": 1, \"bytes_per_s\": 9}], "
        "\"update_s_per_parameter\": 0}";
    static sluice_split split;
    const sluice_profile_table *table = NULL;
    sluice_profile *profile           = NULL;
    sluice_schedule *schedule         = NULL;
    sluice_program *program           = NULL;
    sluice_simulation *simulation     = NULL;
    sluice_cost stages[2];
    sluice_stage_bytes bytes[2];
    double recompute[2], updates[2];
    const sluice_profile_costs out = {stages, recompute, bytes, updates};
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    options.bytes                  = bytes;
    options.queues                 = SLUICE_QUEUES_PER_RANK;
    sluice_status status           = SLUICE_OK;
    /* jansson 2.14 itself crashes if memory runs out in a list, so only our allocations fail
     * here. */
    json_set_alloc_funcs(malloc, free);
    status = sluice_profile_parse(&profile, text, sizeof text - 1, "p");
    json_set_alloc_funcs(json_allocate, json_release);
    SLUICE__TRY_OUT(status);
    SLUICE__TRY_OUT(sluice_profile_find(&table, profile, 0));
    SLUICE__TRY_OUT(sluice_profile_split(&split, table, 2));
    SLUICE__TRY_OUT(make_schedule(&schedule, "zb1p", 2));
    SLUICE__TRY_OUT(sluice_profile_stages(&out, profile, table, &split, schedule, 2));
    SLUICE__TRY_OUT(sluice_program_compile(&program, schedule, NULL, NULL, &options));
    const sluice_simulation_costs costs = {.stages     = stages,
                                           .recompute  = recompute,
                                           .updates    = updates,
                                           .links      = profile->links,
                                           .link_count = profile->link_count};
    SLUICE__TRY_OUT(sluice_program_simulate(&simulation, program, &costs));
out:
    sluice_simulation_free(simulation);
    sluice_program_free(program);
    sluice_schedule_free(schedule);
    sluice_profile_free(profile);
    return status;
}

/* Read without jansson's failures, as above; print what was read. */
static sluice_status print_again(const char *text) {
    static char whole[4096];
    sluice_profile *profile = NULL;
    char *printed           = NULL;
    sluice_status status    = SLUICE_OK;
    json_set_alloc_funcs(malloc, free);
    status = sluice_profile_parse(&profile, text, strlen(text), "p");
    json_set_alloc_funcs(json_allocate, json_release);
    SLUICE__TRY_OUT(status);
    SLUICE__TRY_OUT(sluice_profile_print(&printed, profile));
    if (whole[0] == '\0' || atomic_load(&requests) <= atomic_load(&fail_at))
        snprintf(whole, sizeof whole, "%s", printed);
    assert_string_equal(printed, whole);
out:
    sluice_text_free(printed);
    sluice_profile_free(profile);
    return status;
}

static sluice_status printed_profiles(void) {
    return print_again(
        "{\"sluice_profile\": 1, \"device\": \"d\", \"tables\": [{\"microbatch\": 1, \"layers\": ["
        "{\"name\": \"a\", \"kind\": \"k\", \"tie\": \"t\", \"forward_s\": 1, \"input_s\": 1, "
        "\"weight_s\": 1, \"recompute_s\": 1, \"parameter_bytes\": 400, \"saved_bytes\": 100, "
        "\"input_to_weight_bytes\": 9, \"scratch_bytes\": 8, \"output_bytes\": 70, \"parameters\": "
        "1, "
        "\"state_bytes\": 8, \"spread\": {\"forward_s\": 1, \"input_s\": 1, \"weight_s\": 1, "
        "\"recompute_s\": 1}}]}], \"links\": [{\"from\": 0, \"to\": 1, \"latency_s\": 1, "
        "\"bytes_per_s\": 9, \"spread\": {\"latency_s\": 1, \"bytes_per_s\": 1}}], \"model\": "
        "\"m\", "
        "\"update_s_per_parameter\": 0}");
}

static sluice_status graphs(void) {
    static const char text[] =
        "node1 -- A -- forward_compute_time=1, backward_compute_time=1, activation_size=8, "
        "parameter_size=4\n"
        "node2 -- B -- forward_compute_time=1, backward_compute_time=1, activation_size=8, "
        "parameter_size=4\n\tnode1 -- node2\n";
    sluice_profile *profile = NULL;
    const sluice_status got = sluice_profile_parse(&profile, text, sizeof text - 1, "p");
    sluice_profile_free(profile);
    return got;
}

static sluice_status device_lists(void) {
    static const char text[] =
        "{\"sluice_devices\": 1, \"ranks\": [{\"name\": \"a\", \"profile\": \"p.json\", "
        "\"memory_bytes\": 9}], \"default_link\": {\"latency_s\": 1, \"bytes_per_s\": 2}}";
    sluice_device_list *list = NULL;
    char *printed            = NULL;
    sluice_status status     = SLUICE_OK;
    json_set_alloc_funcs(malloc, free);
    status = sluice_device_list_parse(&list, text, sizeof text - 1, "d");
    json_set_alloc_funcs(json_allocate, json_release);
    SLUICE__TRY_OUT(status);
    SLUICE__TRY_OUT(sluice_device_list_print(&printed, list));
    assert_non_null(strstr(printed, "p.json"));
    assert_non_null(strstr(printed, "memory_bytes"));
out:
    sluice_text_free(printed);
    sluice_device_list_free(list);
    return status;
}

/* A search, of which the first splits are refused or all, and its picture. */
static sluice_status search_within(size_t limit) {
    sluice_model *model          = NULL;
    sluice_schedule *schedule    = NULL;
    sluice_split_result *result  = NULL;
    char *picture                = NULL;
    sluice_split_options options = SLUICE_SPLIT_OPTIONS_INIT;
    const double part            = 1;
    const sluice_bar bar         = {"rank 0", "1 s", &part, 1, 1, 3, 1};
    const sluice_bar_panel panel = {"time",   &bar,    1,       2,      "bound",
                                    "stages", "links", "limit", "idle", false};
    sluice_status status         = SLUICE_OK;
    SLUICE__TRY_OUT(sluice_gpt_model(&model, &gpt, LENGTH));
    SLUICE__TRY_OUT(make_schedule(&schedule, "1f1b", 2));
    options.model        = model;
    options.memory_limit = limit;
    SLUICE__TRY_OUT(sluice_split_search(&result, schedule, &options));
    status = sluice_bars_svg(&picture, "a split", &panel, 1);
out:
    sluice_text_free(picture);
    sluice_split_result_free(result);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
    return status;
}

static sluice_status searches(void) {
    return search_within(1 << 20);
}

static sluice_status searches_in_vain(void) {
    return search_within(1000);
}

static sluice_status measured_profiles(void) {
    sluice_profile_options options = SLUICE_PROFILE_OPTIONS_INIT;
    sluice_model *model            = NULL;
    sluice_profile *profile        = NULL;
    sluice_status status           = SLUICE_OK;
    options.ranks                  = 2;
    options.threads                = 1;
    options.steps                  = 1;
    options.warm_up                = 0;
    SLUICE__TRY_OUT(sluice_gpt_model(&model, &gpt, LENGTH));
    SLUICE__TRY_OUT(sluice_profile_measure(&profile, model, &options));
out:
    sluice_profile_free(profile);
    sluice_model_free(model);
    return status;
}

/* A program made for links, verified in its own order over one queue per rank. */
static sluice_status deadlocks(void) {
    const sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_schedule *schedule            = NULL;
    sluice_program *program              = NULL;
    const sluice_instruction *lists[2];
    int counts[2];
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(make_schedule(&schedule, "1f1b", 2));
    SLUICE__TRY_OUT(sluice_program_compile(&program, schedule, NULL, NULL, &options));
    for (int r = 0; r < 2; r++) lists[r] = sluice_program_list(&counts[r], program, r);
    status = sluice_program_verify(program, lists, counts, SLUICE_QUEUES_PER_RANK);
out:
    sluice_program_free(program);
    sluice_schedule_free(schedule);
    return status;
}

/* A pipeline from open to close; `limit` and `bad` are other ways for it to end. */
static sluice_status live(size_t limit, bool bad) {
    sluice_model *model             = NULL;
    sluice_schedule *schedule       = NULL;
    sluice_pipeline *pipeline       = NULL;
    sluice_timeline *timeline       = NULL;
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    options.samples                 = SAMPLES;
    options.threads                 = 2;
    options.memory_limit            = limit;
    sluice_result result;
    double loss;
    uint64_t digest;
    float gain[8];
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice_gpt_model(&model, &gpt, LENGTH));
    SLUICE__TRY_OUT(make_schedule(&schedule, "1f1b", 2));
    SLUICE__TRY_OUT(sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options));
    SLUICE__TRY_OUT(sluice_pipeline_read_parameter(gain, 8, pipeline, "transformer.ln_f.weight"));
    if (bad) gain[2] = NAN;
    SLUICE__TRY_OUT(sluice_pipeline_write_parameter(pipeline, "transformer.ln_f.weight", gain, 8));
    SLUICE__TRY_OUT(sluice_pipeline_step(&result, pipeline, &batch));
    SLUICE__TRY_OUT(sluice_pipeline_timeline(&timeline, pipeline));
    SLUICE__TRY_OUT(sluice_pipeline_evaluate(&loss, pipeline, &batch));
    SLUICE__TRY_OUT(sluice_pipeline_digest(&digest, pipeline));
out:
    sluice_timeline_free(timeline);
    sluice_pipeline_close(pipeline);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
    return status;
}

static sluice_status pipelines(void) {
    return live(0, false);
}

static sluice_status pipelines_over_their_limit(void) {
    return live(10000, false);
}

static sluice_status pipelines_with_a_nan(void) {
    return live(0, true);
}

/* One that composes, cuts by a pattern, and finds tokens; jansson's failures are others' matter. */
static sluice_status tokenizers(void) {
    static const char text[] = "cafe\xCC\x81 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
                               "<|im_start|>12 \xFF";
    sluice_tokenizer *read   = NULL;
    sluice_bpe *bpe          = NULL;
    sluice_bpe_encoder *encoder = NULL;
    sluice_ids ids              = {0};
    char *again                 = NULL;
    size_t bytes                = 0;
    sluice_status status        = SLUICE_OK;
    SLUICE__TRY_OUT(sluice_tokenizer_read(&read, SLUICE_SOURCE "/tests/unit/tokenizer/qwen2"));
    json_set_alloc_funcs(malloc, free);
    status = sluice_bpe_make(&bpe, read);
    json_set_alloc_funcs(json_allocate, json_release);
    SLUICE__TRY_OUT(status);
    SLUICE__TRY_OUT(sluice_bpe_encoder_make(&encoder, bpe));
    SLUICE__TRY_OUT(sluice_bpe_encode(&ids, encoder, text, sizeof text - 1));
    (void)sluice_bpe_cut(bpe, text, sizeof text - 1);
    SLUICE__TRY_OUT(sluice_bpe_decode(&again, &bytes, bpe, ids.list, ids.count));
out:
    sluice_text_free(again);
    sluice_ids_free(&ids);
    sluice_bpe_encoder_free(encoder);
    sluice_bpe_free(bpe);
    sluice_tokenizer_free(read);
    return status;
}

typedef struct scenario {
    const char *name;
    sluice_status (*run)(void);
    sluice_status end;   /* when no memory runs out */
    int min_allocations; /* that it must take for the sweep to mean anything */
    bool has_threads;
} scenario;

static const scenario scenarios[] = {
    {"schedules as text", schedules_as_text, SLUICE_OK, 40, false},
    {"splits", splits, SLUICE_OK, 2, false},
    {"partitions", partitions, SLUICE_OK, 2, false},
    {"models and programs", models_and_programs, SLUICE_OK, 80, false},
    {"profiles", profiles, SLUICE_OK, 80, false},
    {"printed profiles", printed_profiles, SLUICE_OK, 60, false},
    {"graphs", graphs, SLUICE_OK, 15, false},
    {"device lists", device_lists, SLUICE_OK, 15, false},
    {"searches", searches, SLUICE_OK, 200, false},
    {"searches in vain", searches_in_vain, SLUICE_E_DEVICE_MEMORY, 200, false},
    {"measured profiles", measured_profiles, SLUICE_OK, 200, true},
    {"deadlocks", deadlocks, SLUICE_E_SCHEDULE, 60, false},
    {"drawings", drawings, SLUICE_OK, 100, false},
    {"corpora", corpora, SLUICE_OK, 3, false},
    {"weight files", weight_files, SLUICE_OK, 20, false},
    {"configurations", configurations, SLUICE_OK, 20, false},
    {"tokenizers", tokenizers, SLUICE_OK, 60, false},
    {"devices", devices, SLUICE_OK, 4, true},
    {"pipelines", pipelines, SLUICE_OK, 200, true},
    {"a limit", pipelines_over_their_limit, SLUICE_E_DEVICE_MEMORY, 200, false},
    {"a NaN", pipelines_with_a_nan, SLUICE_E_NONFINITE, 200, true},
};

static int files_left(void) {
    DIR *folder_ = opendir(files.path);
    assert_non_null(folder_);
    int count = 0;
    while (readdir(folder_)) count++;
    (void)closedir(folder_);
    return count;
}

static void check_outcome(const scenario *of, int at, sluice_status status) {
    /* jansson reports some failed allocations as a text that ends too early. */
    if (status != of->end && status != SLUICE_E_HOST_MEMORY &&
        !(json_failed && status == SLUICE_E_PARSE))
        fail_msg("%s, failure %d: %s: %s", of->name, at, sluice_status_name(status),
                 sluice_last_error()->what);
    if (status != SLUICE_OK && sluice_last_error()->what[0] == '\0')
        fail_msg("%s, failure %d: %s without a message", of->name, at, sluice_status_name(status));
    if (atomic_load(&alive) != 0)
        fail_msg("%s, failure %d: %d allocations are left", of->name, at, atomic_load(&alive));
}

/* Allocation number `at` fails; whether there was one. */
static bool fail_one(const scenario *of, int at) {
    json_failed = false;
    atomic_store(&requests, 0);
    atomic_store(&fail_at, at);
    const sluice_status status = of->run();
    const bool fired           = atomic_load(&requests) > at;
    check_outcome(of, at, status);
    if (!fired && status != of->end)
        fail_msg("%s: %s: %s", of->name, sluice_status_name(status), sluice_last_error()->what);
    return fired;
}

/* Each in turn; with a sanitizer, after the first ones, about one of 16. SLUICE_LONG=1: each. */
static int next_after(int at, uint64_t *random) {
    enum { FIRST = 100 };
    const bool is_each = at < FIRST || !test_is_sanitized() || getenv("SLUICE_LONG");
    return at + (is_each ? 1 : test_random_int(random, 1, 31));
}

static void fail_each(const scenario *of) {
    uint64_t random  = test_seed();
    const int before = files_left();
    int at = 0, count = 0;
    for (; fail_one(of, at); at = next_after(at, &random), count++)
        if (files_left() != before) fail_msg("%s, failure %d: a file is left", of->name, at);
    print_message("%s: %d of at most %d allocations failed\n", of->name, count, at);
    if (at < of->min_allocations) fail_msg("%s: only %d allocations", of->name, at);
}

static void every_allocation_may_fail(void **state) {
    files = folder_make();
    folder_write(&files, "texts/a.txt", "the first of two files, and not the shorter one", 47);
    folder_write(&files, "texts/b.txt", "the second", 10);
    sluice_allocator_set(&(sluice_allocator){resize, NULL});
    json_set_alloc_funcs(json_allocate, json_release);
    fail_each(*state);
    json_set_alloc_funcs(malloc, free);
    sluice_allocator_set(NULL);
    folder_remove(&files);
}

/* The scenarios with threads of their own, or the others. */
int main(int argc, char **argv) {
    struct CMUnitTest tests[sizeof scenarios / sizeof *scenarios] = {0};
    size_t count                                                  = 0;
    const bool threads = argc == 2 && strcmp(argv[1], "threads") == 0;
    if (!threads && (argc != 2 || strcmp(argv[1], "alone") != 0)) return 2;
    for (size_t k = 0; k < sizeof scenarios / sizeof *scenarios; k++) {
        const scenario *const of = &scenarios[k];
        if (of->has_threads != threads) continue;
        tests[count].name      = of->name;
        tests[count].test_func = every_allocation_may_fail;
        memcpy(&tests[count].initial_state, &of, sizeof of);
        count++;
    }
    return run_test_group("allocation", tests, count, NULL, NULL);
}
