/* SPDX-License-Identifier: MIT */
/* agenda.h -- what comes next in simulated time: a heap of entries, the earliest on top. */
#ifndef SLUICE_PROGRAM_AGENDA_H
#define SLUICE_PROGRAM_AGENDA_H

#include <stdbool.h>

#include "sluice/status.h"

/* Of entries at one time, ranks come before transfers, and lower numbers first. */
typedef struct sluice__entry {
    double time;
    bool is_transfer; /* that is ready; else a rank that goes on */
    int number;
} sluice__entry;

typedef struct sluice__agenda {
    sluice__entry *heap;
    int count;
} sluice__agenda;

/* Room for `most` entries at a time; free `heap` with sluice__free(). E_HOST_MEMORY. */
sluice_status sluice__agenda_make(sluice__agenda *out, int most);
void sluice__agenda_add(sluice__agenda *agenda, sluice__entry entry);
/* The earliest, taken off; there is one. */
sluice__entry sluice__agenda_take(sluice__agenda *agenda);

#endif
