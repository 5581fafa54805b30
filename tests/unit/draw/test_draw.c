/* SPDX-License-Identifier: MIT */
/*
 * test_draw.c -- pictures and traces: equal to golden files, well-formed whatever they show, with
 * one box, span and arrow for every action and transfer.
 */
#include <jansson.h>

#include "tests/support/golden.h"
#include "tests/support/schedule_tools.h"
#include "tests/support/xml.h"

#include <math.h>

#include "runtime/base/text.h"
#include "sluice/allocator.h"
#include "sluice/timeline.h"

/* ---- time lines to draw ---- */

typedef struct prices {
    double forward, input, weight, transfer, update;
} prices;

static const prices textbook = {1, 1, 1, 0, 0}, slow_links = {1, 1, 1, 0.5, 0.25};

static sluice_timeline *make(sluice_schedule *schedule, prices price) {
    sluice_cost stages[MAX_STAGES];
    sluice_simulation_costs costs = equal_costs(stages, price.forward, price.input, price.weight);
    costs.activation_transfer = costs.gradient_transfer = price.transfer;
    costs.update                                        = price.update;
    sluice_program *program       = compile_over(schedule, SLUICE_QUEUES_PER_CHANNEL);
    sluice_simulation *simulation = simulate(program, &costs);
    sluice_timeline *timeline     = NULL;
    assert_ok(sluice_timeline_from_simulation(&timeline, program, simulation));
    sluice_simulation_free(simulation);
    sluice_program_free(program);
    return timeline;
}

static sluice_timeline *make_named(const char *name, int p, int m, prices price) {
    sluice_timeline *timeline = make(generate_schedule(name, p, m), price);
    snprintf(timeline->title, sizeof timeline->title, "%s: %d ranks, %d stages, %d micro-batches",
             name, p, p, m);
    return timeline;
}

static const char two_chunks[] = "0F0,0F1,3F0,3I0,3F1,3I1,3W0,0B0,3W1,0B1\n"
                                 "1F0,2F0,1F1,2F1,2B0,1B0,2B1,1B1\n";

static char *picture_of(const sluice_timeline *timeline) {
    char *text = NULL;
    assert_ok(sluice_timeline_svg(&text, &timeline, 1, 0));
    return text;
}

/* ---- traces into memory ---- */

static sluice_status keep(void *context, const char *text, size_t bytes) {
    return sluice__text_add(context, "%.*s", (int)bytes, text);
}

static char *trace_of(const sluice_timeline *const *timelines, int count) {
    sluice__text text = {0};
    assert_ok(sluice_timeline_trace(keep, &text, timelines, count));
    return text.bytes;
}

static json_t *load_traces(const sluice_timeline *const *timelines, int count) {
    char *text = trace_of(timelines, count);
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!root) fail_msg("line %d: %s", error.line, error.text);
    sluice_text_free(text);
    return root;
}

static json_t *load_trace(const sluice_timeline *timeline) {
    return load_traces(&timeline, 1);
}

/* ---- golden ---- */

static void drawings_equal_the_golden_files(void **state) {
    (void)state;
    sluice_timeline *small = make_named("1f1b", 2, 2, slow_links);
    sluice_timeline *known = make_named("1f1b", 4, 8, textbook);
    sluice_timeline *split = make(parse_schedule(two_chunks), textbook);
    char *text             = picture_of(small);
    assert_golden("1f1b-2x2-slow.svg", text);
    sluice_text_free(text);
    text = trace_of((const sluice_timeline *[]){small}, 1);
    assert_golden("1f1b-2x2-slow.json", text);
    sluice_text_free(text);
    text = picture_of(known);
    assert_golden("1f1b-4x8.svg", text);
    sluice_text_free(text);
    snprintf(split->title, sizeof split->title, "two stages on each rank, one of them split");
    text = picture_of(split);
    assert_golden("two-chunks.svg", text);
    sluice_text_free(text);
    sluice_timeline_free(small);
    sluice_timeline_free(known);
    sluice_timeline_free(split);
}

