/* Many pools: what is short is shared, specifications change, the installation ends. */
#include "plant.h"

static void reload(struct plant *p)
{
    plant_compile(p);
    assert_int_equal(reconcile_configure(p->r, &p->spec, p->now_ns, plant_wall(p)), RC_OK);
}

static void room(struct plant *p, const char *pool, int64_t count, double gpus_free)
{
    const struct event event = {
        .kind = EVENT_ROOM, .pool = pool, .count = count, .gpus_free = gpus_free};
    plant_event(p, &event);
}

/* ---- sharing ---- */

static void what_is_short_goes_to_the_pool_of_higher_priority(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "low");
    plant_pool(p, "high");
    p->pool[1].priority = 10;
    for (size_t i = 0; i < 2; i++)
        p->target[i].gpus_each = 1;
    plant_ask(p, 0, 3);
    plant_ask(p, 1, 3);
    plant_create(p);
    room(p, "low", 4, 4);
    room(p, "high", 4, 4);
    plant_scanned(p);
    plant_run(p, SECOND_NS);
    assert_int_equal(plant_count(p, 1, REPLICA_STARTING), 3);
    assert_int_equal(plant_count(p, 0, REPLICA_STARTING), 1);
    assert_string_equal(plant_status(p, 0).text, "no GPU is free");
    assert_string_equal(p->routed[0].reason, "no GPU is free");
    assert_int_equal(plant_status(p, 0).granted, 1);
    plant_free(p);
}

static void an_idle_replica_makes_room_for_a_pool_of_higher_priority(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "low");
    plant_pool(p, "high");
    p->pool[1].priority = 10;
    p->pool[0].residence_ns = 0;
    for (size_t i = 0; i < 2; i++)
        p->target[i].gpus_each = 1;
    plant_ask(p, 0, 2);
    plant_create(p);
    room(p, "low", 2, 2);
    room(p, "high", 2, 2);
    plant_scanned(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    plant_load(p, 1, 1, 10);
    plant_run(p, 2 * SECOND_NS);
    plant_wake(p, 0, 1, 1);
    plant_run(p, SECOND_NS);
    assert_int_equal(p->stops, 1);
    assert_null(reconcile_replica(p->r, 2)); /* the idle one, never the busy one */
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_READY);
    room(p, "high", 2, 1); /* the target tells what is free now: it is used at once */
    room(p, "low", 2, 1);
    const size_t starts = p->starts;
    plant_run(p, SECOND_NS / 10);
    assert_int_equal(p->starts, starts + 1);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 1, REPLICA_READY), 1);
    plant_free(p);
}

static void a_busy_replica_never_makes_room(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "low");
    plant_pool(p, "high");
    p->pool[1].priority = 10;
    p->pool[0].residence_ns = 0;
    for (size_t i = 0; i < 2; i++)
        p->target[i].gpus_each = 1;
    plant_ask(p, 0, 1);
    plant_create(p);
    room(p, "low", 1, 1);
    plant_scanned(p);
    plant_run(p, 10 * SECOND_NS);
    plant_load(p, 1, 1, 10);
    plant_run(p, 2 * SECOND_NS);
    plant_ask(p, 1, 1);
    plant_run(p, 30 * SECOND_NS);
    assert_int_equal(p->stops, 0);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    plant_free(p);
}

static void R14_with_an_unknown_price_a_limit_of_money_adds_nothing_and_stops_nothing(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 2);
    p->spec.cost_per_hour = 10;
    plant_create(p);
    plant_found(p, 0, 4, true, 1);
    plant_scanned(p);
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(p->starts, 0);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    assert_string_equal(plant_status(p, 0).text, "the budget allows no further replica");
    plant_free(p);
}

