/* test_damage.c - texts that came from elsewhere or from a file that was worked on: whatever is
 * wrong is refused with its reason, and what is returned stays as it was. */
#include "world.h"

#include "core/message.h"

static struct arena arena;

/* The good text with the first `old` replaced, which must be there. */
static const struct tree *damaged(const char *good, const char *old, const char *new)
{
    static char text[1 << 16];
    const char *at = strstr(good, old);
    struct diag diag = {0};
    const struct tree *json = NULL;
    if (at == NULL)
        print_error("\"%s\" is not in %s\n", old, good);
    assert_non_null(at);
    (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, new, at + strlen(old));
    if (json_read(&arena, span_from(text), NULL, &json, &diag) != RC_OK)
        print_error("%s: %s\n", text, diag.text);
    assert_non_null(json);
    return json;
}

static int before(void **state)
{
    (void)state;
    arena_init(&arena, 64U << 20);
    return 0;
}

static int after(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static char *printed(const struct message *m)
{
    static char copy[1 << 16];
    struct buf text;
    struct json_writer w;
    buf_init(&text, 1U << 20);
    json_init(&w, &text);
    message_print(m, &w);
    assert_false(text.failed);
    assert_true(span_copy(buf_view(&text), copy, sizeof(copy)));
    buf_done(&text);
    return copy;
}

struct change {
    const char *old;
    const char *new;
    enum rc rc;
};

static void check_message(const struct message *m, const struct change *cases, size_t n)
{
    const char *good = printed(m);
    for (size_t i = 0; i < n; i++) {
        struct message back = {.generation = 77};
        struct diag diag = {0};
        const enum rc rc =
            message_parse(&arena, damaged(good, cases[i].old, cases[i].new), &back, &diag);
        if (rc != cases[i].rc)
            print_error("%s -> %s: %d %s\n", cases[i].old, cases[i].new, (int)rc, diag.text);
        assert_int_equal(rc, cases[i].rc);
        assert_true(rc == RC_OK || (back.generation == 77 && diag.text[0] != '\0'));
    }
}

static void routes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct route_replica replicas[] = {{.id = 7, .host = "10.0.0.1", .port = 8000, .weight = 1}};
    struct route_pool pools[] = {
        {.name = "chat", .replica = replicas, .replica_count = 1, .reason = "none"},
        {.name = "code"}};
    struct route_model models[] = {{.name = "llama", .pool = 1, .order = 2, .weight_percent = 33}};
    const struct routes routes = {
        .generation = 9, .pool = pools, .pool_count = 2, .model = models, .model_count = 1};
    static char longest[600];
    memset(longest, 'x', sizeof(longest) - 1);
    static char host[700];
    (void)snprintf(host, sizeof(host), "\"%s\"", longest);
    const struct change cases[] = {
        {"\"chat\"", "\"chat\"", RC_OK},
        {"\"10.0.0.1\"", host, RC_LIMIT},
        {"\"10.0.0.1\"", "17", RC_LIMIT},
        {"\"chat\"", host, RC_LIMIT},
        {"\"none\"", host, RC_LIMIT},
        {"\"llama\"", host, RC_LIMIT},
        {"8000", "65535", RC_OK},
        {"8000", "65536", RC_INVALID},
        {"8000", "-1", RC_INVALID},
        {"8000", "0", RC_OK},
        {"8000", "\"8000\"", RC_INVALID},
        {"33", "\"many\"", RC_INVALID},
        {"33", "33.5", RC_OK},
        {"\"weight\"", "\"height\"", RC_MISSING},
        {"\"replicas\"", "\"others\"", RC_MISSING},
        {"\"models\"", "\"others\"", RC_MISSING},
        {"\"pools\"", "\"others\"", RC_MISSING},
    };
    check_message(&(struct message){.kind = MESSAGE_ROUTES, .routes = &routes}, cases,
                  COUNT_OF(cases));
    models[0].pool = 2; /* there are pools 0 and 1 */
    const struct change range[] = {{"\"llama\"", "\"llama\"", RC_RANGE}};
    check_message(&(struct message){.kind = MESSAGE_ROUTES, .routes = &routes}, range, 1);
}

