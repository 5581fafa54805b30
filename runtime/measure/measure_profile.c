/* SPDX-License-Identifier: MIT */
/* measure_profile.c -- a profile of a model on this machine: sizes from descriptions, times from
 * ranks that run the layers. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/measure/alike.h"
#include "runtime/measure/busy_ranks.h"
#include "runtime/measure/describe_layers.h"
#include "runtime/measure/link_times.h"
#include "runtime/measure/samples.h"

enum { MAX_STEPS = 10000, MAX_SAMPLES = 1 << 20, MAX_TABLES = 256 };

typedef struct measurement {
    const sluice_model *model;
    sluice__alike alike; /* what is measured of it */
    sluice_profile_options options;
    const sluice_device_ops *device;
    int64_t sizes[MAX_TABLES]; /* of micro-batches, ascending */
    int count;
    sluice_profile *profile;
    double *updates, *update_spreads; /* [tables]: seconds per parameter */
    char part[96];                    /* what is being measured */
    int done;                         /* runs that are over; each table has two */
} measurement;

/* ---- options ---- */

/* Insert a micro-batch size so that they ascend. */
static sluice_status add_size(measurement *m, int64_t samples) {
    int at = m->count;
    if (samples < 1 || samples > MAX_SAMPLES)
        return sluice__fail(SLUICE_E_ARGUMENT, "a micro-batch of %lld samples; use 1 to %d",
                            (long long)samples, MAX_SAMPLES);
    for (; at > 0 && m->sizes[at - 1] >= samples; at--) {
        if (m->sizes[at - 1] == samples)
            return sluice__fail(SLUICE_E_ARGUMENT, "micro-batches of %lld samples are listed twice",
                                (long long)samples);
        m->sizes[at] = m->sizes[at - 1];
    }
    m->sizes[at] = samples;
    m->count++;
    return SLUICE_OK;
}

static sluice_status take_sizes(measurement *m) {
    const sluice_profile_options *const o = &m->options;
    const int count                       = o->microbatches ? o->microbatch_count : 1;
    if (count < 1 || count > MAX_TABLES)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d sizes of micro-batches; use 1 to %d", count,
                            MAX_TABLES);
    for (int t = 0; t < count; t++)
        SLUICE__TRY(add_size(m, o->microbatches ? o->microbatches[t] : 1));
    return SLUICE_OK;
}

static sluice_status take_device(measurement *m) {
    const char *const name = m->options.device ? m->options.device : sluice_devices()[0]->name;
    SLUICE__TRY(sluice_device_find(&m->device, name));
    if (m->device->computes) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "device %s computes nothing, so that there is nothing to measure",
                        m->device->name);
}

static sluice_status take_options(measurement *m, const sluice_profile_options *options) {
    sluice_profile_options *const o = &m->options;
    *o                              = (sluice_profile_options)SLUICE_PROFILE_OPTIONS_INIT;
    if (options->size == 0 || options->size > sizeof *o) {
        sluice__fail(SLUICE_E_ARGUMENT, "the profile options have a size of %zu bytes",
                     options->size);
        return sluice__hint(SLUICE_E_ARGUMENT, "start from SLUICE_PROFILE_OPTIONS_INIT");
    }
    memcpy(o, options, options->size);
    if (o->ranks < 1 || o->ranks > SLUICE_MAX_STAGES)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d ranks; use 1 to %d", o->ranks,
                            SLUICE_MAX_STAGES);
    if (o->steps < 1 || o->steps > MAX_STEPS || o->warm_up < 0 || o->warm_up > MAX_STEPS)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d steps after %d that do not count; use 1 to %d",
                            o->steps, o->warm_up, MAX_STEPS);
    if (o->alike < 0)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d layers that are alike; use 0 or more", o->alike);
    const int layers = sluice_model_layer_count(m->model);
    if (layers < 1 || layers > SLUICE_MAX_STAGES)
        return sluice__fail(SLUICE_E_ARGUMENT, "the model has %d layers; 1 to %d can be measured",
                            layers, SLUICE_MAX_STAGES);
    if (!o->optimizer) o->optimizer = sluice_optimizers()[0];
    SLUICE__TRY(take_sizes(m));
    return take_device(m);
}

/* ---- progress ---- */

static void report(void *context, int steps) {
    const measurement *const m = context;
    const int each             = m->options.ranks * m->options.steps;
    if (m->options.progress)
        m->options.progress(m->options.context, m->part, m->done * each + steps,
                            2 * m->count * each);
}

static void name_part(measurement *m, int64_t samples, bool recomputes) {
    (void)snprintf(m->part, sizeof m->part, "micro-batches of %lld%s", (long long)samples,
                   recomputes ? ", recomputed" : "");
    report(m, 0);
}

/* ---- tables ---- */

static sluice__summary summarize(const sluice__times *times, int layer, int action) {
    return sluice__summarize(sluice__times_of(times, layer, action), times->count);
}

static void set_times(sluice_profile_layer *to, const sluice__times *times, int l,
                      bool recomputes) {
    if (recomputes) {
        const sluice__summary again = summarize(times, l, SLUICE__TIMES_RECOMPUTE);
        to->recompute_s             = again.median;
        to->spread.recompute_s      = again.spread;
        return;
    }
    const sluice__summary f = summarize(times, l, SLUICE__TIMES_F);
    const sluice__summary i = summarize(times, l, SLUICE__TIMES_I);
    const sluice__summary w = summarize(times, l, SLUICE__TIMES_W);
    to->forward_s           = f.median;
    to->input_s             = i.median;
    to->weight_s            = w.median;
    to->spread.forward_s    = f.spread;
    to->spread.input_s      = i.spread;
    to->spread.weight_s     = w.spread;
}

