/* SPDX-License-Identifier: MIT */
/*
 * exact.c -- the one place that solves one stage per rank exactly.
 *
 * The smallest limit under which the layers can be cut is found by bisection, down to neighbouring
 * floating-point numbers. A limit is tried by marking, stage by stage, where the next one may
 * begin; only between the positions that greedy walks from both ends reach under that limit, for
 * what a stage costs at least grows with its layers (sluice__stage_floor()). Under the limit that
 * is found, the sum of squares is then minimized by dynamic programming over the same positions,
 * last stages first: walking forward afterwards, each stage can take the earliest boundary that
 * still reaches the optimum.
 */
#include <math.h>
#include <string.h>

#include "partition/chain.h"
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

enum { MAX_GALLOPS = 9 };
enum { ASKED = 64 }; /* layers of a stage, at most, for which `fits` is kept */

/* The stage that was asked for last of those with its number and end. */
typedef struct known_cost {
    int begin;
    bool is_known;
    double cost;
} known_cost;

typedef struct search {
    const sluice__chain *chain;
    int n, stages;
    int *low, *high;        /* [stages + 1]: where a stage may begin under the limit */
    unsigned char *reached; /* [stages + 1][n + 1] */
    int *first;             /* [stages + 1] */
    uint64_t *asked, *fits; /* [stages][n + 1]: a bit for each number of layers; NULL: not asked */
    known_cost *costs;      /* [stages][n + 1]; NULL: costs are no bytes, which take long */
    double **squares;       /* [stages + 1][position - low] */
} search;

/* Whether a stage fits; asked once for most stages, since bytes take long. */
static bool fits(const search *at, int stage, sluice__span span) {
    const sluice__chain *chain = at->chain;
    const int rank = chain->stage_rank[stage], layers = span.end - span.begin;
    if (!chain->is_limited || chain->is_excess) return true;
    if (layers < 1 || layers > ASKED) return sluice__rank_fits(chain, rank, &span);
    const size_t at_begin = (size_t)stage * ((size_t)at->n + 1) + (size_t)span.begin;
    const uint64_t bit    = (uint64_t)1 << (layers - 1);
    if (!(at->asked[at_begin] & bit)) {
        at->asked[at_begin] |= bit;
        if (sluice__rank_fits(chain, rank, &span)) at->fits[at_begin] |= bit;
    }
    return at->fits[at_begin] & bit;
}

static double cost_of(const search *at, int stage, sluice__span span) {
    const int rank = at->chain->stage_rank[stage];
    if (!at->costs) return sluice__rank_cost(at->chain, rank, &span);
    known_cost *known = &at->costs[(size_t)stage * ((size_t)at->n + 1) + (size_t)span.end];
    if (!known->is_known || known->begin != span.begin)
        *known = (known_cost){span.begin, true, sluice__rank_cost(at->chain, rank, &span)};
    return known->cost;
}

/* What a stage costs; INFINITY if that is beyond the limit, or it does not fit. */
static double value_of(const search *at, int stage, int begin, int end, double limit) {
    const sluice__span span = {begin, end};
    const double cost       = cost_of(at, stage, span);
    if (cost > limit) return INFINITY;
    const bool fits_rank = at->costs && !at->chain->is_excess
                               ? sluice__bytes_fit(at->chain, at->chain->stage_rank[stage], cost)
                               : fits(at, stage, span);
    return fits_rank ? cost : INFINITY;
}

static double floor_of(const search *at, int stage, int begin, int end) {
    return sluice__stage_floor(at->chain, stage, (sluice__span){begin, end});
}

static unsigned char *reached_at(const search *at, int stage, int position) {
    return &at->reached[(size_t)stage * ((size_t)at->n + 1) + (size_t)position];
}

/* ---- where stages may begin at all ---- */

