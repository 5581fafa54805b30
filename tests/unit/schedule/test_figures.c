/* SPDX-License-Identifier: MIT */
/*
 * test_figures.c -- published figures of schedules, and the makespans that no change may make
 * longer.
 */
#include "tests/support/action_times.h"
#include "tests/support/shape.h"

#include <math.h>

#include "sluice/program.h"

static action_times times_of(const shape *of) {
    sluice_schedule *const schedule = generate(of);
    const action_times times        = time_actions(schedule);
    sluice_schedule_free(schedule);
    if (!times.finishes) fail_msg("%s never finishes", say(of).text);
    return times;
}

static int largest_peak(const action_times *times, int p) {
    int largest = 0;
    for (int r = 0; r < p; r++)
        if (times->peak[r] > largest) largest = times->peak[r];
    return largest;
}

/* ---- interleaved: what Megatron-LM and torch.distributed.pipelining do by that name ---- */

static double simulated_makespan(const shape *of, double latency) {
    sluice_cost unit[2 * MAX_RANKS];
    sluice_schedule *const schedule = generate(of);
    sluice_program *program         = NULL;
    sluice_simulation *simulation   = NULL;
    sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    for (int s = 0; s < 2 * MAX_RANKS; s++) unit[s] = (sluice_cost){1, 1, 1};
    const sluice_simulation_costs costs = {.stages = unit, .latency = latency};
    assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
    assert_ok(sluice_program_simulate(&simulation, program, &costs));
    const double makespan = simulation->makespan;
    sluice_simulation_free(simulation);
    sluice_program_free(program);
    sluice_schedule_free(schedule);
    return makespan;
}

static void interleaved_hides_transfers_by_default(void **state) {
    (void)state;
    static const struct {
        int p, m;
        double free, slow; /* makespan with a latency of 0 and of 0.5 */
    } rows[] = {
        {4, 8, 57, 64}, {4, 16, 105, 112}, {8, 16, 117, 132}, {8, 32, 213, 228}, {2, 8, 51, 54}};
    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        const shape of    = {.name = "interleaved", .p = rows[n].p, .m = rows[n].m};
        const double free = simulated_makespan(&of, 0), slow = simulated_makespan(&of, 0.5);
        if (free != rows[n].free || slow != rows[n].slow)
            fail_msg("%s: makespan %g, and %g when a transfer takes 0.5; expected %g and %g",
                     say(&of).text, free, slow, rows[n].free, rows[n].slow);
    }
}

static void assert_same_lists(const shape *a, const shape *b) {
    sluice_schedule *const one = generate(a), *const other = generate(b);
    for (int r = 0; r < a->p; r++) {
        int count = 0, others = 0;
        const sluice_action *const list = sluice_schedule_list(&count, one, r);
        const sluice_action *const same = sluice_schedule_list(&others, other, r);
        if (count != others || memcmp(list, same, (size_t)count * sizeof *list) != 0)
            fail_msg("rank %d of %s is not that of %s", r, say(a).text, say(b).text);
    }
    sluice_schedule_free(one);
    sluice_schedule_free(other);
}

static void the_default_slack_is_that_of_the_description(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double slack;
    } rows[] = {{"1f1b", 1}, {"interleaved", 2}};
    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        sluice_schedule_description about;
        assert_ok(sluice_schedule_describe(&about, rows[n].name));
        if (about.slack != rows[n].slack)
            fail_msg("%s has slack %g by default, expected %g", rows[n].name, about.slack,
                     rows[n].slack);
        const shape plain = {.name = rows[n].name, .p = 5, .m = 13};
        shape same        = plain;
        same.slack        = rows[n].slack;
        assert_same_lists(&plain, &same);
    }
}

/* ---- interleaved with extra warm-up (Kimi K2) ---- */

/* Is there a forward right before the backward that needs it? */
static bool has_dependent_neighbours(const sluice_schedule *schedule, int r) {
    int count                       = 0;
    const sluice_action *const list = sluice_schedule_list(&count, schedule, r);
    for (int a = 1; a < count; a++)
        if (list[a - 1].kind == SLUICE_ACTION_F && list[a].kind == SLUICE_ACTION_B &&
            list[a - 1].stage == list[a].stage && list[a - 1].microbatch == list[a].microbatch)
            return true;
    return false;
}

/* A forward and a backward that follow each other can overlap, for one activation more per rank.
 * While transfers are free, the makespan stays. */
static void extra_warmup_makes_neighbours_independent(void **state) {
    (void)state;
    for (int p = 2; p <= 8; p++) {
        for (int v = 2; v <= 4; v++) {
            const shape plain        = {.name = "interleaved", .p = p, .v = v, .m = 3 * p};
            shape extra              = plain;
            extra.extra              = 1;
            const action_times times = times_of(&plain), more = times_of(&extra);
            sluice_schedule *const before = generate(&plain), *const after = generate(&extra);
            if (!has_dependent_neighbours(before, p - 1))
                fail_msg("%s: the last rank does no backward right after its forward",
                         say(&plain).text);
            for (int r = 0; r < p; r++) {
                if (has_dependent_neighbours(after, r))
                    fail_msg("%s: rank %d does a backward right after the forward it needs",
                             say(&extra).text, r);
                if (more.peak[r] != times.peak[r] + 1)
                    fail_msg("%s: rank %d holds %d, expected one more than the %d without",
                             say(&extra).text, r, more.peak[r], times.peak[r]);
            }
            if (more.makespan != times.makespan)
                fail_msg("%s: makespan %d, expected the %d of no extra warm-up", say(&extra).text,
                         more.makespan, times.makespan);
            sluice_schedule_free(before);
            sluice_schedule_free(after);
        }
    }
}

