/* SPDX-License-Identifier: MIT */
/* check_description.c -- what a kind of layer describes: a custom kind may describe something
 * impossible, which is reported here, instead of crashing later. */
#include "runtime/model/check_description.h"

#include <inttypes.h>

#include "runtime/base/error.h"
#include "runtime/base/shapes.h"
#include "runtime/model/layers/describe.h"

/* Rows of pieces; -1: not all are there. */
static int64_t sum_rows(const sluice_parameter *parameter) {
    int64_t rows = 0;
    for (int k = 0; k < parameter->piece_count; k++) {
        const sluice_parameter_piece *const piece = &parameter->pieces[k];
        if (!piece->name || piece->name[0] == '\0' || piece->rows < 1 ||
            piece->rows > parameter->shape.dims[0])
            return -1;
        rows += piece->rows;
    }
    return rows;
}

static sluice_status check_pieces(const sluice_layer_kind *kind,
                                  const sluice_parameter *parameter) {
    char text[SLUICE__SHAPE_TEXT];
    const int count = parameter->piece_count;
    if (count == 0) return SLUICE_OK;
    if (count < 0 || count > SLUICE_PARAMETER_PIECES || parameter->shape.dim_count < 1)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "layer kind '%s' describes '%s' of %d dimensions in %d pieces; a "
                            "parameter has rows, and may have %d pieces",
                            kind->name, parameter->name, parameter->shape.dim_count, count,
                            SLUICE_PARAMETER_PIECES);
    const int64_t rows = sum_rows(parameter);
    if (rows == parameter->shape.dims[0]) return SLUICE_OK;
    (void)sluice__shape_text(text, &parameter->shape);
    if (rows < 0)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "layer kind '%s' describes '%s' %s in pieces, one of which has no "
                            "name, or as many rows as it cannot have",
                            kind->name, parameter->name, text);
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "layer kind '%s' describes '%s' %s in %d pieces with %" PRId64
                        " rows in all",
                        kind->name, parameter->name, text, count, rows);
}

sluice_status sluice__check_description(const sluice_layer_kind *kind,
                                        const sluice_layer_description *d) {
    if (d->parameter_count < 0 || d->parameter_count > SLUICE_LAYER_PARAMETERS ||
        d->saved_count < 0 || d->saved_count > SLUICE_LAYER_SAVED || d->stash_count < 0 ||
        d->stash_count > SLUICE_LAYER_STASH || d->batch_count < 0 ||
        d->batch_count > SLUICE_LAYER_BATCH)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "layer kind '%s' describes %d parameters, %d saved and %d stashed "
                            "tensors and %d parts of the batch; there may be %d, %d, %d and %d",
                            kind->name, d->parameter_count, d->saved_count, d->stash_count,
                            d->batch_count, SLUICE_LAYER_PARAMETERS, SLUICE_LAYER_SAVED,
                            SLUICE_LAYER_STASH, SLUICE_LAYER_BATCH);
    if (d->output.dim_count < 1 || d->output.dim_count > SLUICE_MAX_DIMS ||
        d->output.dims[0] != 1) {
        char text[SLUICE__SHAPE_TEXT];
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "layer kind '%s' makes %s of 1 sample; its output must begin with the "
                            "samples dimension",
                            kind->name, sluice__shape_text(text, &d->output));
    }
    for (int p = 0; p < d->parameter_count; p++) SLUICE__TRY(check_pieces(kind, &d->parameters[p]));
    if (d->state_count < 0 || d->state_count > SLUICE_LAYER_STATES)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "layer kind '%s' describes %d tensors of state; there may be %d",
                            kind->name, d->state_count, SLUICE_LAYER_STATES);
    if (d->is_loss && d->weight_per_sample < 1)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "layer kind '%s' is a loss of %" PRId64 " terms per sample", kind->name,
                            d->weight_per_sample);
    return SLUICE_OK;
}

static sluice_status check_state(const sluice_layer_kind *kind, const sluice_layer_state *state,
                                 const sluice_layer_state *for_two) {
    char one[SLUICE__SHAPE_TEXT], two[SLUICE__SHAPE_TEXT];
    if (!state->name || state->name[0] == '\0')
        return sluice__fail(SLUICE_E_ARGUMENT, "layer kind '%s' describes state without a name",
                            kind->name);
    if (sluice__shapes_equal(&state->shape, &for_two->shape)) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "layer kind '%s' describes '%s' as %s for 1 sample and %s for 2; state has "
                        "the same shape for any number of samples",
                        kind->name, state->name, sluice__shape_text(one, &state->shape),
                        sluice__shape_text(two, &for_two->shape));
}

/* State belongs to the layer, not to a micro-batch: for two samples it has the same shape. */
sluice_status sluice__check_states(const sluice_layer_kind *kind, const void *config,
                                   const sluice_shape *input, const sluice_layer_description *d) {
    sluice_layer_description two = {0};
    sluice_shape larger          = *input;
    if (d->state_count == 0) return SLUICE_OK;
    larger.dims[0] = 2;
    SLUICE__TRY(kind->describe(&two, config, &larger, SLUICE_PRECISION_FP32));
    if (two.state_count != d->state_count)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "layer kind '%s' describes %d tensors of state for 1 sample and %d for "
                            "2; state is the same for any number of samples",
                            kind->name, d->state_count, two.state_count);
    for (int k = 0; k < d->state_count; k++)
        SLUICE__TRY(check_state(kind, &d->states[k], &two.states[k]));
    return SLUICE_OK;
}
