/* What one replica carries: how it is learned, when not, and where learning ends. */
#include "world.h"

#include "core/capacity/capacity.h"

#define STEP (2 * SECOND_NS)

static struct capacity started(double start)
{
    struct capacity c = {0};
    capacity_assume(&c, start);
    return c;
}

static const struct capacity_lesson lesson = {
    .met_counts = true, .miss_counts = true, .span_ns = STEP};

static void learn(struct capacity *c, double load, enum capacity_verdict verdict, double headroom)
{
    const struct capacity_evidence evidence = {
        .verdict = verdict, .met_load = load, .missed_load = load, .headroom = headroom};
    capacity_learn(c, &lesson, &evidence);
}

static void feed(struct capacity *c, double load, enum capacity_verdict verdict, int64_t span_ns)
{
    for (int64_t t = 0; t < span_ns; t += STEP)
        learn(c, load, verdict, 1);
}

static void a_start_value_counts_until_something_was_learned(void **state)
{
    (void)state;
    struct capacity c = started(16);
    assert_false(capacity_known(&c));
    capacity_assume(&c, 32);
    assert_true(c.level > 31 && c.level < 33);
    learn(&c, 30, CAPACITY_MISSED, 1);
    capacity_assume(&c, 64);
    assert_true(c.level < 32);
}

static void
load_that_works_raises_the_level_slowly_and_only_as_far_as_latencies_have_left(void **state)
{
    (void)state;
    struct capacity c = started(16);
    feed(&c, 15, CAPACITY_MET, MINUTE_NS);
    assert_true(c.level > 16.5 && c.level < 18);
    assert_true(capacity_known(&c));
    feed(&c, 15, CAPACITY_MET, HOUR_NS);
    assert_true(c.level > 18.7 && c.level < 18.8); /* 1.25 * 15: nothing is known of headroom */
    for (int i = 0; i < 3600; i++)
        learn(&c, 15, CAPACITY_MET, 1.5); /* latencies are at two thirds of the objective */
    assert_true(c.level > 22.4 && c.level < 22.6);
    for (int i = 0; i < 3600; i++)
        learn(&c, 15, CAPACITY_MET, 20);
    assert_true(c.level > 23.9 && c.level < 24.1); /* never more than 1.6 times */
}

static void load_far_below_the_level_says_nothing(void **state)
{
    (void)state;
    struct capacity c = started(16);
    feed(&c, 7, CAPACITY_MET, HOUR_NS);
    feed(&c, 6, CAPACITY_MISSED, HOUR_NS);
    feed(&c, 0, CAPACITY_MISSED, HOUR_NS);
    feed(&c, NAN, CAPACITY_MISSED, HOUR_NS);
    feed(&c, 16, CAPACITY_UNKNOWN, HOUR_NS);
    assert_true(c.level > 15.99 && c.level < 16.01);
    assert_false(capacity_known(&c));
}

static void a_miss_lowers_at_once_and_is_counted_once(void **state)
{
    (void)state;
    struct capacity c = started(20);
    learn(&c, 18, CAPACITY_MISSED, 1);
    assert_true(c.level > 16.1 && c.level < 16.3);
    feed(&c, 18, CAPACITY_MISSED, 28 * SECOND_NS); /* the same latencies, read again */
    assert_true(c.level > 16.1 && c.level < 16.3);
    feed(&c, 15, CAPACITY_MISSED, 4 * SECOND_NS);
    assert_true(c.level < 13.6);
}

static void a_miss_above_the_level_is_explained_and_teaches_nothing(void **state)
{
    (void)state;
    struct capacity c = started(20);
    feed(&c, 21, CAPACITY_MISSED, HOUR_NS);
    feed(&c, 500, CAPACITY_MISSED, HOUR_NS);
    assert_true(c.level > 19.99 && c.level < 20.01);
}

static void a_level_that_missed_is_not_tried_again_soon(void **state)
{
    (void)state;
    struct capacity c = started(20);
    learn(&c, 20, CAPACITY_MISSED, 1);
    feed(&c, 18, CAPACITY_MET, 20 * MINUTE_NS);
    assert_true(c.level > 18.5 && c.level < 20);
    feed(&c, c.level, CAPACITY_MET, 6 * HOUR_NS);
    assert_true(c.level > 21); /* a memory of misses is not for ever */
}

