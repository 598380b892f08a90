/* Windows over time: what each kind reads as, against an obvious list of all samples. */
#include "world.h"

#include "base/rng.h"

#define STATE_BYTES 65536
#define SAMPLES_MAX 4000

static unsigned char bytes[STATE_BYTES] __attribute__((aligned(16)));
static unsigned char more_bytes[STATE_BYTES] __attribute__((aligned(16)));

static struct series_need need_of(enum signal_id signal, enum series_kind kind, int64_t span_s)
{
    return (struct series_need){.signal = {.id = signal, .quantile = 0.95},
                                .kind = kind,
                                .span_ns = span_s * SECOND_NS,
                                .granularity_ns = SECOND_NS};
}

static void put(const struct series_need *need, int64_t t_s, enum signal_state state, double value)
{
    const struct sample s = {.t_ns = t_s * SECOND_NS,
                             .signal = (uint16_t)need->signal.id,
                             .state = (uint8_t)state,
                             .value = value,
                             .weight = 2};
    series_record(need, bytes, &s);
}

static void init(const struct series_need *need)
{
    assert_in_range(series_size(need), 8, STATE_BYTES);
    series_init(need, bytes);
}

static void each_kind_reads_what_it_says(void **state)
{
    (void)state;
    static const struct {
        enum signal_id signal;
        enum series_kind kind;
        double expect; /* of 1, 3 at 10 s; 8 at 12 s; read at 12 s over 10 s */
    } cases[] = {
        {SIGNAL_CONCURRENCY, SERIES_MEAN, 5}, /* (2 + 8) / 2: means of seconds */
        {SIGNAL_CONCURRENCY, SERIES_LAST, 8},       {SIGNAL_OLDEST_WAIT, SERIES_MAX, 8},
        {SIGNAL_TOKENS_PER_SECOND, SERIES_RATE, 6}, /* 12 in the 2 s that are known */
        {SIGNAL_TOOL_CALL_RATE, SERIES_RATE, 360},  /* per minute */
        {SIGNAL_CONTEXT_LENGTH, SERIES_RATIO, 4},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct series_need need = need_of(cases[i].signal, cases[i].kind, 10);
        init(&need);
        assert_int_equal(series_value(&need, bytes, 9 * SECOND_NS).state, SIGNAL_ABSENT);
        put(&need, 10, SIGNAL_VALUE, 1);
        put(&need, 10, SIGNAL_VALUE, 3);
        put(&need, 12, SIGNAL_VALUE, 8);
        const struct reading r = series_value(&need, bytes, 12 * SECOND_NS);
        assert_int_equal(r.state, SIGNAL_VALUE);
        if (fabs(r.value - cases[i].expect) > 1e-9)
            print_error("case %zu: %g\n", i, r.value);
        assert_true(fabs(r.value - cases[i].expect) <= 1e-9);
        assert_int_equal(r.age_ns, 0);
    }
}

static void a_quantile_is_within_the_precision_of_the_histogram(void **state)
{
    (void)state;
    const struct series_need need = need_of(SIGNAL_TTFT, SERIES_QUANTILE, 6);
    init(&need);
    for (int i = 1; i <= 1000; i++)
        put(&need, 10, SIGNAL_VALUE, i * 0.001);
    const struct reading r = series_value(&need, bytes, 11 * SECOND_NS);
    assert_true(r.value > 0.95 * 0.93 && r.value < 0.95 * 1.07);
    assert_int_equal((int)r.weight, 2000);
}

static void the_newest_sample_tells_the_state(void **state)
{
    (void)state;
    struct series_need need = need_of(SIGNAL_CONCURRENCY, SERIES_MEAN, 60);
    need.max_age_ns = 10 * SECOND_NS;
    init(&need);
    assert_int_equal(series_state(&need, bytes, 0), SIGNAL_ABSENT);
    put(&need, 10, SIGNAL_VALUE, 1);
    put(&need, 10, SIGNAL_FAILED, 0); /* at one time the value wins */
    assert_int_equal(series_state(&need, bytes, 20 * SECOND_NS), SIGNAL_VALUE);
    assert_int_equal(series_state(&need, bytes, 20 * SECOND_NS + 1), SIGNAL_FAILED);
    put(&need, 11, SIGNAL_FAILED, 0);
    assert_int_equal(series_state(&need, bytes, 11 * SECOND_NS), SIGNAL_FAILED);
    put(&need, 9, SIGNAL_VALUE, 1); /* late */
    assert_int_equal(series_state(&need, bytes, 11 * SECOND_NS), SIGNAL_FAILED);
    put(&need, 12, SIGNAL_ABSENT, 0);
    assert_int_equal(series_state(&need, bytes, 12 * SECOND_NS), SIGNAL_ABSENT);
}

