/* test_engine.c - the metrics pages of replicas, asked for at the same time; what comes of good,
 * wrong and missing ones. What pages mean is tested in core (test_scrape.c). */
#include "rig.h"

#include "base/limits.h"

#define POOL                                                                                       \
    "pools:\n  p:\n    models: [m]\n    target:\n      http:\n"                                    \
    "        endpoints: [\"http://127.0.0.1:%d\"]\n"
#define VLLM POOL "        engine: vllm\n"
/* A round is given up after two fifths of its period: long where answers come. */
#define RARELY "    sources:\n      - every: 1m\n        engine: {}\n"
#define OFTEN "    sources:\n      - every: 2s\n        engine: {}\n"
#define LATENCIES                                                                                  \
    "    sources:\n      - every: 1m\n        engine: {latencies: true, warmUp: 30s}\n"

static void add_replica(struct rig *rig, uint64_t id, uint16_t port, bool ready)
{
    struct source_replica *r = &rig->replica[rig->replica_count++];
    *r = (struct source_replica){.id = id, .port = port, .ready = ready, .ready_ns = TIME_NONE};
    (void)snprintf(r->host, sizeof(r->host), "127.0.0.1");
}

static uint16_t port_of(const struct rig *rig)
{
    return (uint16_t)http_server_port(rig->server);
}

static size_t count_of(const struct rig *rig, enum signal_id signal)
{
    size_t n = 0;
    for (size_t i = 0; i < rig->sample_count; i++)
        n += rig->sample[i].signal.id == signal;
    return n;
}

/* The only sample of a signal in the last round. */
static const struct sample *sample_of(const struct rig *rig, enum signal_id signal)
{
    const struct sample *found = NULL;
    for (size_t i = 0; i < rig->sample_count; i++)
        if (rig->sample[i].signal.id == signal)
            found = &rig->sample[i].sample;
    assert_non_null(found);
    return found;
}

static void levels_of_ready_replicas_are_put_together(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    add_replica(&rig, 1, port_of(&rig), true);
    add_replica(&rig, 2, port_of(&rig), true);
    add_replica(&rig, 3, port_of(&rig), false);
    rig_answer(&rig, 200,
               "vllm:num_requests_running 2\nvllm:num_requests_waiting 2\n"
               "vllm:num_requests_running 3\n"
               "vllm:kv_cache_usage_perc 0.5\n");
    rig_use(&rig, VLLM RARELY);
    assert_int_equal(rig_next(&rig, 0), SOURCE_FAULT_NONE);
    assert_string_equal(rig.target, "/metrics");
    assert_int_equal(rig.requests, 2);
    const struct sample *running = sample_of(&rig, SIGNAL_RUNNING_REQUESTS);
    assert_int_equal(running->state, SIGNAL_VALUE);
    assert_float_equal(running->value, 6, 0);
    assert_int_equal(rig_row(&rig, 0).status->repeated, 2); /* FAULTS 15 */
    assert_int_equal(running->covered, 2);
    assert_int_equal(running->expected, 2);
    assert_float_equal(sample_of(&rig, SIGNAL_WAITING_REQUESTS)->value, 4, 0);
    assert_float_equal(sample_of(&rig, SIGNAL_KV_CACHE_USAGE)->value, 0.5, 0);
    assert_int_equal(sample_of(&rig, SIGNAL_PREFIX_HIT_RATIO)->state, SIGNAL_ABSENT);
    rig_done(&rig);
}

