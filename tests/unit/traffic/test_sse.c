#include "traffic/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rc.h"

#include <cmocka.h>

struct expect {
    const char *name;
    enum sse_format format;
    const char *body;
    int64_t events;
    int64_t tokens;
    int64_t prompt;
    int64_t output;
    int64_t cached;
    int64_t calls;
    const char *ends; /* f finish, d done, e error */
};

#define CHAT(content) "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{" content "}}]}\n\n"

/* clang-format off */
static const struct expect cases[] = {
    {"chat with usage chunk", SSE_EVENTS,
     CHAT("\"role\":\"assistant\",\"content\":\"\"") CHAT("\"content\":\"Hel\"")
         CHAT("\"content\":\"lo\"") "data: "
                                    "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
                                    "\"stop\"}]}\n\n"
                                    "data: "
                                    "{\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_"
                                    "tokens\":3,"
                                    "\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\ndata: "
                                    "[DONE]\n\n", 6, 2, 9, 3, 4, 0, "fd"},
    {"crlf and comments", SSE_EVENTS,
     ": ping\r\n\r\ndata: "
     "{\"choices\":[{\"text\":\"x\"}],\"usage\":null}\r\n\r\ndata:[DONE]\r\n\r\n", 2, 1, -1, -1, -1, 0, "d" },
    {"tool call", SSE_EVENTS,
     CHAT("\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"function\":{\"name\":\"f\","
          "\"arguments\":"
          "\"\"}}]") CHAT("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]"),
     2, 1, -1, -1, -1, 1, "" },
    {"reasoning", SSE_EVENTS, CHAT("\"content\":null,\"reasoning_content\":\"hm\""), 1, 1, -1, -1,
     -1, 0, "" },
    {"error in the stream", SSE_EVENTS,
     "data: {\"error\":{\"message\":\"no\",\"code\":500}}\n\ndata: [DONE]\n\n", 2, 0, -1, -1, -1, 0,
     "de" },
    {"error event without JSON", SSE_EVENTS, "event: error\ndata: it broke\n\n", 1, 0, -1, -1, -1,
     0, "e" },
    {"damaged event is passed over", SSE_EVENTS,
     "data: {\"choices\":[{\"text\":\"x\"}\n\n" CHAT("\"content\":\"y\""), 2, 1, -1, -1, -1, 0, "" },
    {"event of two data lines", SSE_EVENTS, "data: {\"choices\":\ndata: [{\"text\":\"x\"}]}\n\n", 1,
     1, -1, -1, -1, 0, "" },
    {"unfinished event is none", SSE_EVENTS, "data: {\"choices\":[{\"text\":\"x\"}]}\n", 0, 0, -1,
     -1, -1, 0, "" },
    {"anthropic", SSE_EVENTS,
     "event: message_start\ndata: "
     "{\"type\":\"message_start\",\"message\":{\"content\":[],\"usage\":"
     "{\"input_tokens\":10,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\n\n"
     "event: ping\ndata: {\"type\": \"ping\"}\n\n"
     "event: content_block_start\ndata: "
     "{\"type\":\"content_block_start\",\"content_block\":{\"type\":"
     "\"text\",\"text\":\"\"}}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":"
     "\"text_delta\",\"text\":\"Hi\"}}\n\n"
     "event: content_block_start\ndata: "
     "{\"type\":\"content_block_start\",\"content_block\":{\"type\":"
     "\"tool_use\",\"name\":\"f\"}}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":"
     "\"input_json_delta\",\"partial_json\":\"{\"}}\n\n"
     "event: message_delta\ndata: "
     "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
     "\"usage\":{\"output_tokens\":7}}\n\n"
     "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", 8, 2, 15, 7, 5, 1, "fd"},
    {"anthropic error", SSE_EVENTS,
     "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n", 1, 0,
     -1, -1, -1, 0, "e" },
    {"responses", SSE_EVENTS,
     "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"error\":null,"
     "\"usage\":null}}\n\n"
     "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"item\":"
     "{\"type\":\"function_call\"}}\n\n"
     "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":"
     "\"Hi\"}\n\n"
     "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"text\":"
     "\"Hi\"}\n\n"
     "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"item\":"
     "{\"type\":\"function_call\"}}\n\n"
     "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"output\":[{"
     "\"type\":\"function_call\"}],\"usage\":{\"input_tokens\":3,\"output_tokens\":4,"
     "\"input_tokens_details\":{\"cached_tokens\":1}}}}\n\n", 6, 1, 3, 4, 1, 1, "fd"},
    {"ollama chat", SSE_NDJSON,
     "{\"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},\"done\":false}\n"
     "{\"message\":{\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{}"
     "}}]},"
     "\"done\":false}\n\n"
     "{\"message\":{\"content\":\"\"},\"done_reason\":\"stop\",\"done\":true,\"prompt_eval_count\":"
     "11,"
     "\"eval_count\":2}", 3, 1, 11, 2, -1, 1, "fd"},
    {"ollama generate", SSE_NDJSON, "{\"response\":\"a\",\"done\":false}\n{\"error\":\"gone\"}\n",
     2, 1, -1, -1, -1, 0, "e" },
    {"llama.cpp", SSE_EVENTS,
     "data: {\"content\":\"a\",\"stop\":false}\n\ndata: {\"content\":\"\",\"stop\":true,"
     "\"tokens_predicted\":1,\"tokens_evaluated\":8}\n\n", 2, 1, 8, 1, -1, 0, "d" },
    {"TGI", SSE_EVENTS,
     "data: {\"token\":{\"text\":\"a\"},\"generated_text\":null}\n\n"
     "data:{\"token\":{\"text\":\"b\"},\"generated_text\":\"ab\",\"details\":{\"generated_tokens\":"
     "2}}"
     "\n\n", 2, 2, -1, 2, -1, 0, "fd"},
    {"SGLang", SSE_EVENTS,
     "data: {\"text\":\"a\",\"meta_info\":{\"prompt_tokens\":5,\"completion_tokens\":1}}\n\ndata: "
     "[DONE]\n\n", 2, 1, 5, 1, -1, 0, "d" },
    {"chat document", SSE_JSON,
     "{\"choices\":[{\"message\":{\"content\":\"Hello\",\"tool_calls\":[{\"function\":{\"name\":"
     "\"f\"}}]"
     "},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}", 1, 6, 5, 6, -1, 1, "fd"},
    {"anthropic document", SSE_JSON,
     "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"tool_use\"}"
     "],"
     "\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":5,\"output_tokens\":6}}", 1, 6, 5, 6, -1, 1, "fd"},
    {"embeddings", SSE_JSON, "{\"data\":[{\"embedding\":[0.5,1]}],\"usage\":{\"prompt_tokens\":5}}",
     1, 0, 5, -1, -1, 0, "d" },
    {"document without usage", SSE_JSON, "{\"choices\":[{\"text\":\"12345678\"}]}", 1, 2, -1, -1,
     -1, 0, "d" },
    {"error document", SSE_JSON, "{\"error\":{\"message\":\"x\"}}", 1, 0, -1, -1, -1, 0, "de"},
    {"cut document", SSE_JSON, "{\"choices\":[{\"text\":\"1234", 1, 0, -1, -1, -1, 0, "" },
    {"absurd usage", SSE_JSON, "{\"usage\":{\"prompt_tokens\":1e999,\"completion_tokens\":-4}}", 1,
     0, INT64_C(1) << 40, -1, -1, 0, "d" },
    {"binary", SSE_OPAQUE, "\x01\x02", 0, 0, -1, -1, -1, 0, "" },
};
/* clang-format on */

