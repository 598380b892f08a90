/* A Prometheus as a source, against answers that a test chooses; the real one is met in
 * tests/e2e/test_source_prometheus. */
#include "rig.h"

#define POOL                                                                                       \
    "pools:\n  chat:\n    target: {process: {command: x, port: 9, engine: other}}\n    sources:\n" \
    "      - signal: queue-lag\n        every: 5s\n"

static const char one_source[] =
    POOL "        prometheus: {url: \"http://127.0.0.1:%d/\", query: \"sum(lag{a='b c'})\"}\n";

#define VECTOR(result)                                                                             \
    "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" result "]}}"
#define POINT(value) "{\"metric\":{},\"value\":[1700000000.5,\"" value "\"]}"
#define AGE(seconds) "{\"metric\":{\"sluice\":\"0\"},\"value\":[1700000000.5,\"" seconds "\"]}"

static int begin(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    rig_init(rig);
    rig->age_body = VECTOR(AGE("3.5"));
    *state = rig;
    return 0;
}

static int end(void **state)
{
    rig_done(*state);
    free(*state);
    return 0;
}

static void a_query_becomes_a_sample_of_its_age(void **state)
{
    struct rig *rig = *state;
    rig_answer(rig, 200, VECTOR(POINT("12")));
    rig_use(rig, one_source);
    rig_rounds(rig, 0, 1);
    assert_int_equal(rig->requests, 2);
    assert_true(span_starts_with(span_from(rig->target), "/api/v1/query?query="));
    const struct sample *sample = rig_last(rig);
    assert_int_equal(sample->state, SIGNAL_VALUE);
    assert_true(sample->value == 12);
    const int64_t age_ns = rig_row(rig, 0).now_ns - sample->t_ns;
    assert_true(age_ns >= 3500 * MILLISECOND_NS && age_ns < 10 * SECOND_NS);
}

static void the_query_goes_out_encoded(void **state)
{
    struct rig *rig = *state;
    rig_answer(rig, 200, VECTOR(POINT("12")));
    rig_use(rig, POOL "        prometheus: {url: \"http://127.0.0.1:%d\", query: \"a{b='c +d'}\", "
                      "ageQuery: none, token: t0k}\n");
    rig_rounds(rig, 0, 1);
    assert_int_equal(rig->requests, 1);
    assert_string_equal(rig->target, "/api/v1/query?query=a%7Bb%3D%27c%20%2Bd%27%7D");
    assert_string_equal(rig->authorization, "Bearer t0k");
}

struct answer {
    int status;
    const char *body;
    const char *age;
    enum source_fault fault;
    enum signal_state state;
    const char *words; /* a part of what is said */
};

static void each(struct rig *rig, const struct answer *rows, size_t count)
{
    rig_answer(rig, 200, VECTOR(POINT("1")));
    rig_use(rig, one_source);
    rig_rounds(rig, 0, 1);
    for (size_t i = 0; i < count; i++) {
        rig_answer(rig, rows[i].status, rows[i].body);
        rig->age_body = rows[i].age != NULL ? rows[i].age : VECTOR(AGE("3.5"));
        assert_int_equal(rig_next(rig, 0), rows[i].fault);
        assert_int_equal(rig_last(rig)->state, rows[i].state);
        if (rows[i].fault != SOURCE_FAULT_NONE)
            assert_non_null(strstr(rig_row(rig, 0).status->text, rows[i].words));
    }
}