static void colours_show_kinds_and_the_critical_path_is_underlined(void **state) {
    (void)state;
    sluice_timeline *timeline = make(parse_schedule("0F0,0I0,0W0\n1F0,1I0,1W0\n"), textbook);
    char *text                = NULL;
    assert_ok(sluice_timeline_draw(&text, timeline, 80, true));
    const char expected[] =
        "rank 0 |\033[0;1;4;34mF0-\033[0;90m......\033[0;1;4;36mI0=\033[0;1;4;33mW0~\033[0m|\n"
        "rank 1 |\033[0;90m...\033[0;1;4;34mF0-\033[0;1;4;36mI0=\033[0;33mW0~\033[0;90m...\033[0m|"
        "\n\033[0;34mF forward\033[0m, \033[0;36mI its input half\033[0m, \033[0;33mW its weight "
        "half\033[0m, then the micro-batch; \033[1;4munderlined\033[0m the critical path; . idle; "
        "a column is 0.333\n";
    if (strcmp(text, expected) != 0) fail_msg("drawn:\n%s\nexpected:\n%s", text, expected);
    sluice_text_free(text);
    sluice_timeline_free(timeline);
}

/* ---- pictures ---- */

static int count_spans(const sluice_timeline *timeline) {
    int count = 0;
    for (int r = 0; r < timeline->ranks; r++) count += timeline->rank[r].span_count;
    return count;
}

static int count_text(const char *text, const char *part) {
    int count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) count++;
    return count;
}

static void pictures_are_well_formed_and_have_every_action(void **state) {
    (void)state;
    static const char *const names[] = {"gpipe", "1f1b", "forward-only"};
    uint64_t random                  = test_seed();
    for (int trial = 0; trial < 40; trial++) {
        const int p = test_random_int(&random, 1, 20), m = test_random_int(&random, 1, 30);
        const prices price = {test_random_int(&random, 1, 20), 1, test_random_int(&random, 0, 9),
                              trial % 3 * 0.4, trial % 2};
        sluice_timeline *timeline = make_named(names[trial % 3], p, m, price);
        char *text                = picture_of(timeline);
        /* One tooltip for every action, and the picture's title. */
        const int drawn = xml_count(text, "title") - 1;
        if (drawn != count_spans(timeline))
            fail_msg("%s: %d actions, %d are drawn", timeline->title, count_spans(timeline), drawn);
        assert_int_equal(count_text(text, ">rank "), p);
        char *again = picture_of(timeline);
        assert_string_equal(text, again);
        sluice_text_free(again);
        sluice_text_free(text);
        sluice_timeline_free(timeline);
    }
}

static void a_picture_of_nothing_is_well_formed(void **state) {
    (void)state;
    sluice_timeline *timeline = make_named("1f1b", 2, 2, (prices){0});
    char *text                = picture_of(timeline);
    assert_int_equal(xml_count(text, "title"), 1);
    sluice_text_free(text);
    sluice_timeline nobody = {.unit = "s", .title = "nobody"};
    text                   = picture_of(&nobody);
    assert_int_equal(xml_count(text, "title"), 1);
    sluice_text_free(text);
    sluice_timeline_free(timeline);
}

static void simulated_and_measured_share_one_scale(void **state) {
    (void)state;
    sluice_timeline *fast = make_named("1f1b", 2, 2, textbook);
    sluice_timeline *slow = make_named("1f1b", 2, 2, (prices){2, 2, 2, 0, 0});
    char *text            = NULL;
    assert_ok(sluice_timeline_svg(&text, (const sluice_timeline *[]){fast, slow}, 2, 200 + 1800));
    xml_count(text, "svg");
    assert_int_equal(count_text(text, "<rect x=\"0.5\" width=\"99\" "), 1); /* fast, rank 0: F0 */
    assert_int_equal(count_text(text, "<rect x=\"0.5\" width=\"199\" "), 1);
    sluice_text_free(text);
    sluice_timeline_free(fast);
    sluice_timeline_free(slow);
}