static void check(const struct expect *c, size_t step)
{
    struct sse sse;
    sse_init(&sse, c->format);
    const size_t len = strlen(c->body);
    int64_t tokens = 0;
    for (size_t at = 0; at < len; at += step) {
        const size_t n = len - at < step ? len - at : step;
        char *exact = malloc(n);
        memcpy(exact, c->body + at, n);
        tokens += sse_feed(&sse, exact, n);
        free(exact);
    }
    tokens += sse_end(&sse);
    char ends[4];
    (void)snprintf(ends, sizeof(ends), "%s%s%s", sse.finish ? "f" : "", sse.done ? "d" : "",
                   sse.error ? "e" : "");
    const bool same = sse.events == c->events && tokens == c->tokens &&
                      sse.output_tokens == c->tokens && sse.usage.prompt_tokens == c->prompt &&
                      sse.usage.output_tokens == c->output &&
                      sse.usage.cached_tokens == c->cached && sse.usage.tool_calls == c->calls &&
                      strcmp(ends, c->ends) == 0;
    if (!same)
        fail_msg("%s, step %zu: events %d tokens %d prompt %d output %d cached %d calls %d %s",
                 c->name, step, (int)sse.events, (int)tokens, (int)sse.usage.prompt_tokens,
                 (int)sse.usage.output_tokens, (int)sse.usage.cached_tokens,
                 (int)sse.usage.tool_calls, ends);
    assert_int_equal(sse.offset, len);
}

