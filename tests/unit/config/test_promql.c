#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail

#include "config/promql.h"

static void the_series_of_a_query_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        const char *selectors; /* one after the other, each behind a "|" */
    } rows[] = {
        {"up", "|up"},
        {"up{job=\"a b\", x=~\"}\"}", "|up{job=\"a b\", x=~\"}\"}"},
        {"sum by (pod) (vllm:num_requests_waiting{model=\"m\"})",
         "|vllm:num_requests_waiting{model=\"m\"}"},
        {"sum(foo) by (pod, job) / on (a) group_left (b) count without(x)(bar)", "|foo|bar"},
        {"rate(foo_total[5m] offset 1h) * 60", "|foo_total"},
        {"histogram_quantile(0.95, sum by (le) (rate(ttft_bucket{a='b'}[1m])))",
         "|ttft_bucket{a='b'}"},
        {"{__name__=\"x y\"} or vector(0)", "|{__name__=\"x y\"}"},
        {"foo > bool 1e3 and bar # baz(qux)\n unless quux", "|foo|bar|quux"},
        {"max_over_time((foo - bar)[5m:15s])", "|foo|bar"},
        {"time() - 0x1f", ""},
        {"label_replace(foo, \"a\", \"bar\", \"c\", \"d\")", "|foo"},
        {"foo @ end() + -Inf", "|foo"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct promql_scan scan;
        struct buf found;
        buf_init(&found, 4096);
        assert_int_equal(promql_scan(span_from(rows[i].query), &scan, NULL), RC_OK);
        for (size_t k = 0; k < scan.selector_count; k++)
            buf_printf(&found, "|%.*s", SPAN_ARG(scan.selector[k]));
        assert_string_equal(buf_cstr(&found), rows[i].selectors);
        buf_done(&found);
    }
}

static void invented_zeros_and_rates_of_gauges_are_seen(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        bool or_vector;
        const char *rated;
    } rows[] = {
        {"sum(foo) or vector(0)", true, ""},
        {"sum(foo) OR (vector (0))", true, ""},
        {"sum(foo) or on() bar", false, ""},
        {"rate(queue_depth[5m])", false, "queue_depth"},
        {"sum(irate(a_total[5m])) + increase(b[1m])", false, "b"},
        {"rate(a_count[5m]) / rate(a_sum[5m])", false, ""},
        {"deriv(queue_depth[5m])", false, ""},
        {"rate(a_total[5m]) + queue_depth", false, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct promql_scan scan;
        assert_int_equal(promql_scan(span_from(rows[i].query), &scan, NULL), RC_OK);
        assert_int_equal(scan.or_vector, rows[i].or_vector);
        assert_true(span_equal_text(scan.rated, rows[i].rated));
    }
}

static void open_quotes_and_brackets_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        enum rc rc;
    } rows[] = {
        {"", RC_MISSING},
        {" # only words", RC_MISSING},
        {"sum(foo", RC_SYNTAX},
        {"foo{a=\"b}", RC_SYNTAX},
        {"foo[5m", RC_SYNTAX},
        {"foo)", RC_SYNTAX},
        {"sum by (a foo", RC_SYNTAX},
        {"a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q", RC_LIMIT},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct promql_scan scan;
        assert_int_equal(promql_scan(span_from(rows[i].query), &scan, NULL), rows[i].rc);
    }
}

static void the_age_is_asked_of_each_series(void **state)
{
    (void)state;
    struct promql_scan scan;
    struct buf query;
    buf_init(&query, 4096);
    assert_int_equal(promql_scan(span_from("a / b"), &scan, NULL), RC_OK);
    promql_put_age(&scan, true, &query);
    assert_string_equal(buf_cstr(&query),
                        "label_replace(min(time() - timestamp(a)), \"sluice\", \"0\", \"\", \"\") "
                        "or label_replace(min(time() - timestamp(b)), \"sluice\", \"1\", \"\", "
                        "\"\") or label_replace(vector(time()), \"sluice\", \"now\", \"\", \"\")");
    buf_clear(&query);
    assert_int_equal(promql_scan(span_from("vector(1)"), &scan, NULL), RC_OK);
    promql_put_age(&scan, true, &query);
    assert_int_equal(query.len, 0);
    buf_done(&query);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_series_of_a_query_are_found),
        cmocka_unit_test(invented_zeros_and_rates_of_gauges_are_seen),
        cmocka_unit_test(open_quotes_and_brackets_are_refused),
        cmocka_unit_test(the_age_is_asked_of_each_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
