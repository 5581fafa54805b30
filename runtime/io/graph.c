/* SPDX-License-Identifier: MIT */
/* graph.c -- the topological order of a graph, and where it can be cut. */
#include "runtime/io/graph.h"

#include <stdint.h>
#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

typedef struct sorter {
    const sluice__graph *graph;
    int *first;   /* [nodes + 1]: of each node's arcs */
    int *waiting; /* [nodes]: arcs into it from nodes that are not in the order yet */
    int *heap;    /* nodes that are ready, the smallest first */
    int ready;
    int *node; /* the order */
    int count;
} sorter;

/* ---- a heap of numbers ---- */

static void swap(int *a, int *b) {
    const int kept = *a;
    *a             = *b;
    *b             = kept;
}

static void push(sorter *s, int node) {
    int at      = s->ready++;
    s->heap[at] = node;
    for (; at > 0 && s->heap[(at - 1) / 2] > s->heap[at]; at = (at - 1) / 2)
        swap(&s->heap[(at - 1) / 2], &s->heap[at]);
}

static int pop(sorter *s) {
    const int smallest = s->heap[0];
    s->heap[0]         = s->heap[--s->ready];
    for (int at = 0, child = 1; child < s->ready; at = child, child = 2 * at + 1) {
        if (child + 1 < s->ready && s->heap[child + 1] < s->heap[child]) child++;
        if (s->heap[at] <= s->heap[child]) break;
        swap(&s->heap[at], &s->heap[child]);
    }
    return smallest;
}

/* ---- the order ---- */

static int compare_arcs(const void *left, const void *right) {
    const sluice__arc *a = left, *b = right;
    if (a->from != b->from) return a->from < b->from ? -1 : 1;
    return (a->to > b->to) - (a->to < b->to);
}

static sluice_status start(sorter *s, sluice__graph *graph) {
    const size_t nodes = (size_t)graph->nodes;
    s->graph           = graph;
    if (graph->arcs > 0) qsort(graph->arc, (size_t)graph->arcs, sizeof *graph->arc, compare_arcs);
    SLUICE__TRY(sluice__alloc(&s->first, nodes + 1, sizeof *s->first));
    SLUICE__TRY(sluice__alloc(&s->waiting, nodes, sizeof *s->waiting));
    SLUICE__TRY(sluice__alloc(&s->heap, nodes, sizeof *s->heap));
    SLUICE__TRY(sluice__alloc(&s->node, nodes, sizeof *s->node));
    for (int a = 0; a < graph->arcs; a++) {
        s->first[graph->arc[a].from + 1]++;
        s->waiting[graph->arc[a].to]++;
    }
    for (size_t n = 0; n < nodes; n++) s->first[n + 1] += s->first[n];
    return SLUICE_OK;
}

static void sort(sorter *s) {
    for (int n = 0; n < s->graph->nodes; n++)
        if (s->waiting[n] == 0) push(s, n);
    while (s->ready > 0) {
        const int node      = pop(s);
        s->node[s->count++] = node;
        for (int a = s->first[node]; a < s->first[node + 1]; a++)
            if (--s->waiting[s->graph->arc[a].to] == 0) push(s, s->graph->arc[a].to);
    }
}

static int find_cyclic(const sorter *s) {
    for (int n = 0; n < s->graph->nodes; n++)
        if (s->waiting[n] > 0) return n;
    return -1;
}

/* ---- cuts ---- */

/* Nodes whose last reader is at one position: how many, and the sum of their indices. */
typedef struct ending {
    int count;
    int64_t sum;
} ending;

static void find_last_readers(int *last, int *position, const sorter *s) {
    for (int k = 0; k < s->graph->nodes; k++) position[s->node[k]] = last[s->node[k]] = k;
    for (int a = 0; a < s->graph->arcs; a++) {
        const sluice__arc *const arc = &s->graph->arc[a];
        if (position[arc->to] > last[arc->from]) last[arc->from] = position[arc->to];
    }
}

/* Where one tensor crosses, the sum of the indices of those that do is its node's index. */
static sluice_status find_cuts(int *cross, const sorter *s) {
    const size_t nodes = (size_t)s->graph->nodes;
    int *last = NULL, *position = NULL;
    ending *endings      = NULL;
    ending crossing      = {0, 0};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&last, nodes, sizeof *last));
    SLUICE__TRY_OUT(sluice__alloc(&position, nodes, sizeof *position));
    SLUICE__TRY_OUT(sluice__alloc(&endings, nodes, sizeof *endings));
    find_last_readers(last, position, s);
    for (int k = 0; k < s->graph->nodes; k++) {
        const int node = s->node[k];
        if (last[node] > k) {
            crossing.count++;
            crossing.sum += node;
            endings[last[node]].count++;
            endings[last[node]].sum += node;
        }
        crossing.count -= endings[k].count;
        crossing.sum -= endings[k].sum;
        cross[k] = crossing.count == 1 ? (int)crossing.sum : -1;
    }
out:
    sluice__free(last);
    sluice__free(position);
    sluice__free(endings);
    return status;
}

/* ---- the whole ---- */

sluice_status sluice__graph_sort(sluice__graph_order *out, int *cyclic, sluice__graph *graph) {
    sorter s             = {0};
    int *cross           = NULL;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(start(&s, graph));
    sort(&s);
    SLUICE__TRY_OUT(sluice__alloc(&cross, (size_t)graph->nodes, sizeof *cross));
    *cyclic = find_cyclic(&s);
    if (*cyclic >= 0) goto out;
    SLUICE__TRY_OUT(find_cuts(cross, &s));
    *out   = (sluice__graph_order){s.node, cross};
    s.node = NULL;
    cross  = NULL;
out:
    sluice__free(s.first);
    sluice__free(s.waiting);
    sluice__free(s.heap);
    sluice__free(s.node);
    sluice__free(cross);
    return status;
}

void sluice__graph_order_free(sluice__graph_order *order) {
    sluice__free(order->node);
    sluice__free(order->cross);
    *order = (sluice__graph_order){0};
}
