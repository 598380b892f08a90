/* The life of a pool: starts, routes, drains, stops, and who goes when fewer are wanted. */
#include "plant.h"

static void a_wanted_replica_is_started_and_routed_when_it_is_ready(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, SECOND_NS);
    assert_int_equal(p->starts, 2);
    assert_int_equal(plant_count(p, 0, REPLICA_STARTING), 2);
    assert_int_equal(p->gateway[0].route_count, 0);
    plant_run(p, 4 * SECOND_NS + SECOND_NS / 10);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    assert_int_equal(p->gateway[0].route_count, 2);
    plant_free(p);
}

static void start_up_times_are_measured_from_order_to_first_ready(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, SECOND_NS);
    assert_int_equal(plant_status(p, 0).start_p50_ns, 0);
    for (int64_t n = 1; n <= 10; n++) {
        p->startup_ns[0] = n * SECOND_NS;
        plant_ask(p, 0, n);
        plant_run(p, 20 * SECOND_NS);
    }
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 10);
    assert_int_equal(plant_status(p, 0).start_p50_ns, 5 * SECOND_NS);
    assert_int_equal(plant_status(p, 0).start_p90_ns, 9 * SECOND_NS);
    assert_int_equal(p->record.observation->pool[0].start_p90_ns, 9 * SECOND_NS);
    plant_free(p);
}

static void start_up_times_of_an_earlier_run_count(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_create(p);
    assert_int_equal(reconcile_startup(p->r, "chat", 7 * SECOND_NS), RC_OK);
    assert_int_equal(reconcile_startup(p->r, "other", 7 * SECOND_NS), RC_UNKNOWN);
    assert_int_equal(plant_status(p, 0).start_p50_ns, 7 * SECOND_NS);
    plant_free(p);
}

static void the_start_up_of_an_adopted_replica_is_not_measured(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 1);
    plant_create(p);
    plant_found(p, 0, 7, false, 1);
    plant_scanned(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    assert_int_equal(plant_status(p, 0).start_p50_ns, 0);
    plant_free(p);
}

static void routes_say_what_starts_and_when_the_next_one_is_expected(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, SECOND_NS);
    assert_int_equal(p->routed[0].starting, 1);
    assert_int_equal(p->routed[0].eta_ns, -1); /* nothing was measured yet */
    plant_run(p, 6 * SECOND_NS);
    assert_int_equal(p->routed[0].starting, 0);
    plant_ask(p, 0, 2);
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal(p->routed[0].starting, 1);
    assert_int_equal(p->routed[0].eta_ns, 5 * SECOND_NS);
    plant_free(p);
}

static void a_surplus_replica_is_drained_confirmed_and_only_then_stopped(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    p->gateway[1].up = true;
    plant_pool(p, "chat");
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    plant_load(p, 1, 1, 50);
    plant_load(p, 2, 1, 60);
    plant_ask(p, 0, 1);
    plant_run(p, 5 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_DRAINING), 1);
    assert_int_equal(p->stops, 0);
    plant_load(p, 1, 0, 0);
    plant_run(p, 5 * SECOND_NS);
    assert_int_equal(p->stops, 1);
    assert_null(reconcile_replica(p->r, 1));
    assert_int_equal(reconcile_replica(p->r, 2)->state, REPLICA_READY);
    plant_free(p);
}

/* ---- victims ---- */

static struct plant *four_ready(void)
{
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_start(p);
    for (int64_t n = 1; n <= 4; n++) {
        plant_ask(p, 0, n);
        plant_run(p, 8 * SECOND_NS);
    }
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 4);
    return p;
}

static uint64_t draining_of(const struct plant *p)
{
    const struct replica_row *row;
    for (size_t i = 0; (row = reconcile_replica_at(p->r, i)) != NULL; i++)
        if (row->state == REPLICA_DRAINING || row->state == REPLICA_STOPPING)
            return row->id;
    return 0;
}