static void a_large_picture_is_a_small_file(void **state) {
    (void)state;
    sluice_timeline *timeline = make_named("1f1b", 32, 128, slow_links);
    char *text                = picture_of(timeline);
    if (strlen(text) > 2000000) fail_msg("%zu bytes", strlen(text));
    sluice_text_free(text);
    sluice_timeline_free(timeline);
}

static void titles_may_be_anything(void **state) {
    (void)state;
    static const char *const titles[][2] = {
        /* as given, and as JSON reads it */
        {"a < b & c > \"d\" 'e' \\", "a < b & c > \"d\" 'e' \\"},
        {"caf\xC3\xA9 \xF0\x9F\x8C\x8A", "caf\xC3\xA9 \xF0\x9F\x8C\x8A"},
        {"\x01 \x1f \xff \xC0\x80 \xED\xA0\x80 \xC3",
         "\x01 \x1f \xEF\xBF\xBD \xEF\xBF\xBD\xEF\xBF\xBD "
         "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBD"},
        {"]]> <!-- --> %s %n", "]]> <!-- --> %s %n"},
    };
    for (size_t t = 0; t < sizeof titles / sizeof *titles; t++) {
        sluice_timeline *timeline = make_named("1f1b", 2, 2, textbook);
        snprintf(timeline->title, sizeof timeline->title, "%s", titles[t][0]);
        char *text = picture_of(timeline);
        xml_count(text, "svg");
        json_t *root       = load_trace(timeline);
        const json_t *note = json_object_get(json_object_get(root, "otherData"), "1");
        assert_string_equal(json_string_value(json_object_get(note, "title")), titles[t][1]);
        json_decref(root);
        sluice_text_free(text);
        sluice_timeline_free(timeline);
    }
}

/* ---- traces ---- */

static double number_of(const json_t *event, const char *key) {
    const json_t *value = json_object_get(event, key);
    if (!json_is_number(value)) fail_msg("an event has no number '%s'", key);
    return json_number_value(value);
}

static const char *text_of(const json_t *event, const char *key) {
    const char *value = json_string_value(json_object_get(event, key));
    if (!value) fail_msg("an event has no text '%s'", key);
    return value;
}

/* Nanoseconds as Perfetto reads them: cut off. */
static long long ticks_of(const json_t *event, const char *key) {
    const double microseconds = number_of(event, key);
    const long long ticks     = (long long)(1000 * microseconds);
    if (fabs((double)ticks - 1000 * microseconds) > 0.5)
        fail_msg("'%s' of %.6f us loses a nanosecond", key, microseconds);
    return ticks;
}

/* The span on a thread that contains a time; NULL: none. */
static const json_t *span_around(const json_t *events, double thread, long long time) {
    size_t n;
    const json_t *event;
    json_array_foreach(events, n, event) {
        if (strcmp(text_of(event, "ph"), "X") != 0 || number_of(event, "tid") != thread) continue;
        const long long begin = ticks_of(event, "ts"), lasts = ticks_of(event, "dur");
        if (time >= begin && time < begin + lasts) return event;
    }
    return NULL;
}

static int count_events(const json_t *events, const char *phase) {
    int count = 0;
    size_t n;
    const json_t *event;
    json_array_foreach(events, n, event) count += strcmp(text_of(event, "ph"), phase) == 0;
    return count;
}

static void assert_no_overlap(const json_t *events, const sluice_timeline *timeline) {
    for (int r = 0; r < timeline->ranks; r++) {
        long long clock = 0;
        int spans       = 0;
        size_t n;
        const json_t *event;
        json_array_foreach(events, n, event) {
            if (strcmp(text_of(event, "ph"), "X") != 0) continue;
            if (number_of(event, "tid") != 10000 + r) continue;
            if (ticks_of(event, "ts") < clock)
                fail_msg("rank %d: %s begins before %lld ns", r, text_of(event, "name"), clock);
            clock = ticks_of(event, "ts") + ticks_of(event, "dur");
            spans++;
        }
        assert_int_equal(spans, timeline->rank[r].span_count);
    }
}

