/* A JSON document as a source: what is taken, and every way in which an answer is none. */
#include <unistd.h>

#include "rig.h"

static const char one_source[] =
    "pools:\n"
    "  chat:\n"
    "    target: {process: {command: x, port: 9, engine: other}}\n"
    "    sources:\n"
    "      - signal: queue-lag\n"
    "        every: 5s\n"
    "        http: {url: \"http://127.0.0.1:%d/stats\", path: \"$.q[0].n\"}\n";

static const char good[] = "{\"q\": [{\"n\": 12}]}";

static int begin(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    rig_init(rig);
    *state = rig;
    return 0;
}

static int end(void **state)
{
    rig_done(*state);
    free(*state);
    return 0;
}

static void a_number_at_its_path_becomes_a_sample(void **state)
{
    struct rig *rig = *state;
    rig_answer(rig, 200, good);
    rig_use(rig, one_source);
    rig_rounds(rig, 0, 1);
    assert_int_equal(rig->sample_count, 1);
    assert_int_equal(rig->sample[0].signal.id, SIGNAL_QUEUE_LAG);
    assert_int_equal(rig->sample[0].sample.state, SIGNAL_VALUE);
    assert_true(rig->sample[0].sample.value == 12);
    assert_string_equal(rig->target, "/stats");
    assert_true(rig_row(rig, 0).status->answered);
}

struct answer {
    int status;
    const char *lines;
    const char *body;
    enum source_fault fault;
    const char *words; /* a part of what is said */
};

static void each_is_a_failure(struct rig *rig, const struct answer *rows, size_t count)
{
    rig_answer(rig, 200, good);
    rig_use(rig, one_source);
    rig_rounds(rig, 0, 1);
    for (size_t i = 0; i < count; i++) {
        rig_answer(rig, rows[i].status, rows[i].body);
        rig->lines = rows[i].lines;
        assert_int_equal(rig_next(rig, 0), rows[i].fault);
        assert_int_equal(rig_last(rig)->state, SIGNAL_FAILED);
        assert_non_null(strstr(rig_row(rig, 0).status->text, rows[i].words));
        rig_answer(rig, 200, good);
        assert_int_equal(rig_next(rig, 0), SOURCE_FAULT_NONE);
        assert_int_equal(rig_last(rig)->state, SIGNAL_VALUE);
    }
}

static void fault_04_errors_of_servers_are_unknown_and_told_apart(void **state)
{
    static const struct answer rows[] = {
        {500, "", "oops", SOURCE_FAULT_STATUS, "500"},
        {503, "", "", SOURCE_FAULT_STATUS, "503"},
        {503, "retry-after: 0\r\n", "", SOURCE_FAULT_BUSY, "503"},
        {429, "retry-after: 0\r\n", "", SOURCE_FAULT_BUSY, "429"},
        {401, "", "", SOURCE_FAULT_DENIED, "token"},
        {403, "", "", SOURCE_FAULT_DENIED, "may not"},
        {302, "location: /login\r\n", "", SOURCE_FAULT_STATUS, "login"},
    };
    each_is_a_failure(*state, rows, COUNT_OF(rows));
}

static void fault_05_pages_and_bytes_that_are_no_document_are_unknown(void **state)
{
    static const struct answer rows[] = {
        {200, "", "<!DOCTYPE html>\n<title>Please\tlog in</title>", SOURCE_FAULT_NOT_PARSED,
         "<!DOCTYPE html> <title>Please log in</title>"},
        {200, "content-encoding: gzip\r\n", "\x1f\x8b\x08 compressed", SOURCE_FAULT_NOT_PARSED,
         "compressed"},
        {200, "", "{\"login\": \"please\"}", SOURCE_FAULT_NOT_PARSED, "is not there"},
        {200, "", "{\"q\": [{\"n\": \"12\"}]}", SOURCE_FAULT_NOT_PARSED, "a number"},
        {200, "", "{\"q\": [{\"n\": true}]}", SOURCE_FAULT_NOT_PARSED, "a number"},
        {200, "", "{\"q\": [{\"n\": NaN}]}", SOURCE_FAULT_NOT_PARSED, "no JSON"},
        {200, "", "", SOURCE_FAULT_NOT_PARSED, "no JSON"},
    };
    each_is_a_failure(*state, rows, COUNT_OF(rows));
}

static void fault_08_to_11_values_that_cannot_be_are_unknown(void **state)
{
    static const struct answer rows[] = {
        {200, "", "{\"q\": [{\"n\": -5}]}", SOURCE_FAULT_NEGATIVE, "-5"},
        {200, "", "{\"q\": [{\"n\": 922337203685477579}]}", SOURCE_FAULT_ABSURD, "above"},
        {200, "", "{\"q\": [{\"n\": 1e300}]}", SOURCE_FAULT_ABSURD, "above"},
        {200, "", "{\"q\": [{\"n\": 1e999}]}", SOURCE_FAULT_NOT_PARSED, "a number"},
    };
    each_is_a_failure(*state, rows, COUNT_OF(rows));
}

