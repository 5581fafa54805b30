/* SPDX-License-Identifier: MIT */
/* compile.c -- from schedule, split and model to a program. */
#include <assert.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/lower/lowered.h"
#include "runtime/program/pass_check.h"

/* The sum of everything that could be held at one time must not overflow. */
static sluice_status check_bytes(const sluice_stage_bytes *stages, int count, int microbatches) {
    double all = 0;
    for (int s = 0; s < count; s++)
        all += (double)stages[s].permanent +
               (4.0 * (double)stages[s].output + (double)stages[s].saved + (double)stages[s].stash +
                (double)stages[s].scratch) *
                   microbatches;
    if (all < 0.5 * (double)SIZE_MAX) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT, "the stages hold %g bytes, more than an address space",
                        all);
}

/* Numbers that size tables must be in proportion to the schedule. */
static sluice_status check_size(const sluice_schedule *schedule) {
    const int p = sluice_schedule_ranks(schedule), stages = sluice_schedule_stages(schedule);
    if (p > SLUICE_MAX_STAGES || stages > SLUICE_MAX_STAGES)
        return sluice__fail(SLUICE_E_SCHEDULE,
                            "the schedule has %d ranks and %d stages; a program has at most %d of "
                            "each",
                            p, stages, SLUICE_MAX_STAGES);
    if (sluice_schedule_microbatches(schedule) == 0)
        return sluice__fail(SLUICE_E_SCHEDULE, "the schedule computes nothing: no action has a "
                                               "micro-batch");
    return sluice__check_forwards(schedule);
}

sluice_status sluice__check_split(const sluice_split *split, const sluice_schedule *schedule,
                                  int layers, const char *what) {
    const int stages = sluice_schedule_stages(schedule);
    if (split->stages != stages)
        return sluice__fail(SLUICE_E_ARGUMENT, "the split has %d stages, the schedule '%s' has %d",
                            split->stages, sluice_schedule_name(schedule), stages);
    if (split->first[0] != 0 || split->first[stages] != layers)
        return sluice__fail(SLUICE_E_ARGUMENT, "the split covers %d layers, the %s has %d",
                            split->first[stages] - split->first[0], what, layers);
    for (int s = 0; s < stages; s++)
        if (split->first[s] >= split->first[s + 1])
            return sluice__fail(SLUICE_E_ARGUMENT, "stage %d of the split has no layers", s);
    return SLUICE_OK;
}

static sluice_status check(const sluice_schedule *schedule, const sluice_model *model,
                           const sluice_split *split, const sluice_program_options *options) {
    const int stages = sluice_schedule_stages(schedule);
    const int m      = sluice_schedule_microbatches(schedule);
    if (options->samples < m) {
        sluice__fail(SLUICE_E_ARGUMENT, "a minibatch of %lld samples cannot fill %d micro-batches",
                     (long long)options->samples, m);
        return sluice__hint(SLUICE_E_ARGUMENT,
                            "use at most %lld micro-batches, or larger minibatches",
                            (long long)options->samples);
    }
    if (options->states < 0 || options->states > SLUICE_UPDATE_STATES)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "%d optimizer state tensors per parameter; there can be 0 to %d",
                            options->states, SLUICE_UPDATE_STATES);
    if (options->inference && sluice_schedule_trains(schedule))
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "schedule '%s' has backward actions, and the program is for inference",
                            sluice_schedule_name(schedule));
    if (options->outstanding < 0)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "at most %d outstanding sends; give 1 or more, or 0 for no limit",
                            options->outstanding);
    if (options->costs)
        SLUICE__TRY(sluice__check_costs(options->costs, stages, sluice_schedule_ranks(schedule)));
    if ((int)options->precision < 0 || (int)options->precision >= SLUICE_PRECISIONS)
        return sluice__fail(SLUICE_E_UNSUPPORTED, "precision %d does not exist",
                            (int)options->precision);
    if (!model && options->bytes) SLUICE__TRY(check_bytes(options->bytes, stages, m));
    if (!model) return SLUICE_OK;
    if (options->bytes)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "bytes per stage are given together with a model, which "
                            "determines them");
    return sluice__check_split(split, schedule, sluice_model_layer_count(model), "model");
}

/* Where micro-batches are uneven, larger ones come first. */
static void cut_minibatch(sluice_program *program) {
    const int64_t n = program->options.samples, m = program->microbatches;
    for (int64_t i = 0; i <= m; i++)
        program->first_sample[i] = i * (n / m) + (i < n % m ? i : n % m);
}