static void R3_a_replica_that_hangs_or_refuses_is_not_covered_and_the_others_count(void **state)
{
    (void)state;
    struct rig rig;
    struct http_server *hanging = NULL;
    struct http_server_config config;
    struct rig silent = {.silent = true};
    rig_init(&rig);
    http_server_defaults(&config);
    config.listen = "127.0.0.1:0";
    assert_int_equal(http_server_new(rig.loop, &config, rig_request, &silent, &hanging, NULL),
                     RC_OK);
    add_replica(&rig, 1, port_of(&rig), true);
    add_replica(&rig, 2, (uint16_t)http_server_port(hanging), true);
    add_replica(&rig, 3, 1, true);
    rig_answer(&rig, 200, "vllm:num_requests_running 3\n");
    rig_use(&rig, VLLM OFTEN);
    assert_int_equal(rig_next(&rig, 0), SOURCE_FAULT_NONE);
    const struct sample *running = sample_of(&rig, SIGNAL_RUNNING_REQUESTS);
    assert_int_equal(running->state, SIGNAL_VALUE);
    assert_float_equal(running->value, 3, 0);
    assert_int_equal(running->covered, 1);
    assert_int_equal(running->expected, 3);
    http_server_free(hanging);
    rig_done(&rig);
}

static const struct bad_page {
    int status;
    const char *body;
    bool cut;
    bool silent;
    enum source_fault fault;
} bad_pages[] = {
    {500, "x", false, false, SOURCE_FAULT_STATUS},
    {404, "x", false, false, SOURCE_FAULT_STATUS},
    {503, "x", false, false, SOURCE_FAULT_BUSY},
    {401, "x", false, false, SOURCE_FAULT_DENIED},
    {200, "<html>Please sign in</html>", false, false, SOURCE_FAULT_NOT_PARSED},
    {200, "\x1f\x8b\x08\x01\x02\xff\x03", false, false, SOURCE_FAULT_NOT_PARSED},
    {200, "vllm:num_requests_running 3\n", true, false, SOURCE_FAULT_CUT},
    {200, "", false, true, SOURCE_FAULT_TIMEOUT},
};

struct bad_server {
    struct http_server *server;
    bool healed;
};

/* Each pool asks for a path of its own: "/3" is answered with bad_pages[3]. */
static void answer_badly(void *user, struct http_request *request)
{
    const struct bad_server *bad = user;
    const struct bad_page good = {.status = 200, .body = "vllm:num_requests_running 3\n"};
    const struct span target = http_request_head(request)->target;
    const struct bad_page *page = &bad_pages[target.ptr[1] - '0'];
    if (bad->healed)
        page = &good;
    if (page->silent)
        return;
    const struct span body = span_from(page->body);
    http_response_begin(request, page->status, span_from(""), body.len + (page->cut ? 100 : 0));
    http_response_data(request, body);
    if (page->cut)
        http_response_cut(request);
    else
        http_response_end(request);
}

static void use_a_pool_for_each_bad_page(struct rig *rig)
{
    struct buf text;
    buf_init(&text, 65536);
    buf_text(&text, "pools:\n");
    for (size_t i = 0; i < COUNT_OF(bad_pages); i++)
        buf_printf(&text,
                   "  p%zu:\n    target: {http: {endpoints: [\"http://127.0.0.1:9\"]}}\n"
                   "    sources: [{every: %s, engine: {path: /%zu}}]\n",
                   i, bad_pages[i].silent ? "2s" : "1m", i);
    buf_byte(&text, '\0');
    assert_false(text.failed);
    rig_use(rig, text.ptr);
    buf_done(&text);
}

static void faults_1_to_6_each_bad_page_fails_with_its_reason_and_a_good_one_heals(void **state)
{
    (void)state;
    struct rig rig;
    struct bad_server bad = {.server = NULL};
    struct http_server_config config;
    rig_init(&rig);
    http_server_defaults(&config);
    config.listen = "127.0.0.1:0";
    assert_int_equal(http_server_new(rig.loop, &config, answer_badly, &bad, &bad.server, NULL),
                     RC_OK);
    add_replica(&rig, 1, (uint16_t)http_server_port(bad.server), true);
    use_a_pool_for_each_bad_page(&rig);
    for (size_t i = 0; i < COUNT_OF(bad_pages); i++) {
        assert_int_equal(rig_next(&rig, i), bad_pages[i].fault);
        assert_true(strlen(rig_row(&rig, i).status->text) > 0);
        assert_int_equal(sample_of(&rig, SIGNAL_RUNNING_REQUESTS)->state, SIGNAL_FAILED);
    }
    bad.healed = true;
    for (size_t i = 0; i < COUNT_OF(bad_pages); i++) {
        assert_int_equal(rig_next(&rig, i), SOURCE_FAULT_NONE);
    }
    http_server_free(bad.server);
    rig_done(&rig);
}