static void snapshots_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static struct gateway_snapshot s;
    static struct latencies latency;
    struct histogram *ttft = &latency.of[LATENCY_TTFT];
    s.latency = &latency;
    s.gateway = 3;
    s.arrived_requests = 12345;
    histogram_record(ttft, 0.5, 4444);
    s.replica_count = 1;
    s.replica[0] = (struct replica_load){.id = 4, .in_flight_requests = 987654};
    char bucket[64];
    char past[64];
    char last[64];
    size_t index = 0;
    while (!(ttft->bucket[index] > 0))
        index++;
    (void)snprintf(bucket, sizeof(bucket), "[%zu,4444]", index);
    (void)snprintf(past, sizeof(past), "[%d,4444]", HISTOGRAM_BUCKETS);
    (void)snprintf(last, sizeof(last), "[%d,0]", HISTOGRAM_BUCKETS - 1);
    const struct change cases[] = {
        {"12345", "12345.5", RC_OK},
        {"12345", "true", RC_INVALID},
        {"987654", "1.5", RC_INVALID},
        {"987654", "\"x\"", RC_INVALID},
        {bucket, last, RC_OK},
        {bucket, "[0,0]", RC_OK},
        {bucket, past, RC_INVALID},
        {bucket, "[-1,4444]", RC_INVALID},
        {bucket, "[1,-4444]", RC_INVALID},
        {bucket, "[1]", RC_INVALID},
        {bucket, "7", RC_INVALID},
        {"\"buckets\"", "\"bucket\"", RC_INVALID},
        {"\"count\"", "\"number\"", RC_INVALID},
        {"\"sum\"", "\"total\"", RC_INVALID},
        {"\"replicas\"", "\"others\"", RC_LIMIT},
        {"\"gateway\"", "\"gate\"", RC_INVALID},
    };
    check_message(&(struct message){.kind = MESSAGE_SNAPSHOT, .snapshot = &s}, cases,
                  COUNT_OF(cases));
    check_message(&(struct message){.kind = MESSAGE_WAKE, .snapshot = &s}, cases, COUNT_OF(cases));
}

static void limits_come_with_their_message_only(void **state)
{
    (void)state;
    const struct pool_limits limits = {
        .concurrency = 64, .queue_requests = 1024, .queue_tokens = 5, .queue_timeout_ns = 6};
    const struct change cases[] = {{"64", "65", RC_OK},
                                   {"1024", "true", RC_INVALID},
                                   {"\"limits\":{", "\"limit\":{", RC_MISSING}};
    check_message(&(struct message){.kind = MESSAGE_LIMITS, .limits = limits}, cases,
                  COUNT_OF(cases));
}

/* ---- observations, samples, decisions ---- */

static struct world *two_pools(void)
{
    struct world *w = world_new();
    w->pool[0].metric_count = 1;
    w->pool[0].metric[0] = world_metric("external:lag", "4");
    w->pool_count = 2;
    w->pool[1] = w->pool[0];
    strcpy(w->pool[1].name, "code");
    world_start(w, 3);
    (void)world_tick(w, SECOND_NS);
    return w;
}