/* Every arrow begins inside a span of its micro-batch and ends inside another. */
static void assert_arrows(const json_t *events) {
    size_t n;
    const json_t *event;
    json_array_foreach(events, n, event) {
        const char *phase = text_of(event, "ph");
        if (strcmp(phase, "s") != 0) continue;
        const json_t *end = json_array_get(events, n + 1);
        assert_string_equal(text_of(end, "ph"), "f");
        assert_string_equal(text_of(end, "bp"), "e");
        assert_true(number_of(end, "id") == number_of(event, "id"));
        const json_t *from = span_around(events, number_of(event, "tid"), ticks_of(event, "ts"));
        const json_t *to   = span_around(events, number_of(end, "tid"), ticks_of(end, "ts"));
        if (!from || !to) fail_msg("arrow %g joins no two spans", number_of(event, "id"));
        const double i = number_of(json_object_get(event, "args"), "microbatch");
        assert_true(number_of(json_object_get(from, "args"), "microbatch") == i);
        assert_true(number_of(json_object_get(to, "args"), "microbatch") == i);
    }
}

static void traces_have_every_action_and_transfer(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 12; trial++) {
        const int p = test_random_int(&random, 1, 6), m = test_random_int(&random, 1, 10);
        const prices price        = {test_random_int(&random, 1, 9) / 7.0, 1 / 3.0,
                                     test_random_int(&random, 1, 9) / 11.0, trial % 3 * 0.3, 0.1};
        sluice_timeline *timeline = make_named(trial % 2 ? "gpipe" : "1f1b", p, m, price);
        json_t *root              = load_trace(timeline);
        const json_t *events      = json_object_get(root, "traceEvents");
        assert_int_equal(count_events(events, "X"), count_spans(timeline));
        assert_int_equal(count_events(events, "s"), timeline->flow_count);
        assert_int_equal(count_events(events, "f"), timeline->flow_count);
        assert_int_equal(timeline->flow_count, 2 * (p - 1) * m);
        int levels = 0;
        for (int r = 0; r < p; r++) levels += timeline->rank[r].level_count;
        assert_int_equal(count_events(events, "C"), levels);
        assert_int_equal(count_events(events, "M"), 2 + 2 * p);
        assert_no_overlap(events, timeline);
        assert_arrows(events);
        json_decref(root);
        sluice_timeline_free(timeline);
    }
}

static void seconds_are_kept_and_other_units_scaled(void **state) {
    (void)state;
    static const struct {
        const char *unit;
        double cost, microseconds; /* an F's cost, and its duration in the trace */
    } rows[] = {
        {"s", 0.25, 250000},
        {"s", 1e-7, 0.1},
        {"units of cost", 1, 1000},
        {"units of cost", 1e-12, 1000}, /* a thousand times a thousand ... */
        {"units of cost", 1e30, 1000000000},
    };
    for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
        const double cost         = rows[n].cost;
        sluice_timeline *timeline = make_named("1f1b", 1, 1, (prices){cost, cost, cost, 0, 0});
        snprintf(timeline->unit, sizeof timeline->unit, "%s", rows[n].unit);
        json_t *root         = load_trace(timeline);
        const json_t *events = json_object_get(root, "traceEvents");
        const json_t *first  = span_around(events, 10000, 0);
        assert_non_null(first);
        const double got = (double)ticks_of(first, "dur") / 1000;
        if (fabs(got / rows[n].microseconds - 1) > 1e-9)
            fail_msg("row %zu: an F lasts %.17g us, expected %.17g", n, got, rows[n].microseconds);
        json_decref(root);
        sluice_timeline_free(timeline);
    }
}

