/* SPDX-License-Identifier: MIT */
/* rotary.c -- queries and keys turned by their positions; the frequencies are made here. */
#include "runtime/device/rotary.h"
#include "runtime/base/error.h"
#include "runtime/device/cuda/cuda.h"

sluice_status sluice__cuda_rotary(sluice_stream *stream, const sluice_rotary *args,
                                  sluice_precision precision) {
    sluice__cuda_rotary_table table = {{0}};
    SLUICE__TRY(sluice__cuda_check_heads(args->head_width));
    for (int64_t i = 0; i < args->head_width / 2; i++)
        table.frequencies[i] = sluice__rotary_frequency(&args->frequencies, i, args->head_width);
    return sluice__cuda_status(
        sluice__launch_rotary(args, &table, sluice_precision_type(precision), stream->handle),
        "rotary positions");
}
