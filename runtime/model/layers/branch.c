/* SPDX-License-Identifier: MIT */
/* branch.c -- how a residual branch ends: x + dropout(projection(..)), and the dropout of a layer.
 */
#include "runtime/model/layers/branch.h"

#include "runtime/base/error.h"
#include "runtime/base/random.h"
#include "runtime/model/layers/describe.h"

static const char purpose[] = "dropout of the branch";

sluice_dropout sluice_layer_dropout(const sluice_layer_call *call, const char *what, float rate) {
    if (!call->training || rate <= 0) return (sluice_dropout){0};
    return (sluice_dropout){.rate         = rate,
                            .key          = sluice__random_key(call->random.seed, what, call->name),
                            .step         = call->random.step,
                            .first_sample = call->random.first_sample};
}

sluice_status sluice__check_rate(const char *kind, float rate) {
    if (rate >= 0 && rate < 1) return SLUICE_OK; /* false for NaN */
    return sluice__fail(SLUICE_E_ARGUMENT, "%s has dropout %g; it must be from 0 to below 1", kind,
                        (double)rate);
}

static size_t gradient_bytes(sluice_type type, const sluice__dense *projection) {
    return sluice__piece(sluice__bytes_of(type, projection->rows, projection->outputs));
}

void sluice__branch_describe(sluice_layer_description *description, const sluice__dense *projection,
                             sluice_type type, float rate) {
    if (rate <= 0) return;
    const int64_t count = projection->rows * projection->outputs;
    sluice__cost_pass(&description->forward, type, count, 3, SLUICE__DROP_FLOPS);
    sluice__cost_pass(&description->input, type, count, 2, SLUICE__DROP_FLOPS);
    sluice__cost_pass(&description->weight, type, count, 2, SLUICE__DROP_FLOPS);
    description->scratch_weight =
        sluice__larger(description->scratch_weight,
                       gradient_bytes(type, projection) +
                           sluice_column_sum_scratch(projection->rows, projection->outputs));
}

static sluice_status drop(const sluice_layer_call *call, void *y, const void *x,
                          const void *residual, const sluice_dropout *dropout) {
    const int64_t samples = call->input_shape.dims[0];
    const int64_t count   = sluice_shape_count(&call->input_shape);
    return call->operations->drop(call->stream,
                                  &(sluice_drop){.y        = y,
                                                 .x        = x,
                                                 .residual = residual,
                                                 .samples  = samples,
                                                 .elements = samples > 0 ? count / samples : 0,
                                                 .dropout  = *dropout});
}

sluice_status sluice__branch_forward(const sluice_layer_call *call, const sluice__dense *projection,
                                     const void *x, float rate) {
    const sluice_dropout dropout = sluice_layer_dropout(call, purpose, rate);
    if (dropout.rate <= 0)
        return sluice__dense_forward(call, projection, call->output, x, call->input, NULL);
    SLUICE__TRY(sluice__dense_forward(call, projection, call->output, x, NULL, NULL));
    return drop(call, call->output, call->output, call->input, &dropout);
}

sluice_status sluice__branch_gradient(const sluice_layer_call *call, const void **out,
                                      void *gradient, float rate) {
    const sluice_dropout dropout = sluice_layer_dropout(call, purpose, rate);
    *out                         = dropout.rate > 0 ? gradient : call->output_gradient;
    return dropout.rate > 0 ? drop(call, gradient, call->output_gradient, NULL, &dropout)
                            : SLUICE_OK;
}

sluice_status sluice__branch_backward_weight(const sluice_layer_call *call,
                                             const sluice__dense *projection, const void *x,
                                             float rate) {
    const sluice_type type = sluice_precision_type(call->precision);
    const size_t used      = rate > 0 ? gradient_bytes(type, projection) : 0;
    const void *gradient;
    SLUICE__TRY(sluice__branch_gradient(call, &gradient, call->scratch, rate));
    return sluice__dense_backward_weight(call, projection, x, gradient,
                                         (char *)call->scratch + used);
}
