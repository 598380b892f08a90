/* Messages between gateways and control come back as they went, and damaged ones are refused. */
#include "world.h"

#include "core/message.h"

static struct arena arena;

/* Prints and parses; the text stays in `text`. */
static enum rc turn(const struct message *m, struct buf *text, struct message *ret)
{
    struct json_writer w;
    const struct tree *json = NULL;
    struct diag diag = {0};
    buf_clear(text);
    json_init(&w, text);
    message_print(m, &w);
    assert_false(text->failed);
    assert_int_equal(json_read(&arena, buf_view(text), NULL, &json, &diag), RC_OK);
    return message_parse(&arena, json, ret, &diag);
}

static void routes_come_back_as_they_went(void **state)
{
    (void)state;
    struct route_replica replicas[] = {
        {.id = UINT64_MAX, .host = "10.0.0.1", .port = 8000, .weight = 0.1},
        {.id = 7, .host = "::1", .port = 65535, .draining = true, .weight = 1},
    };
    struct route_pool pools[] = {
        {.name = "chat", .replica = replicas, .replica_count = 2, .starting = 3, .eta_ns = -1},
        {.name = "code", .start_failed = true, .reason = "out of \"GPUs\"\n"},
    };
    struct route_model models[] = {
        {.name = "llama*", .pool = 1, .order = 2, .weight_percent = 33.3, .upstream = "llama-8b"},
    };
    const struct routes routes = {.generation = UINT64_C(1) << 63,
                                  .pool = pools,
                                  .pool_count = 2,
                                  .model = models,
                                  .model_count = 1};
    const struct message m = {.kind = MESSAGE_ROUTES, .routes = &routes};
    struct message back;
    struct buf text;
    buf_init(&text, 1U << 20);
    arena_init(&arena, 8U << 20);
    assert_int_equal(turn(&m, &text, &back), RC_OK);
    assert_int_equal(back.kind, MESSAGE_ROUTES);
    assert_true(back.routes->generation == routes.generation);
    assert_int_equal(back.routes->pool_count, 2);
    assert_memory_equal(back.routes->pool[0].replica, replicas, sizeof(replicas));
    assert_string_equal(back.routes->pool[1].reason, pools[1].reason);
    assert_true(back.routes->pool[1].start_failed);
    assert_memory_equal(back.routes->model, models, sizeof(models));
    buf_done(&text);
    arena_done(&arena);
}

static void check_same(const struct gateway_snapshot *a, const struct gateway_snapshot *b)
{
    const size_t before = offsetof(struct gateway_snapshot, latency);
    assert_memory_equal(a, b, before);
    assert_int_equal(a->replica_count, b->replica_count);
    assert_memory_equal(a->replica, b->replica, b->replica_count * sizeof(b->replica[0]));
    assert_int_equal(a->latency == NULL, b->latency == NULL);
    if (b->latency != NULL)
        assert_memory_equal(a->latency, b->latency, sizeof(*b->latency));
}

static void a_snapshot_comes_back_bit_for_bit(void **state)
{
    (void)state;
    struct gateway_snapshot *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->pool = 3;
    s->gateway = 1;
    s->generation = 12;
    s->t_ns = 5 * SECOND_NS;
    s->idle_ns = 1;
    s->arrived_requests = 0.1 + 0.2;
    s->output_tokens = 1e15 / 3;
    static struct latencies latency;
    for (int i = 1; i < 500; i++)
        histogram_record(&latency.of[LATENCY_TTFT], i * 0.013, 1);
    histogram_record(&latency.of[LATENCY_ITL], 1e9, 0.25);
    s->latency = &latency;
    s->replica_count = 2;
    s->replica[0] = (struct replica_load){.id = 4, .in_flight_requests = 9};
    s->replica[1] = (struct replica_load){.id = 5, .in_flight_tokens = INT64_MAX};
    const struct message m = {.kind = MESSAGE_WAKE, .pool = 3, .snapshot = s};
    struct message back;
    struct buf text;
    buf_init(&text, 1U << 20);
    arena_init(&arena, 8U << 20);
    assert_int_equal(turn(&m, &text, &back), RC_OK);
    check_same(back.snapshot, s);
    struct message copy;
    assert_int_equal(message_copy(&arena, &m, &copy), RC_OK);
    check_same(copy.snapshot, s);
    s->latency = NULL; /* of a pool that nobody has asked */
    assert_int_equal(turn(&m, &text, &back), RC_OK);
    check_same(back.snapshot, s);
    buf_done(&text);
    arena_done(&arena);
    free(s);
}

