#include "cli/replay/spread.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "store/store.h"

#define SPREAD_TOLERANCE 0.2
#define SPANS_MAX (STORE_MINUTES_MAX + STORE_TICKS_MAX + STORE_CHANGES_MAX)

struct list {
    struct recorded_span *item;
    size_t count;
    size_t cap;
};

static enum rc add(struct list *list, const struct recorded_span *span)
{
    const enum rc rc =
        mem_grow((void **)&list->item, &list->cap, list->count + 1, sizeof(*list->item), SPANS_MAX);
    if (rc == RC_OK)
        list->item[list->count++] = *span;
    return rc;
}

/* Whole requests along the ticks: each gets what the rounded sum up to it grows by. */
static enum rc cut(const struct recorded_span *span, const struct spread_tick *tick, size_t count,
                   double told, struct list *ret)
{
    double sum = 0;
    int64_t given = 0;
    for (size_t i = 0; i < count; i++) {
        sum += tick[i].requests;
        const int64_t upto = i + 1 == count ? span->requests
                                            : num_to_int(rint(sum / told * (double)span->requests),
                                                         given, span->requests);
        if (upto == given)
            continue;
        /* A tick may have begun in the minute before, whose span stands already. */
        const struct recorded_span *last = ret->count > 0 ? &ret->item[ret->count - 1] : NULL;
        const int64_t free_ns = last != NULL ? last->at_ns + last->span_ns : span->at_ns;
        const int64_t from_ns = tick[i].from_ns > free_ns ? tick[i].from_ns : free_ns;
        const bool lengths = tick[i].requests > 0 && tick[i].prompt_tokens > 0;
        const struct recorded_span part = {
            .at_ns = from_ns,
            .span_ns = tick[i].to_ns > from_ns ? tick[i].to_ns - from_ns : 1,
            .requests = upto - given,
            .prompt_tokens =
                lengths ? tick[i].prompt_tokens / tick[i].requests : span->prompt_tokens,
            .output_tokens = span->output_tokens,
        };
        const enum rc rc = add(ret, &part);
        if (rc != RC_OK)
            return rc;
        given = upto;
    }
    return RC_OK;
}

enum rc spread_spans(const struct recorded_span *span, size_t count, const struct spread_tick *tick,
                     size_t tick_count, struct recorded_span **ret, size_t *ret_count)
{
    struct list list = {.count = 0};
    enum rc rc = RC_OK;
    size_t next = 0;
    for (size_t i = 0; i < count && rc == RC_OK; i++) {
        const int64_t end_ns = span[i].at_ns + span[i].span_ns;
        double told = 0;
        while (next < tick_count && tick[next].to_ns <= span[i].at_ns)
            next++;
        const size_t first = next;
        for (; next < tick_count && tick[next].to_ns <= end_ns; next++)
            told += tick[next].requests;
        const bool trusted =
            fabs(told - (double)span[i].requests) <= SPREAD_TOLERANCE * (double)span[i].requests;
        rc = told > 0 && trusted ? cut(&span[i], &tick[first], next - first, told, &list)
                                 : add(&list, &span[i]);
    }
    if (rc != RC_OK) {
        free(list.item);
        return rc;
    }
    *ret = list.item;
    *ret_count = list.count;
    return RC_OK;
}
