/* SPDX-License-Identifier: MIT */
/* pipedream.c -- the text of PipeDream's profiler as a profile: nodes that no cut divides become
 * one layer. */
#include "runtime/io/pipedream.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/graph.h"
#include "runtime/io/profile_check.h"

enum { MAX_NODES = 1 << 20, WORD_BYTES = 64 };
static const double max_bytes = (double)((int64_t)1 << 40);

typedef struct node {
    int number; /* of "node3" */
    int line;
    char kind[WORD_BYTES];
    double forward_s, backward_s;
    double activation, parameters; /* bytes */
} node;

typedef struct reader {
    const char *name; /* for errors */
    int line;         /* from 1 */
    const char *at, *end;
    node *nodes;
    sluice__graph graph; /* arcs have the nodes' numbers until all nodes are known */
    int *lines;          /* of arcs */
    int node_capacity, arc_capacity;
} reader;

bool sluice__is_pipedream(const char *text, size_t bytes) {
    for (; bytes > 4; text++, bytes--)
        if (*text == '\0' || !strchr(" \t\r\n", *text)) return memcmp(text, "node", 4) == 0;
    return false;
}

/* ---- words of a line ---- */

static sluice_status refuse(const reader *r, const char *what) {
    return sluice__fail(SLUICE_E_PARSE, "%s, line %d: %s", r->name, r->line, what);
}

static bool skip(reader *r, const char *word) {
    const size_t length = strlen(word);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) return false;
    r->at += length;
    return true;
}

/* "node12": its number; false: it is not one. */
static bool take_node(reader *r, int *number) {
    int64_t value = 0;
    if (!skip(r, "node") || r->at == r->end || *r->at < '0' || *r->at > '9') return false;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        value = 10 * value + (*r->at - '0');
        if (value > INT32_MAX) return false;
    }
    *number = (int)value;
    return true;
}

/* A number as JSON has it, in any locale. */
static bool take_number(reader *r, double *out) {
    const char *const begin = r->at;
    while (r->at < r->end && *r->at != '\0' && strchr("0123456789.eE+-", *r->at)) r->at++;
    json_t *const value = json_loadb(begin, (size_t)(r->at - begin), JSON_DECODE_ANY, NULL);
    const bool is_good  = json_is_number(value) && json_number_value(value) >= 0;
    if (is_good) *out = json_number_value(value);
    json_decref(value);
    return is_good;
}

/* A number, or the sum of "[1.0; 2.0]": the tensors of a node that puts out several. */
static bool take_sum(reader *r, double *out) {
    if (!skip(r, "[")) return take_number(r, out);
    for (*out = 0;;) {
        double one = 0;
        if (!take_number(r, &one)) return false;
        *out += one;
        if (skip(r, "]")) return true;
        if (!skip(r, ";")) return false;
        (void)skip(r, " ");
    }
}

/* ---- lines ---- */

/* "Conv2d(3, 64, ..) -- ": what the node is, without its arguments. */
static bool take_description(reader *r, char kind[WORD_BYTES]) {
    static const char times[] = " -- forward_compute_time=";
    const char *const begin   = r->at;
    size_t length             = 0;
    while (r->at < r->end && !skip(r, times)) r->at++;
    if (r->at == r->end) return false;
    r->at -= sizeof times - 1;
    for (const char *c = begin; c < r->at && length < WORD_BYTES - 1; c++) {
        if (*c == '(' || *c == ' ') break;
        kind[length++] = *c >= 32 && *c < 127 ? *c : '?';
    }
    kind[length] = '\0';
    return true;
}

static sluice_status take_costs(reader *r, node *out) {
    double forward_ms = 0, backward_ms = 0;
    if (!skip(r, " -- forward_compute_time=") || !take_number(r, &forward_ms) ||
        !skip(r, ", backward_compute_time=") || !take_number(r, &backward_ms))
        return refuse(r, "the node's times are missing, or not numbers of 0 or more");
    if (!skip(r, ", activation_size=") || !take_sum(r, &out->activation) ||
        !skip(r, ", parameter_size=") || !take_number(r, &out->parameters))
        return refuse(r, "the node's sizes are missing, or not numbers of 0 or more");
    if (!(out->activation <= max_bytes) || !(out->parameters <= max_bytes))
        return refuse(r, "a size is more than 1 TiB");
    out->forward_s  = forward_ms / 1000;
    out->backward_s = backward_ms / 1000;
    return SLUICE_OK;
}

