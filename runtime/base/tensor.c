/* SPDX-License-Identifier: MIT */
/* tensor.c -- element types, precisions, and the size of a shape. */
#include "sluice/tensor.h"

size_t sluice_type_bytes(sluice_type type) {
    switch (type) {
#define X(name, code, bytes, text)                                                                 \
    case SLUICE_TYPE_##name:                                                                       \
        return bytes;
        SLUICE_TYPE_MAP(X)
#undef X
    }
    return 0;
}

const char *sluice_type_name(sluice_type type) {
    switch (type) {
#define X(name, code, bytes, text)                                                                 \
    case SLUICE_TYPE_##name:                                                                       \
        return text;
        SLUICE_TYPE_MAP(X)
#undef X
    }
    return "of an unknown type";
}

const char *sluice_precision_name(sluice_precision precision) {
    switch (precision) {
#define X(name, code, type, text)                                                                  \
    case SLUICE_PRECISION_##name:                                                                  \
        return text;
        SLUICE_PRECISION_MAP(X)
#undef X
    }
    return "an unknown precision";
}

sluice_type sluice_precision_type(sluice_precision precision) {
    switch (precision) {
#define X(name, code, type, text)                                                                  \
    case SLUICE_PRECISION_##name:                                                                  \
        return SLUICE_TYPE_##type;
        SLUICE_PRECISION_MAP(X)
#undef X
    }
    return SLUICE_TYPE_F32;
}

int64_t sluice_shape_count(const sluice_shape *shape) {
    int64_t count = 1;
    for (int d = 0; d < shape->dim_count; d++) count *= shape->dims[d];
    return count;
}

size_t sluice_shape_bytes(const sluice_shape *shape) {
    return (size_t)sluice_shape_count(shape) * sluice_type_bytes(shape->type);
}
