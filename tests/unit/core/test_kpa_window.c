/* Knative's window and the sliding maximum, against slow and obvious versions. */
#include "world.h"

#include "base/rng.h"
#include "core/kpa_window.h"
#include "core/slide_max.h"

#define EVENTS 3000
#define SPAN_S 7

static unsigned char bytes[4096] __attribute__((aligned(16)));

static double average(const struct kpa_shape *shape, const struct kpa_window *w, int64_t t_ns)
{
    double value = NAN;
    const bool known = kpa_window_read(shape, w, t_ns, &value);
    assert_true(known || value == 0);
    return value;
}

static bool is_empty(const struct kpa_shape *shape, const struct kpa_window *w, int64_t t_ns)
{
    double value = NAN;
    return !kpa_window_read(shape, w, t_ns, &value);
}

/* All samples so far; times do not go back by more than the test says. */
struct list {
    int64_t t_s[EVENTS];
    double value[EVENTS];
    size_t count;
};

/* The mean over the seconds that are known: since the first sample after the last gap of a whole
 * window, up to the newest one, and of those the ones inside the window as of now. */
static double slow_average(const struct list *list, int64_t now_s, int64_t begin_s)
{
    const int64_t last_s = list->t_s[list->count - 1];
    double sum = 0;
    int64_t seconds = 0;
    for (int64_t s = now_s - SPAN_S + 1; s <= last_s; s++) {
        if (s < begin_s)
            continue;
        seconds++;
        for (size_t i = 0; i < list->count; i++)
            sum += list->t_s[i] == s ? list->value[i] : 0;
    }
    return seconds > 0 ? sum / (double)seconds : 0;
}

static void a_linear_average_is_the_mean_of_the_seconds_that_are_known(void **state)
{
    (void)state;
    static struct list list;
    const struct kpa_shape shape = {.span_ns = SPAN_S * SECOND_NS, .granularity_ns = SECOND_NS};
    struct kpa_window *w = (void *)bytes;
    struct rng rng;
    rng_init(&rng, 5);
    assert_in_range(kpa_window_size(&shape, 64), 1, sizeof(bytes));
    kpa_window_init(&shape, w);
    int64_t now_s = 1000;
    int64_t begin_s = now_s;
    for (list.count = 0; list.count < EVENTS;) {
        const int64_t step_s =
            rng_range(&rng, 0, 20) == 0 ? rng_range(&rng, 5, 20) : rng_range(&rng, 0, 2);
        if (list.count == 0 || step_s >= SPAN_S)
            begin_s = now_s + step_s;
        now_s += step_s;
        list.t_s[list.count] = now_s;
        list.value[list.count] = (double)rng_range(&rng, 0, 100);
        kpa_window_record(&shape, w, now_s * SECOND_NS + rng_range(&rng, 0, SECOND_NS - 1),
                          list.value[list.count]);
        list.count++;
        for (int64_t later = 0; later < SPAN_S; later++) {
            const double found = average(&shape, w, (now_s + later) * SECOND_NS);
            assert_true(fabs(found - slow_average(&list, now_s + later, begin_s)) < 1e-6);
        }
        assert_true(kpa_window_valid(&shape, w));
    }
}

static void when_samples_stop_the_level_stays_until_the_window_has_passed(void **state)
{
    (void)state;
    const struct kpa_shape shape = {.span_ns = SPAN_S * SECOND_NS, .granularity_ns = SECOND_NS};
    struct kpa_window *w = (void *)bytes;
    kpa_window_init(&shape, w);
    for (int64_t t = 0; t < 20; t++)
        kpa_window_record(&shape, w, t * SECOND_NS, 12);
    for (int64_t t = 19; t < 19 + SPAN_S; t++)
        assert_true(average(&shape, w, t * SECOND_NS) == 12);
    assert_true(average(&shape, w, (19 + SPAN_S) * SECOND_NS) == 0);
    assert_false(is_empty(&shape, w, (19 + SPAN_S) * SECOND_NS));
    assert_true(is_empty(&shape, w, (20 + SPAN_S) * SECOND_NS));
}

static void a_weighted_average_of_a_short_history_reads_low(void **state)
{
    (void)state;
    const struct kpa_shape shape = {
        .span_ns = 60 * SECOND_NS, .granularity_ns = SECOND_NS, .weighted = true};
    struct kpa_window *w = (void *)bytes;
    kpa_window_init(&shape, w);
    kpa_window_record(&shape, w, SECOND_NS, 10);
    assert_true(fabs(average(&shape, w, SECOND_NS) - 2) < 1e-9);
}

