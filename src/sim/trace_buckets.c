/* trace_buckets.c - sums by interval, then means. */
#include "sim/trace_buckets.h"

#include <inttypes.h>

#define MS_PER_S 1000

struct span_of_buckets {
    int64_t first;
    int64_t last;
};

static int64_t bucket_of(const struct trace_bucket_input *in, size_t i)
{
    return (in->requests[i].t_ms - in->origin_ms) / (in->interval_s * MS_PER_S);
}

static enum rc find_span(const struct trace_bucket_input *in, struct span_of_buckets *ret,
                         struct diag *diag)
{
    *ret = (struct span_of_buckets){INT64_MAX, -1};
    for (size_t i = 0; i < in->count; i++) {
        if (in->requests[i].t_ms < in->origin_ms)
            return fail(diag, RC_RANGE, "request %zu is at %" PRId64 " ms, before the origin", i,
                        in->requests[i].t_ms);
        const int64_t bucket = bucket_of(in, i);
        ret->first = bucket < ret->first ? bucket : ret->first;
        ret->last = bucket > ret->last ? bucket : ret->last;
    }
    if (ret->last >= 0 && ret->last - ret->first >= TRACE_BUCKETS_MAX)
        return fail(diag, RC_LIMIT, "at most %d intervals are counted", TRACE_BUCKETS_MAX);
    return RC_OK;
}

enum rc trace_buckets(struct arena *arena, const struct trace_bucket_input *in,
                      const struct trace_bucket **ret, size_t *ret_count, struct diag *diag)
{
    struct span_of_buckets span;
    const enum rc rc = find_span(in, &span, diag);
    if (rc != RC_OK)
        return rc;
    const size_t count = span.last < 0 ? 0 : (size_t)(span.last - span.first + 1);
    struct trace_bucket *buckets = arena_array(arena, count + 1, sizeof(*buckets));
    if (buckets == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory for %zu intervals", count);
    for (size_t i = 0; i < in->count; i++) {
        struct trace_bucket *b = &buckets[bucket_of(in, i) - span.first];
        b->requests++;
        b->input_tokens += in->requests[i].input_tokens;
        b->output_tokens += in->requests[i].output_tokens;
    }
    for (size_t i = 0; i < count; i++) {
        struct trace_bucket *b = &buckets[i];
        b->start_s = (span.first + (int64_t)i) * in->interval_s;
        if (b->requests == 0)
            continue;
        b->input_tokens /= (double)b->requests;
        b->output_tokens /= (double)b->requests;
    }
    *ret = buckets;
    *ret_count = count;
    return RC_OK;
}