static sluice_status read_node(reader *r) {
    if (r->graph.nodes == MAX_NODES) return refuse(r, "more than 1048576 nodes");
    if (r->graph.nodes == r->node_capacity) {
        const int capacity = r->node_capacity > 0 ? 2 * r->node_capacity : 64;
        SLUICE__TRY(sluice__grow(&r->nodes, (size_t)capacity, sizeof *r->nodes));
        r->node_capacity = capacity;
    }
    node *const to = &r->nodes[r->graph.nodes++];
    to->line       = r->line;
    if (!take_node(r, &to->number)) return refuse(r, "a node is called node1, node2 ...");
    if (!skip(r, " -- ") || !take_description(r, to->kind))
        return refuse(r, "after the node comes ' -- description -- forward_compute_time='");
    SLUICE__TRY(take_costs(r, to));
    if (skip(r, " -- stage_id=")) /* where PipeDream placed it: for people */
        while (r->at < r->end && *r->at >= '0' && *r->at <= '9') r->at++;
    return r->at == r->end ? SLUICE_OK : refuse(r, "something follows the node's parameter_size");
}

static sluice_status read_arc(reader *r) {
    if (r->graph.arcs == 4 * MAX_NODES) return refuse(r, "more than 4194304 edges");
    if (r->graph.arcs == r->arc_capacity) {
        const int capacity = r->arc_capacity > 0 ? 2 * r->arc_capacity : 64;
        SLUICE__TRY(sluice__grow(&r->graph.arc, (size_t)capacity, sizeof *r->graph.arc));
        SLUICE__TRY(sluice__grow(&r->lines, (size_t)capacity, sizeof *r->lines));
        r->arc_capacity = capacity;
    }
    r->lines[r->graph.arcs] = r->line;
    sluice__arc *const to   = &r->graph.arc[r->graph.arcs++];
    const bool is_edge      = take_node(r, &to->from) && skip(r, " -- ") && take_node(r, &to->to);
    return is_edge && r->at == r->end ? SLUICE_OK : refuse(r, "an edge is 'node1 -- node2'");
}

static sluice_status read_lines(reader *r, const char *text, size_t bytes) {
    const char *const last = text + bytes;
    for (const char *line = text; line < last; r->line++) {
        const char *end = memchr(line, '\n', (size_t)(last - line));
        if (!end) end = last;
        r->at  = line;
        r->end = end > line && end[-1] == '\r' ? end - 1 : end;
        line   = end < last ? end + 1 : last;
        if (r->at == r->end) continue;
        SLUICE__TRY(skip(r, "\t") ? read_arc(r) : read_node(r));
    }
    return SLUICE_OK;
}

/* ---- the graph ---- */

static int compare_nodes(const void *left, const void *right) {
    const node *a = left, *b = right;
    if (a->number != b->number) return a->number < b->number ? -1 : 1;
    return (a->line > b->line) - (a->line < b->line);
}