static void a_level_holds_until_the_next_sample_and_the_newest_counts(void **state)
{
    (void)state;
    const struct kpa_shape shape = {
        .span_ns = SPAN_S * SECOND_NS, .granularity_ns = SECOND_NS, .level = true};
    struct kpa_window *w = (void *)bytes;
    kpa_window_init(&shape, w);
    kpa_window_record(&shape, w, SECOND_NS, 100);
    kpa_window_record(&shape, w, SECOND_NS + 1, 8);
    kpa_window_record(&shape, w, 5 * SECOND_NS, 3);
    assert_true(fabs(average(&shape, w, 5 * SECOND_NS) - (8 * 4 + 3) / 5.0) < 1e-6);
    kpa_window_record(&shape, w, 3 * SECOND_NS, 1); /* late, inside the window */
    assert_true(fabs(average(&shape, w, 5 * SECOND_NS) - (8 * 3 + 1 + 3) / 5.0) < 1e-6);
}

static void a_resized_window_keeps_what_still_fits(void **state)
{
    (void)state;
    static unsigned char more[4096] __attribute__((aligned(16)));
    const struct kpa_shape shape = {.span_ns = SPAN_S * SECOND_NS, .granularity_ns = SECOND_NS};
    const struct kpa_shape coarse = {.span_ns = 20 * SECOND_NS, .granularity_ns = 2 * SECOND_NS};
    const struct kpa_shape small = {.span_ns = 3 * SECOND_NS, .granularity_ns = SECOND_NS};
    struct kpa_window *w = (void *)bytes;
    struct kpa_window *to = (void *)more;
    kpa_window_init(&shape, w);
    for (int64_t t = 10; t < 30; t++)
        kpa_window_record(&shape, w, t * SECOND_NS, (double)t);
    kpa_window_resize(&shape, w, &small, to, 29 * SECOND_NS);
    assert_true(average(&small, to, 29 * SECOND_NS) == 28);
    kpa_window_resize(&shape, w, &coarse, to, 29 * SECOND_NS);
    /* seconds 23 to 29 in 4 buckets of 2 s */
    assert_true(average(&coarse, to, 29 * SECOND_NS) == (23 + 29) * 7 / 8.0);
}

static void windows_without_shape_are_refused(void **state)
{
    (void)state;
    static const struct kpa_shape shapes[] = {
        {.span_ns = 0, .granularity_ns = SECOND_NS},
        {.span_ns = SECOND_NS, .granularity_ns = 0},
        {.span_ns = SECOND_NS, .granularity_ns = 2 * SECOND_NS},
        {.span_ns = HOUR_NS, .granularity_ns = SECOND_NS},
    };
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        assert_int_equal(kpa_window_size(&shapes[i], 64), 0);
}

static void times_at_the_ends_of_the_axis_do_no_harm(void **state)
{
    (void)state;
    const int64_t times[] = {INT64_MAX, INT64_MIN, 0, INT64_MAX, -1, INT64_MIN, SECOND_NS};
    const struct kpa_shape shape = {.span_ns = SPAN_S * SECOND_NS, .granularity_ns = SECOND_NS};
    struct kpa_window *w = (void *)bytes;
    kpa_window_init(&shape, w);
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        kpa_window_record(&shape, w, times[i], 1);
        for (size_t j = 0; j < COUNT_OF(times); j++)
            assert_true(isfinite(average(&shape, w, times[j])));
        assert_true(kpa_window_valid(&shape, w));
    }
}

static void the_sliding_maximum_is_that_of_the_last_slots(void **state)
{
    (void)state;
    static int64_t values[EVENTS];
    static int64_t slots[EVENTS];
    struct slide_max *m = (void *)bytes;
    struct rng rng;
    rng_init(&rng, 9);
    slide_max_init(m, SPAN_S, SPAN_S);
    int64_t slot = -20;
    for (size_t i = 0; i < EVENTS; i++) {
        slot += rng_range(&rng, 0, 3);
        slots[i] = slot;
        values[i] = rng_range(&rng, 0, 50);
        int64_t largest = 0;
        for (size_t j = 0; j <= i; j++)
            if (slot - slots[j] < SPAN_S && values[j] > largest)
                largest = values[j];
        assert_int_equal(slide_max_record(m, slot, values[i]), largest);
        assert_true(slide_max_valid(m, SPAN_S));
    }
}

static void slots_that_go_back_never_overflow_the_sliding_maximum(void **state)
{
    (void)state;
    struct slide_max *m = (void *)bytes;
    slide_max_init(m, 4, 4);
    for (int64_t i = 0; i < 100; i++) {
        assert_int_equal(slide_max_record(m, -i, 1000 - i), 1000);
        assert_true(slide_max_valid(m, 4));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_linear_average_is_the_mean_of_the_seconds_that_are_known),
        cmocka_unit_test(when_samples_stop_the_level_stays_until_the_window_has_passed),
        cmocka_unit_test(a_weighted_average_of_a_short_history_reads_low),
        cmocka_unit_test(a_level_holds_until_the_next_sample_and_the_newest_counts),
        cmocka_unit_test(a_resized_window_keeps_what_still_fits),
        cmocka_unit_test(windows_without_shape_are_refused),
        cmocka_unit_test(times_at_the_ends_of_the_axis_do_no_harm),
        cmocka_unit_test(the_sliding_maximum_is_that_of_the_last_slots),
        cmocka_unit_test(slots_that_go_back_never_overflow_the_sliding_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
