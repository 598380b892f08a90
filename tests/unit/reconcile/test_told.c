/* What is told to people, to policies and to gateways has the right size: no more than happened,
 * nothing twice, and the worst where several stand for one. */
#include "plant.h"

/* ---- starts ---- */

static void the_last_batch_of_starts_is_due_when_the_latest_of_them_is(void **unused)
{
    (void)unused;
    enum { STARTS = PENDING_BATCHES_MAX + 4 };
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].replicas_max = STARTS;
    p->startup_ns[0] = INT64_MAX;
    p->target[0].ready_timeout_ns = 10 * MINUTE_NS;
    plant_start(p);
    for (int64_t i = 1; i <= STARTS; i++) { /* each in a tick of its own */
        plant_ask(p, 0, i);
        plant_run(p, 2 * SECOND_NS);
    }
    int64_t latest_ns = 0;
    for (size_t i = 0; i < STARTS; i++) {
        const int64_t ordered_ns = reconcile_replica(p->r, plant_id(p, 0, i))->ordered_ns;
        latest_ns = ordered_ns > latest_ns ? ordered_ns : latest_ns;
    }
    plant_run(p, 2 * SECOND_NS);
    const struct pool_observation *o = &plant_status(p, 0).observation->pool[0];
    assert_int_equal(o->pending, STARTS);
    assert_int_equal(o->batch_count, PENDING_BATCHES_MAX);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < o->batch_count; i++) {
        sum += (uint32_t)o->batch[i].count;
        assert_true(i == 0 || o->batch[i].due_ns > o->batch[i - 1].due_ns);
    }
    assert_int_equal(sum, STARTS);
    assert_int_equal(o->batch[PENDING_BATCHES_MAX - 1].count, STARTS - PENDING_BATCHES_MAX + 1);
    assert_true(o->batch[PENDING_BATCHES_MAX - 1].due_ns == latest_ns + 10 * MINUTE_NS);
    plant_free(p);
}

static void without_an_inventory_gpus_are_no_limit(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->target[0].gpus_each = 8;
    plant_ask(p, 0, 3);
    plant_start(p);
    plant_run(p, SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_STARTING), 3);
    assert_string_equal(plant_status(p, 0).text, "");
    plant_free(p);
}

static void a_found_replica_is_in_the_phase_that_its_target_tells(void **unused)
{
    (void)unused;
    static const struct {
        enum news_kind kind;
        bool fixed;
        bool ready;
        enum replica_phase told;
        enum replica_phase wanted;
    } table[] = {
        {NEWS_FOUND, false, false, PHASE_FETCHED, PHASE_FETCHED},
        {NEWS_FOUND, false, false, PHASE_LAUNCHED, PHASE_LAUNCHED},
        {NEWS_FOUND, false, true, PHASE_SCHEDULED, PHASE_LOADING},
        {NEWS_READY, true, false, PHASE_SCHEDULED, PHASE_LOADING},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct plant *p = plant_new();
        plant_pool(p, "chat");
        p->target[0].fixed = table[i].fixed;
        plant_create(p);
        struct replica_news news = {.kind = table[i].kind,
                                    .replica = 7,
                                    .phase = (uint8_t)table[i].told,
                                    .ready = table[i].ready,
                                    .target_hash = 1};
        strcpy(news.pool, "chat");
        strcpy(news.host, "127.0.0.1");
        plant_event(p, &(const struct event){.kind = EVENT_NEWS, .news = &news});
        assert_int_equal(reconcile_replica(p->r, 7)->phase, table[i].wanted);
        plant_free(p);
    }
}

/* ---- what gateways told ---- */

static void tell(struct plant *p, struct gateway_snapshot *s)
{
    s->generation = p->gateway[0].generation;
    const struct message message = {.kind = MESSAGE_SNAPSHOT, .snapshot = s};
    plant_event(p, &(const struct event){.kind = EVENT_MESSAGE, .message = &message});
}

/* Weights of all latencies of one kind in the records of a while. */
static double weight_told;
static void add_weights(struct plant *p, const struct tick_record *record)
{
    (void)p;
    for (size_t i = 0; i < record->sample_count; i++)
        if (record->samples[i].signal == SIGNAL_TTFT && record->samples[i].state == SIGNAL_VALUE)
            weight_told += record->samples[i].weight;
}

static void a_single_answer_is_counted_in_one_tick_only(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    weight_told = 0;
    p->on_record = add_weights;
    plant_start(p);
    plant_run(p, SECOND_NS);
    for (size_t i = 1; i <= 3; i++) { /* it is busy: there are other answers later */
        struct latencies latency = {0};
        histogram_record(&latency.of[LATENCY_TTFT], 0.5, 1);
        p->snapshot = (struct gateway_snapshot){.completed_requests = 1, .latency = &latency};
        tell(p, &p->snapshot);
        p->snapshot.latency = NULL;
        plant_run(p, 4 * SECOND_NS);
        assert_true(weight_told == (double)i);
    }
    plant_free(p);
}