static void faults_8_to_19_a_number_that_cannot_be_fails_alone(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    add_replica(&rig, 1, port_of(&rig), true);
    rig_answer(&rig, 200,
               "vllm:num_requests_running 3\nvllm:num_requests_waiting NaN\n"
               "vllm:kv_cache_usage_perc 87\n");
    rig_use(&rig, VLLM RARELY);
    assert_int_equal(rig_next(&rig, 0), SOURCE_FAULT_NONE);
    assert_float_equal(sample_of(&rig, SIGNAL_RUNNING_REQUESTS)->value, 3, 0);
    assert_int_equal(sample_of(&rig, SIGNAL_WAITING_REQUESTS)->state, SIGNAL_FAILED);
    assert_int_equal(sample_of(&rig, SIGNAL_KV_CACHE_USAGE)->state, SIGNAL_FAILED);
    assert_non_null(strstr(rig_row(&rig, 0).status->text, "vllm:num_requests_waiting: NaN"));
    rig_done(&rig);
}

static void fault_06_a_page_beyond_all_limits_is_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    add_replica(&rig, 1, port_of(&rig), true);
    rig_use(&rig, VLLM "    sources:\n      - every: 10s\n        engine: {}\n");
    rig_answer(&rig, 200, "");
    for (size_t i = 0; i <= PROM_PAGE_BYTES_MAX / 64; i++)
        buf_text(&rig.body, "a_metric_with_a_long_name_so_that_a_line_has_sixty_four_bytes 1\n");
    assert_true(rig.body.len > PROM_PAGE_BYTES_MAX);
    assert_int_equal(rig_next(&rig, 0), SOURCE_FAULT_TOO_LARGE);
    assert_int_equal(sample_of(&rig, SIGNAL_RUNNING_REQUESTS)->state, SIGNAL_FAILED);
    rig_done(&rig);
}

static void an_engine_of_which_nobody_said_that_it_has_metrics_may_have_none(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    add_replica(&rig, 1, port_of(&rig), true);
    rig_answer(&rig, 404, "not here");
    rig_use(&rig, POOL);
    assert_int_equal(rig_next(&rig, 0), SOURCE_FAULT_NONE);
    assert_int_equal(sample_of(&rig, SIGNAL_RUNNING_REQUESTS)->state, SIGNAL_ABSENT);
    /* Once a page has come, its loss is a failure. */
    rig_answer(&rig, 200, "vllm:num_requests_running 0\n");
    assert_int_equal(rig_next(&rig, 0), SOURCE_FAULT_NONE);
    assert_float_equal(sample_of(&rig, SIGNAL_RUNNING_REQUESTS)->value, 0, 0);
    rig_answer(&rig, 404, "not here");
    assert_int_equal(rig_next(&rig, 0), SOURCE_FAULT_STATUS);
    assert_int_equal(sample_of(&rig, SIGNAL_RUNNING_REQUESTS)->state, SIGNAL_FAILED);
    rig_done(&rig);
}

static void without_replicas_signals_are_absent_not_failed(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_use(&rig, VLLM RARELY);
    assert_int_equal(rig_next(&rig, 0), SOURCE_FAULT_NONE);
    assert_int_equal(sample_of(&rig, SIGNAL_RUNNING_REQUESTS)->state, SIGNAL_ABSENT);
    assert_int_equal(rig.requests, 0);
    rig_done(&rig);
}

