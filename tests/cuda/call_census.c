/* SPDX-License-Identifier: MIT */
/* call_census.c -- counts the calls of a scenario without failures. */
#include "call_census.h"

static call_census *noting;

static census_site *find_site(call_census *in, const emu_site *site) {
    for (int n = 0; n < in->count; n++)
        if (in->list[n].site.from == site->from &&
            strcmp(in->list[n].site.function, site->function) == 0)
            return &in->list[n];
    if (in->count == CENSUS_SITES) fail_msg("more than %d call sites", CENSUS_SITES);
    in->list[in->count].site = *site;
    return &in->list[in->count++];
}

static void note_calls(scenario_phase phase) {
    emu_site site;
    if (phase == SCENARIO_CREATE) scenario_fail_memory(-1); /* it is counted */
    if (phase == SCENARIO_END) noting->requests = scenario_requests();
    for (int n = 0; emu_site_at(n, &site); n++)
        find_site(noting, &site)->before[phase] = site.calls;
}

void census_take(call_census *out, const scenario *s) {
    memset(out, 0, sizeof *out);
    noting   = out;
    out->end = scenario_run(s, note_calls, "no failure");
    if (out->end.failed_in != SCENARIO_END) fail_msg("%s: %s", s->name, out->end.error.what);
    scenario_expect_nothing_left(s->name);
}

long census_calls(const census_site *at, int phase) {
    return at->before[phase + 1] - at->before[phase];
}

bool census_is_poll(const emu_site *site) {
    return strcmp(site->function, "cudaEventQuery") == 0;
}

bool census_is_work(const emu_site *site) {
    if (strncmp(site->function, "cuda", 4) == 0)
        return strncmp(site->function, "cudaMemcpy", 10) == 0 ||
               strcmp(site->function, "cudaMemsetAsync") == 0;
    return strncmp(site->function, "cublas", 6) != 0 ||
           strcmp(site->function, "cublasLtMatmul") == 0;
}

void census_expect_same(const call_census *usual, const scenario *s) {
    static call_census now;
    census_take(&now, s);
    if (now.end.digest != usual->end.digest) fail_msg("%s: other bits", s->name);
    for (int n = 0; n < usual->count; n++) {
        const census_site *const before = &usual->list[n];
        const census_site *const after  = find_site(&now, &before->site);
        for (int phase = 0; phase < SCENARIO_END; phase++)
            if (!census_is_poll(&before->site) &&
                census_calls(before, phase) != census_calls(after, phase))
                fail_msg("%s: after failures '%s' makes %ld calls of %s, before there were %ld",
                         s->name, scenario_phase_words[phase], census_calls(after, phase),
                         before->site.function, census_calls(before, phase));
    }
}
