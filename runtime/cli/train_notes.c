/* SPDX-License-Identifier: MIT */
/* train_notes.c -- options that do not do what they seem to say: how fast it learns, and on what.
 */
#include <stdarg.h>
#include <stdio.h>

#include "training.h"

static int add_note(json_t **notes, const char *format, ...) SLUICE_PRINTF(2, 3);
static int add_note(json_t **notes, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!*notes) *notes = json_array();
    if (*notes && json_array_append_new(*notes, json_string(text)) == 0) return CLI_OK;
    return cli_fail(CLI_FAILED, "host memory exhausted");
}

static int note_learning_rate(json_t **notes, const train_options *o) {
    const sluice_learning_rate rate = {o->lr, o->min_lr, o->warmup, o->steps, o->decay};
    const double last               = sluice_learning_rate_at(&rate, o->steps);
    if (o->warmup > o->steps)
        return add_note(notes,
                        "the warm-up of %lld steps is longer than the run of %lld: the learning "
                        "rate ends at %g and never is %g",
                        (long long)o->warmup, (long long)o->steps, last, o->lr);
    if (o->decay == SLUICE_DECAY_NONE || o->min_lr >= o->lr) return CLI_OK;
    if (o->steps == 1)
        return add_note(notes,
                        "the only step has the minimum learning rate, %g; --decay none gives it %g",
                        last, o->lr);
    if (o->warmup < o->steps) return CLI_OK;
    return add_note(notes,
                    "the warm-up takes all %lld steps: the last one, after it, has the minimum "
                    "learning rate, %g, and none has %g",
                    (long long)o->steps, last, o->lr);
}

int train_find_notes(train_problem *problem, const train_options *options) {
    const int64_t windows = sluice_corpus_training_windows(problem->corpus);
    CLI_TRY(note_learning_rate(&problem->notes, options));
    if (options->batch <= windows) return CLI_OK;
    return add_note(&problem->notes,
                    "a minibatch of %lld samples has some of the %lld training window%s several "
                    "times; more data, shorter sequences or a smaller --batch avoid that",
                    (long long)options->batch, (long long)windows, windows == 1 ? "" : "s");
}

double train_epoch(const train_problem *problem, const train_options *options) {
    const double drawn =
        (double)sluice_run_get_state(problem->run).minibatch * (double)options->batch;
    return drawn / (double)sluice_corpus_training_windows(problem->corpus);
}
