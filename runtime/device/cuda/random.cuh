/* SPDX-License-Identifier: MIT */
/* random.cuh -- dropout's factors: Philox4x32-10 as runtime/base/random.c has it. */
#ifndef SLUICE_DEVICE_CUDA_RANDOM_CUH
#define SLUICE_DEVICE_CUDA_RANDOM_CUH

#include <cstdint>

#include "runtime/device/cuda/portable.h"
#include "sluice/device.h"

/* What every draw of a launch has in common. */
struct draw {
    uint64_t key;
    uint32_t first_sample, step, below;
    float kept; /* 1 / (1 - rate); 0: nothing is dropped */
};

static inline draw draw_of(const sluice_dropout &dropout) {
    draw made         = {};
    made.key          = dropout.key;
    made.first_sample = static_cast<uint32_t>(dropout.first_sample);
    made.step         = static_cast<uint32_t>(dropout.step);
    made.below        = static_cast<uint32_t>(static_cast<double>(dropout.rate) * 4294967296.0);
    made.kept         = dropout.rate > 0 ? 1 / (1 - dropout.rate) : 0;
    return made;
}

/* words[0..3] of elements 4 block .. 4 block + 3. */
__device__ inline void draw_words(uint32_t words[4], const draw &d, int64_t sample,
                                  uint64_t block) {
    uint32_t a = static_cast<uint32_t>(block), e = static_cast<uint32_t>(block >> 32);
    uint32_t b = d.first_sample + static_cast<uint32_t>(sample), c = d.step;
    uint32_t low = static_cast<uint32_t>(d.key), high = static_cast<uint32_t>(d.key >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t first  = static_cast<uint64_t>(a) * 0xD2511F53u;
        const uint64_t second = static_cast<uint64_t>(c) * 0xCD9E8D57u;
        a                     = static_cast<uint32_t>(second >> 32) ^ b ^ low;
        b                     = static_cast<uint32_t>(second);
        c                     = static_cast<uint32_t>(first >> 32) ^ e ^ high;
        e                     = static_cast<uint32_t>(first);
        low += 0x9E3779B9u;
        high += 0xBB67AE85u;
    }
    words[0] = a, words[1] = b, words[2] = c, words[3] = e;
}

/* 0 or 1 / (1 - rate) of one element. */
__device__ inline float factor_of(const draw &d, int64_t sample, int64_t element) {
    uint32_t words[4];
    draw_words(words, d, sample, static_cast<uint64_t>(element) / 4);
    const int at        = static_cast<int>(element % 4);
    const uint32_t word = at == 0 ? words[0] : at == 1 ? words[1] : at == 2 ? words[2] : words[3];
    return word < d.below ? 0 : d.kept;
}

#endif
