/* The policy queue: additive above its threshold, patient below it, careful about what it cannot
 * know. */
#include "world.h"

struct config_bytes {
    unsigned char bytes[256];
};
static struct config_bytes config __attribute__((aligned(16)));

static struct world *queue_world(void)
{
    struct world *w = world_new();
    const struct policy_ops *policy = policy_find(span_from("queue"));
    assert_non_null(policy);
    assert_in_range(policy->config_size, 1, sizeof(config));
    opt_defaults(policy->options, policy->option_count, &config);
    w->pool[0].policy = policy;
    w->pool[0].policy_config = &config;
    return w;
}

static void set(const char *option, double value)
{
    const struct policy_ops *policy = policy_find(span_from("queue"));
    const struct opt *row = opt_find(policy->options, policy->option_count, span_from(option));
    const int64_t whole = (int64_t)value;
    assert_non_null(row);
    if (row->kind == OPT_NUMBER)
        memcpy(config.bytes + row->offset, &value, sizeof(value));
    else
        memcpy(config.bytes + row->offset, &whole, sizeof(whole));
}

/* A tick a minute later, so that only this lag lies in the window. */
static int64_t lag(struct world *w, double messages, int64_t ready, int64_t pending)
{
    w->now_ns += MINUTE_NS;
    world_put(w, SIGNAL_QUEUE_LAG, SIGNAL_VALUE, messages);
    w->o.pool[0].ready = ready;
    w->o.pool[0].pending = pending;
    w->o.pool[0].actual_count = ready + pending;
    return world_tick(w, 0);
}

static void the_example_of_the_guide_adds_two(void **state)
{
    (void)state;
    struct world *w = queue_world();
    set("targetThroughput", 5);
    world_start(w, 5);
    assert_int_equal(lag(w, 150, 5, 0), 7);
    assert_true(world_said(w, STAGE_POLICY, REASON_QUEUE_ADDED));
    world_free(w);
}

static void what_starts_already_is_not_asked_for_again(void **state)
{
    (void)state;
    struct world *w = queue_world();
    world_start(w, 5);
    assert_int_equal(lag(w, 150, 5, 0), 15);
    assert_int_equal(lag(w, 150, 5, 10), 15);
    world_free(w);
}

static void up_to_the_threshold_nothing_is_added(void **state)
{
    (void)state;
    struct world *w = queue_world();
    world_start(w, 2);
    assert_int_equal(lag(w, 100, 2, 0), 2);
    assert_int_equal(lag(w, 101, 2, 0), 11);
    world_free(w);
}

static void below_it_the_busy_ones_and_those_for_what_is_left_stay(void **state)
{
    (void)state;
    struct world *w = queue_world();
    world_start(w, 9);
    w->o.pool[0].busy = 4;
    assert_int_equal(lag(w, 20, 9, 0), 4);
    w->o.pool[0].busy = 0;
    assert_int_equal(lag(w, 20, 4, 0), 2);
    world_free(w);
}

static void a_queue_with_anything_in_it_is_not_left_without_a_replica(void **state)
{
    (void)state;
    struct world *w = queue_world();
    world_start(w, 0);
    assert_int_equal(lag(w, 3, 0, 0), 1);
    world_free(w);
}

static void an_unknown_lag_lowers_nothing(void **state)
{
    (void)state;
    struct world *w = queue_world();
    world_start(w, 6);
    assert_int_equal(lag(w, 60, 6, 0), 6);
    for (int i = 0; i < 20; i++)
        assert_int_equal(world_tick(w, MINUTE_NS), 6);
    world_free(w);
}

static void a_part_of_the_queue_lowers_nothing(void **state)
{
    (void)state;
    struct world *w = queue_world();
    world_start(w, 6);
    w->now_ns += MINUTE_NS;
    struct sample s = world_sample(w, SIGNAL_QUEUE_LAG, SIGNAL_VALUE, 10);
    s.covered = 1;
    s.expected = 2;
    observe(w->group, w->state, &s, 1);
    assert_int_equal(world_tick(w, 0), 6);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_guide_adds_two),
        cmocka_unit_test(what_starts_already_is_not_asked_for_again),
        cmocka_unit_test(up_to_the_threshold_nothing_is_added),
        cmocka_unit_test(below_it_the_busy_ones_and_those_for_what_is_left_stay),
        cmocka_unit_test(a_queue_with_anything_in_it_is_not_left_without_a_replica),
        cmocka_unit_test(an_unknown_lag_lowers_nothing),
        cmocka_unit_test(a_part_of_the_queue_lowers_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
