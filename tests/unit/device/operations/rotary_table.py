#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""rotary_table.py -- writes rotary_table.h, cosines and sines of rotary angles: made in float64 up to
position 131071, and by transformers, in fp32, up to 2048.

    python3 tests/unit/device/operations/rotary_table.py > tests/unit/device/operations/rotary_table.h

Needs torch and transformers. The rows are in the order of made_by_transformers in positions.c.
"""
import math

FAR, NEAR = (2048, 65537, 131071), (1, 2048)
MODELS = (  # width of a head, and transformers' rope_parameters
    (16, {"rope_type": "default", "rope_theta": 10000.0}),
    (16, {"rope_type": "linear", "rope_theta": 10000.0, "factor": 3.0}),
    (32, {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
          "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}),
    (16, {"rope_type": "llama3", "rope_theta": 1000.0, "factor": 4.0, "low_freq_factor": 1.0,
          "high_freq_factor": 4.0, "original_max_position_embeddings": 64}),
)


def frequency(pair, width, rope):
    plain = rope["rope_theta"] ** (-2 * pair / width)
    if rope["rope_type"] == "default":
        return plain
    if rope["rope_type"] == "linear":
        return plain / rope["factor"]
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    wavelength, positions = 2 * math.pi / plain, rope["original_max_position_embeddings"]
    if wavelength < positions / high:
        return plain
    if wavelength > positions / low:
        return plain / rope["factor"]
    share = (positions / wavelength - low) / (high - low)
    return (1 - share) * plain / rope["factor"] + share * plain


def in_float64(width, rope, position):
    angles = [position * frequency(pair, width, rope) for pair in range(width // 2)]
    return [math.cos(a) for a in angles], [math.sin(a) for a in angles]


def by_transformers(width, rope, position):
    import torch
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
    config = LlamaConfig(hidden_size=width, num_attention_heads=1, max_position_embeddings=131072,
                         rope_parameters=dict(rope))
    cosines, sines = LlamaRotaryEmbedding(config)(torch.zeros(1, 1, width), torch.tensor([[position]]))
    return cosines[0, 0, :width // 2].tolist(), sines[0, 0, :width // 2].tolist()


def print_row(model, position, exact, cosines, sines):
    def numbers(values):
        return "{" + ", ".join(f"{v:.17g}" if exact else f"{v:.9g}" for v in values) + "}"
    print(f"    {{{position}, {model}, {str(exact).lower()}, {numbers(cosines)}, {numbers(sines)}}},")


print("""/* SPDX-License-Identifier: MIT */
/* rotary_table.h -- cosines and sines of rotary angles; made by rotary_table.py. */
#ifndef SLUICE_TESTS_ROTARY_TABLE_H
#define SLUICE_TESTS_ROTARY_TABLE_H

typedef struct rotary_angles {
    int64_t position;
    int model;  /* which of made_by_transformers */
    bool exact; /* made in float64; else by transformers */
    double cosines[16], sines[16];
} rotary_angles;

/* clang-format off */
static const rotary_angles rotary_table[] = {""")
for index, (head_width, rope_parameters) in enumerate(MODELS):
    for at in FAR:
        print_row(index, at, True, *in_float64(head_width, rope_parameters, at))
    for at in NEAR:
        print_row(index, at, False, *by_transformers(head_width, rope_parameters, at))
print("""};
/* clang-format on */

#endif""")