static void every_family_is_metered_however_its_bytes_are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t step = 1; step <= strlen(cases[i].body); step += step < 20 ? 1 : 37)
            check(&cases[i], step);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check(&cases[i], strlen(cases[i].body));
}

static void a_last_usage_chunk_is_marked_for_stripping(void **state)
{
    (void)state;
    static const char body[] = CHAT("\"content\":\"x\"") "data: "
                                                         "{\"choices\":[],\"usage\":{\"prompt_"
                                                         "tokens\":9}}\n\ndata: [DONE]\n\n";
    const char *from = strstr(body, "data: {\"choices\":[]");
    const char *to = strstr(body, "data: [DONE]");
    for (size_t step = 1; step < sizeof(body); step++) {
        struct sse sse;
        sse_init(&sse, SSE_EVENTS);
        for (size_t at = 0; at < sizeof(body) - 1; at += step) {
            const size_t left = sizeof(body) - 1 - at;
            (void)sse_feed(&sse, body + at, left < step ? left : step);
            if (at + step <= (size_t)(to - body) - 1 && at + step > (size_t)(from - body))
                assert_int_equal(sse.event_start, from - body);
        }
        assert_int_equal(sse.usage_start, from - body);
        assert_int_equal(sse.usage_end, to - body);
    }
}

static void a_very_long_event_is_metered_without_memory(void **state)
{
    (void)state;
    struct sse sse;
    sse_init(&sse, SSE_EVENTS);
    static const char head[] = "data: {\"response\":{\"output\":\"";
    static const char tail[] = "\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4}},\"type\":"
                               "\"response.completed\"}\n\n";
    char block[1000];
    memset(block, 'x', sizeof(block));
    (void)sse_feed(&sse, head, sizeof(head) - 1);
    for (int i = 0; i < 2000; i++)
        (void)sse_feed(&sse, block, sizeof(block));
    (void)sse_feed(&sse, tail, sizeof(tail) - 1);
    assert_int_equal(sse.usage.output_tokens, 4);
    assert_true(sse.done);
}

/* One reader serves one answer after the other. */
static void ids_are_kept_for_an_answer_that_wants_them_and_for_no_other(void **state)
{
    (void)state;
    static const char body[] = "data: {\"id\":\"resp_1\",\"object\":\"response\"}\n\n"
                               "data: {\"id\":\"resp_1\",\"object\":\"response\"}\n\n";
    const uint64_t *ids;
    struct sse sse;
    for (int i = 0; i < 4; i++) {
        sse_init(&sse, SSE_EVENTS);
        if (i % 2 == 0)
            sse_want_ids(&sse);
        (void)sse_feed(&sse, body, sizeof(body) - 1);
        assert_int_equal(sse_ids(&sse, &ids), i % 2 == 0 ? 1 : 0); /* each once */
    }
}

static void the_format_follows_the_content_type(void **state)
{
    (void)state;
    assert_int_equal(sse_format_of(span_from("text/event-stream; charset=utf-8")), SSE_EVENTS);
    assert_int_equal(sse_format_of(span_from("Application/X-NDJSON")), SSE_NDJSON);
    assert_int_equal(sse_format_of(span_from("application/json")), SSE_JSON);
    assert_int_equal(sse_format_of(span_from("audio/mpeg")), SSE_OPAQUE);
    assert_int_equal(sse_format_of(span_from("")), SSE_OPAQUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_is_metered_however_its_bytes_are_split),
        cmocka_unit_test(a_last_usage_chunk_is_marked_for_stripping),
        cmocka_unit_test(a_very_long_event_is_metered_without_memory),
        cmocka_unit_test(ids_are_kept_for_an_answer_that_wants_them_and_for_no_other),
        cmocka_unit_test(the_format_follows_the_content_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