static void an_idle_replica_goes_before_a_busy_one(void **unused)
{
    (void)unused;
    struct plant *p = four_ready();
    plant_load(p, 1, 1, 10);
    plant_load(p, 3, 1, 5);
    plant_load(p, 4, 1, 0); /* nothing is known of its tokens */
    plant_ask(p, 0, 3);
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal(draining_of(p), 2);
    plant_free(p);
}

static void among_busy_ones_the_fewest_running_tokens_go(void **unused)
{
    (void)unused;
    struct plant *p = four_ready();
    for (uint64_t id = 1; id <= 4; id++)
        plant_load(p, id, 1, id == 3 ? 7 : 100);
    plant_ask(p, 0, 3);
    plant_run(p, 3 * SECOND_NS);
    assert_int_equal(draining_of(p), 3);
    plant_free(p);
}

static void among_equal_ones_the_coldest_cache_goes(void **unused)
{
    (void)unused;
    struct plant *p = four_ready();
    plant_ask(p, 0, 3);
    plant_run(p, 2 * SECOND_NS + SECOND_NS / 4);
    assert_int_equal(draining_of(p), 4);
    plant_free(p);
}

static void a_starting_one_goes_before_a_ready_one_and_the_youngest_first(void **unused)
{
    (void)unused;
    struct plant *p = four_ready();
    p->startup_ns[0] = INT64_MAX;
    plant_ask(p, 0, 5);
    plant_run(p, 2 * SECOND_NS);
    plant_ask(p, 0, 6);
    plant_run(p, 2 * SECOND_NS);
    plant_ask(p, 0, 5);
    plant_run(p, 2 * SECOND_NS + SECOND_NS / 4);
    assert_int_equal(reconcile_replica(p->r, 5)->state, REPLICA_STARTING);
    assert_int_equal(reconcile_replica(p->r, 6)->state, REPLICA_STOPPING);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 4);
    plant_free(p);
}

static void an_idle_one_under_notice_goes_before_other_idle_ones_but_not_a_busy_one(void **unused)
{
    (void)unused;
    struct plant *p = four_ready();
    p->target[0].routed = true;
    plant_load(p, 1, 1, 1);
    plant_ask(p, 0, 3);
    const struct event busy = {.kind = EVENT_NOTICE, .replica = 1, .up = true};
    const struct event idle = {.kind = EVENT_NOTICE, .replica = 2, .up = true};
    plant_event(p, &busy);
    plant_event(p, &idle);
    p->policy[0].replicas = 3;
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal(draining_of(p) == 2 || reconcile_replica(p->r, 2) == NULL, 1);
    plant_free(p);
}

static void a_replica_under_notice_is_replaced_before_it_goes(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 8 * SECOND_NS);
    const struct event notice = {.kind = EVENT_NOTICE, .replica = 1, .up = true};
    plant_event(p, &notice);
    plant_run(p, 3 * SECOND_NS);
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_READY);
    assert_true(reconcile_replica(p->r, 1)->notice);
    plant_run(p, 10 * SECOND_NS);
    assert_null(reconcile_replica(p->r, 1));
    assert_int_equal(reconcile_replica(p->r, 2)->state, REPLICA_READY);
    plant_free(p);
}

/* ---- warm ---- */

static void warm_replicas_are_kept_beside_and_serve_at_once_when_wanted(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].replicas_max = 10;
    p->pool[0].warm = (struct warm_spec){.percent = 20, .batch = 2, .use = true};
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    assert_int_equal(plant_count(p, 0, REPLICA_WARM), 2);
    assert_int_equal(p->gateway[0].route_count, 1);
    plant_ask(p, 0, 2);
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    assert_true(plant_noted(p, "replica-woken"));
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_WARM), 2);
    plant_ask(p, 0, 1);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    assert_int_equal(plant_count(p, 0, REPLICA_WARM), 2);
    plant_free(p);
}