static void fault_01_a_closed_port_is_unknown_and_asked_again_within_a_period(void **state)
{
    struct rig *rig = *state;
    rig_use(rig, "pools:\n  chat:\n    target: {process: {command: x, port: 9, engine: other}}\n"
                 "    sources:\n      - {signal: queue-lag, every: 300ms, "
                 "http: {url: \"http://127.0.0.1:%d/\", path: n}}\n");
    rig_serve_no_more(rig);
    rig_rounds(rig, 0, 1);
    for (int i = 2; i <= 7; i++) {
        assert_int_equal(rig_next(rig, 0), SOURCE_FAULT_UNREACHABLE);
        assert_int_equal(rig_last(rig)->state, SIGNAL_FAILED);
        assert_int_equal(rig_row(rig, 0).status->failures, i);
        const int64_t wait_ns = rig->sources->source[0]->timer.deadline_ns - clock_monotonic_ns();
        assert_true(wait_ns <= rig_row(rig, 0).spec->period_ns);
    }
    assert_false(rig_row(rig, 0).status->answered);
}

static void fault_02_silence_ends_at_the_deadline_without_a_leak(void **state)
{
    struct rig *rig = *state;
    rig_answer(rig, 200, good);
    rig->silent = true;
    rig_use(rig, "pools:\n  chat:\n    target: {process: {command: x, port: 9, engine: other}}\n"
                 "    sources:\n      - {signal: queue-lag, timeout: 200ms, "
                 "http: {url: \"http://127.0.0.1:%d/\", path: n}}\n");
    rig_rounds(rig, 0, 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(rig_next(rig, 0), SOURCE_FAULT_TIMEOUT);
    assert_int_equal(rig_last(rig)->state, SIGNAL_FAILED);
    assert_true(http_server_stats(rig->server)->connections <= 2);
}

static void fault_03_an_answer_cut_in_its_middle_is_dropped_whole(void **state)
{
    struct rig *rig = *state;
    rig_answer(rig, 200, good);
    rig_use(rig, one_source);
    rig_rounds(rig, 0, 1);
    rig->cut = true; /* a whole document, but fewer bytes than promised */
    assert_int_equal(rig_next(rig, 0), SOURCE_FAULT_CUT);
    assert_int_equal(rig_last(rig)->state, SIGNAL_FAILED);
}

static void fault_06_a_hundred_megabytes_are_not_read(void **state)
{
    struct rig *rig = *state;
    rig_answer(rig, 200, good);
    rig_use(rig, one_source);
    rig_rounds(rig, 0, 1);
    buf_clear(&rig->body);
    assert_true(buf_reserve(&rig->body, 4U << 20));
    memset(rig->body.ptr, '1', 4U << 20);
    rig->body.len = 4U << 20;
    rig->cut = true;
    assert_int_equal(rig_next(rig, 0), SOURCE_FAULT_TOO_LARGE);
    assert_int_equal(rig_last(rig)->state, SIGNAL_FAILED);
    rig_answer(rig, 200, good);
    assert_int_equal(rig_next(rig, 0), SOURCE_FAULT_NONE);
}

static void fault_07_an_old_value_is_unknown_by_its_own_time(void **state)
{
    static const char timed[] =
        "pools:\n"
        "  chat:\n"
        "    target: {process: {command: x, port: 9, engine: other}}\n"
        "    sources:\n"
        "      - signal: queue-lag\n"
        "        every: 5s\n"
        "        maxAge: 30s\n"
        "        http: {url: \"http://127.0.0.1:%d/\", path: n, timePath: t}\n";
    struct rig *rig = *state;
    char body[128];
    const struct {
        int64_t age_s;
        enum source_fault fault;
    } rows[] = {{0, SOURCE_FAULT_NONE},
                {20, SOURCE_FAULT_NONE},
                {40, SOURCE_FAULT_STALE},
                {-3600, SOURCE_FAULT_NONE}, /* 23: a clock that is ahead */
                {86400, SOURCE_FAULT_STALE}};
    rig_answer(rig, 200, "{}");
    rig_use(rig, timed);
    rig_rounds(rig, 0, 1);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        snprintf(body, sizeof(body), "{\"n\": 7, \"t\": %lld}",
                 (long long)(clock_wall_ns() / SECOND_NS - rows[i].age_s));
        rig_answer(rig, 200, body);
        assert_int_equal(rig_next(rig, 0), rows[i].fault);
        const struct sample *last = rig_last(rig);
        assert_int_equal(last->state,
                         rows[i].fault == SOURCE_FAULT_NONE ? SIGNAL_VALUE : SIGNAL_FAILED);
        assert_true(last->t_ns <= clock_monotonic_ns());
        if (rows[i].fault == SOURCE_FAULT_NONE && rows[i].age_s > 0)
            assert_true(rig_row(rig, 0).now_ns - last->t_ns >= rows[i].age_s * SECOND_NS);
    }
    rig_answer(rig, 200, "{\"n\": 7, \"t\": \"yesterday\"}");
    assert_int_equal(rig_next(rig, 0), SOURCE_FAULT_NOT_PARSED);
}