static sluice_status start(sluice_program *program, const sluice_schedule *schedule,
                           const sluice_model *model, const sluice_program_options *options) {
    program->model        = model;
    program->options      = *options;
    program->ranks        = sluice_schedule_ranks(schedule);
    program->stages       = sluice_schedule_stages(schedule);
    program->microbatches = sluice_schedule_microbatches(schedule);
    program->trains       = sluice_schedule_trains(schedule);
    program->sized        = model || options->bytes;
    SLUICE__TRY(sluice__alloc(&program->stage_rank, (size_t)program->stages, sizeof(int)));
    SLUICE__TRY(
        sluice__alloc(&program->first_sample, (size_t)program->microbatches + 1, sizeof(int64_t)));
    SLUICE__TRY(
        sluice__alloc(&program->layouts, (size_t)program->stages, sizeof *program->layouts));
    SLUICE__TRY(sluice__alloc(&program->rank, (size_t)program->ranks, sizeof *program->rank));
    SLUICE__TRY(sluice__alloc(&program->recompute, (size_t)program->stages, sizeof(bool)));
    for (int s = 0; s < program->stages; s++) {
        program->stage_rank[s] = sluice_schedule_stage_rank(schedule, s);
        program->recompute[s]  = options->recompute && options->recompute[s];
    }
    program->options.recompute = program->recompute; /* the caller may free its list */
    cut_minibatch(program);
    return SLUICE_OK;
}

static sluice_status lay_out(sluice_program *program, const sluice_split *split) {
    for (int s = 0; s < program->stages; s++) {
        if (program->options.bytes)
            sluice__layout_sized(&program->layouts[s], &program->options.bytes[s]);
        else if (!split)
            sluice__layout_abstract(&program->layouts[s], s == program->stages - 1);
        else
            SLUICE__TRY(sluice__layout_make(
                &program->layouts[s], s > 0 ? &program->layouts[s - 1] : NULL, program->model,
                split->first[s], split->first[s + 1] - split->first[s],
                sluice_program_samples(program, 0), program->options.precision));
    }
    return SLUICE_OK;
}

/* The output of a stage in a line. It takes at least a byte, so that it has an address. */
static sluice__tensor output_of(const sluice_program *program, int s) {
    sluice__tensor output = {.producer = s, .consumer = s + 1, .bytes = SLUICE__ALIGNMENT};
    if (program->options.bytes) {
        output.bytes = program->options.bytes[s].output;
        if (output.bytes == 0) output.bytes = 1;
    } else if (program->model) {
        const sluice_shape sample = sluice__layout_output(&program->layouts[s], 1);
        output.bytes              = 0;
        output.sample_bytes       = sluice_shape_bytes(&sample);
    }
    return output;
}

static sluice_status join_line(sluice_program *program) {
    const int count = program->stages - 1;
    sluice__tensor *outputs;
    SLUICE__TRY(sluice__alloc(&outputs, (size_t)count, sizeof *outputs));
    for (int s = 0; s < count; s++) outputs[s] = output_of(program, s);
    const sluice_status status =
        sluice__edges_make(&program->edges, outputs, count, program->stages);
    sluice__free(outputs);
    return status;
}

/* Make the table of edges: of `tensors`, or of a line of stages if that is NULL. */
static sluice_status join_stages(sluice_program *program, const sluice__tensor *tensors,
                                 int count) {
    if (tensors)
        SLUICE__TRY(sluice__edges_make(&program->edges, tensors, count, program->stages));
    else
        SLUICE__TRY(join_line(program));
    SLUICE__TRY(sluice__add_tie_edges(program));
    return sluice__edges_open_channels(&program->edges, program->stage_rank, program->ranks);
}

static void free_lists(sluice__rank_program *rank) {
    sluice__free(rank->list);
    sluice__free(rank->rows);
    sluice__free(rank->slots);
    sluice__free(rank->alive);
    rank->list  = NULL;
    rank->rows  = NULL;
    rank->slots = NULL;
    rank->alive = NULL;
    rank->count = 0;
}

/* Free the lists of a lowering that deadlocked. */
static void drop_lists(sluice_program *program, const sluice_program_bytes *permanent) {
    for (int r = 0; r < program->ranks; r++) {
        free_lists(&program->rank[r]);
        program->rank[r].bytes = permanent[r];
    }
}

static sluice_status make_list(sluice_program *program, sluice__rank_links *links, int r) {
    sluice__lowered lowered = {0};
    sluice_status status    = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__lower_rank(&lowered, program, links, r));
    assert(sluice__lowered_check(program, &lowered));
    SLUICE__TRY_OUT(sluice__plan_rank(program, r, &lowered));
    assert(sluice__program_check(program, r));
out:
    sluice__lowered_free(&lowered);
    sluice__rank_links_free(links); /* early, so that large programs fit into memory */
    return status;
}

static sluice_status verify(const sluice_program *program, bool *deadlock) {
    const size_t p                   = (size_t)program->ranks;
    const sluice_instruction **lists = NULL;
    int *counts                      = NULL;
    sluice_status status             = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&lists, p, sizeof *lists));
    SLUICE__TRY_OUT(sluice__alloc(&counts, p, sizeof *counts));
    for (size_t r = 0; r < p; r++) {
        lists[r]  = program->rank[r].list;
        counts[r] = program->rank[r].count;
    }
    status = sluice__verify(program, lists, counts, program->options.queues, deadlock);