static void silence_of_latencies_is_absence_and_no_failure(void **state)
{
    (void)state;
    struct series_need need = need_of(SIGNAL_TTFT, SERIES_QUANTILE, 6);
    need.max_age_ns = 10 * SECOND_NS;
    init(&need);
    put(&need, 10, SIGNAL_VALUE, 1);
    assert_int_equal(series_state(&need, bytes, 100 * SECOND_NS), SIGNAL_ABSENT);
    put(&need, 101, SIGNAL_FAILED, 0);
    assert_int_equal(series_state(&need, bytes, 200 * SECOND_NS), SIGNAL_FAILED);
}

static void windows_out_of_range_have_no_size(void **state)
{
    (void)state;
    struct series_need need = need_of(SIGNAL_CONCURRENCY, SERIES_MEAN, 60);
    need.span_ns = 0;
    assert_int_equal(series_size(&need), 0);
    need.span_ns = 32 * DAY_NS;
    assert_int_equal(series_size(&need), 0);
    need.span_ns = 2 * HOUR_NS; /* 7200 buckets of a second */
    assert_int_equal(series_size(&need), 0);
    need.granularity_ns = -1;
    assert_int_equal(series_size(&need), 0);
}

/* The mean of the means of the seconds inside the window, the slow way. */
static double slow_mean(const struct sample *samples, size_t n, int64_t now_s, int64_t span_s)
{
    double means = 0;
    int64_t seconds = 0;
    for (int64_t second = now_s - span_s; second <= now_s; second++) {
        double sum = 0;
        int64_t count = 0;
        for (size_t i = 0; i < n; i++)
            if (samples[i].t_ns / SECOND_NS == second) {
                sum += samples[i].value;
                count++;
            }
        means += count > 0 ? sum / (double)count : 0;
        seconds += count > 0;
    }
    return seconds > 0 ? means / (double)seconds : (double)NAN;
}

static void random_samples_read_as_the_obvious_list_does(void **state)
{
    (void)state;
    static struct sample samples[SAMPLES_MAX];
    struct rng rng;
    rng_init(&rng, 7);
    const struct series_need need = need_of(SIGNAL_CONCURRENCY, SERIES_MEAN, 20);
    init(&need);
    int64_t now_s = 1000;
    for (size_t i = 0; i < SAMPLES_MAX; i++) {
        now_s += rng_range(&rng, 0, 40) / 38 * rng_range(&rng, 1, 30);
        samples[i] = (struct sample){.t_ns = (now_s - rng_range(&rng, 0, 3)) * SECOND_NS,
                                     .signal = SIGNAL_CONCURRENCY,
                                     .value = (double)rng_range(&rng, 0, 1000)};
        series_record(&need, bytes, &samples[i]);
        const double expect = slow_mean(samples, i + 1, now_s, 20);
        const struct reading r = series_value(&need, bytes, now_s * SECOND_NS);
        assert_true(isnan(expect) ? r.state != SIGNAL_VALUE : fabs(r.value - expect) < 1e-6);
    }
}

static void a_resized_window_reads_the_same_where_both_reach(void **state)
{
    (void)state;
    static const enum series_kind kinds[] = {SERIES_MEAN,     SERIES_RATE,  SERIES_MAX,
                                             SERIES_QUANTILE, SERIES_RATIO, SERIES_LAST};
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        const struct series_need small = need_of(SIGNAL_CONCURRENCY, kinds[k], 6);
        const struct series_need large = need_of(SIGNAL_CONCURRENCY, kinds[k], 10);
        init(&small);
        for (int64_t t = 95; t <= 100; t++)
            put(&small, t, SIGNAL_VALUE, (double)t);
        series_resize(&small, bytes, &large, more_bytes, 100 * SECOND_NS);
        const struct reading a = series_value(&small, bytes, 100 * SECOND_NS);
        const struct reading b = series_value(&large, more_bytes, 100 * SECOND_NS);
        assert_true(fabs(a.value - b.value) < 1e-9);
        assert_int_equal(a.state, b.state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_reads_what_it_says),
        cmocka_unit_test(a_quantile_is_within_the_precision_of_the_histogram),
        cmocka_unit_test(the_newest_sample_tells_the_state),
        cmocka_unit_test(silence_of_latencies_is_absence_and_no_failure),
        cmocka_unit_test(windows_out_of_range_have_no_size),
        cmocka_unit_test(random_samples_read_as_the_obvious_list_does),
        cmocka_unit_test(a_resized_window_reads_the_same_where_both_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
