/* The page of metrics as text: escapes, histograms, bounded label sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/metric_page.h"
#include "api/rate.h"
#include "base/duration.h"
#include "base/rng.h"

#include <cmocka.h>

static void fault_89_label_values_cannot_end_a_line_or_forge_a_label(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *shown;
    } cases[] = {
        {"plain", "plain"},
        {"a\"} 1\nforged{x=\"", "a\\\"} 1\\nforged{x=\\\""},
        {"back\\slash", "back\\\\slash"},
        {"tab\tand\rreturn\x7f", "tab?and?return?"},
        {"broken \xff\xc3 utf-8", "broken ?? utf-8"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out;
        char line[256];
        buf_init(&out, 65536);
        struct metric_page page = {.out = &out};
        metric_begin(&page, METRIC_ID_PAUSED);
        metric_value(&page, (const char *[]){cases[i].value}, 1);
        (void)snprintf(line, sizeof(line), "\nsluice_paused{pool=\"%s\"} 1\n", cases[i].shown);
        assert_non_null(strstr(buf_cstr(&out), line));
        size_t lines = 0;
        for (size_t k = 0; k < out.len; k++)
            lines += out.ptr[k] == '\n';
        assert_int_equal(lines, 3);
        buf_done(&out);
    }
}

static void fault_89_label_sets_beyond_the_limit_share_one_called_other(void **state)
{
    (void)state;
    struct counts *counts = counts_new(2, 100);
    double sum = 0;
    size_t sets = 0;
    const char *labels[COUNTS_LABELS_MAX];
    double value;
    bool other = false;
    for (int i = 0; i < 10000; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "tenant-%d", i);
        counts_add(counts, (const char *[]){"pool", name}, 1);
    }
    assert_true(counts_overflow(counts));
    for (; counts_at(counts, sets, labels, &value); sets++) {
        sum += value;
        other = other || (strcmp(labels[0], "other") == 0 && strcmp(labels[1], "other") == 0);
    }
    assert_int_equal(sets, 101);
    assert_true(other && sum == 10000);
    counts_add(counts, (const char *[]){"pool", "tenant-7"}, 1); /* known ones still count */
    assert_true(counts_at(counts, 7, labels, &value) && value == 2);
    counts_free(counts);
}

static void counters_agree_with_a_slow_count(void **state)
{
    (void)state;
    struct rng rng;
    struct counts *counts = counts_new(1, 1000);
    double expected[50] = {0};
    const uint64_t seed = 7;
    rng_init(&rng, seed);
    for (int i = 0; i < 5000; i++) {
        char name[16];
        const int64_t which = rng_range(&rng, 0, 49);
        (void)snprintf(name, sizeof(name), "%d", (int)which);
        counts_add(counts, (const char *[]){name}, (double)which);
        expected[which] += (double)which;
    }
    const char *labels[COUNTS_LABELS_MAX];
    double value;
    size_t sets = 0;
    for (; counts_at(counts, sets, labels, &value); sets++) {
        int which = -1;
        assert_int_equal(sscanf(labels[0], "%d", &which), 1);
        assert_true(value == expected[which]);
    }
    assert_int_equal(sets, 50);
    counts_free(counts);
}

static void unknown_values_are_left_out(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 65536);
    struct metric_page page = {.out = &out};
    metric_plain(&page, METRIC_ID_STATE_QUEUE, NAN);
    assert_null(strstr(buf_cstr(&out), "\nsluice_state_queue_bytes"));
    assert_non_null(strstr(buf_cstr(&out), "# TYPE sluice_state_queue_bytes gauge\n"));
    buf_done(&out);
}

/* The value behind "name{labels}" on the page; NAN when it is not there. */
static double value_of(struct buf *out, const char *series)
{
    double value = NAN;
    const char *at = strstr(buf_cstr(out), series);
    if (at != NULL)
        assert_int_equal(sscanf(at + strlen(series), " %lf", &value), 1);
    return value;
}

static void histogram_buckets_are_cumulative_and_exact(void **state)
{
    (void)state;
    struct buf out;
    struct histogram histogram;
    static const double values[] = {0.0001, 0.3, 0.3, 0.7, 3, 100000};
    histogram_clear(&histogram);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        histogram_record(&histogram, values[i], 1);
    buf_init(&out, 65536);
    struct metric_page page = {.out = &out};
    metric_begin(&page, METRIC_ID_TTFT);
    metric_histogram(&page, (const char *[]){"chat"}, &histogram);
    const char *name = "sluice_gateway_ttft_seconds";
    static const struct {
        const char *bound;
        double count;
    } cases[] = {{"0.0009765625", 1}, {"0.25", 1}, {"0.5", 3}, {"1", 4}, {"2", 4}, {"4", 5},
                 {"4096", 5},         {"+Inf", 6}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char series[128];
        (void)snprintf(series, sizeof(series), "%s_bucket{pool=\"chat\",le=\"%s\"}", name,
                       cases[i].bound);
        assert_true(value_of(&out, series) == cases[i].count);
    }
    assert_true(value_of(&out, "sluice_gateway_ttft_seconds_count{pool=\"chat\"}") == 6);
    assert_true(fabs(value_of(&out, "sluice_gateway_ttft_seconds_sum{pool=\"chat\"}") -
                     100004.3001) < 1e-6);
    buf_done(&out);
}

/* ---- how often ---- */

static void a_source_has_a_burst_and_then_its_rate(void **state)
{
    (void)state;
    struct rate *rate = rate_new(2, 5);
    int64_t wait_ns = 0;
    for (int i = 0; i < 5; i++)
        assert_true(rate_take(rate, span_from("a"), SECOND_NS, &wait_ns));
    assert_false(rate_take(rate, span_from("a"), SECOND_NS, &wait_ns));
    assert_int_equal(wait_ns, SECOND_NS / 2);
    assert_true(rate_take(rate, span_from("b"), SECOND_NS, &wait_ns));
    assert_true(rate_take(rate, span_from("a"), SECOND_NS + wait_ns, &wait_ns));
    assert_false(rate_take(rate, span_from("a"), SECOND_NS + SECOND_NS / 2, &wait_ns));
    rate_free(rate);
}

static void a_flood_of_sources_takes_no_more_memory_and_spares_the_recent_ones(void **state)
{
    (void)state;
    struct rate *rate = rate_new(1, 2);
    int64_t wait_ns = 0;
    assert_true(rate_take(rate, span_from("old"), 0, &wait_ns));
    for (int i = 0; i < 10 * RATE_SOURCES_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "10.0.%d.%d", i / 256, i % 256);
        assert_true(rate_take(rate, span_from(name), i + 1, &wait_ns));
    }
    char last[32];
    const int n = 10 * RATE_SOURCES_MAX - 1;
    (void)snprintf(last, sizeof(last), "10.0.%d.%d", n / 256, n % 256);
    assert_true(rate_take(rate, span_from(last), n + 1, &wait_ns));
    assert_false(rate_take(rate, span_from(last), n + 1, &wait_ns)); /* it was not forgotten */
    rate_free(rate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_89_label_values_cannot_end_a_line_or_forge_a_label),
        cmocka_unit_test(fault_89_label_sets_beyond_the_limit_share_one_called_other),
        cmocka_unit_test(counters_agree_with_a_slow_count),
        cmocka_unit_test(unknown_values_are_left_out),
        cmocka_unit_test(histogram_buckets_are_cumulative_and_exact),
        cmocka_unit_test(a_source_has_a_burst_and_then_its_rate),
        cmocka_unit_test(a_flood_of_sources_takes_no_more_memory_and_spares_the_recent_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