static void warm_replicas_stay_warm_where_raises_shall_not_take_them(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].replicas_max = 10;
    p->pool[0].warm = (struct warm_spec){.percent = 20, .batch = 2, .use = false};
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_WARM), 2);
    plant_ask(p, 0, 4);
    plant_run(p, 4 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    assert_int_equal(plant_count(p, 0, REPLICA_STARTING), 2);
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 4);
    assert_int_equal(plant_count(p, 0, REPLICA_WARM), 2);
    plant_free(p);
}

static void a_serving_replica_is_parked_when_a_warm_one_is_missing(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].replicas_max = 10;
    plant_ask(p, 0, 3);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    p->pool[0].warm = (struct warm_spec){.percent = 10, .batch = 2, .use = true};
    plant_compile(p);
    assert_int_equal(reconcile_configure(p->r, &p->spec, p->now_ns, plant_wall(p)), RC_OK);
    plant_ask(p, 0, 2);
    const size_t starts = p->starts;
    plant_run(p, 3 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_WARM), 1);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    assert_in_range(p->starts, starts, starts + 1);
    plant_free(p);
}

static void a_busy_replica_that_is_parked_drains_once(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].replicas_max = 10;
    plant_ask(p, 0, 3);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    for (uint64_t id = 1; id <= 3; id++)
        plant_load(p, id, 1, (int64_t)id);
    p->pool[0].warm = (struct warm_spec){.percent = 10, .batch = 2, .use = true};
    plant_compile(p);
    assert_int_equal(reconcile_configure(p->r, &p->spec, p->now_ns, plant_wall(p)), RC_OK);
    plant_ask(p, 0, 2);
    plant_run(p, 2 * SECOND_NS + SECOND_NS / 10);
    const size_t starts = p->starts;
    assert_int_equal(plant_count(p, 0, REPLICA_DRAINING), 1);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_DRAINING), 1);
    assert_false(plant_noted(p, "replica-undrained"));
    assert_int_equal(p->starts, starts); /* it will be the warm one */
    plant_ask(p, 0, 3);
    plant_run(p, 3 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 3);
    plant_free(p);
}

/* ---- modes ---- */

static void an_observed_pool_decides_and_records_and_does_nothing(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].mode = MODE_OBSERVE;
    plant_ask(p, 0, 3);
    plant_create(p);
    plant_found(p, 0, 9, true, 1);
    plant_scanned(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(p->starts + p->stops, 0);
    assert_int_equal(plant_status(p, 0).desired, 3);
    assert_true(p->records > 4);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    plant_free(p);
}

static void replicas_of_a_fixed_pool_are_seen_and_routed_never_started_or_stopped(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "remote");
    p->target[0].fixed = true;
    plant_ask(p, 0, 5);
    plant_create(p);
    plant_found(p, 0, REPLICA_ID_FOREIGN + 1, true, 1);
    plant_found(p, 0, REPLICA_ID_FOREIGN + 2, true, 77);
    plant_scanned(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(p->gateway[0].route_count, 2);
    assert_int_equal(plant_status(p, 0).granted, 2);
    plant_ask(p, 0, 0);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(p->starts + p->stops, 0);
    assert_int_equal(p->gateway[0].route_count, 2);
    struct body *body = plant_body(p, REPLICA_ID_FOREIGN + 1);
    assert_int_equal(plant_news(p, body, NEWS_UNREADY), RC_OK);
    plant_run(p, 100 * SECOND_NS);
    assert_int_equal(p->gateway[0].route_count, 1);
    assert_int_equal(plant_news(p, body, NEWS_READY), RC_OK);
    plant_run(p, SECOND_NS);
    assert_int_equal(p->gateway[0].route_count, 2);
    assert_int_equal(p->starts + p->stops, 0);
    plant_kill(p, REPLICA_ID_FOREIGN + 1);
    plant_run(p, SECOND_NS);
    assert_int_equal(p->gateway[0].route_count, 1);
    plant_free(p);
}

static void an_unrouted_pool_is_stopped_without_asking_gateways(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "batch");
    p->target[0].routed = false;
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 8 * SECOND_NS);
    assert_int_equal(p->gateway[0].route_count, 0);
    assert_int_equal(p->record.observation->pool[0].waiting_state, SIGNAL_ABSENT);
    plant_ask(p, 0, 1);
    plant_run(p, 3 * SECOND_NS);
    assert_int_equal(p->stops, 1);
    plant_free(p);
}

