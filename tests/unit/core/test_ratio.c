/* The ratio policy: what each kind of metric asks for, and what it never does. */
#include "world.h"

struct ratio_world {
    const char *type;
    const char *target;
    int64_t ready;
    int64_t desired;
    double value; /* NAN = absent */
    uint32_t covered, expected;
    int64_t answer;
    enum reason reason;
};

static struct world *world_of(const struct ratio_world *c, int *config)
{
    struct world *w = world_new();
    const struct policy_ops *ratio = policy_find(span_from("ratio"));
    assert_non_null(ratio);
    w->pool[0].policy = ratio;
    w->pool[0].policy_config = config;
    w->pool[0].behavior.tolerance = 0;
    w->pool[0].metric[0] = world_metric(c->type, c->target);
    w->pool[0].metric_count = 1;
    world_start(w, c->desired);
    w->o.pool[0].ready = c->ready;
    w->o.pool[0].in_flight_requests = 1;
    struct sample sample = world_sample(w, w->pool[0].metric[0].signal.id, SIGNAL_VALUE, c->value);
    sample.covered = c->covered;
    sample.expected = c->expected;
    if (!isnan(c->value))
        observe(w->group, w->state, &sample, 1);
    return w;
}

static void each_kind_of_metric_asks_for_its_number(void **state)
{
    (void)state;
    static const struct ratio_world cases[] = {
        /* totals: absolute, whatever is ready */
        {"tokens-in-queue", "1000", 4, 4, 4000, 0, 0, 4, REASON_RATIO_TOTAL},
        {"tokens-in-queue", "1000", 4, 4, 4001, 0, 0, 5, REASON_RATIO_TOTAL},
        {"tokens-in-queue", "1000", 0, 0, 2500, 0, 0, 3, REASON_RATIO_TOTAL},
        {"tokens-in-queue", "1000", 9, 9, 0, 0, 0, 1, REASON_RATIO_TOTAL}, /* 1: in flight */
        {"concurrency", "0.1", 3, 3, 0.3, 0, 0, 3, REASON_RATIO_TOTAL},    /* 0.3 / 0.1 > 3 */
        {"concurrent-sessions", "50", 2, 2, 260, 0, 0, 6, REASON_RATIO_TOTAL},
        {"external:lag", "10", 2, 2, 35, 0, 0, 4, REASON_RATIO_TOTAL},
        /* means: times what is ready */
        {"kv-cache-usage", "70", 4, 4, 0.35, 4, 4, 2, REASON_RATIO_SHARE},
        {"kv-cache-usage", "70%", 3, 3, 0.7, 3, 3, 3, REASON_RATIO_SHARE},
        {"gpu-utilization", "0.5", 4, 4, 0.9, 4, 4, 8, REASON_RATIO_SHARE},
        {"gpu-utilization", "0.5", 4, 10, 0.75, 4, 4, 10, REASON_RATIO_GUARD},
        /* latencies raise in proportion and lower one by one */
        {"ttft-p95", "500ms", 4, 4, 0.9, 0, 0, 8, REASON_RATIO_SHARE},
        {"ttft-p95", "500ms", 8, 8, 0.05, 0, 0, 7, REASON_RATIO_FELT},
        {"oldest-wait", "2", 3, 3, 4, 0, 0, 6, REASON_RATIO_SHARE},
        {"error-ratio", "1%", 2, 2, 0.03, 0, 0, 6, REASON_RATIO_SHARE},
        /* the context length does not fall with the count: no runaway */
        {"context-length", "4000", 8, 8, 8000, 0, 0, 8, REASON_RATIO_GUARD},
        {"context-length", "4000", 1, 1, 10000, 0, 0, 3, REASON_RATIO_BASE},
        {"context-length", "4000", 5, 5, 3000, 0, 0, 1, REASON_RATIO_BASE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int config = 0;
        struct world *w = world_of(&cases[i], &config);
        const int64_t got = world_tick(w, MILLISECOND_NS);
        if (got != cases[i].answer || w->d[0].proposal.reason != cases[i].reason)
            print_error("case %zu (%s): %lld, %s\n", i, cases[i].type, (long long)got,
                        reason_code((enum reason)w->d[0].proposal.reason));
        assert_int_equal(got, cases[i].answer);
        assert_int_equal(w->d[0].proposal.reason, cases[i].reason);
        world_free(w);
    }
}

static void R3_replicas_that_did_not_report_cannot_turn_the_direction(void **state)
{
    (void)state;
    static const struct ratio_world cases[] = {
        /* half of 4 report 0.9 of 0.5: the others count as idle, so 4 * 0.45 / 0.5 -> 4, not below
         */
        {"gpu-utilization", "0.5", 4, 4, 0.9, 2, 4, 4, 0},
        {"gpu-utilization", "0.5", 4, 4, 1.4, 2, 4, 6, 0},
        /* half report 0.1 of 0.5: the others count at target: (0.2 + 1) / 2 * 4 */
        {"gpu-utilization", "0.5", 4, 4, 0.1, 2, 4, 3, 0},
        /* totals: 2 of 4 report 3000 together, three times their target each */
        {"tokens-in-flight", "500", 4, 4, 3000, 2, 4, 6, 0},
        {"tokens-in-flight", "500", 4, 4, 1500, 2, 4, 4, 0},
        {"tokens-in-flight", "500", 4, 4, 500, 2, 4, 3, 0},
        {"tokens-in-flight", "500", 4, 4, 500, 4, 4, 1, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int config = 0;
        struct world *w = world_of(&cases[i], &config);
        const int64_t got = world_tick(w, MILLISECOND_NS);
        if (got != cases[i].answer)
            print_error("case %zu\n", i);
        assert_int_equal(got, cases[i].answer);
        world_free(w);
    }
}

static void a_metric_above_its_target_never_lowers(void **state)
{
    (void)state;
    for (int64_t ready = 0; ready <= 6; ready++)
        for (int64_t desired = 0; desired <= 12; desired++) {
            const struct ratio_world in[] = {
                {"kv-cache-usage", "70", ready, desired, 0.71, 0, 0, 0, 0},
                {"tokens-in-queue", "1000", ready, desired, (double)ready * 1000 + 1, 0, 0, 0, 0},
                {"ttft-p99", "1", ready, desired, 1.01, 0, 0, 0, 0},
            };
            for (size_t i = 0; i < COUNT_OF(in); i++) {
                int config = 1;
                struct world *w = world_of(&in[i], &config);
                assert_true(world_tick(w, MILLISECOND_NS) >= desired);
                world_free(w);
            }
        }
}

static void what_became_ready_in_the_window_is_not_ordered_again(void **state)
{
    (void)state;
    int config = 0;
    const struct ratio_world in = {"ttft-p95", "500ms", 2, 2, 0.9, 0, 0, 0, 0};
    struct world *w = world_of(&in, &config);
    assert_int_equal(world_tick(w, SECOND_NS), 4);
    w->o.pool[0].ready = 4; /* the latencies in the window are those of two */
    assert_int_equal(world_tick(w, 30 * SECOND_NS), 4);
    assert_int_equal(w->d[0].proposal.number[2], 2);
    for (int i = 0; i < 50; i++) { /* now four have them */
        world_put(w, SIGNAL_TTFT, SIGNAL_VALUE, 0.9);
        (void)world_tick(w, 2 * SECOND_NS);
    }
    assert_int_equal(w->d[0].desired, 8);
    world_free(w);
}

static void at_no_ready_replica_the_absolute_demand_answers(void **state)
{
    (void)state;
    static const struct {
        int64_t desired, waiting, limit, expect;
    } cases[] = {
        {0, 0, 16, 0}, {0, 1, 0, 1},   {0, 40, 0, 1}, {0, 40, 16, 3},
        {2, 8, 16, 2}, {2, 80, 16, 5}, {2, 0, 16, 2},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int config = 0;
        const struct ratio_world in = {
            "kv-cache-usage", "70", 0, cases[i].desired, NAN, 0, 0, 0, 0};
        struct world *w = world_of(&in, &config);
        w->pool[0].concurrency_limit = cases[i].limit;
        world_reload(w);
        w->o.pool[0].waiting_requests = cases[i].waiting;
        w->o.pool[0].in_flight_requests = 0;
        const int64_t got = world_tick(w, MILLISECOND_NS);
        if (got != cases[i].expect)
            print_error("case %zu\n", i);
        assert_int_equal(got, cases[i].expect);
        world_free(w);
    }
}

static void silence_lowers_only_when_the_gateway_proves_it(void **state)
{
    (void)state;
    static const struct {
        enum signal_state gateway;
        int64_t in_flight, idle_ns, expect;
    } cases[] = {
        {SIGNAL_VALUE, 0, 2 * MINUTE_NS, 0},
        {SIGNAL_VALUE, 0, 10 * SECOND_NS, 4}, /* the window is a minute */
        {SIGNAL_VALUE, 1, 2 * MINUTE_NS, 4},
        {SIGNAL_ABSENT, 0, 2 * MINUTE_NS, 4},
        {SIGNAL_FAILED, 0, 2 * MINUTE_NS, 4},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int config = 0;
        const struct ratio_world in = {"ttft-p95", "500ms", 4, 4, NAN, 0, 0, 0, 0};
        struct world *w = world_of(&in, &config);
        w->pool[0].replicas_min = 0;
        w->o.pool[0].waiting_state = (uint8_t)cases[i].gateway;
        w->o.pool[0].in_flight_requests = cases[i].in_flight;
        w->o.pool[0].idle_ns = cases[i].idle_ns;
        const int64_t got = world_tick(w, MILLISECOND_NS);
        if (got != cases[i].expect)
            print_error("case %zu\n", i);
        assert_int_equal(got, cases[i].expect);
        world_free(w);
    }
}

static void how_a_latency_lowers_is_an_option(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t expect;
    } cases[] = {{"one", 7}, {"proportional", 1}, {"never", 8}};
    const struct opt *row = &policy_find(span_from("ratio"))->options[0];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct opt_choice *choice = row->choices;
        while (strcmp(choice->name, cases[i].name) != 0)
            choice++;
        int config = choice->value;
        const struct ratio_world in = {"ttft-p95", "500ms", 8, 8, 0.05, 0, 0, 0, 0};
        struct world *w = world_of(&in, &config);
        assert_int_equal(world_tick(w, MILLISECOND_NS), cases[i].expect);
        world_free(w);
    }
}