static int largest_end(const search *at, int stage, int begin, double limit) {
    int low = begin, high = at->n;
    while (low < high) {
        const int middle = low + (high - low + 1) / 2;
        if (floor_of(at, stage, begin, middle) <= limit)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static int smallest_begin(const search *at, int stage, int end, double limit) {
    int low = 0, high = end;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (floor_of(at, stage, middle, end) <= limit)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static int smaller(int a, int b) {
    return a < b ? a : b;
}

static int larger(int a, int b) {
    return a > b ? a : b;
}

/* Whether any position is left for every stage. */
static bool find_band(search *at, double limit) {
    const sluice__chain *chain = at->chain;
    at->high[0]                = 0;
    at->low[at->stages]        = at->n;
    for (int s = 0; s < at->stages; s++)
        at->high[s + 1] = smaller(chain->highest[s + 1], largest_end(at, s, at->high[s], limit));
    for (int s = at->stages - 1; s >= 0; s--)
        at->low[s] = larger(chain->lowest[s], smallest_begin(at, s, at->low[s + 1], limit));
    for (int s = 0; s <= at->stages; s++)
        if (at->low[s] > at->high[s]) return false;
    return true;
}

/* ---- a limit is tried ---- */

/* The nearest begin of stage s from which it ends before `end` within the limit; -1: none. */
static int find_begin(const search *at, int s, int end, double limit) {
    for (int begin = smaller(end - 1, at->high[s]); begin >= at->low[s]; begin--) {
        if (!*reached_at(at, s, begin)) continue;
        if (floor_of(at, s, begin, end) > limit) return -1;
        if (value_of(at, s, begin, end, limit) <= limit) return begin;
    }
    return -1;
}

/* Mark what can be reached under the limit. */
static bool reach(search *at, double limit) {
    if (!find_band(at, limit)) return false;
    *reached_at(at, 0, 0) = 1;
    for (int s = 0; s < at->stages; s++) {
        bool any = false;
        for (int end = at->low[s + 1]; end <= at->high[s + 1]; end++) {
            const bool is_reached       = find_begin(at, s, end, limit) >= 0;
            *reached_at(at, s + 1, end) = is_reached;
            any                         = any || is_reached;
        }
        if (!any) return false;
    }
    return true;
}

/* A split under the limit that has just been tried; returns what it costs. */
static double trace(search *at, double limit) {
    double largest        = 0;
    at->first[at->stages] = at->n;
    for (int s = at->stages - 1; s >= 0; s--) {
        at->first[s] = find_begin(at, s, at->first[s + 1], limit);
        largest      = fmax(largest, value_of(at, s, at->first[s], at->first[s + 1], limit));
    }
    return largest;
}

/* A limit that can be met, not far above `*low`, below which none can. Under a limit that is far
 * above, stages may begin nearly anywhere, which takes long. */
static double gallop(search *at, double *low) {
    static const double none = 1e300;
    double step              = 0.01;
    for (int k = 0; *low > 0 && k < MAX_GALLOPS; k++) {
        step *= 2;
        const double limit = *low * (1 + step);
        if (reach(at, limit)) return trace(at, limit);
        *low = limit;
    }
    return reach(at, none) ? trace(at, none) : INFINITY;
}

/* The smallest limit that can be met; INFINITY if none can. Once the range is narrow, what has been
 * reached is likely to be it: then nothing below can be met. */
static double bisect(search *at) {
    static const double narrow = 1e-6;
    double low                 = at->chain->bound * (1 - 1e-9);
    double high                = gallop(at, &low);
    if (isinf(high) || reach(at, 0)) return isinf(high) ? high : 0;
    for (;;) {
        double middle = low + (high - low) / 2;
        if (high - low < narrow * high) middle = nextafter(high, 0);
        if (middle <= low) return high;
        if (reach(at, middle))
            high = trace(at, middle);
        else if (high - low < narrow * high)
            return high;
        else
            low = middle;
    }
}

/* ---- the sum of squares under a limit ---- */

static double squares_of(const search *at, int s, int begin, int end, double limit) {
    const double value = value_of(at, s, begin, end, limit);
    return value * value + at->squares[s + 1][end - at->low[s + 1]];
}

static double fewest_squares(const search *at, int s, int begin, double limit) {
    double fewest = INFINITY;
    for (int end = larger(begin + 1, at->low[s + 1]); end <= at->high[s + 1]; end++) {
        if (floor_of(at, s, begin, end) > limit) break;
        fewest = fmin(fewest, squares_of(at, s, begin, end, limit));
    }
    return fewest;
}

static sluice_status fill_squares(search *at, double limit) {
    SLUICE__TRY(sluice__alloc(&at->squares, (size_t)at->stages + 1, sizeof *at->squares));
    /* Nothing is left only if a floor is rounded up beyond what it is the floor of. */
    if (!find_band(at, limit)) (void)find_band(at, INFINITY);
    SLUICE__TRY(sluice__alloc(&at->squares[at->stages], 1, sizeof(double)));
    for (int s = at->stages - 1; s >= 0; s--) {
        const int width = at->high[s] - at->low[s] + 1;
        SLUICE__TRY(sluice__alloc(&at->squares[s], (size_t)width, sizeof(double)));
        for (int k = 0; k < width; k++)
            at->squares[s][k] = fewest_squares(at, s, at->low[s] + k, limit);
    }
    return SLUICE_OK;
}

static void walk(search *at, double limit) {
    at->first[0] = 0;
    for (int s = 0; s < at->stages; s++) {
        const int begin     = at->first[s];
        const double fewest = at->squares[s][begin - at->low[s]];
        int end             = larger(begin + 1, at->low[s + 1]);
        while (squares_of(at, s, begin, end, limit) > fewest) end++;
        at->first[s + 1] = end;
    }
}

static sluice_status prepare(search *at) {
    const size_t begins = (size_t)at->stages + 1, all = begins * ((size_t)at->n + 1);
    SLUICE__TRY(sluice__alloc(&at->low, begins, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&at->high, begins, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&at->reached, all, 1));
    if (at->chain->is_excess || at->chain->problem.objective == SLUICE_OBJECTIVE_MEMORY)
        SLUICE__TRY(sluice__alloc(&at->costs, all, sizeof *at->costs));
    if (at->costs || !at->chain->is_limited) return SLUICE_OK; /* bytes say whether a stage fits */
    SLUICE__TRY(sluice__alloc(&at->asked, all, sizeof *at->asked));
    return sluice__alloc(&at->fits, all, sizeof *at->fits);
}

sluice_status sluice__solve_chain(int *first, double *value, const sluice__chain *chain,
                                  double limit) {
    search at            = {.chain = chain, .n = chain->n, .stages = chain->stages, .first = first};
    double found         = limit;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(prepare(&at));
    if (limit < 0) found = bisect(&at);
    *value = found;
    if (isinf(found)) goto out;
    SLUICE__TRY_OUT(fill_squares(&at, found));
    walk(&at, found);
    *value = sluice__split_value(chain, NULL, first);
out:
    for (int s = 0; at.squares && s <= chain->stages; s++) sluice__free(at.squares[s]);
    sluice__free(at.squares);
    sluice__free(at.low);
    sluice__free(at.high);
    sluice__free(at.reached);
    sluice__free(at.costs);
    sluice__free(at.asked);
    sluice__free(at.fits);
    return status;
}