static void money_of_an_hour_bounds_what_runs_over_all_pools(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    plant_pool(p, "b");
    p->spec.cost_per_hour = 10;
    p->target[0].price_each = 3;
    p->target[1].price_each = 2;
    plant_ask(p, 0, 2);
    plant_ask(p, 1, 5);
    plant_start(p);
    plant_run(p, 60 * SECOND_NS);
    const int64_t cost =
        3 * plant_count(p, 0, REPLICA_READY) + 2 * plant_count(p, 1, REPLICA_READY);
    assert_int_equal(cost, 10);
    plant_free(p);
}

static void a_count_that_cannot_be_replaced_now_does_not_lower_what_is_desired(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->target[0].gpus_each = 1;
    plant_ask(p, 0, 3);
    plant_create(p);
    room(p, "chat", 3, 3);
    plant_scanned(p);
    plant_run(p, 100 * SECOND_NS);
    plant_kill(p, 1);
    room(p, "chat", 2, 0); /* its GPU is broken */
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    assert_int_equal(p->starts, 3);
    plant_ask(p, 0, 3);
    room(p, "chat", 3, 1);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 3);
    plant_free(p);
}

static void fault_49_a_stopping_replica_costs_and_is_no_supply_and_no_second_one_goes(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->stop_ns[0] = 4 * MINUTE_NS;
    plant_ask(p, 0, 3);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    plant_ask(p, 0, 2);
    plant_run(p, MINUTE_NS);
    assert_int_equal(p->stops, 1);
    assert_int_equal(p->record.observation->pool[0].ready, 2);
    assert_int_equal(p->record.observation->pool[0].draining, 1);
    assert_int_equal(p->record.observation->pool[0].actual_count, 2);
    plant_ask(p, 0, 3);
    plant_run(p, 3 * SECOND_NS);
    assert_int_equal(p->starts, 4);
    plant_free(p);
}

static void a_pool_without_place_for_more_says_so_once(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].replicas_max = 2000;
    plant_ask(p, 0, REPLICAS_PER_POOL_MAX + 10);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), REPLICAS_PER_POOL_MAX);
    assert_true(plant_noted(p, "replica-limit"));
    const size_t notes = p->note_count;
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(p->note_count, notes);
    plant_free(p);
}

/* ---- specifications ---- */

static void a_reload_of_the_same_is_noticed_by_nobody(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    plant_pool(p, "b");
    plant_ask(p, 0, 2);
    plant_ask(p, 1, 1);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    const size_t starts = p->starts;
    for (int i = 0; i < 10; i++) {
        reload(p);
        plant_run(p, SECOND_NS);
    }
    assert_int_equal(p->starts, starts);
    assert_int_equal(p->stops, 0);
    assert_int_equal(plant_status(p, 0).start_p50_ns, 5 * SECOND_NS);
    plant_free(p);
}

static void what_was_decided_is_still_told_between_a_reload_and_the_next_tick(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_status(p, 0).desired, 2);
    reload(p);
    assert_int_equal(plant_status(p, 0).desired, 2);
    assert_null(plant_status(p, 0).decision); /* its trail belongs to what was configured before */
    plant_run(p, SECOND_NS);
    assert_int_equal(plant_status(p, 0).desired, 2);
    assert_non_null(plant_status(p, 0).decision);
    plant_free(p);
}

static void samples_that_wait_survive_a_reload(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].metric[0] = world_metric("kv-cache-usage", "0.7");
    p->pool[0].metric_count = 1;
    p->target[0].routed = false;
    plant_start(p);
    plant_run(p, SECOND_NS);
    const struct sample s = {
        .t_ns = p->now_ns, .signal = SIGNAL_KV_CACHE_USAGE, .value = 0.5, .weight = 1};
    const struct event event = {.kind = EVENT_SAMPLES, .samples = &s, .sample_count = 1};
    plant_event(p, &event);
    plant_settle(p);
    reload(p);
    plant_run(p, SECOND_NS / 2);
    struct buf text;
    struct json_writer w;
    buf_init(&text, 1U << 20);
    json_init(&w, &text);
    const struct group_state *state = (const void *)p->record.after.ptr;
    group_state_print(p->record.spec, state, &w);
    /* a window that never held anything begins with "never" */
    const char *window = strstr(buf_cstr(&text), "\"kv-cache-usage\"");
    assert_non_null(window);
    const char *held = strstr(window, "\"held\":[\"");
    assert_non_null(held);
    assert_memory_not_equal(held, "\"held\":[\"0000000000000080", 25);
    buf_done(&text);
    plant_free(p);
}