static void small_messages_come_back(void **state)
{
    (void)state;
    const struct message small[] = {
        {.kind = MESSAGE_DRAIN, .replica = 17, .generation = 3},
        {.kind = MESSAGE_UNDRAIN, .replica = 17, .generation = 4},
        {.kind = MESSAGE_LIMITS, .pool = 2, .limits = {64, 100, 200000, 5 * MINUTE_NS}},
        {.kind = MESSAGE_DRAINED, .replica = 17, .generation = 4},
        {.kind = MESSAGE_SUSPECT, .replica = 17, .text = "reset before the first byte"},
        {.kind = MESSAGE_ASK, .pool = MESSAGE_POOLS},
    };
    struct buf text;
    buf_init(&text, 1U << 20);
    arena_init(&arena, 8U << 20);
    for (size_t i = 0; i < COUNT_OF(small); i++) {
        struct message back;
        assert_int_equal(turn(&small[i], &text, &back), RC_OK);
        assert_int_equal(back.kind, small[i].kind);
        assert_int_equal(back.pool, small[i].pool);
        assert_int_equal(back.replica, small[i].replica);
        assert_memory_equal(&back.limits, &small[i].limits, sizeof(back.limits));
        assert_string_equal(back.text, small[i].text);
    }
    buf_done(&text);
    arena_done(&arena);
}

static void damaged_messages_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rc rc;
    } cases[] = {
        {"{}", RC_VERSION},
        {"{\"v\":2,\"kind\":\"drain\"}", RC_VERSION},
        {"{\"v\":1,\"kind\":\"dance\"}", RC_UNKNOWN},
        {"{\"v\":1,\"kind\":\"drain\"}", RC_INVALID},
        {"{\"v\":1,\"kind\":\"drain\",\"pool\":70000}", RC_INVALID},
        {"{\"v\":1,\"kind\":\"drain\",\"pool\":0,\"replica\":-1}", RC_INVALID},
        {"{\"v\":1,\"kind\":\"drain\",\"pool\":0,\"replica\":1}", RC_MISSING},
        {"{\"v\":1,\"kind\":\"routes\",\"pool\":0,\"replica\":1,\"generation\":1}", RC_MISSING},
        {"{\"v\":1,\"kind\":\"routes\",\"pool\":0,\"replica\":1,\"generation\":1,\"routes\":"
         "{\"generation\":1,\"pools\":[],\"models\":[{\"name\":\"x\",\"pool\":0,\"order\":0,"
         "\"weightPercent\":1}]}}",
         RC_RANGE},
        {"{\"v\":1,\"kind\":\"wake\",\"pool\":0,\"replica\":1,\"generation\":1,\"snapshot\":7}",
         RC_INVALID},
    };
    arena_init(&arena, 8U << 20);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct tree *json = NULL;
        struct diag diag = {0};
        struct message back;
        assert_int_equal(json_read(&arena, span_from(cases[i].text), NULL, &json, &diag), RC_OK);
        const enum rc rc = message_parse(&arena, json, &back, &diag);
        if (rc != cases[i].rc)
            print_error("%s: %s\n", cases[i].text, diag.text);
        assert_int_equal(rc, cases[i].rc);
    }
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_come_back_as_they_went),
        cmocka_unit_test(a_snapshot_comes_back_bit_for_bit),
        cmocka_unit_test(small_messages_come_back),
        cmocka_unit_test(damaged_messages_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