static void two_time_lines_are_two_processes(void **state) {
    (void)state;
    sluice_timeline *first              = make_named("1f1b", 2, 3, textbook);
    sluice_timeline *other              = make_named("gpipe", 3, 4, textbook);
    const sluice_timeline *const both[] = {first, other};
    json_t *root                        = load_traces(both, 2);
    const json_t *events                = json_object_get(root, "traceEvents");
    int spans[2]                        = {0};
    size_t n;
    const json_t *event;
    json_array_foreach(events, n, event) {
        const int process = (int)number_of(event, "pid");
        assert_in_range(process, 1, 2);
        assert_int_equal((int)number_of(event, "tid") / 10000, process);
        spans[process - 1] += strcmp(text_of(event, "ph"), "X") == 0;
    }
    assert_int_equal(spans[0], count_spans(first));
    assert_int_equal(spans[1], count_spans(other));
    json_decref(root);
    sluice_timeline_free(first);
    sluice_timeline_free(other);
}

static sluice_status take_little(void *context, const char *text, size_t bytes) {
    (void)text;
    int *const pieces = context;
    if (bytes > 1 << 17) fail_msg("a piece of %zu bytes", bytes);
    return --*pieces < 0 ? sluice_fail(SLUICE_E_IO, "no more than this") : SLUICE_OK;
}

static void a_trace_stops_when_its_writer_fails(void **state) {
    (void)state;
    sluice_timeline *timeline  = make_named("1f1b", 32, 64, textbook);
    const sluice_timeline *one = timeline;
    int pieces                 = 3;
    assert_refused(sluice_timeline_trace(take_little, &pieces, &one, 1), SLUICE_E_IO,
                   "no more than this");
    assert_int_equal(pieces, -1); /* it was called once too often, and not again */
    sluice_timeline_free(timeline);
}

/* ---- refusals ---- */

static void impossible_pictures_are_refused(void **state) {
    (void)state;
    sluice_timeline *first = make_named("1f1b", 2, 2, textbook);
    sluice_timeline *other = make_named("1f1b", 2, 2, textbook);
    char *text             = NULL;
    snprintf(other->unit, sizeof other->unit, "s");
    assert_refused(sluice_timeline_svg(&text, (const sluice_timeline *[]){first, other}, 2, 0),
                   SLUICE_E_ARGUMENT,
                   "one picture cannot show time lines in 'units of cost' and in 's'");
    sluice_timeline_rank many   = {.span_count = 200001};
    const sluice_timeline large = {.unit = "s", .ranks = 1, .rank = &many, .makespan = 1};
    many.spans                  = calloc((size_t)many.span_count, sizeof *many.spans);
    assert_non_null(many.spans);
    const sluice_timeline *one = &large;
    assert_refused(sluice_timeline_svg(&text, &one, 1, 0), SLUICE_E_ARGUMENT,
                   "a picture of 200001 actions is too fine to see; at most 200000");
    assert_string_equal(sluice_last_error()->hint,
                        "write a trace (.json), or draw fewer micro-batches");
    assert_null(text);
    free(many.spans);
    sluice_timeline_free(first);
    sluice_timeline_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawings_equal_the_golden_files),
        cmocka_unit_test(colours_show_kinds_and_the_critical_path_is_underlined),
        cmocka_unit_test(pictures_are_well_formed_and_have_every_action),
        cmocka_unit_test(a_picture_of_nothing_is_well_formed),
        cmocka_unit_test(simulated_and_measured_share_one_scale),
        cmocka_unit_test(a_large_picture_is_a_small_file),
        cmocka_unit_test(titles_may_be_anything),
        cmocka_unit_test(traces_have_every_action_and_transfer),
        cmocka_unit_test(seconds_are_kept_and_other_units_scaled),
        cmocka_unit_test(two_time_lines_are_two_processes),
        cmocka_unit_test(a_trace_stops_when_its_writer_fails),
        cmocka_unit_test(impossible_pictures_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