static void fault_80_replicas_of_a_removed_pool_are_left_alone_and_forgotten(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    plant_pool(p, "b");
    plant_ask(p, 0, 1);
    plant_ask(p, 1, 1);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    /* b takes the place of a */
    p->pool[0] = p->pool[1];
    p->pool[0].policy_config = &p->policy[0];
    p->target[0] = p->target[1];
    p->pool_count = 1;
    for (size_t i = 0; i < p->body_count; i++)
        p->body[i].pool = 0;
    reload(p);
    plant_run(p, 10 * SECOND_NS);
    assert_true(plant_noted(p, "pool-forgotten"));
    assert_int_equal(p->stops, 0);
    assert_int_equal(p->starts, 2);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    assert_int_equal(p->gateway[0].route_count, 1);
    assert_null(reconcile_replica(p->r, 1));
    assert_int_equal(reconcile_pool_find(p->r, span_from("a")), -1);
    /* late words about the forgotten one */
    assert_int_equal(plant_news(p, plant_body(p, 1), NEWS_GONE), RC_UNKNOWN);
    plant_free(p);
}

static void fault_39_a_pool_that_comes_again_begins_afresh(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    plant_pool(p, "b");
    plant_ask(p, 0, 1);
    plant_ask(p, 1, 4);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    p->pool_count = 1;
    reload(p);
    plant_run(p, 3 * SECOND_NS);
    p->pool_count = 2;
    plant_ask(p, 1, 0);
    reload(p);
    const size_t starts = p->starts;
    plant_run(p, 3 * SECOND_NS);
    assert_int_equal(p->starts, starts); /* it was not scanned: no tick */
    assert_int_equal(plant_status(p, 1).tick_ns, TIME_NONE);
    for (uint64_t id = 2; id <= 5; id++)
        assert_int_equal(plant_news(p, plant_body(p, id), NEWS_FOUND), RC_OK);
    plant_scanned(p);
    plant_settle(p);
    assert_int_equal(plant_status(p, 1).observation->cause, TICK_START);
    assert_int_equal(plant_status(p, 1).decision->previous, 4);
    assert_int_equal(plant_status(p, 1).start_p50_ns, 0);
    plant_free(p);
}