static void what_prometheus_answers_is_told_apart(void **state)
{
    static const struct answer rows[] = {
        {200, VECTOR(""), NULL, SOURCE_FAULT_NONE, SIGNAL_ABSENT, ""},
        {200, VECTOR(POINT("1") "," POINT("2")), NULL, SOURCE_FAULT_SEVERAL, SIGNAL_FAILED,
         "2 series"},
        {200, "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"5\"]}}",
         NULL, SOURCE_FAULT_NONE, SIGNAL_VALUE, ""},
        {200, "{\"status\":\"success\",\"data\":{\"resultType\":\"string\",\"result\":[1,\"5\"]}}",
         NULL, SOURCE_FAULT_NOT_PARSED, SIGNAL_FAILED, "string"},
        {200,
         "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":"
         "{},\"histogram\":[1,{}]}]}}",
         NULL, SOURCE_FAULT_NOT_PARSED, SIGNAL_FAILED, "histogram"},
        {400, "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error: x\"}",
         NULL, SOURCE_FAULT_STATUS, SIGNAL_FAILED, "parse error: x"},
        {503, "{\"status\":\"error\",\"errorType\":\"timeout\",\"error\":\"query timed out\"}",
         NULL, SOURCE_FAULT_STATUS, SIGNAL_FAILED, "timed out"},
        {200, "{\"status\":\"error\",\"error\":\"no\"}", NULL, SOURCE_FAULT_STATUS, SIGNAL_FAILED,
         "no"},
        {200, "{\"status\":\"success\"}", NULL, SOURCE_FAULT_NOT_PARSED, SIGNAL_FAILED, "type"},
        {200, VECTOR("{\"metric\":{},\"value\":[1]}"), NULL, SOURCE_FAULT_NOT_PARSED, SIGNAL_FAILED,
         "sample"},
        {200, VECTOR("{\"metric\":{},\"value\":[1,\"1x\"]}"), NULL, SOURCE_FAULT_NOT_PARSED,
         SIGNAL_FAILED, "number"},
        {200, "<html>502 Bad Gateway</html>", NULL, SOURCE_FAULT_NOT_PARSED, SIGNAL_FAILED,
         "<html>502"},
        {401, "", NULL, SOURCE_FAULT_DENIED, SIGNAL_FAILED, "401"},
    };
    each(*state, rows, COUNT_OF(rows));
}

static void fault_08_to_11_no_numbers_and_sentinels_are_unknown(void **state)
{
    static const struct answer rows[] = {
        {200, VECTOR(POINT("NaN")), NULL, SOURCE_FAULT_NOT_A_NUMBER, SIGNAL_FAILED, "NaN"},
        {200, VECTOR(POINT("+Inf")), NULL, SOURCE_FAULT_NOT_A_NUMBER, SIGNAL_FAILED, "Inf"},
        {200, VECTOR(POINT("-Inf")), NULL, SOURCE_FAULT_NOT_A_NUMBER, SIGNAL_FAILED, "Inf"},
        {200, VECTOR(POINT("-1")), NULL, SOURCE_FAULT_NEGATIVE, SIGNAL_FAILED, "-1"},
        {200, VECTOR(POINT("922337203685477579")), NULL, SOURCE_FAULT_ABSURD, SIGNAL_FAILED,
         "above"},
    };
    each(*state, rows, COUNT_OF(rows));
}

static void fault_07_the_age_of_the_samples_counts_and_not_that_of_the_query(void **state)
{
    static const struct answer rows[] = {
        {200, VECTOR(POINT("5")), VECTOR(AGE("59")), SOURCE_FAULT_NONE, SIGNAL_VALUE, ""},
        {200, VECTOR(POINT("5")), VECTOR(AGE("61")), SOURCE_FAULT_STALE, SIGNAL_FAILED, "1m1s"},
        {200, VECTOR(POINT("5")), VECTOR(AGE("1") "," AGE("100")), SOURCE_FAULT_STALE,
         SIGNAL_FAILED, "1m40s"},
        /* An invented zero: nothing stands behind it. */
        {200, VECTOR(POINT("0")), VECTOR(""), SOURCE_FAULT_STALE, SIGNAL_FAILED, "or vector(0)"},
        {200, VECTOR(POINT("5")), VECTOR(AGE("-2")), SOURCE_FAULT_NONE, SIGNAL_VALUE, ""},
        {200, VECTOR(POINT("5")), "<html>", SOURCE_FAULT_NOT_PARSED, SIGNAL_FAILED, "<html>"},
    };
    each(*state, rows, COUNT_OF(rows));
}