static void an_observation_says_what_it_does_not_understand(void **state)
{
    (void)state;
    static const char good[] = "{\"now\":5,\"cause\":\"CAUSE\",\"pools\":{\"code\":{\"ready\":4,"
                               "\"counts\":\"failed\",\"waiting\":\"value\","
                               "\"batches\":[[1,2],[3,4]]}}}";
    const struct change cases[] = {
        {"\"cause\":\"CAUSE\",", "", RC_OK},
        {"\"CAUSE\"", "\"because\"", RC_UNKNOWN},
        {"\"CAUSE\"", "7", RC_UNKNOWN},
        {"\"cause\":\"CAUSE\",\"pools\":{\"code\":{\"ready\":4",
         "\"pools\":{\"code\":{\"ready\":\"4\"", RC_INVALID},
        {"\"cause\":\"CAUSE\",\"pools\":{\"code\"", "\"pools\":{\"cope\"", RC_UNKNOWN},
        {"\"cause\":\"CAUSE\",\"pools\":{\"code\":{\"ready\":4,\"counts\":\"failed\"",
         "\"pools\":{\"code\":{\"counts\":\"lost\"", RC_UNKNOWN},
        {"\"cause\":\"CAUSE\",\"pools\":{", "\"pools\":{\"chat\":{\"waiting\":\"lost\"},",
         RC_UNKNOWN},
        {"\"cause\":\"CAUSE\",\"pools\":{", "\"pools\":{\"chat\":{\"batches\":7},", RC_INVALID},
        {"\"cause\":\"CAUSE\",\"pools\":{", "\"pools\":{\"chat\":{\"batches\":[[1]]},", RC_INVALID},
        {"\"cause\":\"CAUSE\",\"pools\":{", "\"pools\":{\"chat\":{\"batches\":[[1,true]]},",
         RC_INVALID},
        {"\"cause\":\"CAUSE\",\"pools\":{\"code\":{\"ready\":4",
         "\"pools\":{\"chat\":7,\"code\":{\"ready\":4", RC_INVALID},
    };
    struct world *w = two_pools();
    static struct observation back;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct diag diag = {0};
        back.now_ns = 99;
        const enum rc rc =
            observation_parse(w->group, damaged(good, cases[i].old, cases[i].new), &back, &diag);
        if (rc != cases[i].rc)
            print_error("%s: %d %s\n", cases[i].new, (int)rc, diag.text);
        assert_int_equal(rc, cases[i].rc);
        assert_true(rc == RC_OK || back.now_ns == 99);
    }
    assert_int_equal(
        observation_parse(w->group, damaged(good, "\"cause\":\"CAUSE\",", ""), &back, NULL), RC_OK);
    assert_int_equal(back.pool[1].ready, 4);
    assert_int_equal(back.pool[1].counts_state, SIGNAL_FAILED);
    assert_int_equal(back.pool[1].batch_count, 2);
    assert_int_equal(back.pool[1].batch[1].count, 3);
    assert_int_equal(back.pool[1].batch[1].due_ns, 4);
    assert_int_equal(back.pool[0].batch_count, 0);
    assert_int_equal(observation_parse(w->group, NULL, &back, NULL), RC_INVALID);
    for (int cause = 0; cause < 256; cause++) { /* every cause has a name that is read back */
        const char *name = tick_cause_name((enum tick_cause)cause);
        char quoted[64];
        if (strcmp(name, "?") == 0)
            break;
        (void)snprintf(quoted, sizeof(quoted), "%s", name);
        assert_int_equal(observation_parse(w->group, damaged(good, "CAUSE", quoted), &back, NULL),
                         RC_OK);
        assert_int_equal(back.cause, cause);
    }
    world_free(w);
}

