/* fuzz_trace.c - traces of requests: rows in order and within their limits, the same however the
 * bytes arrive; a refusal stays. Of a damaged archive only that it is refused is the same. */
#include <stdint.h>
#include <stdlib.h>

#include "sim/trace.h"

#define ROWS_MAX 5000

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    enum rc rc;
    size_t count;
    int64_t tokens;
    int64_t last_ns;
};

static void take_row(struct seen *seen, const struct trace_row *row)
{
    CHECK(row->arrival_ns >= seen->last_ns);
    CHECK(row->input_tokens >= 0 && row->input_tokens <= TRACE_TOKENS_MAX);
    CHECK(row->output_tokens >= 0 && row->output_tokens <= TRACE_TOKENS_MAX);
    CHECK(row->cached_tokens >= 0 && row->cached_tokens <= row->input_tokens);
    seen->last_ns = row->arrival_ns;
    seen->tokens += row->input_tokens + row->output_tokens;
    seen->count++;
}

static struct seen read_rows(struct span bytes, size_t step)
{
    struct seen seen = {.rc = RC_AGAIN};
    struct trace *trace = trace_new();
    struct trace_row row;
    size_t at = 0;
    if (!trace)
        return seen;
    while (seen.count < ROWS_MAX && (seen.rc == RC_AGAIN || seen.rc == RC_OK)) {
        seen.rc = trace_next(trace, &row, NULL);
        if (seen.rc == RC_OK)
            take_row(&seen, &row);
        if (seen.rc == RC_AGAIN && at >= bytes.len)
            trace_feed_end(trace);
        else if (seen.rc == RC_AGAIN)
            trace_feed(trace, span_slice(bytes, at, step));
        at += seen.rc == RC_AGAIN ? step : 0;
    }
    if (seen.rc != RC_OK)
        CHECK(trace_next(trace, &row, NULL) == seen.rc);
    trace_free(trace);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct span bytes = span_of(data + 1, size - 1);
    const struct seen whole = read_rows(bytes, size);
    const struct seen split = read_rows(bytes, (size_t)data[0] + 1);
    const bool zipped = bytes.len > 1 && data[1] == 0x1f && data[2] == 0x8b;
    if (zipped && whole.rc != RC_NOT_FOUND && split.rc != RC_NOT_FOUND)
        return 0; /* rows that stand before damage come where it has not arrived yet */
    CHECK(whole.rc == split.rc && whole.count == split.count);
    CHECK(whole.tokens == split.tokens && whole.last_ns == split.last_ns);
    return 0;
}