static void a_range_gives_its_newest_value_with_the_age_of_that(void **state)
{
    struct rig *rig = *state;
    rig->age_body = VECTOR(AGE("2") ",{\"metric\":{\"sluice\":\"now\"},\"value\":[1030,\"1030\"]}");
    rig_answer(
        rig, 200,
        "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":"
        "{},\"values\":[[1000,\"7\"],[1015,\"9\"]]}]}}");
    rig_use(rig, POOL "        prometheus: {url: \"http://127.0.0.1:%d\", query: a, range: 5m, "
                      "step: 15s}\n");
    rig_rounds(rig, 0, 1);
    const struct sample *sample = rig_last(rig);
    assert_true(sample->value == 9);
    assert_true(rig_row(rig, 0).now_ns - sample->t_ns >= 15 * SECOND_NS);
}

static void several_series_become_one_where_it_is_said_how(void **state)
{
    static const struct {
        const char *aggregate;
        double value;
    } rows[] = {{"sum", 9}, {"max", 6}, {"min", 1}, {"average", 3}};
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[1024];
        rig_answer(rig, 200, VECTOR(POINT("1") "," POINT("2") "," POINT("6")));
        snprintf(text, sizeof(text),
                 POOL "        prometheus: {url: \"http://127.0.0.1:%%d\", query: a, aggregate: "
                      "%s}\n",
                 rows[i].aggregate);
        rig_use(rig, text);
        rig_rounds(rig, 0, 1);
        assert_true(rig_last(rig)->value == rows[i].value);
    }
}

static void an_empty_answer_means_what_the_person_says(void **state)
{
    static const struct {
        const char *empty;
        enum source_fault fault;
        enum signal_state state;
    } rows[] = {{"absent", SOURCE_FAULT_NONE, SIGNAL_ABSENT},
                {"failed", SOURCE_FAULT_EMPTY, SIGNAL_FAILED},
                {"zero", SOURCE_FAULT_NONE, SIGNAL_VALUE}};
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[1024];
        rig_answer(rig, 200, VECTOR(""));
        rig->age_body = VECTOR("");
        snprintf(text, sizeof(text),
                 POOL "        empty: %s\n        prometheus: {url: \"http://127.0.0.1:%%d\", "
                      "query: a}\n",
                 rows[i].empty);
        rig_use(rig, text);
        rig_rounds(rig, 0, 1);
        assert_int_equal(rig_row(rig, 0).status->fault, rows[i].fault);
        assert_int_equal(rig_last(rig)->state, rows[i].state);
        assert_true(rig_last(rig)->value == 0);
    }
}

static void a_rate_becomes_the_amount_of_the_time_that_it_held(void **state)
{
    struct rig *rig = *state;
    rig_answer(rig, 200, VECTOR(POINT("50")));
    rig_use(rig, "pools:\n  chat:\n    target: {process: {command: x, port: 9, engine: other}}\n"
                 "    sources:\n"
                 "      - {signal: tokens-per-second, every: 10s, prometheus: {url: "
                 "\"http://127.0.0.1:%d\", query: a}}\n");
    rig_rounds(rig, 0, 1);
    assert_true(rig_last(rig)->value == 500); /* one period at first */
    assert_true(rig_row(rig, 0).status->value == 50);
    (void)rig_next(rig, 0);
    assert_true(rig_last(rig)->value >= 0 && rig_last(rig)->value < 250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_query_becomes_a_sample_of_its_age, begin, end),
        cmocka_unit_test_setup_teardown(the_query_goes_out_encoded, begin, end),
        cmocka_unit_test_setup_teardown(what_prometheus_answers_is_told_apart, begin, end),
        cmocka_unit_test_setup_teardown(fault_08_to_11_no_numbers_and_sentinels_are_unknown, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            fault_07_the_age_of_the_samples_counts_and_not_that_of_the_query, begin, end),
        cmocka_unit_test_setup_teardown(a_range_gives_its_newest_value_with_the_age_of_that, begin,
                                        end),
        cmocka_unit_test_setup_teardown(several_series_become_one_where_it_is_said_how, begin, end),
        cmocka_unit_test_setup_teardown(an_empty_answer_means_what_the_person_says, begin, end),
        cmocka_unit_test_setup_teardown(a_rate_becomes_the_amount_of_the_time_that_it_held, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