static void a_sample_says_what_it_does_not_understand(void **state)
{
    (void)state;
    static const char good[] =
        "{\"pool\":\"code\",\"signal\":\"external:lag\",\"state\":\"value\",\"value\":5}";
    const struct change cases[] = {
        {"5", "5", RC_OK},
        {"5", "true", RC_INVALID},
        {"\"pool\":\"code\",", "", RC_OK}, /* the first one */
        {"\"code\"", "\"cope\"", RC_UNKNOWN},
        {"external:lag", "external:other", RC_UNKNOWN},
        {"external:lag", "concurrency", RC_OK},
        {"external:lag", "ttft-p", RC_OK},
        {"external:lag", "ttft-p95", RC_OK},
        {"\"external:lag\"", "8", RC_MISSING},
        {"\"signal\"", "\"sign\"", RC_MISSING},
        {"\"value\",", "\"valuable\",", RC_UNKNOWN},
    };
    struct world *w = two_pools();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sample back = {.pool = 9};
        struct diag diag = {0};
        const enum rc rc =
            sample_parse(w->group, damaged(good, cases[i].old, cases[i].new), &back, &diag);
        if (rc != cases[i].rc)
            print_error("%s: %d %s\n", cases[i].new, (int)rc, diag.text);
        assert_int_equal(rc, cases[i].rc);
        assert_int_equal(back.pool, rc != RC_OK ? 9 : strstr(cases[i].old, "pool") ? 0 : 1);
    }
    assert_int_equal(sample_parse(w->group, NULL, &(struct sample){0}, NULL), RC_INVALID);
    world_free(w);
}

static void a_decision_says_what_it_does_not_understand(void **state)
{
    (void)state;
    struct world *w = two_pools();
    struct buf text;
    struct json_writer writer;
    char good[1 << 14];
    assert_true(w->d[0].trail_count < TRAIL_MAX);
    w->d[0].trail[0] = (struct trail_entry){.stage = STAGE_FLEET,
                                            .metric = 2,
                                            .before = 4,
                                            .after = 3,
                                            .reason = REASON_BUDGET,
                                            .number = {31.25, 2}};
    w->d[0].trail_count = 1;
    buf_init(&text, 1U << 20);
    json_init(&writer, &text);
    decision_print(w->group, 0, &w->d[0], &writer);
    assert_true(span_copy(buf_view(&text), good, sizeof(good)));
    const char *code = reason_code(REASON_BUDGET);
    char quoted[64];
    (void)snprintf(quoted, sizeof(quoted), "\"%s\"", code);
    const struct change cases[] = {
        {"31.25", "31.25", RC_OK},
        {"31.25", "\"much\"", RC_INVALID},
        {"31.25,2", "1,2,3,4", RC_OK},
        {"31.25,2", "1,2,3,4,5", RC_INVALID},
        {"[31.25,2]", "7", RC_INVALID},
        {quoted, "\"mood\"", RC_UNKNOWN},
        {quoted, "3", RC_MISSING},
        {"\"metric\":2", "\"metric\":65535", RC_OK},
        {"\"metric\":2", "\"metric\":65536", RC_INVALID},
        {"\"metric\":2", "\"metric\":-1", RC_INVALID},
        {"\"stage\":\"fleet\"", "\"stage\":\"float\"", RC_UNKNOWN},
        {"\"stage\"", "\"step\"", RC_MISSING},
        {"\"trail\":[", "\"tale\":[", RC_INVALID},
        {"\"proposal\":{", "\"propose\":{", RC_INVALID},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        static struct decision back;
        struct diag diag = {0};
        const enum rc rc =
            decision_parse(w->group, 0, damaged(good, cases[i].old, cases[i].new), &back, &diag);
        if (rc != cases[i].rc)
            print_error("%s -> %s: %d %s\n", cases[i].old, cases[i].new, (int)rc, diag.text);
        assert_int_equal(rc, cases[i].rc);
    }
    buf_done(&text);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(routes_that_do_not_fit_are_refused, before, after),
        cmocka_unit_test_setup_teardown(snapshots_that_do_not_fit_are_refused, before, after),
        cmocka_unit_test_setup_teardown(limits_come_with_their_message_only, before, after),
        cmocka_unit_test_setup_teardown(an_observation_says_what_it_does_not_understand, before,
                                        after),
        cmocka_unit_test_setup_teardown(a_sample_says_what_it_does_not_understand, before, after),
        cmocka_unit_test_setup_teardown(a_decision_says_what_it_does_not_understand, before, after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