out:
    sluice__free(lists);
    sluice__free(counts);
    return status;
}

/* Lower, plan and verify with at most `outstanding` sends to a peer; 0: as many as decided. */
static sluice_status try_lists(sluice_program *program, const sluice_schedule *schedule,
                               int outstanding, bool *deadlock) {
    sluice__rank_links *links = NULL;
    sluice_status status      = SLUICE_OK;
    SLUICE__TRY(sluice__links_make(&links, schedule, program, outstanding));
    for (int r = 0; r < program->ranks && status == SLUICE_OK; r++)
        status = make_list(program, &links[r], r);
    sluice__links_free(links, program->ranks);
    return status == SLUICE_OK ? verify(program, deadlock) : status;
}

/* Where the limit on outstanding sends makes the schedule deadlock, it is raised. */
static sluice_status make_lists(sluice_program *program, const sluice_schedule *schedule) {
    sluice_program_bytes *permanent;
    SLUICE__TRY(sluice__alloc(&permanent, (size_t)program->ranks, sizeof *permanent));
    for (int r = 0; r < program->ranks; r++) permanent[r] = program->rank[r].bytes;
    const int max        = 2 * program->stages * program->microbatches;
    sluice_status status = SLUICE_OK;
    for (int outstanding = program->options.outstanding;; outstanding *= 2) {
        bool deadlock = false;
        status        = try_lists(program, schedule, outstanding, &deadlock);
        if (status == SLUICE_OK || !deadlock || outstanding == 0 || outstanding >= max) break;
        drop_lists(program, permanent);
    }
    sluice__free(permanent);
    return status;
}

static sluice_status compile(sluice_program **out, const sluice_schedule *schedule,
                             const sluice_model *model, const sluice_split *split,
                             const sluice_program_options *options, const sluice__tensor *tensors,
                             int tensor_count) {
    sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    if (options->size == 0 || options->size > sizeof settings) {
        sluice__fail(SLUICE_E_ARGUMENT, "program options of %zu bytes are not known",
                     options->size);
        return sluice__hint(SLUICE_E_ARGUMENT, "start from SLUICE_PROGRAM_OPTIONS_INIT");
    }
    memcpy(&settings, options, options->size);
    if (!model && settings.samples < sluice_schedule_microbatches(schedule))
        settings.samples = sluice_schedule_microbatches(schedule);
    SLUICE__TRY(check_size(schedule));
    SLUICE__TRY(check(schedule, model, split, &settings));
    sluice_program *program;
    SLUICE__TRY(sluice__alloc(&program, 1, sizeof *program));
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(start(program, schedule, model, &settings));
    SLUICE__TRY_OUT(lay_out(program, split));
    SLUICE__TRY_OUT(sluice__index_uses(program));
    SLUICE__TRY_OUT(join_stages(program, tensors, tensor_count));
    SLUICE__TRY_OUT(sluice__plan_permanent(program));
    SLUICE__TRY_OUT(make_lists(program, schedule));
    program->options.bytes = NULL; /* the caller may free them */
    program->options.costs = NULL;
    *out                   = program;
out:
    if (status != SLUICE_OK) sluice_program_free(program);
    return status;
}

sluice_status sluice_program_compile(sluice_program **out, const sluice_schedule *schedule,
                                     const sluice_model *model, const sluice_split *split,
                                     const sluice_program_options *options) {
    return compile(out, schedule, model, split, options, NULL, 0);
}

sluice_status sluice__program_compile_edges(sluice_program **out, const sluice_schedule *schedule,
                                            const sluice__tensor *tensors, int count,
                                            const sluice_program_options *options) {
    return compile(out, schedule, NULL, NULL, options, tensors, count);
}

void sluice_program_free(sluice_program *program) {
    if (!program) return;
    for (int s = 0; program->layouts && s < program->stages; s++)
        sluice__layout_free(&program->layouts[s]);
    for (int r = 0; program->rank && r < program->ranks; r++) {
        sluice__rank_program *rank = &program->rank[r];
        for (int t = 0; t < rank->tie_count; t++) {
            sluice__free(rank->ties[t].uses);
            sluice__free(rank->ties[t].offsets);
        }
        sluice__free(rank->ties);
        sluice__free(rank->values);
        free_lists(rank);
    }
    sluice__free(program->rank);
    sluice__free(program->layouts);
    sluice__edges_free(&program->edges);
    sluice__free(program->use_stage);
    sluice__free(program->next_use);
    sluice__free(program->use_values);
    sluice__free(program->use_gradients);
    sluice__free(program->layer_states);
    sluice__free(program->first_sample);
    sluice__free(program->stage_rank);
    sluice__free(program->recompute);
    sluice__free(program);
}
