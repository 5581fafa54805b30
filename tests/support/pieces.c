/* SPDX-License-Identifier: MIT */
/* pieces.c -- a linear layer whose parameters are pieces: another description of the library's. */
#include "tests/support/pieces.h"

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    sluice_layer_description d = {0};
    const sluice_status status = sluice_layer_linear()->describe(&d, config, input, precision);
    if (status != SLUICE_OK) return status;
    sluice_parameter *const weight = &d.parameters[0], *const bias = &d.parameters[1];
    weight->piece_count = 2;
    weight->pieces[0]   = (sluice_parameter_piece){"upper", 2};
    weight->pieces[1]   = (sluice_parameter_piece){"../lower", weight->shape.dims[0] - 2};
    bias->piece_count   = 3;
    bias->pieces[0]     = (sluice_parameter_piece){"first", 1};
    bias->pieces[1]     = (sluice_parameter_piece){"second", 2};
    bias->pieces[2]     = (sluice_parameter_piece){"third", bias->shape.dims[0] - 3};
    *out                = d;
    return SLUICE_OK;
}

const sluice_layer_kind *pieces_kind(void) {
    static sluice_layer_kind kind;
    kind          = *sluice_layer_linear();
    kind.name     = "pieces";
    kind.describe = describe;
    return &kind;
}

sluice_linear_config pieces_config(void) {
    return (sluice_linear_config){.inputs = INPUTS, .outputs = HIDDEN};
}

sluice_model *make_pieces_model(bool tied) {
    const sluice_linear_config wide   = pieces_config();
    const sluice_linear_config back   = {.inputs = HIDDEN, .outputs = INPUTS};
    const sluice_linear_config narrow = {.inputs = HIDDEN, .outputs = OUTPUTS};
    sluice_model *model               = NULL;
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {INPUTS}}));
    assert_ok(sluice_model_add(model, pieces_kind(), &wide, "block.split"));
    assert_ok(sluice_model_add(model, sluice_layer_relu(), NULL, "relu"));
    if (tied) {
        assert_ok(sluice_model_add(model, sluice_layer_linear(), &back, "back"));
        assert_ok(sluice_model_add(model, pieces_kind(), &wide, "other.again"));
        assert_ok(sluice_model_tie(model, "other.again.weight", "block.split.weight"));
    }
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &narrow, "narrow"));
    assert_ok(sluice_model_add(model, sluice_layer_squared_error(), NULL, "error"));
    return model;
}
