/* SPDX-License-Identifier: MIT */
/* lowered.c -- append to a rank's lists of instructions, buffers and uses. */
#include "runtime/program/lower/lowered.h"

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

const sluice_instruction sluice__blank = {
    .microbatch = -1, .after = -1, .transfer = -1, .edge = -1, .peer = -1};

sluice_status sluice__add_instruction(sluice__lowered *out, const sluice_instruction *instruction) {
    if (out->count == out->capacity) {
        const int capacity = out->capacity ? 2 * out->capacity : 256;
        SLUICE__TRY(sluice__grow(&out->list, (size_t)capacity, sizeof *out->list));
        out->capacity = capacity;
    }
    out->list[out->count++] = *instruction;
    return SLUICE_OK;
}

sluice_status sluice__add_buffer(sluice__lowered *out, int *buffer, int kind) {
    if (out->buffer_count == out->buffer_capacity) {
        const int capacity = out->buffer_capacity ? 2 * out->buffer_capacity : 256;
        SLUICE__TRY(sluice__grow(&out->buffers, (size_t)capacity, sizeof *out->buffers));
        out->buffer_capacity = capacity;
    }
    *buffer               = out->buffer_count++;
    out->buffers[*buffer] = (sluice__buffer){.begin = out->count, .end = out->count, .kind = kind};
    return SLUICE_OK;
}

static sluice_status add_use(sluice__lowered *out, const sluice__use *use) {
    if (out->use_count == out->use_capacity) {
        const int capacity = out->use_capacity ? 2 * out->use_capacity : 256;
        SLUICE__TRY(sluice__grow(&out->uses, (size_t)capacity, sizeof *out->uses));
        out->use_capacity = capacity;
    }
    out->uses[out->use_count++] = *use;
    return SLUICE_OK;
}

sluice_status sluice__use_buffer(sluice__lowered *out, int buffer, int slot, size_t bytes) {
    const sluice__use use = {out->count - 1, buffer, slot, bytes, 0};
    sluice__buffer *used  = &out->buffers[buffer];
    if (used->bytes < bytes) used->bytes = bytes;
    used->end = use.instruction;
    return add_use(out, &use);
}

sluice_status sluice__use_permanent(sluice__lowered *out, size_t offset, int slot, size_t bytes) {
    const sluice__use use = {out->count - 1, -1, slot, bytes, offset};
    return add_use(out, &use);
}

void sluice__name_post(sluice_instruction *post, const sluice__edges *edges, int edge, bool sends) {
    const sluice__edge *carries      = &edges->list[edge];
    const sluice__channel_key *along = &edges->channels[carries->channel];
    post->kind    = sends ? SLUICE_INSTRUCTION_POST_SEND : SLUICE_INSTRUCTION_POST_RECEIVE;
    post->sends   = sends;
    post->edge    = (int16_t)edge;
    post->peer    = (int16_t)(sends ? along->to : along->from);
    post->stage   = (int16_t)(sends ? carries->is.producer : carries->is.consumer);
    post->payload = carries->is.payload & 7u;
}

/* The first use of instruction n. */
static const sluice__use *find_use(const sluice__lowered *out, int n) {
    int low = 0, high = out->use_count;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (out->uses[middle].instruction < n)
            low = middle + 1;
        else
            high = middle;
    }
    return &out->uses[low];
}

sluice_status sluice__add_wait(sluice__lowered *out, int posted) {
    sluice_instruction instruction = out->list[posted];
    const sluice__use use          = *find_use(out, posted);
    instruction.kind               = SLUICE_INSTRUCTION_WAIT;
    instruction.post               = posted;
    instruction.group              = 0;
    SLUICE__TRY(sluice__add_instruction(out, &instruction));
    if (use.buffer < 0) return sluice__use_permanent(out, use.offset, use.slot, use.bytes);
    return sluice__use_buffer(out, use.buffer, use.slot, use.bytes);
}

void sluice__lowered_free(sluice__lowered *lowered) {
    sluice__free(lowered->list);
    sluice__free(lowered->uses);
    sluice__free(lowered->buffers);
    sluice__free(lowered->tie_buffers);
    *lowered = (sluice__lowered){0};
}
