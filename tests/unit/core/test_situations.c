/* The situations in which stages meet: what wins over what, on whole ticks. */
#include "world.h"

static void spike_at_zero_a_minute_after_scaling_down_gives_1_at_once(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.up.stabilization_ns = MINUTE_NS;
    w->pool[0].behavior.cooldown_ns = 5 * MINUTE_NS;
    w->pool[0].behavior.cooldown_applies = COOLDOWN_BOTH;
    world_start(w, 1);
    assert_int_equal(world_ask(w, 10 * MINUTE_NS, 0), 0);
    assert_int_equal(world_tick(w, MINUTE_NS), 0);
    w->o.pool[0].ready = 0;
    w->o.pool[0].waiting_requests = 40;
    w->o.cause = TICK_WAKE;
    assert_int_equal(world_ask(w, 100 * MILLISECOND_NS, 1), 1);
    assert_true(w->d[0].wake);
    world_free(w);
}

static void a_wake_needs_no_answer_of_the_policy(void **state)
{
    (void)state;
    struct world *w = world_new();
    world_start(w, 0);
    w->o.pool[0].waiting_requests = 1;
    assert_int_equal(world_ask(w, SECOND_NS, 0), 1);
    assert_true(world_said(w, STAGE_COMBINE, REASON_WAKE));
    world_free(w);
}

static void
outage_at_12_with_another_metric_saying_3_and_a_budget_falling_to_8_gives_12_then_8(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].metric[0] = world_metric("tokens-in-queue", "1000");
    w->pool[0].metric[1] = world_metric("concurrency", "10");
    w->pool[0].metric_count = 2;
    world_start(w, 12);
    world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_FAILED, 0);
    world_put(w, SIGNAL_CONCURRENCY, SIGNAL_VALUE, 30);
    assert_int_equal(world_ask(w, SECOND_NS, 3), 12);
    assert_true(w->d[0].held);
    w->o.pool[0].budget_limit = 8;
    assert_int_equal(world_ask(w, SECOND_NS, 3), 8);
    world_free(w);
}

static void budget_10_in_a_spike_8_to_20_gives_10_as_soon_as_pace_allows(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.up.change_absolute = 1;
    w->pool[0].behavior.up.period_ns = 30 * SECOND_NS;
    world_start(w, 8);
    w->o.pool[0].budget_limit = 10;
    assert_int_equal(world_ask(w, 2 * SECOND_NS, 20), 9);
    assert_int_equal(world_ask(w, 2 * SECOND_NS, 20), 9);
    assert_int_equal(world_ask(w, 28 * SECOND_NS, 20), 10);
    assert_int_equal(world_ask(w, 60 * SECOND_NS, 20), 10);
    assert_true(world_said(w, STAGE_FLEET, REASON_BUDGET));
    world_free(w);
}

static void slo_breach_of_10_at_6_during_cooldown_gives_16(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].slo.ttft_ns = 500 * MILLISECOND_NS;
    w->pool[0].slo_target.enabled = true;
    w->pool[0].slo_target.max_scale_up = 10;
    w->pool[0].behavior.cooldown_ns = 5 * MINUTE_NS;
    w->pool[0].behavior.cooldown_applies = COOLDOWN_BOTH;
    w->pool[0].behavior.up.change_absolute = 2;
    w->pool[0].behavior.up.stabilization_ns = MINUTE_NS;
    world_start(w, 7);
    assert_int_equal(world_ask(w, SECOND_NS, 6), 7); /* cooldown since the start */
    assert_int_equal(world_ask(w, 5 * MINUTE_NS, 6), 6);
    w->o.pool[0].ready = 6;
    for (int i = 0; i < 100; i++)
        world_put(w, SIGNAL_TTFT, SIGNAL_VALUE, 4.0);
    assert_int_equal(world_ask(w, SECOND_NS, 6), 16);
    assert_true(w->d[0].urgent);
    assert_int_equal(world_ask(w, SECOND_NS, 6), 16);
    world_free(w);
}

static void maximum_lowered_from_20_to_8_by_reload_at_16_gives_8(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].replicas_max = 20;
    w->pool[0].behavior.down.stabilization_ns = 5 * MINUTE_NS;
    w->pool[0].behavior.down.change_absolute = 1;
    w->pool[0].behavior.cooldown_ns = 5 * MINUTE_NS;
    world_start(w, 16);
    assert_int_equal(world_ask(w, SECOND_NS, 16), 16);
    w->pool[0].replicas_max = 8;
    world_reload(w);
    assert_int_equal(world_ask(w, SECOND_NS, 16), 8);
    world_free(w);
}

static void pin_10_with_schedule_floor_15_gives_10(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].schedule_count = 1;
    world_start(w, 12);
    w->o.pool[0].schedule_now = 15;
    assert_int_equal(world_ask(w, SECOND_NS, 4), 15);
    w->o.pool[0].pin_count = 10;
    assert_int_equal(world_ask(w, SECOND_NS, 4), 10);
    world_free(w);
}

static void everything_failed_and_maximum_lowered_to_4_gives_4(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].metric[0] = world_metric("tokens-in-queue", "1000");
    w->pool[0].metric_count = 1;
    world_start(w, 12);
    world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_FAILED, 0);
    w->o.pool[0].waiting_state = SIGNAL_FAILED;
    w->config.abstain = true;
    assert_int_equal(world_tick(w, SECOND_NS), 12);
    w->pool[0].replicas_max = 4;
    world_reload(w);
    assert_int_equal(world_tick(w, SECOND_NS), 4);
    world_free(w);
}

static void inventory_falling_from_16_to_6_at_16_gives_6(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].replicas_min = 8;
    w->pool[0].behavior.down.stabilization_ns = 5 * MINUTE_NS;
    world_start(w, 16);
    w->o.pool[0].inventory_limit = 16;
    assert_int_equal(world_ask(w, SECOND_NS, 16), 16);
    w->o.pool[0].inventory_limit = 6;
    assert_int_equal(world_ask(w, SECOND_NS, 16), 6);
    w->o.pool[0].pin_count = 16;
    assert_int_equal(world_ask(w, SECOND_NS, 16), 6);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spike_at_zero_a_minute_after_scaling_down_gives_1_at_once),
        cmocka_unit_test(a_wake_needs_no_answer_of_the_policy),
        cmocka_unit_test(
            outage_at_12_with_another_metric_saying_3_and_a_budget_falling_to_8_gives_12_then_8),
        cmocka_unit_test(budget_10_in_a_spike_8_to_20_gives_10_as_soon_as_pace_allows),
        cmocka_unit_test(slo_breach_of_10_at_6_during_cooldown_gives_16),
        cmocka_unit_test(maximum_lowered_from_20_to_8_by_reload_at_16_gives_8),
        cmocka_unit_test(pin_10_with_schedule_floor_15_gives_10),
        cmocka_unit_test(everything_failed_and_maximum_lowered_to_4_gives_4),
        cmocka_unit_test(inventory_falling_from_16_to_6_at_16_gives_6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