static void learning_ends_at_hard_limits(void **state)
{
    (void)state;
    struct capacity c = started(16);
    for (int i = 0; i < 1000; i++)
        feed(&c, c.level, CAPACITY_MISSED, MINUTE_NS);
    assert_true(c.level >= 16 / CAPACITY_DOWN_MAX);
    c = started(16);
    for (int i = 0; i < 1000; i++)
        feed(&c, c.level, CAPACITY_MET, MINUTE_NS);
    assert_true(c.level <= 16 * CAPACITY_UP_MAX);
}

static const struct capacity_moment calm = {
    .ready = 3, .desired = 3, .proposed = 3, .error_ratio = 0, .coverage = 1};

/* After the same three replicas have been ready for a minute. */
static struct capacity_lesson lesson_of(struct capacity_moment moment)
{
    struct capacity_watch watch = {.ready = NO_COUNT};
    struct capacity_moment before = calm;
    for (before.now_ns = STEP; before.now_ns <= MINUTE_NS; before.now_ns += STEP)
        (void)capacity_lesson(&watch, &before);
    moment.now_ns = before.now_ns;
    return capacity_lesson(&watch, &moment);
}

static bool all(struct capacity_moment moment)
{
    const struct capacity_lesson l = lesson_of(moment);
    return l.met_counts && l.miss_counts;
}

static bool nothing(struct capacity_moment moment)
{
    const struct capacity_lesson l = lesson_of(moment);
    return !l.met_counts && !l.miss_counts;
}

static void nothing_more_is_allowed_while_the_count_is_not_free_or_replicas_change(void **state)
{
    (void)state;
    assert_true(all(calm));
    struct capacity_moment m = calm;
    m.pending = 1; /* a start */
    assert_false(all(m));
    m = calm;
    m.blocked = 1;
    assert_false(all(m));
    m = calm;
    m.draining = 1;
    assert_false(all(m));
    m = calm;
    m.proposed = 5; /* maximum, budget, inventory, a pin */
    assert_false(all(m));
    m = calm;
    m.proposed = 2; /* the minimum */
    assert_false(all(m));
    m = calm;
    m.ready = 2; /* one is lost */
    assert_false(all(m));
    m.ready = 4; /* one is new: latencies are those of three */
    m.desired = m.proposed = 4;
    assert_false(lesson_of(m).miss_counts);
}

static void refused_requests_and_silent_replicas_teach_nothing(void **state)
{
    (void)state;
    struct capacity_moment m = calm;
    m.error_ratio = 0.2;
    assert_true(nothing(m));
    m.error_ratio = (double)NAN;
    assert_true(all(m));
    m.coverage = 0.9;
    assert_true(nothing(m));
    m = calm;
    m.ready = 0;
    assert_true(nothing(m));
}

static void a_change_must_be_as_old_as_latencies_are_read(void **state)
{
    (void)state;
    struct capacity_watch watch = {.ready = 2};
    struct capacity_moment m = calm;
    for (m.now_ns = SECOND_NS; m.now_ns < 31 * SECOND_NS; m.now_ns += SECOND_NS)
        assert_false(capacity_lesson(&watch, &m).miss_counts);
    assert_true(capacity_lesson(&watch, &m).miss_counts);
    m.now_ns += HOUR_NS; /* a gap counts as ten seconds at most */
    assert_int_equal(capacity_lesson(&watch, &m).span_ns, 10 * SECOND_NS);
    assert_false(capacity_lesson(&watch, &m).miss_counts); /* no time passed */
    m.ready = m.desired = m.proposed = 2;
    for (int i = 0; i < 30; i++, m.now_ns += SECOND_NS)
        assert_false(capacity_lesson(&watch, &m).met_counts);
    assert_true(capacity_lesson(&watch, &m).met_counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_value_counts_until_something_was_learned),
        cmocka_unit_test(
            load_that_works_raises_the_level_slowly_and_only_as_far_as_latencies_have_left),
        cmocka_unit_test(load_far_below_the_level_says_nothing),
        cmocka_unit_test(a_miss_lowers_at_once_and_is_counted_once),
        cmocka_unit_test(a_miss_above_the_level_is_explained_and_teaches_nothing),
        cmocka_unit_test(a_level_that_missed_is_not_tried_again_soon),
        cmocka_unit_test(learning_ends_at_hard_limits),
        cmocka_unit_test(nothing_more_is_allowed_while_the_count_is_not_free_or_replicas_change),
        cmocka_unit_test(refused_requests_and_silent_replicas_teach_nothing),
        cmocka_unit_test(a_change_must_be_as_old_as_latencies_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