static void fault_19_a_ratio_in_percent_is_unknown_and_a_factor_mends_it(void **state)
{
    static const char ratio[] = "pools:\n"
                                "  chat:\n"
                                "    target: {process: {command: x, port: 9, engine: other}}\n"
                                "    sources:\n"
                                "      - signal: kv-cache-usage\n"
                                "        every: 5s\n"
                                "        %s\n"
                                "        http: {url: \"http://127.0.0.1:%%d/\", path: n}\n";
    struct rig *rig = *state;
    char text[1024];
    rig_answer(rig, 200, "{\"n\": 87}");
    snprintf(text, sizeof(text), ratio, "factor: 1");
    rig_use(rig, text);
    rig_rounds(rig, 0, 1);
    assert_int_equal(rig_row(rig, 0).status->fault, SOURCE_FAULT_ABSURD);
    assert_non_null(strstr(rig_row(rig, 0).status->text, "factor: 0.01"));
    snprintf(text, sizeof(text), ratio, "factor: 0.01");
    rig_use(rig, text);
    rig_rounds(rig, 0, 1);
    assert_int_equal(rig_row(rig, 0).status->fault, SOURCE_FAULT_NONE);
    assert_true(fabs(rig_last(rig)->value - 0.87) < 1e-12);
}

static void who_we_are_is_shown_and_an_answer_of_null_is_absent(void **state)
{
    struct rig *rig = *state;
    rig_answer(rig, 200, "{\"n\": null}");
    rig_use(rig,
            "pools:\n"
            "  chat:\n"
            "    target: {process: {command: x, port: 9, engine: other}}\n"
            "    sources:\n"
            "      - signal: queue-lag\n"
            "        http: {url: \"http://127.0.0.1:%d/\", path: n, user: me, password: pw}\n");
    rig_rounds(rig, 0, 1);
    assert_string_equal(rig->authorization, "Basic bWU6cHc=");
    assert_int_equal(rig_row(rig, 0).status->fault, SOURCE_FAULT_NONE);
    assert_int_equal(rig_last(rig)->state, SIGNAL_ABSENT);
}

static void a_token_in_a_file_is_read_for_each_request(void **state)
{
    struct rig *rig = *state;
    char path[] = "/tmp/sluice-test-token-XXXXXX";
    char text[1024];
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "first\n", 6), 6);
    snprintf(text, sizeof(text),
             "pools:\n  chat:\n    target: {process: {command: x, port: 9, engine: other}}\n    "
             "sources:\n"
             "      - {signal: queue-lag, http: {url: \"http://127.0.0.1:%%d/\", path: n, "
             "tokenFile: %s}}\n",
             path);
    rig_answer(rig, 200, "{\"n\": 1}");
    rig_use(rig, text);
    rig_rounds(rig, 0, 1);
    assert_string_equal(rig->authorization, "Bearer first");
    assert_int_equal(pwrite(fd, "later\n", 6, 0), 6);
    assert_int_equal(rig_next(rig, 0), SOURCE_FAULT_NONE);
    assert_string_equal(rig->authorization, "Bearer later");
    close(fd);
    unlink(path);
    assert_int_equal(rig_next(rig, 0), SOURCE_FAULT_LOCAL);
    assert_non_null(strstr(rig_row(rig, 0).status->text, path));
}

static void fault_01_a_fallback_holds_after_so_many_failures_until_an_answer_comes(void **state)
{
    struct rig *rig = *state;
    struct source_pool_state pool;
    rig_answer(rig, 500, "");
    rig_use(rig, "pools:\n  chat:\n    target: {process: {command: x, port: 9, engine: other}}\n"
                 "    sources:\n      - {signal: queue-lag, fallback: {after: 3, replicas: 6}, "
                 "http: {url: \"http://127.0.0.1:%d/\", path: n}}\n");
    rig_rounds(rig, 0, 1);
    for (int i = 1; i <= 4; i++) {
        sources_pool(rig->sources, 0, &pool);
        assert_int_equal(pool.fallback, i < 3 ? NO_COUNT : 6);
        assert_int_equal(pool.down, 1);
        assert_false(pool.answered);
        (void)rig_next(rig, 0);
    }
    rig_answer(rig, 200, "{\"n\": 1}");
    (void)rig_next(rig, 0);
    sources_pool(rig->sources, 0, &pool);
    assert_int_equal(pool.fallback, NO_COUNT);
    assert_int_equal(pool.down, 0);
    assert_true(pool.answered);
}