static void a_new_pool_begins_beside_those_that_run(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    plant_pool(p, "b");
    plant_ask(p, 1, 1);
    reload(p);
    plant_scanned(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    assert_int_equal(plant_count(p, 1, REPLICA_READY), 1);
    assert_int_equal(p->starts, 3);
    plant_free(p);
}

static void pools_may_change_their_group_with_their_replicas(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "prefill");
    plant_pool(p, "decode");
    plant_ask(p, 0, 2);
    plant_ask(p, 1, 3);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    p->together = 2;
    reload(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_status(p, 1).group, 0);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    assert_int_equal(plant_count(p, 1, REPLICA_READY), 3);
    p->together = 0;
    reload(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(p->starts, 5);
    assert_int_equal(p->stops, 0);
    plant_free(p);
}

static void a_snapshot_that_counts_pools_the_old_way_is_understood(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    plant_pool(p, "b");
    plant_start(p);
    plant_run(p, SECOND_NS);
    const uint64_t old = p->gateway[0].generation;
    /* "a" is gone, "b" is the first now */
    p->pool[0] = p->pool[1];
    p->pool[0].policy_config = &p->policy[0];
    p->target[0] = p->target[1];
    p->pool_count = 1;
    reload(p);
    struct gateway_snapshot *s = &p->snapshot;
    memset(s, 0, sizeof(*s));
    s->generation = old;
    s->pool = 1;
    s->waiting_requests = 4;
    const struct message message = {.kind = MESSAGE_SNAPSHOT, .snapshot = s};
    const struct event event = {.kind = EVENT_MESSAGE, .message = &message};
    assert_int_equal(plant_try(p, &event), RC_OK);
    assert_int_equal(plant_status(p, 0).snapshot->waiting_requests, 4);
    s->pool = 0; /* of "a" */
    assert_int_equal(plant_try(p, &event), RC_UNKNOWN);
    plant_free(p);
}

static void two_pools_of_one_name_are_refused_and_the_old_specification_stays(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    struct reconcile_spec spec = p->spec;
    struct reconcile_group twice[2] = {p->spec.group[0], p->spec.group[0]};
    spec.group = twice;
    spec.group_count = 2;
    assert_int_equal(reconcile_configure(p->r, &spec, p->now_ns, plant_wall(p)), RC_DUPLICATE);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(reconcile_pool_count(p->r), 1);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    plant_free(p);
}

static void a_model_of_a_pool_that_is_not_there_is_refused(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    plant_start(p);
    plant_run(p, SECOND_NS);
    const struct route_model model = {.name = "llama", .pool = 1};
    struct reconcile_spec spec = p->spec;
    spec.model = &model;
    spec.model_count = 1;
    assert_int_equal(reconcile_configure(p->r, &spec, p->now_ns, plant_wall(p)), RC_RANGE);
    plant_run(p, SECOND_NS);
    plant_free(p);
}

static void a_specification_waits_for_actions_that_were_not_taken(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    p->gateway[0].up = false;
    plant_ask(p, 0, 1);
    plant_start(p);
    struct action action;
    while (reconcile_next(p->r, p->now_ns, plant_wall(p), &action)) {
        plant_act(p, &action);
        if (action.kind == ACTION_START)
            break;
    }
    assert_int_equal(reconcile_configure(p->r, &p->spec, p->now_ns, plant_wall(p)), RC_STATE);
    plant_settle(p);
    reload(p);
    plant_free(p);
}

static void changed_limits_are_told_and_others_are_not(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    plant_pool(p, "b");
    plant_start(p);
    plant_run(p, SECOND_NS);
    assert_int_equal(p->limits_told, 2); /* when the gateway came */
    p->target[1].limits.concurrency = 9;
    reload(p);
    plant_run(p, SECOND_NS);
    assert_int_equal(p->limits_told, 3);
    assert_int_equal(p->limits.concurrency, 9);
    plant_free(p);
}

static void models_of_the_specification_stand_in_the_routes(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    struct route_model model = {.name = "llama", .pool = 0, .weight_percent = 100};
    p->spec.model = &model;
    p->spec.model_count = 1;
    plant_start(p);
    plant_settle(p);
    assert_string_equal(p->model, "llama");
    plant_free(p);
}

/* ---- the end ---- */

static void shutdown_of(struct plant *p, bool stop)
{
    const struct event event = {.kind = EVENT_SHUTDOWN, .up = stop};
    plant_event(p, &event);
}

static void a_shutdown_drains_and_stops_everything(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    plant_pool(p, "b");
    plant_ask(p, 0, 2);
    plant_ask(p, 1, 1);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    plant_ask(p, 1, 2);
    plant_run(p, 2 * SECOND_NS); /* one is starting */
    plant_load(p, 1, 1, 1);
    shutdown_of(p, true);
    plant_run(p, 3 * SECOND_NS);
    assert_int_equal(p->stops, 3);
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_DRAINING);
    plant_load(p, 1, 0, 0);
    plant_run(p, 3 * SECOND_NS);
    assert_null(reconcile_replica_at(p->r, 0));
    const size_t starts = p->starts;
    plant_run(p, 100 * SECOND_NS);
    assert_int_equal(p->starts, starts);
    assert_int_equal(plant_alive(p, 0) + plant_alive(p, 1), 0);
    plant_free(p);
}

