/* SPDX-License-Identifier: MIT */
/* tensor.c -- element types, precisions, and the size of a shape. */
#include "sluice/tensor.h"

static const struct {
    size_t bytes;
    const char *name;
} types[] = {
#define X(name, code, bytes, text) [SLUICE_TYPE_##name] = {bytes, text},
    SLUICE_TYPE_MAP(X)
#undef X
};

static const struct {
    sluice_type type;
    const char *name;
} precisions[] = {
#define X(name, code, type, text) [SLUICE_PRECISION_##name] = {SLUICE_TYPE_##type, text},
    SLUICE_PRECISION_MAP(X)
#undef X
};
_Static_assert(sizeof precisions / sizeof *precisions == SLUICE_PRECISIONS, "one row for each");

size_t sluice_type_bytes(sluice_type type) {
    return (size_t)type < sizeof types / sizeof *types ? types[type].bytes : 0;
}

const char *sluice_type_name(sluice_type type) {
    return (size_t)type < sizeof types / sizeof *types ? types[type].name : "of an unknown type";
}

const char *sluice_precision_name(sluice_precision precision) {
    return (size_t)precision < SLUICE_PRECISIONS ? precisions[precision].name
                                                 : "an unknown precision";
}

sluice_type sluice_precision_type(sluice_precision precision) {
    return (size_t)precision < SLUICE_PRECISIONS ? precisions[precision].type : SLUICE_TYPE_F32;
}

int64_t sluice_shape_count(const sluice_shape *shape) {
    int64_t count = 1;
    for (int d = 0; d < shape->dim_count; d++) count *= shape->dims[d];
    return count;
}

size_t sluice_shape_bytes(const sluice_shape *shape) {
    return (size_t)sluice_shape_count(shape) * sluice_type_bytes(shape->type);
}