static void R11_a_source_that_hangs_delays_no_other(void **state)
{
    struct rig *rig = *state;
    rig_answer(rig, 200, "{\"n\": 1}");
    rig_use(rig, "pools:\n  chat:\n    target: {process: {command: x, port: 9, engine: other}}\n"
                 "    sources:\n"
                 "      - {name: hangs, signal: queue-lag, every: 1h, timeout: 29m, exec: "
                 "{command: sleep 1000}}\n"
                 "      - {name: works, signal: concurrency, every: 400ms, "
                 "http: {url: \"http://127.0.0.1:%d/\", path: n}}\n");
    rig_rounds(rig, 1, 2);
    assert_true(rig_row(rig, 1).status->answered);
    assert_int_equal(rig_row(rig, 0).status->rounds, 0); /* it hangs still */
}

static void sources_that_stay_the_same_go_on_over_a_reload(void **state)
{
    struct rig *rig = *state;
    static const char text[] =
        "pools:\n  chat:\n    target: {process: {command: x, port: 9, engine: other}}\n"
        "    minReplicas: %s\n    sources:\n"
        "      - {signal: queue-lag, every: 1m, maxAge: 2m, "
        "http: {url: \"http://127.0.0.1:%%d/%s\", path: n}}\n";
    char config[1024];
    rig_answer(rig, 200, "{\"n\": 1}");
    snprintf(config, sizeof(config), text, "1", "a");
    rig_use(rig, config);
    rig_rounds(rig, 0, 1);
    snprintf(config, sizeof(config), text, "0", "a");
    rig_use(rig, config);
    assert_int_equal(rig_row(rig, 0).status->rounds, 1);
    snprintf(config, sizeof(config), text, "0", "b");
    rig_use(rig, config);
    assert_int_equal(rig_row(rig, 0).status->rounds, 0);
    rig_rounds(rig, 0, 1);
    assert_string_equal(rig->target, "/b");
    rig_use(rig, "pools:\n  chat:\n    target: {process: {command: x, port: 9, engine: other}}\n");
    assert_int_equal(sources_count(rig->sources), 0);
}

static void retry_after_is_honoured(void **state)
{
    struct rig *rig = *state;
    rig_answer(rig, 429, "");
    rig->lines = "retry-after: 300\r\n";
    rig_use(rig, one_source);
    rig_rounds(rig, 0, 1);
    const int64_t wait_ns = rig->sources->source[0]->timer.deadline_ns - clock_monotonic_ns();
    assert_true(wait_ns > 200 * SECOND_NS && wait_ns <= 300 * SECOND_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_number_at_its_path_becomes_a_sample, begin, end),
        cmocka_unit_test_setup_teardown(fault_04_errors_of_servers_are_unknown_and_told_apart,
                                        begin, end),
        cmocka_unit_test_setup_teardown(fault_05_pages_and_bytes_that_are_no_document_are_unknown,
                                        begin, end),
        cmocka_unit_test_setup_teardown(fault_08_to_11_values_that_cannot_be_are_unknown, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            fault_01_a_closed_port_is_unknown_and_asked_again_within_a_period, begin, end),
        cmocka_unit_test_setup_teardown(fault_02_silence_ends_at_the_deadline_without_a_leak, begin,
                                        end),
        cmocka_unit_test_setup_teardown(fault_03_an_answer_cut_in_its_middle_is_dropped_whole,
                                        begin, end),
        cmocka_unit_test_setup_teardown(fault_06_a_hundred_megabytes_are_not_read, begin, end),
        cmocka_unit_test_setup_teardown(fault_07_an_old_value_is_unknown_by_its_own_time, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            fault_19_a_ratio_in_percent_is_unknown_and_a_factor_mends_it, begin, end),
        cmocka_unit_test_setup_teardown(who_we_are_is_shown_and_an_answer_of_null_is_absent, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_token_in_a_file_is_read_for_each_request, begin, end),
        cmocka_unit_test_setup_teardown(
            fault_01_a_fallback_holds_after_so_many_failures_until_an_answer_comes, begin, end),
        cmocka_unit_test_setup_teardown(R11_a_source_that_hangs_delays_no_other, begin, end),
        cmocka_unit_test_setup_teardown(sources_that_stay_the_same_go_on_over_a_reload, begin, end),
        cmocka_unit_test_setup_teardown(retry_after_is_honoured, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
