/* SPDX-License-Identifier: MIT */
/*
 * graph.h -- a graph of operators as a sequence of layers: nodes in topological order, cut wherever
 * exactly one node's tensor crosses.
 */
#ifndef SLUICE_IO_GRAPH_H
#define SLUICE_IO_GRAPH_H

#include <stdbool.h>

#include "sluice/status.h"

typedef struct sluice__arc {
    int from, to; /* indices of nodes */
} sluice__arc;

typedef struct sluice__graph {
    int nodes, arcs;
    sluice__arc *arc; /* sorted here by `from` */
} sluice__graph;

typedef struct sluice__graph_order {
    int *node; /* [nodes]: in topological order, of those that are ready the smallest index first */
    int *cross; /* [nodes]: after the node at this position, the one node whose tensor crosses; -1:
                 * none or several do, and nothing can be cut here */
} sluice__graph_order;

/* `*cyclic` gets a node that depends on itself, or -1; only then is the order made. Release with
 * sluice__graph_order_free(). E_HOST_MEMORY. */
sluice_status sluice__graph_sort(sluice__graph_order *out, int *cyclic, sluice__graph *graph);
void sluice__graph_order_free(sluice__graph_order *order);

#endif