static void a_second_word_hurries_the_shutdown(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    plant_load(p, 1, 1, 1);
    plant_load(p, 2, 1, 1);
    shutdown_of(p, true);
    plant_run(p, SECOND_NS);
    shutdown_of(p, true);
    plant_run(p, SECOND_NS / 10);
    assert_int_equal(p->killed, 2);
    assert_null(reconcile_replica_at(p->r, 0));
    plant_free(p);
}

static void a_shutdown_that_keeps_replicas_does_nothing_any_more(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    shutdown_of(p, false);
    const uint64_t hash = p->hash;
    plant_ask(p, 0, 0);
    plant_kill(p, 1);
    plant_run(p, 100 * SECOND_NS);
    assert_int_equal(p->stops, 0);
    assert_int_equal(p->starts, 2);
    assert_int_equal(plant_alive(p, 0), 1);
    assert_int_equal(reconcile_deadline(p->r), TIME_NONE);
    (void)hash;
    plant_free(p);
}

static void a_schedule_is_part_of_what_a_tick_sees(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_start(p);
    const struct event event = {.kind = EVENT_SCHEDULE,
                                .pool = "chat",
                                .count = 2,
                                .next_count = 0,
                                .next_wall_ns = plant_wall(p) + HOUR_NS};
    plant_event(p, &event);
    plant_run(p, SECOND_NS);
    assert_int_equal(p->record.observation->pool[0].schedule_now, 2);
    assert_int_equal(p->record.observation->pool[0].schedule_next_ns, event.next_wall_ns);
    plant_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_short_goes_to_the_pool_of_higher_priority),
        cmocka_unit_test(an_idle_replica_makes_room_for_a_pool_of_higher_priority),
        cmocka_unit_test(a_busy_replica_never_makes_room),
        cmocka_unit_test(R14_with_an_unknown_price_a_limit_of_money_adds_nothing_and_stops_nothing),
        cmocka_unit_test(money_of_an_hour_bounds_what_runs_over_all_pools),
        cmocka_unit_test(a_count_that_cannot_be_replaced_now_does_not_lower_what_is_desired),
        cmocka_unit_test(fault_49_a_stopping_replica_costs_and_is_no_supply_and_no_second_one_goes),
        cmocka_unit_test(a_pool_without_place_for_more_says_so_once),
        cmocka_unit_test(a_reload_of_the_same_is_noticed_by_nobody),
        cmocka_unit_test(what_was_decided_is_still_told_between_a_reload_and_the_next_tick),
        cmocka_unit_test(samples_that_wait_survive_a_reload),
        cmocka_unit_test(fault_80_replicas_of_a_removed_pool_are_left_alone_and_forgotten),
        cmocka_unit_test(fault_39_a_pool_that_comes_again_begins_afresh),
        cmocka_unit_test(a_new_pool_begins_beside_those_that_run),
        cmocka_unit_test(pools_may_change_their_group_with_their_replicas),
        cmocka_unit_test(a_snapshot_that_counts_pools_the_old_way_is_understood),
        cmocka_unit_test(two_pools_of_one_name_are_refused_and_the_old_specification_stays),
        cmocka_unit_test(a_model_of_a_pool_that_is_not_there_is_refused),
        cmocka_unit_test(a_specification_waits_for_actions_that_were_not_taken),
        cmocka_unit_test(changed_limits_are_told_and_others_are_not),
        cmocka_unit_test(models_of_the_specification_stand_in_the_routes),
        cmocka_unit_test(a_shutdown_drains_and_stops_everything),
        cmocka_unit_test(a_second_word_hurries_the_shutdown),
        cmocka_unit_test(a_shutdown_that_keeps_replicas_does_nothing_any_more),
        cmocka_unit_test(a_schedule_is_part_of_what_a_tick_sees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
