/* SPDX-License-Identifier: MIT */
/* classifier.c -- the layer kind "classifier": output head and cross-entropy in one. */
#include "runtime/base/error.h"
#include "runtime/model/layers/describe.h"

enum { WEIGHT };

static sluice_status check(const sluice_classifier_config *c, const sluice_shape *input,
                           sluice_precision precision) {
    SLUICE__TRY(sluice__check_activation("classifier", input, 2, SLUICE_MAX_DIMS, precision));
    SLUICE__TRY(sluice__check_width("classifier", "width", c->width, input));
    SLUICE__TRY(sluice__check_count("classifier", "classes", c->classes));
    SLUICE__TRY(sluice__check_scale("classifier", "scale", c->scale));
    return sluice__check_elements("classifier", c->classes, c->width);
}

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    const sluice_classifier_config *const c = config;
    SLUICE__TRY(check(c, input, precision));
    const int64_t rows                = sluice__rows(input);
    sluice_layer_description d        = {0};
    sluice_shape targets              = *input;
    targets.type                      = SLUICE_TYPE_I32;
    targets.dims[--targets.dim_count] = 0;
    sluice__set_loss(&d, input, &targets);
    d.weight_per_sample = sluice__per_sample(&targets);
    sluice__add_matrix(&d, "weight", c->classes, c->width, c->scale);
    d.parameters[WEIGHT].gradient_by_input = true;
    d.scratch_evaluate                     = d.scratch_input =
        sluice_classifier_scratch(rows, c->width, c->classes, input->type);
    d.launches = sluice_classifier_launches(rows);
    sluice__cost_product(&d.input, input->type, rows, c->width, c->classes); /* logits */
    sluice__cost_product(&d.input, input->type, rows, c->classes,
                         c->width); /* gradient of the input */
    sluice__cost_product(&d.input, input->type, c->classes, rows,
                         c->width);                         /* gradient of the weight */
    d.input.flops += 8 * (double)rows * (double)c->classes; /* softmax and its gradient */
    *out = d;
    return SLUICE_OK;
}

static sluice_status classify(const sluice_layer_call *call, void *dx, float *dw) {
    const sluice_classifier_config *const c = call->config;
    return call->operations->classifier(call->stream, &(sluice_classifier){
                                                          .loss    = call->loss,
                                                          .dx      = dx,
                                                          .dw      = dw,
                                                          .x       = call->input,
                                                          .w       = call->parameters[WEIGHT],
                                                          .targets = call->batch[0],
                                                          .scratch = call->scratch,
                                                          .rows  = sluice__rows(&call->input_shape),
                                                          .width = c->width,
                                                          .classes     = c->classes,
                                                          .scale       = 1 / call->total_weight,
                                                          .first_write = call->first_write,
                                                      });
}

static sluice_status forward(const sluice_layer_call *call) {
    /* In training I computes the logits: computing them here would do it twice. */
    return call->training ? SLUICE_OK : classify(call, NULL, NULL);
}

static sluice_status backward_input(const sluice_layer_call *call) {
    return classify(call, call->input_gradient, call->gradients[WEIGHT]);
}

static sluice_status backward_weight(const sluice_layer_call *call) {
    (void)call; /* I has computed the gradient */
    return SLUICE_OK;
}

const sluice_layer_kind *sluice_layer_classifier(void) {
    static const sluice_layer_kind kind = {
        .size            = sizeof(sluice_layer_kind),
        .name            = "classifier",
        .config_bytes    = sizeof(sluice_classifier_config),
        .describe        = describe,
        .forward         = forward,
        .backward_input  = backward_input,
        .backward_weight = backward_weight,
    };
    return &kind;
}