static void totals_of_latencies_grow_with_each_answer(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, SECOND_NS);
    const struct pool_totals none = plant_status(p, 0).total;
    assert_true(none.ttft_s == NULL && none.itl_s == NULL); /* unknown is not zero */
    assert_true(none.e2e_s == NULL && none.queue_s == NULL);
    for (size_t i = 1; i <= 2; i++) {
        struct latencies latency = {0};
        for (size_t k = 0; k < LATENCY_COUNT; k++)
            histogram_record(&latency.of[k], 0.5, (double)k + 1);
        p->snapshot = (struct gateway_snapshot){.completed_requests = 1, .latency = &latency};
        tell(p, &p->snapshot);
        p->snapshot.latency = NULL;
        plant_run(p, 2 * SECOND_NS);
        const struct pool_totals total = plant_status(p, 0).total;
        assert_true(total.ttft_s->count == (double)i * (LATENCY_TTFT + 1));
        assert_true(total.itl_s->count == (double)i * (LATENCY_ITL + 1));
        assert_true(total.e2e_s->count == (double)i * (LATENCY_E2E + 1));
        assert_true(total.queue_s->count == (double)i * (LATENCY_QUEUE + 1));
    }
    plant_free(p);
}

static void a_pool_that_nobody_uses_has_no_sessions(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->gateway[1].up = true;
    plant_start(p);
    plant_run(p, 4 * SECOND_NS);
    assert_int_equal(plant_status(p, 0).snapshot->sessions, 0);
    plant_free(p);
}

/* ---- reloads ---- */

static uint8_t cause;
static int64_t tick_ns;
static size_t ticks;
static void keep_tick(struct plant *p, const struct tick_record *record)
{
    (void)p;
    assert_true(record->observation->now_ns >= tick_ns);
    cause = record->observation->cause;
    tick_ns = record->observation->now_ns;
    ticks++;
}

static void a_reload_is_a_tick_of_its_own_and_leaves_the_grid_as_it_is(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->policy[0].period_ns = 10 * SECOND_NS;
    tick_ns = 0;
    ticks = 0;
    p->on_record = keep_tick;
    plant_start(p);
    plant_run(p, 13 * SECOND_NS);
    const int64_t grid_ns = tick_ns;
    const size_t before = ticks;
    plant_compile(p);
    assert_int_equal(reconcile_configure(p->r, &p->spec, p->now_ns, plant_wall(p)), RC_OK);
    plant_run(p, SECOND_NS);
    assert_int_equal(ticks, before + 1);
    assert_int_equal(cause, TICK_CONFIG); /* not as if nothing had been decided before */
    plant_run(p, 7 * SECOND_NS);
    assert_int_equal(ticks, before + 2);
    assert_int_equal(cause, TICK_PERIOD);
    assert_int_equal(tick_ns, grid_ns + 10 * SECOND_NS);
    plant_free(p);
}

static void a_pool_that_stands_elsewhere_after_a_reload_keeps_its_replicas(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "gone");
    plant_pool(p, "chat");
    plant_ask(p, 1, 3);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 1, REPLICA_READY), 3);
    for (size_t i = 0; i < p->body_count; i++)
        p->body[i].pool = 0;
    p->pool[0] = p->pool[1];
    p->policy[0] = p->policy[1];
    p->pool[0].policy_config = &p->policy[0];
    p->target[0] = p->target[1];
    p->pool_count = 1;
    plant_compile(p);
    assert_int_equal(reconcile_configure(p->r, &p->spec, p->now_ns, plant_wall(p)), RC_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(reconcile_replica_at(p->r, i)->pool, 0);
    plant_run(p, 2 * SECOND_NS);
    plant_load(p, plant_id(p, 0, 0), 1, 10);
    plant_run(p, 4 * SECOND_NS);
    assert_true(reconcile_replica(p->r, plant_id(p, 0, 0))->busy); /* not lost to another pool */
    plant_ask(p, 0, 1);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    assert_true(reconcile_replica(p->r, plant_id(p, 0, 0))->busy); /* idle ones went */
    assert_int_equal(p->stops, 2);
    plant_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_batch_of_starts_is_due_when_the_latest_of_them_is),
        cmocka_unit_test(without_an_inventory_gpus_are_no_limit),
        cmocka_unit_test(a_found_replica_is_in_the_phase_that_its_target_tells),
        cmocka_unit_test(a_single_answer_is_counted_in_one_tick_only),
        cmocka_unit_test(totals_of_latencies_grow_with_each_answer),
        cmocka_unit_test(a_pool_that_nobody_uses_has_no_sessions),
        cmocka_unit_test(a_reload_is_a_tick_of_its_own_and_leaves_the_grid_as_it_is),
        cmocka_unit_test(a_pool_that_stands_elsewhere_after_a_reload_keeps_its_replicas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