/* What the layer before it costs that is like it. */
static void copy_times(sluice_profile_layer *to, const sluice_profile_layer *like) {
    to->forward_s   = like->forward_s;
    to->input_s     = like->input_s;
    to->weight_s    = like->weight_s;
    to->recompute_s = like->recompute_s;
    to->spread      = like->spread;
}

static void set_all_times(const measurement *m, sluice_profile_table *table,
                          const sluice__times *times, bool recomputes) {
    for (int l = 0; l < table->layer_count; l++) {
        const int like = m->alike.like[l];
        if (like == l)
            set_times(&table->layers[l], times, m->alike.index[l], recomputes);
        else
            copy_times(&table->layers[l], &table->layers[like]);
    }
}

/* Messages of a link are as long as the largest tensor between layers. */
static size_t largest_output(const sluice_profile *profile) {
    size_t max = 1;
    for (int t = 0; t < profile->table_count; t++)
        for (int l = 0; l < profile->tables[t].layer_count; l++)
            if (profile->tables[t].layers[l].output_bytes > max)
                max = profile->tables[t].layers[l].output_bytes;
    return max;
}

static sluice_status measure_with(measurement *m, int t, sluice__busy_ranks *all,
                                  sluice__times *times) {
    sluice_profile_table *const table = &m->profile->tables[t];
    name_part(m, table->microbatch, all->recomputes);
    SLUICE__TRY(sluice__busy_ranks_measure(times, all, report, m));
    m->done++;
    set_all_times(m, table, times, all->recomputes);
    if (all->recomputes) return SLUICE_OK;
    const double parameters      = (double)sluice_model_parameter_count(m->alike.model);
    const sluice__summary update = sluice__summarize(times->update, times->updates);
    m->updates[t]                = parameters > 0 ? update.median / parameters : 0;
    m->update_spreads[t]         = parameters > 0 ? update.spread / parameters : 0;
    m->profile->threads          = sluice_pipeline_threads(all->rank[0].pipeline);
    if (t < m->count - 1) return SLUICE_OK;
    (void)snprintf(m->part, sizeof m->part, "links");
    report(m, 0);
    return sluice__measure_links(m->profile, all, largest_output(m->profile));
}

static sluice_status measure_table(measurement *m, int t, bool recomputes) {
    const sluice_profile_options *const o = &m->options;
    sluice__busy_ranks all                = {0};
    sluice__times times                   = {0};
    sluice_status status                  = SLUICE_OK;
    SLUICE__TRY_OUT(
        sluice__times_make(&times, sluice_model_layer_count(m->alike.model), o->ranks, o->steps));
    SLUICE__TRY_OUT(sluice__busy_ranks_open(&all, m->alike.model, o, m->sizes[t], recomputes));
    SLUICE__TRY_OUT(measure_with(m, t, &all, &times));
out:
    sluice__busy_ranks_close(&all);
    sluice__times_free(&times);
    return status;
}

/* ---- the whole ---- */

static sluice_status describe_device(const measurement *m) {
    char words[128], text[192];
    SLUICE__TRY(m->device->describe(words, sizeof words, 0));
    (void)snprintf(text, sizeof text, "%s: %s", m->device->name, words);
    return sluice__copy_text(&m->profile->device, text);
}

static sluice_status note_circumstances(measurement *m) {
    const sluice_profile_options *const o = &m->options;
    sluice_profile *const profile         = m->profile;
    SLUICE__TRY(describe_device(m));
    if (o->model) SLUICE__TRY(sluice__copy_text(&profile->model, o->model));
    SLUICE__TRY(sluice__copy_text(&profile->precision, sluice_precision_name(o->precision)));
    SLUICE__TRY(sluice__copy_text(&profile->optimizer, o->optimizer->name));
    profile->sequence = o->sequence;
    profile->ranks    = o->ranks;
    return SLUICE_OK;
}

static sluice_status make_tables(measurement *m) {
    const size_t count = (size_t)m->count;
    SLUICE__TRY(sluice__alloc(&m->profile, 1, sizeof *m->profile));
    SLUICE__TRY(sluice__alloc(&m->updates, count, sizeof *m->updates));
    SLUICE__TRY(sluice__alloc(&m->update_spreads, count, sizeof *m->update_spreads));
    SLUICE__TRY(note_circumstances(m));
    SLUICE__TRY(sluice__alloc(&m->profile->tables, count, sizeof *m->profile->tables));
    m->profile->table_count = m->count;
    for (int t = 0; t < m->count; t++)
        SLUICE__TRY(sluice__describe_layers(&m->profile->tables[t], m->model, m->sizes[t],
                                            m->options.precision));
    return SLUICE_OK;
}

static sluice_status measure_all(measurement *m) {
    SLUICE__TRY(sluice__alike_make(&m->alike, m->model, m->options.alike));
    SLUICE__TRY(make_tables(m));
    for (int t = 0; t < m->count; t++) {
        SLUICE__TRY(measure_table(m, t, true));
        SLUICE__TRY(measure_table(m, t, false));
    }
    /* the update does not depend on the micro-batch */
    m->profile->update_s_per_parameter = sluice__summarize(m->updates, m->count).median;
    m->profile->update_spread_s_per_parameter =
        sluice__summarize(m->update_spreads, m->count).median;
    return SLUICE_OK;
}

sluice_status sluice_profile_measure(sluice_profile **out, const sluice_model *model,
                                     const sluice_profile_options *options) {
    measurement m        = {.model = model};
    sluice_status status = take_options(&m, options);
    if (status == SLUICE_OK) status = measure_all(&m);
    if (status == SLUICE_OK)
        *out = m.profile;
    else
        sluice_profile_free(m.profile);
    sluice__alike_free(&m.alike);
    sluice__free(m.updates);
    sluice__free(m.update_spreads);
    return status;
}