static void each_strategy_combines_the_metrics_its_way(void **state)
{
    (void)state;
    static const struct {
        enum combine_kind kind;
        int64_t expect; /* of 2, 3 and 7 at 4 */
    } cases[] = {
        {COMBINE_MAX, 7}, {COMBINE_MIN, 2}, {COMBINE_AVERAGE, 4}, {COMBINE_ANY_UP_ALL_DOWN, 7}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int config = 0;
        const struct ratio_world in = {"tokens-in-queue", "1000", 4, 4, 2000, 0, 0, 0, 0};
        struct world *w = world_of(&in, &config);
        w->pool[0].metric[1] = world_metric("queue-depth", "10");
        w->pool[0].metric[2] = world_metric("concurrent-sessions", "10");
        w->pool[0].metric_count = 3;
        w->pool[0].combine = (int)cases[i].kind;
        world_reload(w);
        world_put(w, SIGNAL_QUEUE_DEPTH, SIGNAL_VALUE, 30);
        world_put(w, SIGNAL_CONCURRENT_SESSIONS, SIGNAL_VALUE, 70);
        assert_int_equal(world_tick(w, MILLISECOND_NS), cases[i].expect);
        assert_int_equal(w->d[0].trail[2].metric, 2);
        world_free(w);
    }
}

