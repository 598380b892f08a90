/* The life of a state block, and of the windows in it. */
#include "world.h"

static struct world *busy_world(void)
{
    struct world *w = world_new();
    w->pool[0].metric[0] = world_metric("tokens-in-queue", "1000");
    w->pool[0].metric[1] = world_metric("ttft-p95", "1s");
    w->pool[0].metric_count = 2;
    w->pool[0].behavior.down.stabilization_ns = MINUTE_NS;
    w->pool[0].behavior.up.change_absolute = 5;
    w->pool[0].behavior.cooldown_ns = 10 * SECOND_NS;
    world_start(w, 6);
    for (int i = 0; i < 40; i++) {
        world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_VALUE, 100 * i);
        world_put(w, SIGNAL_TTFT, SIGNAL_VALUE, 0.01 * i);
        (void)world_ask(w, SECOND_NS, 6 + i % 5);
    }
    return w;
}

static void bytes_of_another_kind_are_refused(void **state)
{
    (void)state;
    struct world *w = busy_world();
    const size_t size = group_state_size(w->group);
    unsigned char *bytes = malloc(size);
    struct diag diag = {0};
    static const struct {
        size_t at;
        enum rc rc;
    } flips[] = {
        {0, RC_CORRUPT},
        {4, RC_VERSION},
        {8, RC_CONFLICT},
        {16, RC_CORRUPT},
    };
    for (size_t i = 0; i < COUNT_OF(flips); i++) {
        memcpy(bytes, w->state, size);
        bytes[flips[i].at] ^= 1;
        assert_int_equal(group_state_check(w->group, bytes, size, &diag), flips[i].rc);
    }
    memcpy(bytes, w->state, size);
    assert_int_equal(group_state_check(w->group, bytes, size - 1, &diag), RC_CORRUPT);
    assert_int_equal(group_state_check(w->group, bytes, 3, &diag), RC_CORRUPT);
    assert_int_equal(group_state_check(w->group, bytes, size, &diag), RC_OK);
    free(bytes);
    world_free(w);
}

static void a_reload_without_a_change_keeps_every_byte(void **state)
{
    (void)state;
    struct world *w = busy_world();
    const size_t size = group_state_size(w->group);
    void *before = malloc(size);
    memcpy(before, w->state, size);
    world_reload(w);
    assert_int_equal(group_state_size(w->group), size);
    assert_memory_equal(before, w->state, size);
    free(before);
    world_free(w);
}

static void a_resized_window_carries_its_samples_over(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].metric[0] = world_metric("tokens-in-queue", "1000");
    w->pool[0].metric_count = 1;
    world_start(w, 6);
    for (int i = 0; i < 30; i++) {
        world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_VALUE, 500);
        (void)world_ask(w, SECOND_NS, 6);
    }
    w->pool[0].metric[0].window_ns = 5 * MINUTE_NS;
    w->pool[0].metric[0].max_age_ns = 10 * MINUTE_NS;
    world_reload(w);
    /* Known, so nothing is held; a fresh window would be absent and count as failed. */
    w->o.pool[0].in_flight_requests = 1;
    assert_int_equal(world_ask(w, MINUTE_NS, 2), 2);
    world_free(w);
}

static void another_policy_starts_fresh_with_a_full_window_of_hold(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.down.stabilization_ns = MINUTE_NS;
    world_start(w, 6);
    assert_int_equal(world_ask(w, 2 * MINUTE_NS, 6), 6);
    struct policy_ops other = probe;
    w->pool[0].policy = &other;
    world_reload(w);
    assert_int_equal(group_desired(w->group, w->state, 0), 6);
    assert_int_equal(world_ask(w, MINUTE_NS - 1, 2), 6);
    assert_int_equal(world_ask(w, 1, 2), 2);
    world_free(w);
}