/* ---- hanayo: the share of idle time that the paper gives for as many micro-batches as ranks ----
 */

/* (2 p - 2) / (3 p W + p - 1), where a backward takes two forwards and transfers nothing. */
static double published_idle(int p, int waves) {
    return (2.0 * p - 2) / (3.0 * p * waves + p - 1);
}

/* No order is faster: the last rank begins after p - 1 forwards and ends p - 1 backwards before the
 * first. */
static int shortest(const shape *of) {
    return 3 * (of->v * of->m + of->p - 1);
}

static void hanayo_idles_no_longer_than_published(void **state) {
    (void)state;
    for (int p = 1; p <= 16; p++) {
        for (int waves = 1; waves <= 4; waves++) {
            const shape of           = {.name = "hanayo", .p = p, .v = 2 * waves, .m = p};
            const action_times times = times_of(&of);
            const double idle        = 1 - 3.0 * of.v * of.m / times.makespan;
            const double allowed     = waves < 4 ? 1e-12 : 0.005; /* the formula approximates */
            if (idle > published_idle(p, waves) + allowed || times.makespan < shortest(&of))
                fail_msg("%s: makespan %d, %.4f of it idle; expected at least %d, and at most %.4f",
                         say(&of).text, times.makespan, idle, shortest(&of),
                         published_idle(p, waves));
        }
    }
}

static void known_makespans_of_waves(void **state) {
    (void)state;
    static const struct {
        int p, waves, m, makespan, peak; /* the largest of any rank */
    } rows[] = {
        {4, 1, 4, 36, 8},   {4, 2, 4, 61, 16},  {4, 3, 4, 85, 24},   {8, 1, 8, 76, 16},
        {8, 2, 8, 126, 32}, {8, 3, 8, 174, 48}, {8, 1, 16, 117, 23}, {8, 1, 64, 405, 23},
    };
    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        const shape of = {.name = "hanayo", .p = rows[n].p, .v = 2 * rows[n].waves, .m = rows[n].m};
        const action_times times = times_of(&of);
        const int peak           = largest_peak(&times, of.p);
        if (times.makespan != rows[n].makespan || peak != rows[n].peak)
            fail_msg("%s: makespan %d, peak %d; expected %d and %d", say(&of).text, times.makespan,
                     peak, rows[n].makespan, rows[n].peak);
    }
}

/* Every further micro-batch fills gaps: from 2 p on, little is idle that must not be. */
static void waves_of_many_microbatches_are_dense(void **state) {
    (void)state;
    for (int p = 2; p <= 8; p++)
        for (int v = 2; v <= 6; v += 2)
            for (int m = 2 * p; m <= 6 * p; m++) {
                const shape of           = {.name = "hanayo", .p = p, .v = v, .m = m};
                const action_times times = times_of(&of);
                const int peak           = largest_peak(&times, p);
                if (times.makespan > 1.1 * shortest(&of) || peak > 1.5 * v * p)
                    fail_msg("%s: makespan %d, peak %d; expected at most %.1f and %g",
                             say(&of).text, times.makespan, peak, 1.1 * shortest(&of), 1.5 * v * p);
            }
}

/* ---- zbv with fewer micro-batches than its pattern needs ---- */

static int least(const shape *of) {
    const int busy = 6 * of->m + of->p - 1; /* the last rank begins late */
    const int one  = 4 * of->p + of->m;     /* the last to enter passes all stages twice, then W */
    return busy > one ? busy : one;
}

/* The list for 2 p - 1 without the actions of those that are missing, which is what others do. */
static int of_full_pattern(const shape *of) {
    const int gaps = 4 * of->p + 4 * of->m - 2, busy = 6 * of->m + of->p - 1;
    return gaps > busy ? gaps : busy;
}

static void zbv_of_few_microbatches_gets_no_longer(void **state) {
    (void)state;
    static const int rows[9][14] = {
        /* p: makespans for m = 1 to 2 p - 2 */
        [2] = {9, 13},
        [3] = {13, 16, 20, 26},
        [4] = {17, 19, 23, 27, 33, 39},
        [5] = {21, 23, 26, 30, 34, 41, 46, 52},
        [6] = {25, 27, 29, 33, 37, 41, 48, 53, 59, 65},
        [7] = {29, 31, 33, 36, 40, 44, 48, 56, 61, 66, 72, 78},
        [8] = {33, 35, 37, 39, 43, 47, 51, 55, 63, 68, 73, 79, 85, 91},
    };
    for (int p = 2; p <= 16; p++)
        for (int m = 1; m <= 2 * p - 2; m++) {
            const shape of           = {.name = "zbv", .p = p, .v = 2, .m = m};
            const action_times times = times_of(&of);
            if (p <= 8 && times.makespan != rows[p][m - 1])
                fail_msg("%s: makespan %d, expected %d", say(&of).text, times.makespan,
                         rows[p][m - 1]);
            if (times.makespan < least(&of) || times.makespan > of_full_pattern(&of))
                fail_msg("%s: makespan %d, expected %d to %d", say(&of).text, times.makespan,
                         least(&of), of_full_pattern(&of));
            if (largest_peak(&times, p) > 2 * p)
                fail_msg("%s: a rank holds %d, expected at most %d", say(&of).text,
                         largest_peak(&times, p), 2 * p);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interleaved_hides_transfers_by_default),
        cmocka_unit_test(the_default_slack_is_that_of_the_description),
        cmocka_unit_test(extra_warmup_makes_neighbours_independent),
        cmocka_unit_test(hanayo_idles_no_longer_than_published),
        cmocka_unit_test(known_makespans_of_waves),
        cmocka_unit_test(waves_of_many_microbatches_are_dense),
        cmocka_unit_test(zbv_of_few_microbatches_gets_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
