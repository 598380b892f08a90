/* fuzz_sse.c - the meter of answers: what it finds does not depend on how the bytes arrive; offsets
 * lie inside them, counts are no less than nothing. */
#include <stdint.h>
#include <stdlib.h>

#include "traffic/sse.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct sse *sse, enum sse_format format, const char *bytes, size_t size,
                     size_t step)
{
    sse_init(sse, format);
    int64_t tokens = 0;
    for (size_t at = 0; at < size; at += step) {
        tokens += sse_feed(sse, bytes + at, size - at < step ? size - at : step);
        CHECK(sse->offset == (size - at < step ? size : at + step));
        CHECK(sse->event_start <= sse->offset && sse->usage_start <= sse->usage_end);
        CHECK(sse->usage_end <= sse->offset);
    }
    tokens += sse_end(sse);
    CHECK(tokens == sse->output_tokens && tokens >= 0 && sse->events >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sse whole;
    static struct sse split;
    if (size == 0)
        return 0;
    /* The first byte says which format and how much arrives at a time. */
    const enum sse_format format = (enum sse_format)(data[0] >> 4 & 3);
    const char *bytes = (const char *)data + 1;
    read_all(&whole, format, bytes, size - 1, size);
    read_all(&split, format, bytes, size - 1, data[0] % 16 + 1);
    CHECK(whole.usage.prompt_tokens == split.usage.prompt_tokens);
    CHECK(whole.usage.output_tokens == split.usage.output_tokens);
    CHECK(whole.usage.cached_tokens == split.usage.cached_tokens);
    CHECK(whole.usage.tool_calls == split.usage.tool_calls);
    CHECK(whole.events == split.events && whole.output_tokens == split.output_tokens);
    CHECK(whole.finish == split.finish && whole.done == split.done && whole.error == split.error);
    CHECK(whole.event_start == split.event_start);
    CHECK(whole.usage_start == split.usage_start && whole.usage_end == split.usage_end);
    return 0;
}