static void pools_are_matched_by_name(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool_count = 2;
    w->pool[1] = w->pool[0];
    strcpy(w->pool[1].name, "other");
    world_start(w, 6);
    w->o.pool[1].pin_count = 9;
    assert_int_equal(world_ask(w, SECOND_NS, 4), 4);
    const struct pool_spec first = w->pool[0];
    w->pool[0] = w->pool[1];
    w->pool[1] = first;
    world_reload(w);
    assert_int_equal(group_desired(w->group, w->state, 0), 9);
    assert_int_equal(group_desired(w->group, w->state, 1), 4);
    world_free(w);
}

static void equal_windows_are_shared(void **state)
{
    (void)state;
    size_t sizes[3];
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct world *w = world_new();
        w->pool[0].metric[0] = world_metric("ttft-p50", "1s");
        w->pool[0].metric[1] = world_metric("ttft-p99", "2s");
        w->pool[0].metric[1].window_ns += i == 2 ? SECOND_NS : 0;
        w->pool[0].metric_count = i == 0 ? 1 : 2;
        world_start(w, 1);
        sizes[i] = group_state_size(w->group);
        world_free(w);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_true(sizes[2] > sizes[1]);
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct pool_spec good = w->pool[0];
    struct diag diag = {0};
    struct {
        struct pool_spec spec;
        enum rc rc;
        const char *says;
        const char *where;
    } cases[9] = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cases[i].spec = good;
    cases[0].spec.combine = COMBINE_FORMULA;
    cases[0].rc = RC_MISSING;
    cases[0].says = "needs a formula";
    cases[1].spec.forecast.horizon_ns = 0;
    cases[1].rc = RC_RANGE;
    cases[1].says = "60 to 86400";
    cases[2].spec.slo_target.enabled = true;
    cases[2].rc = RC_MISSING;
    cases[2].says = "objective";
    cases[3].spec.policy = NULL;
    cases[3].rc = RC_MISSING;
    cases[3].says = "policy";
    cases[4].spec.class_[0].capacity_factor = 0;
    cases[4].rc = RC_RANGE;
    cases[4].says = "0.001";
    cases[5].spec.replicas_max = REPLICAS_MAX + 1;
    cases[5].rc = RC_RANGE;
    cases[5].says = "1000000";
    cases[6].spec.name[0] = '\0';
    cases[6].rc = RC_MISSING;
    cases[6].says = "name";
    cases[7].spec.behavior.up.period_ns = -1 * SECOND_NS;
    cases[7].rc = RC_RANGE;
    cases[7].says = "86400";
    cases[7].where = "behavior.scaleUp.period";
    cases[8].spec.behavior.down.change_absolute = -2;
    cases[8].rc = RC_RANGE;
    cases[8].says = "-1 to";
    cases[8].where = "behavior.scaleDown.maxChangeAbsolute";
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        diag = (struct diag){0};
        assert_int_equal(pool_spec_check(&cases[i].spec, &diag), cases[i].rc);
        assert_non_null(strstr(diag.text, cases[i].says));
        if (cases[i].where != NULL)
            assert_string_equal(diag.where, cases[i].where);
    }
    w->pool_count = 2;
    w->pool[1] = w->pool[0];
    assert_int_equal(group_compile(&w->arena, "g", w->pool, 2, &w->group, &diag), RC_DUPLICATE);
    assert_int_equal(group_compile(&w->arena, "g", w->pool, 0, &w->group, &diag), RC_RANGE);
    world_free(w);
}

static void the_period_of_a_group_is_its_shortest(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct probe_config slow = {.period_ns = 15 * SECOND_NS};
    w->config.period_ns = 3 * SECOND_NS;
    w->pool_count = 2;
    w->pool[1] = w->pool[0];
    strcpy(w->pool[1].name, "slow");
    w->pool[1].policy_config = &slow;
    world_start(w, 0);
    assert_int_equal(group_period_ns(w->group), 3 * SECOND_NS);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_another_kind_are_refused),
        cmocka_unit_test(a_reload_without_a_change_keeps_every_byte),
        cmocka_unit_test(a_resized_window_carries_its_samples_over),
        cmocka_unit_test(another_policy_starts_fresh_with_a_full_window_of_hold),
        cmocka_unit_test(pools_are_matched_by_name),
        cmocka_unit_test(equal_windows_are_shared),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(the_period_of_a_group_is_its_shortest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