/* ---- classes ---- */

static void starts_and_victims_follow_the_classes_of_the_decision(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    struct class_spec *spot = &p->pool[0].class_[1];
    p->pool[0].class_[1] = p->pool[0].class_[0];
    p->pool[0].class_count = 2;
    strcpy(spot->name, "spot");
    spot->kind = CAPACITY_SPOT;
    spot->replicas_max = 2;
    plant_ask(p, 0, 3);
    plant_start(p);
    plant_run(p, 8 * SECOND_NS);
    size_t in_class[2] = {0};
    for (size_t i = 0; i < p->body_count; i++)
        in_class[p->body[i].class_]++;
    assert_int_equal(in_class[0], 1);
    assert_int_equal(in_class[1], 2);
    plant_ask(p, 0, 2);
    plant_run(p, 5 * SECOND_NS);
    for (size_t i = 0; i < p->body_count; i++)
        assert_int_equal(p->body[i].alive, p->body[i].class_ == 1);
    plant_free(p);
}

static void time_of_held_resources_adds_up(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 100 * SECOND_NS);
    const double held = plant_status(p, 0).replica_seconds;
    assert_true(held > 199.5 && held < 200.5);
    plant_ask(p, 0, 0);
    plant_run(p, 10 * SECOND_NS);
    const double then = plant_status(p, 0).replica_seconds;
    plant_run(p, 100 * SECOND_NS);
    assert_true(plant_status(p, 0).replica_seconds - then < 0.01);
    plant_free(p);
}

static void states_and_phases_have_names(void **unused)
{
    (void)unused;
    assert_string_equal(replica_state_name(REPLICA_STOPPING), "stopping");
    assert_string_equal(replica_phase_name(PHASE_LOADING), "loading");
    assert_string_equal(replica_state_name((enum replica_state)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wanted_replica_is_started_and_routed_when_it_is_ready),
        cmocka_unit_test(start_up_times_are_measured_from_order_to_first_ready),
        cmocka_unit_test(start_up_times_of_an_earlier_run_count),
        cmocka_unit_test(the_start_up_of_an_adopted_replica_is_not_measured),
        cmocka_unit_test(routes_say_what_starts_and_when_the_next_one_is_expected),
        cmocka_unit_test(a_surplus_replica_is_drained_confirmed_and_only_then_stopped),
        cmocka_unit_test(an_idle_replica_goes_before_a_busy_one),
        cmocka_unit_test(among_busy_ones_the_fewest_running_tokens_go),
        cmocka_unit_test(among_equal_ones_the_coldest_cache_goes),
        cmocka_unit_test(a_starting_one_goes_before_a_ready_one_and_the_youngest_first),
        cmocka_unit_test(an_idle_one_under_notice_goes_before_other_idle_ones_but_not_a_busy_one),
        cmocka_unit_test(a_replica_under_notice_is_replaced_before_it_goes),
        cmocka_unit_test(warm_replicas_are_kept_beside_and_serve_at_once_when_wanted),
        cmocka_unit_test(warm_replicas_stay_warm_where_raises_shall_not_take_them),
        cmocka_unit_test(a_serving_replica_is_parked_when_a_warm_one_is_missing),
        cmocka_unit_test(a_busy_replica_that_is_parked_drains_once),
        cmocka_unit_test(an_observed_pool_decides_and_records_and_does_nothing),
        cmocka_unit_test(replicas_of_a_fixed_pool_are_seen_and_routed_never_started_or_stopped),
        cmocka_unit_test(an_unrouted_pool_is_stopped_without_asking_gateways),
        cmocka_unit_test(starts_and_victims_follow_the_classes_of_the_decision),
        cmocka_unit_test(time_of_held_resources_adds_up),
        cmocka_unit_test(states_and_phases_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