#define PAGE(observed)                                                                             \
    "vllm:num_requests_running 1\n"                                                                \
    "vllm:time_to_first_token_seconds_bucket{le=\"0.5\"} 0\n"                                      \
    "vllm:time_to_first_token_seconds_bucket{le=\"1\"} " #observed "\n"                            \
    "vllm:time_to_first_token_seconds_bucket{le=\"+Inf\"} " #observed "\n"                         \
    "vllm:generation_tokens_total " #observed "00\n"

static void fault_21_latencies_of_a_replica_that_warms_up_do_not_count(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    add_replica(&rig, 1, port_of(&rig), true);
    rig.replica[0].ready_ns = clock_monotonic_ns();
    rig_use(&rig, VLLM LATENCIES);
    rig_answer(&rig, 200, PAGE(4));
    assert_int_equal(rig_next(&rig, 0), SOURCE_FAULT_NONE);
    assert_int_equal(count_of(&rig, SIGNAL_TTFT), 0);
    rig_answer(&rig, 200, PAGE(9));
    assert_int_equal(rig_next(&rig, 0), SOURCE_FAULT_NONE);
    assert_int_equal(count_of(&rig, SIGNAL_TTFT), 0);
    assert_float_equal(sample_of(&rig, SIGNAL_TOKENS_PER_SECOND)->value, 500, 0);
    rig.replica[0].ready_ns -= 31 * SECOND_NS;
    rig_answer(&rig, 200, PAGE(12));
    assert_int_equal(rig_next(&rig, 0), SOURCE_FAULT_NONE);
    double weight = 0;
    for (size_t i = 0; i < rig.sample_count; i++) {
        if (rig.sample[i].signal.id != SIGNAL_TTFT)
            continue;
        weight += rig.sample[i].sample.weight;
        assert_true(rig.sample[i].sample.value > 0.5 && rig.sample[i].sample.value < 1);
    }
    assert_float_equal(weight, 3, 1e-9);
    rig_done(&rig);
}

#define BEYOND(observed)                                                                           \
    "vllm:num_requests_running 1\n"                                                                \
    "vllm:time_to_first_token_seconds_bucket{le=\"1\"} 0\n"                                        \
    "vllm:time_to_first_token_seconds_bucket{le=\"+Inf\"} " #observed "\n"

static void fault_09_what_lies_beyond_the_last_bound_is_said(void **state)
{
    (void)state;
    struct rig rig;
    struct source_row row;
    rig_init(&rig);
    add_replica(&rig, 1, port_of(&rig), true);
    rig_use(&rig, VLLM LATENCIES);
    rig_answer(&rig, 200, BEYOND(0));
    assert_int_equal(rig_next(&rig, 0), SOURCE_FAULT_NONE);
    rig_answer(&rig, 200, BEYOND(9));
    assert_int_equal(rig_next(&rig, 0), SOURCE_FAULT_NONE);
    assert_float_equal(sample_of(&rig, SIGNAL_TTFT)->value, 1, 0);
    assert_true(sources_at(rig.sources, 0, &row));
    assert_non_null(strstr(row.status->text, "the 95th percentile is at least 1 s"));
    assert_int_equal(rig_next(&rig, 0), SOURCE_FAULT_NONE); /* nothing new was observed */
    assert_true(sources_at(rig.sources, 0, &row));
    assert_string_equal(row.status->text, "");
    rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_of_ready_replicas_are_put_together),
        cmocka_unit_test(R3_a_replica_that_hangs_or_refuses_is_not_covered_and_the_others_count),
        cmocka_unit_test(faults_1_to_6_each_bad_page_fails_with_its_reason_and_a_good_one_heals),
        cmocka_unit_test(faults_8_to_19_a_number_that_cannot_be_fails_alone),
        cmocka_unit_test(fault_06_a_page_beyond_all_limits_is_refused),
        cmocka_unit_test(an_engine_of_which_nobody_said_that_it_has_metrics_may_have_none),
        cmocka_unit_test(without_replicas_signals_are_absent_not_failed),
        cmocka_unit_test(fault_21_latencies_of_a_replica_that_warms_up_do_not_count),
        cmocka_unit_test(fault_09_what_lies_beyond_the_last_bound_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
