/* Server-sent events: everybody gets each, in order; nobody is waited for. */
#include "office.h"

/* A client that has the head of its stream. lines: more header lines. */
static void join(struct office *o, struct wire *wire, const char *lines)
{
    char head[512];
    wire_open(wire, o->loop, api_port(o->api));
    (void)snprintf(head, sizeof(head), "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
                   lines);
    wire_send(wire, head);
    assert_true(wire_expect(wire, "retry: 2000\n\n"));
}

static struct stream_stats stats_of(struct office *o)
{
    struct stream_stats stats;
    stream_read_stats(o->api->stream, &stats);
    return stats;
}

static void every_client_gets_every_event_in_order(void **state)
{
    (void)state;
    struct office o;
    struct wire a, b;
    office_open(&o);
    join(&o, &a, "");
    join(&o, &b, "");
    assert_true(wire_has(&a, "content-type: text/event-stream\r\n"));
    stream_send(o.api->stream, "note", span_from("{\"n\":1}"));
    stream_send(o.api->stream, "note", span_from("{\"n\":2}"));
    assert_true(wire_expect(&a, "event: note\ndata: {\"n\":1}\n\n"));
    assert_true(wire_expect(&a, "data: {\"n\":2}\n\n"));
    assert_true(wire_expect(&b, "data: {\"n\":2}\n\n"));
    assert_true(strstr(buf_cstr(&b.got), "{\"n\":1}") < strstr(buf_cstr(&b.got), "{\"n\":2}"));
    wire_close(&a);
    wire_close(&b);
    office_close(&o);
}

static void words_of_operators_and_decisions_come_as_events(void **state)
{
    (void)state;
    struct office o;
    struct wire a;
    office_open(&o);
    join(&o, &a, "");
    assert_int_equal(office_post(&o, "/api/v1/pools/chat/scale", "{\"replicas\":2}"), 200);
    assert_true(wire_expect(&a, "\"code\":\"pool-pinned\""));
    assert_true(wire_expect(&a, "event: decision\n"));
    assert_true(wire_expect(&a, "\"previous\":0,\"desired\":2,\"reason\":\"pinned\""));
    wire_close(&a);
    office_close(&o);
}

static void a_client_that_comes_back_gets_what_it_missed(void **state)
{
    (void)state;
    struct office o;
    struct wire a, b, c;
    char line[128];
    office_open(&o);
    join(&o, &a, "");
    stream_send(o.api->stream, "note", span_from("{\"n\":\"first\"}"));
    assert_true(wire_expect(&a, "first"));
    const char *id = strstr(buf_cstr(&a.got), "id: ");
    assert_non_null(id);
    (void)snprintf(line, sizeof(line), "Last-Event-ID: %.*s\r\n", (int)strcspn(id + 4, "\r\n"),
                   id + 4);
    wire_close(&a);
    stream_send(o.api->stream, "note", span_from("{\"n\":\"second\"}"));
    join(&o, &b, line);
    assert_true(wire_expect(&b, "second"));
    assert_false(wire_has(&b, "first"));
    join(&o, &c, "Last-Event-ID: 00000000-1\r\n"); /* of another run */
    stream_send(o.api->stream, "note", span_from("{\"n\":\"third\"}"));
    assert_true(wire_expect(&c, "third"));
    assert_false(wire_has(&c, "second"));
    wire_close(&b);
    wire_close(&c);
    office_close(&o);
}

static void fault_86_more_clients_than_the_limit_are_refused(void **state)
{
    (void)state;
    struct office o;
    static struct wire wire[API_STREAMS_MAX];
    office_open(&o);
    for (size_t i = 0; i < API_STREAMS_MAX; i++)
        join(&o, &wire[i], "");
    assert_int_equal(office_get(&o, "/api/v1/stream"), 503);
    assert_true(office_said(&o, "\"code\":\"limit\""));
    assert_int_equal(office_get(&o, "/api/v1/pools"), 200); /* others are served */
    assert_int_equal(stats_of(&o).clients, API_STREAMS_MAX);
    wire_close(&wire[0]);
    assert_true(WIRE_UNTIL(o.loop, stats_of(&o).clients == API_STREAMS_MAX - 1));
    join(&o, &wire[0], "");
    for (size_t i = 0; i < API_STREAMS_MAX; i++)
        wire_close(&wire[i]);
    assert_true(WIRE_UNTIL(o.loop, stats_of(&o).clients == 0));
    office_close(&o);
}

static void fault_86_a_client_that_does_not_read_is_dropped_and_the_others_are_not(void **state)
{
    (void)state;
    struct office o;
    struct wire slow, fast;
    static char data[8192];
    const int events = 4000; /* 32 MB: more than any socket buffer */
    office_open(&o);
    memset(data, 'x', sizeof(data) - 1);
    join(&o, &slow, "");
    join(&o, &fast, "");
    conn_pause(slow.conn);
    for (int i = 0; i < events && stats_of(&o).dropped == 0; i++) {
        stream_send(o.api->stream, "note", span_of(data, sizeof(data) - 1));
        const size_t got = fast.got.len;
        assert_true(WIRE_UNTIL(o.loop, fast.got.len > got)); /* the fast one keeps up */
        buf_clear(&fast.got);
    }
    assert_int_equal(stats_of(&o).dropped, 1);
    assert_int_equal(stats_of(&o).clients, 1);
    stream_send(o.api->stream, "note", span_from("{\"still\":1}"));
    assert_true(wire_expect(&fast, "{\"still\":1}"));
    wire_close(&slow);
    wire_close(&fast);
    office_close(&o);
}

static void events_kept_for_those_who_come_back_are_bounded(void **state)
{
    (void)state;
    struct office o;
    struct wire a, b;
    static char data[65536];
    char line[64];
    office_open(&o);
    memset(data, 'y', sizeof(data) - 1);
    join(&o, &a, "");
    stream_send(o.api->stream, "note", span_from("{}"));
    assert_true(wire_expect(&a, "event: note"));
    const char *id = strstr(buf_cstr(&a.got), "id: ");
    (void)snprintf(line, sizeof(line), "Last-Event-ID: %.*s0\r\n", (int)strcspn(id + 4, "-") + 1,
                   id + 4);
    wire_close(&a);
    for (int i = 0; i < 100; i++)
        stream_send(o.api->stream, "note", span_of(data, sizeof(data) - 1));
    join(&o, &b, line);
    stream_send(o.api->stream, "note", span_from("{\"last\":1}"));
    assert_true(wire_expect(&b, "{\"last\":1}"));
    assert_true(b.got.len <= STREAM_KEPT_BYTES_MAX + 65536);
    assert_true(b.got.len > sizeof(data)); /* and some were kept */
    wire_close(&b);
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_client_gets_every_event_in_order),
        cmocka_unit_test(words_of_operators_and_decisions_come_as_events),
        cmocka_unit_test(a_client_that_comes_back_gets_what_it_missed),
        cmocka_unit_test(fault_86_more_clients_than_the_limit_are_refused),
        cmocka_unit_test(fault_86_a_client_that_does_not_read_is_dropped_and_the_others_are_not),
        cmocka_unit_test(events_kept_for_those_who_come_back_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
