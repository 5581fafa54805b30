/* SPDX-License-Identifier: MIT */
/* alike.h -- a model without most of the layers that are alike, so that a large one can be measured
 * where it does not fit. */
#ifndef SLUICE_MEASURE_ALIKE_H
#define SLUICE_MEASURE_ALIKE_H

#include "sluice/model.h"

typedef struct sluice__alike {
    sluice_model *shorter;     /* NULL: nothing was left out */
    const sluice_model *model; /* to be measured: that one, or the whole */
    int *like;  /* [layers of the whole]: itself, or the one before it that is measured for it */
    int *index; /* [layers of the whole]: in `model`, of those that are like themselves */
} sluice__alike;

/* Keep at most `max` layers that are alike in kind, configuration and input (0: all), the first
 * ones. A layer is left out only where its output is like its input. Release with
 * sluice__alike_free(), after a failure too. E_HOST_MEMORY. */
sluice_status sluice__alike_make(sluice__alike *out, const sluice_model *model, int max);
void sluice__alike_free(sluice__alike *alike);

#endif