static void a_signal_that_replicas_do_not_bring_to_its_target_is_refused(void **state)
{
    (void)state;
    static const char *const types[] = {"prefix-hit-ratio", "slo-attainment", "cost-per-token",
                                        "cost-per-request"};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        int config = 0;
        struct world *w = world_new();
        struct diag diag = {0};
        w->pool[0].policy = policy_find(span_from("ratio"));
        w->pool[0].policy_config = &config;
        w->pool[0].metric[0] = world_metric(types[i], "0.5");
        w->pool[0].metric_count = 1;
        assert_int_equal(pool_spec_check(&w->pool[0], &diag), RC_INVALID);
        assert_non_null(strstr(diag.text, types[i]));
        world_free(w);
    }
}

static void the_words_name_the_metric_and_its_target(void **state)
{
    (void)state;
    int config = 0;
    const struct ratio_world in = {"ttft-p95", "500ms", 4, 4, 0.9, 0, 0, 0, 0};
    struct world *w = world_of(&in, &config);
    struct buf words;
    (void)world_tick(w, MILLISECOND_NS);
    buf_init(&words, 4096);
    trail_words(w->group, 0, &w->d[0].trail[0], &words);
    assert_non_null(strstr(buf_cstr(&words), "ttft-p95: "));
    assert_non_null(
        strstr(buf_cstr(&words), "on 4 ready replicas with a target of 0.5 asks for 8"));
    buf_done(&words);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_metric_asks_for_its_number),
        cmocka_unit_test(R3_replicas_that_did_not_report_cannot_turn_the_direction),
        cmocka_unit_test(a_metric_above_its_target_never_lowers),
        cmocka_unit_test(what_became_ready_in_the_window_is_not_ordered_again),
        cmocka_unit_test(at_no_ready_replica_the_absolute_demand_answers),
        cmocka_unit_test(silence_lowers_only_when_the_gateway_proves_it),
        cmocka_unit_test(how_a_latency_lowers_is_an_option),
        cmocka_unit_test(each_strategy_combines_the_metrics_its_way),
        cmocka_unit_test(a_signal_that_replicas_do_not_bring_to_its_target_is_refused),
        cmocka_unit_test(the_words_name_the_metric_and_its_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
