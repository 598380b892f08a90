#include "sim/trace_copies.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/rng.h"
#include "sim/feed.h"

/* One shifted copy: from `first`, once around. */
struct copy {
    int64_t shift_ns; /* added to what the trace says, modulo its span */
    uint64_t number;
    size_t first; /* row that comes first */
    size_t next;  /* row */
    size_t done;
    int64_t at_ns; /* of its next row; INT64_MAX: none is left */
    double keep;   /* share of the rows; 1 but for a part of a copy */
};

struct copies {
    struct copies_spec spec;
    struct copy *copy;
    size_t count;
    int64_t span_ns;
};

/* What all arrivals are multiples of. */
static int64_t rounding_ns(const struct copies *copies)
{
    int64_t common = 0;
    for (size_t i = 0; i < copies->spec.row_count && common != 1; i++)
        for (int64_t rest = copies->spec.row[i].arrival_ns; rest != 0;) {
            const int64_t next = common % rest;
            common = rest;
            rest = next;
        }
    return common >= SECOND_NS ? common : 0;
}

static void smear(struct copies *copies, struct rng *rng)
{
    for (size_t i = 0; i < copies->spec.row_count; i++) {
        struct trace_row row = copies->spec.row[i];
        row.arrival_ns += rng_range(rng, 0, copies->spec.smear_ns - 1);
        size_t at = i; /* rows move by a few places only */
        for (; at > 0 && copies->spec.row[at - 1].arrival_ns > row.arrival_ns; at--)
            copies->spec.row[at] = copies->spec.row[at - 1];
        copies->spec.row[at] = row;
    }
}

static size_t first_at(const struct copies *copies, int64_t at_ns)
{
    size_t low = 0;
    for (size_t high = copies->spec.row_count; low < high;) {
        const size_t middle = low + (high - low) / 2;
        if (copies->spec.row[middle].arrival_ns < at_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void find_time(const struct copies *copies, struct copy *copy)
{
    if (copy->done == copies->spec.row_count) {
        copy->at_ns = INT64_MAX;
        return;
    }
    copy->at_ns = copies->spec.row[copy->next].arrival_ns + copy->shift_ns;
    copy->at_ns -= copy->at_ns >= copies->span_ns ? copies->span_ns : 0;
}

/* Copies stand in a heap by their next arrival, then by their number. */
static bool before(const struct copy *a, const struct copy *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->number < b->number;
}

static void sift_down(struct copies *copies, size_t at)
{
    const struct copy moved = copies->copy[at];
    for (size_t child = 2 * at + 1; child < copies->count; child = 2 * at + 1) {
        if (child + 1 < copies->count && before(&copies->copy[child + 1], &copies->copy[child]))
            child++;
        if (!before(&copies->copy[child], &moved))
            break;
        copies->copy[at] = copies->copy[child];
        at = child;
    }
    copies->copy[at] = moved;
}

void copies_again(struct copies *copies)
{
    for (size_t i = 0; i < copies->count; i++) {
        copies->copy[i].done = 0;
        copies->copy[i].next = copies->copy[i].first;
        find_time(copies, &copies->copy[i]);
    }
    for (size_t i = copies->count / 2; i-- > 0;)
        sift_down(copies, i);
}

static void make(struct copies *copies)
{
    const struct copies_spec *spec = &copies->spec;
    struct rng rng;
    rng_init(&rng, spec->seed);
    if (spec->smear_ns == FEED_SMEAR_AUTO)
        copies->spec.smear_ns = rounding_ns(copies);
    if (spec->smear_ns > 0)
        smear(copies, &rng);
    copies->span_ns = spec->row[spec->row_count - 1].arrival_ns + 1;
    const int64_t most_ns = spec->shift_ns < copies->span_ns ? spec->shift_ns : copies->span_ns - 1;
    for (size_t i = 0; i < copies->count; i++) {
        struct copy *copy = &copies->copy[i];
        copy->number = i;
        copy->shift_ns = i == 0 || most_ns <= 0 ? 0 : rng_range(&rng, 0, most_ns);
        copy->first = first_at(copies, copies->span_ns - copy->shift_ns) % spec->row_count;
        copy->keep = i + 1 < copies->count ? 1 : spec->scale - (double)(copies->count - 1);
    }
    copies_again(copies);
}

struct copies *copies_new(const struct copies_spec *spec)
{
    assert(spec->row != NULL && spec->row_count > 0 && spec->scale > 0);
    struct copies *copies = mem_new(1, sizeof(*copies));
    if (copies == NULL)
        return NULL;
    copies->spec = *spec;
    copies->count = (size_t)ceil(spec->scale - 1e-9);
    copies->copy = mem_new(copies->count, sizeof(*copies->copy));
    if (copies->copy == NULL) {
        free(copies);
        return NULL;
    }
    make(copies);
    return copies;
}

void copies_free(struct copies *copies)
{
    if (copies == NULL)
        return;
    free(copies->spec.row);
    free(copies->copy);
    free(copies);
}

int64_t copies_span_ns(const struct copies *copies)
{
    return copies->span_ns;
}

/* A part of a copy keeps the same rows in every pass. */
static bool kept(const struct copies *copies, const struct copy *copy, size_t index)
{
    return copy->keep >= 1 - 1e-9 ||
           (double)(hash_u64(copies->spec.seed, index) >> 11) * 0x1p-53 < copy->keep;
}

bool copies_next(struct copies *copies, struct trace_row *ret)
{
    for (;;) {
        struct copy *earliest = &copies->copy[0];
        const int64_t earliest_ns = earliest->at_ns;
        if (earliest_ns == INT64_MAX)
            return false;
        const size_t index = earliest->next;
        const uint64_t number = earliest->number;
        const bool wanted = kept(copies, earliest, index);
        earliest->done++;
        earliest->next = index + 1 < copies->spec.row_count ? index + 1 : 0;
        find_time(copies, earliest);
        sift_down(copies, 0);
        if (!wanted)
            continue;
        *ret = copies->spec.row[index];
        ret->arrival_ns = earliest_ns;
        if (ret->session != 0) /* the callers of another copy are others */
            ret->session = hash_u64(ret->session, number) | 1;
        return true;
    }
}