/* The index of node `number`; -1: there is none. */
static int find_node(const reader *r, int number) {
    int low = 0, high = r->graph.nodes;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (r->nodes[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->graph.nodes && r->nodes[low].number == number ? low : -1;
}

/* Sort the nodes by number, and let arcs name indices. */
static sluice_status index_nodes(reader *r) {
    qsort(r->nodes, (size_t)r->graph.nodes, sizeof *r->nodes, compare_nodes);
    for (int n = 1; n < r->graph.nodes; n++)
        if (r->nodes[n].number == r->nodes[n - 1].number)
            return sluice__fail(SLUICE_E_PARSE, "%s, line %d: node%d is also on line %d", r->name,
                                r->nodes[n].line, r->nodes[n].number, r->nodes[n - 1].line);
    for (int a = 0; a < r->graph.arcs; a++) {
        sluice__arc *const arc = &r->graph.arc[a];
        const int from = find_node(r, arc->from), to = find_node(r, arc->to);
        if (from < 0 || to < 0)
            return sluice__fail(SLUICE_E_PARSE, "%s, line %d: there is no node%d", r->name,
                                r->lines[a], from < 0 ? arc->from : arc->to);
        *arc = (sluice__arc){from, to};
    }
    return SLUICE_OK;
}

static sluice_status sort_graph(sluice__graph_order *out, reader *r) {
    int cyclic = -1;
    SLUICE__TRY(sluice__graph_sort(out, &cyclic, &r->graph));
    if (cyclic < 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE, "%s, line %d: node%d depends on itself", r->name,
                        r->nodes[cyclic].line, r->nodes[cyclic].number);
}

/* ---- layers ---- */

static sluice_status name_layer(sluice_profile_layer *layer, const node *first, const node *last) {
    char name[2 * WORD_BYTES];
    if (first == last)
        (void)snprintf(name, sizeof name, "node%d", first->number);
    else
        (void)snprintf(name, sizeof name, "node%d..node%d", first->number, last->number);
    SLUICE__TRY(sluice__copy_text(&layer->name, name));
    return sluice__copy_text(&layer->kind,
                             first == last && first->kind[0] != '\0' ? first->kind : "operators");
}

/* What all nodes put out is kept for the backward; the layer's output is its reader's input. The
 * text does not divide the backward: all of it is I, and no schedule gains from a W of its own. */
static sluice_status make_layer(sluice_profile_layer *layer, const reader *r,
                                const sluice__graph_order *order, int from, int to) {
    double kept = from > 0 ? r->nodes[order->cross[from - 1]].activation : 0, parameters = 0;
    for (int k = from; k <= to; k++) {
        const node *const at = &r->nodes[order->node[k]];
        layer->forward_s += at->forward_s;
        layer->input_s += at->backward_s;
        kept += at->activation;
        parameters += at->parameters;
    }
    if (!(kept <= max_bytes) || !(parameters <= max_bytes))
        return sluice__fail(SLUICE_E_PARSE,
                            "%s: the nodes from node%d to node%d take more than 1 TiB", r->name,
                            r->nodes[order->node[from]].number, r->nodes[order->node[to]].number);
    layer->recompute_s  = layer->forward_s;
    layer->output_bytes = order->cross[to] < 0 ? 0 : (size_t)r->nodes[order->cross[to]].activation;
    layer->saved_bytes  = (size_t)kept - layer->output_bytes;
    layer->parameter_bytes = (size_t)parameters;
    layer->parameters      = (int64_t)(parameters / 4); /* fp32 */
    return name_layer(layer, &r->nodes[order->node[from]], &r->nodes[order->node[to]]);
}

static sluice_status make_layers(sluice_profile_table *table, const reader *r,
                                 const sluice__graph_order *order) {
    const int nodes = r->graph.nodes;
    SLUICE__TRY(sluice__alloc(&table->layers, (size_t)nodes, sizeof *table->layers));
    for (int from = 0, to = 0; to < nodes; to++) {
        if (to < nodes - 1 && order->cross[to] < 0) continue;
        SLUICE__TRY(make_layer(&table->layers[table->layer_count++], r, order, from, to));
        from = to + 1;
    }
    return SLUICE_OK;
}

static sluice_status make_profile(sluice_profile *profile, reader *r) {
    sluice__graph_order order = {0};
    if (r->graph.nodes == 0) return sluice__fail(SLUICE_E_PARSE, "%s has no nodes", r->name);
    SLUICE__TRY(index_nodes(r));
    SLUICE__TRY(sluice__copy_text(&profile->device, "measured by PipeDream's profiler"));
    SLUICE__TRY(sluice__alloc(&profile->tables, 1, sizeof *profile->tables));
    profile->table_count          = 1;
    profile->tables[0].microbatch = 1; /* the text does not say */
    SLUICE__TRY(sort_graph(&order, r));
    const sluice_status status = make_layers(&profile->tables[0], r, &order);
    sluice__graph_order_free(&order);
    return status;
}

sluice_status sluice__pipedream_parse(sluice_profile **out, const char *text, size_t bytes,
                                      const char *name) {
    reader r                = {.name = name, .line = 1};
    sluice_profile *profile = NULL;
    sluice_status status    = SLUICE_OK;
    SLUICE__TRY_OUT(read_lines(&r, text, bytes));
    SLUICE__TRY_OUT(sluice__alloc(&profile, 1, sizeof *profile));
    SLUICE__TRY_OUT(make_profile(profile, &r));
    SLUICE__TRY_OUT(sluice__profile_check_sums(profile, name));
    *out    = profile;
    profile = NULL;
out:
    sluice_profile_free(profile);
    sluice__free(r.nodes);
    sluice__free(r.graph.arc);
    sluice__free(r.lines);
    return status;
}
