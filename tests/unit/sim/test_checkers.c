/* Every checker of the simulator can fail: a run that is well, then one thing told or done that
 * must never be, and the words of the rule that is broken. */
#include "sim/world_internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "sim/installation.h"

#include <cmocka.h>

/* One pool of two ready replicas with six requests of long answers in flight. */
struct bench {
    struct config *config;
    struct installation *in;
    struct world_pool pool;
    int64_t initial;
    struct world *world;
    int64_t left; /* requests yet to come */
};

static bool next(void *source, struct world_arrival *ret)
{
    struct bench *b = source;
    if (b->left <= 0)
        return false;
    *ret = (struct world_arrival){.at_ns = SECOND_NS * (60 - 10 * b->left--),
                                  .prompt_tokens = 100,
                                  .output_tokens = 20000,
                                  .priority = UINT32_MAX};
    return true;
}

static struct bench *bench_new(const char *text)
{
    struct bench *b = mem_new(1, sizeof(*b));
    struct problem_list problems;
    struct diag diag = {0};
    problem_list_init(&problems);
    b->config = config_read("test.yaml", span_from(text), NULL, &problems);
    for (size_t i = 0; i < problems.count && b->config == NULL; i++)
        print_error("%s: %s\n", problems.item[i].path, problems.item[i].text);
    problem_list_done(&problems);
    assert_non_null(b->config);
    assert_int_equal(installation_make(b->config, &b->in, &diag), RC_OK);
    b->pool = (struct world_pool){.startup = startup_of_total(10 * SECOND_NS),
                                  .ttft_s = (double)NAN,
                                  .itl_s = (double)NAN,
                                  .e2e_s = (double)NAN};
    assert_int_equal(profile_preset(span_from("8b"), &b->pool.profile, &diag), RC_OK);
    dispatch_config_default(&b->pool.dispatch);
    installation_dispatch(b->in->pool[0], &b->pool.dispatch);
    b->initial = 2;
    b->left = 6;
    const struct world_spec spec = {.control = &b->in->spec,
                                    .pool = &b->pool,
                                    .pool_count = 1,
                                    .gpus = (double)INFINITY,
                                    .seed = 1,
                                    .again = true,
                                    .initial = &b->initial,
                                    .next = next,
                                    .source = b};
    b->world = world_new(&spec);
    assert_non_null(b->world);
    return b;
}

static void run(struct bench *b, int64_t at_s)
{
    assert_int_equal(world_run(b->world, at_s * SECOND_NS), RC_OK);
}

static void bench_free(struct bench *b)
{
    world_free(b->world);
    installation_free(b->in);
    config_free(b->config);
    free(b);
}

static struct body *a_body(const struct bench *b)
{
    return &b->world->body[b->world->alive[0]];
}

/* The first record after it is looked at is kept, to be told again with a difference. */
static struct observation seen;
static struct decision decided;

static struct tick_record a_record(struct bench *b)
{
    struct pool_status status;
    reconcile_pool_status(b->world->reconcile, 0, &status);
    assert_non_null(status.decision);
    memcpy(&seen, status.observation,
           observation_size(group_pool_count(reconcile_group_of(b->world->reconcile, 0))));
    decided = *status.decision;
    static unsigned char state[1U << 22];
    const size_t size = group_state_size(reconcile_group_of(b->world->reconcile, 0));
    assert_true(size <= sizeof(state));
    memcpy(state, reconcile_state_of(b->world->reconcile, 0), size);
    b->world->spec.again = false;
    return (struct tick_record){.spec = reconcile_group_of(b->world->reconcile, 0),
                                .after = span_of(state, size),
                                .observation = &seen,
                                .decision = &decided};
}

static void tell(struct bench *b)
{
    const struct tick_record record = a_record(b);
    check_record(b->world, &record, 0);
}

/* ---- one way to break each ---- */

static void go_back(struct bench *b)
{
    const struct tick_record record = a_record(b);
    seen.now_ns -= MINUTE_NS;
    check_record(b->world, &record, 0);
}
static void change_twice(struct bench *b)
{
    const struct tick_record record = a_record(b);
    decided.desired = decided.previous + 1;
    check_record(b->world, &record, 0);
    b->world->now_ns += 99 * MILLISECOND_NS;
    check_record(b->world, &record, 0);
}
static void start_twice(struct bench *b)
{
    rules_start(b->world, 0, 100);
    b->world->now_ns += 99 * MILLISECOND_NS;
    rules_start(b->world, 0, 101);
}
static void lower_early(struct bench *b)
{
    const struct tick_record record = a_record(b);
    decided.proposal.abstain = false;
    decided.proposal.replicas = 9;
    decided.desired = decided.previous + 1;
    check_record(b->world, &record, 0);
    b->world->now_ns += 299 * SECOND_NS;
    b->world->watch.group[0].ticked_ns = TIME_NONE;
    decided.proposal.replicas = 1;
    decided.desired = 1;
    decided.previous = 3;
    check_record(b->world, &record, 0);
}
static void lower_blindly(struct bench *b)
{
    const struct tick_record record = a_record(b);
    b->world->watch.pool[0].raised_ns = TIME_NONE;
    seen.incomplete = 1;
    decided.desired = decided.previous - 1;
    check_record(b->world, &record, 0);
}
static void go_beyond(struct bench *b)
{
    const struct tick_record record = a_record(b);
    decided.desired = 1000;
    check_record(b->world, &record, 0);
}
static void write_without_lease(struct bench *b)
{
    b->world->watch.leads = false;
    rules_start(b->world, 0, 100);
}
static void write_after_lease(struct bench *b)
{
    b->world->watch.lease_until_ns = b->world->now_ns;
    check_drain(b->world, a_body(b)->id, 99);
}
static void stop_on_old_word(struct bench *b)
{
    struct body *body = a_body(b);
    body->drain_ns = b->world->now_ns;
    body->drain_generation = 8;
    body->confirmed = 7;
    body->in_flight = 0;
    check_stop(b->world, body->id);
}
static void tick_late(struct bench *b)
{
    b->world->watch.group[0].ticked_ns = b->world->now_ns - 3 * SECOND_NS;
    rules_late(b->world);
}
static void pile_up(struct bench *b)
{
    const struct pool_spec *spec = fleet_pool_spec(b->world, 0);
    b->pool.failed = 1;
    world_set_faults(b->world, 0, &b->pool);
    assert_int_equal(world_kill(b->world, 0, 1), 2);
    run(b, 150);
    assert_string_equal(world_violation(b->world), "");
    for (int64_t i = 0; i <= spec->max_unready; i++)
        fleet_start(b->world, 0, 1000 + (uint64_t)i, 0);
    rules_start(b->world, 0, 2000);
}
static void try_soon(struct bench *b)
{
    b->pool.failed = 1;
    world_set_faults(b->world, 0, &b->pool);
    assert_int_equal(world_kill(b->world, 0, 1), 2);
    run(b, 200);
    assert_string_equal(world_violation(b->world), "");
    const struct replica_row *row = reconcile_replica_at(b->world->reconcile, 0);
    assert_true(row->failures > 2);
    b->world->watch.pool[0].failed_ns = b->world->now_ns;
    b->world->watch.pool[0].write_ns = TIME_NONE;
    for (size_t i = b->world->alive_count; i-- > 0;)
        b->world->body[b->world->alive[i]].state = BODY_STOPPING;
    rules_start(b->world, 0, row->id);
}
static void raise_on_no_money(struct bench *b)
{
    const struct tick_record record = a_record(b);
    seen.pool[0].budget_unreadable = 1;
    decided.desired = decided.previous + 1;
    check_record(b->world, &record, 0);
}
static void lower_for_no_money(struct bench *b)
{
    const struct tick_record record = a_record(b);
    seen.pool[0].budget_unreadable = 1;
    decided.trail[decided.trail_count++] =
        (struct trail_entry){.stage = STAGE_FLEET, .reason = REASON_BUDGET_UNKNOWN, .after = 1};
    check_record(b->world, &record, 0);
}
static void unpin(struct bench *b)
{
    const struct tick_record record = a_record(b);
    seen.pool[0].pin_count = 5;
    check_record(b->world, &record, 0);
}
static void move_while_paused(struct bench *b)
{
    const struct tick_record record = a_record(b);
    seen.pool[0].paused = 1;
    decided.desired = decided.previous + 1;
    check_record(b->world, &record, 0);
}
static void not_adopt(struct bench *b)
{
    rules_foreign(b->world, 0, 7);
    tell(b);
}
static void fight(struct bench *b)
{
    for (int64_t i = 0; i < FOREIGNS_KEPT; i++)
        rules_foreign(b->world, 0, i);
    b->world->now_ns += 599 * SECOND_NS;
    rules_start(b->world, 0, 100);
}
static void decide_otherwise(struct bench *b)
{
    const struct tick_record whole = a_record(b);
    struct tick_record record = whole;
    record.before = whole.after;
    b->world->spec.again = true;
    decided.warm++;
    check_record(b->world, &record, 0);
}
static void serve_again(struct bench *b)
{
    struct body *body = a_body(b);
    const struct engine_event event = {.id = 1ULL << 40, .kind = ENGINE_FINISHED};
    front_engine_event(b->world, body, &event);
}
static void lose_one(struct bench *b)
{
    b->world->open++;
    check_counts(b->world);
}
static void overfill(struct bench *b)
{
    b->pool.profile.kv_tokens = 1;
    check_kv(b->world, a_body(b), &(struct engine_load){.kv_blocks = 9, .kv_capacity = 8});
}
static void forget_work(struct bench *b)
{
    struct body *body = a_body(b);
    body->in_flight++;
    check_engine(b->world, body);
}
static void use_more(struct bench *b)
{
    b->world->gpus_used = 1;
    b->world->spec.gpus = 0;
    check_counts(b->world);
}
static void stop_busy(struct bench *b)
{
    check_stop(b->world, a_body(b)->id);
}
static void drain_busy(struct bench *b)
{
    b->world->body[b->world->alive[1]].in_flight = 0;
    check_drain(b->world, a_body(b)->id, 99);
}
static void route_stranger(struct bench *b)
{
    struct route_replica replica = {.id = 12345};
    struct route_pool pool = {.replica = &replica, .replica_count = 1};
    const struct routes routes = {.generation = 1000, .pool = &pool, .pool_count = 1};
    check_routes(b->world, &routes);
}
static void route_old(struct bench *b)
{
    const struct routes routes = {.generation = 1};
    check_routes(b->world, &routes);
}

static const struct {
    void (*break_it)(struct bench *b);
    const char *words;
} cases[] = {
    {go_back, "R7: the time of a group went back"},
    {change_twice, "R5: two changes within 99 ms"},
    {start_twice, "R5: starts 99 ms after others"},
    {lower_early, "R6: chat was lowered 299 s after it was raised, the window is 300 s"},
    {lower_blindly, "R2: chat was lowered from 2 to 1 without knowing its load"},
    {go_beyond, "R4: chat: 1000 is not within its bounds"},
    {write_without_lease, "R8: a start without holding the lease"},
    {write_after_lease, "R8: a drain without holding the lease"},
    {stop_on_old_word, "R9: replica 1 was stopped on a word about routes 7, it drains since 8"},
    {route_old, "R9: routes of generation 1 came after"},
    {tick_late, "R11: group chat ticks 1000 ms late"},
    {pile_up, "R13: a start beside"},
    {try_soon, "came too soon after the first failure"},
    {raise_on_no_money, "R14: chat was raised from 2 to 3 on an unreadable budget"},
    {lower_for_no_money, "R14: chat was lowered to 1 for an unreadable budget"},
    {unpin, "R15: chat is pinned at 5, but 2 was decided"},
    {move_while_paused, "R15: chat is paused, but went from 2 to 3"},
    {not_adopt, "R16: somebody set chat to 7, but a tick started from -1"},
    {fight, "R16: a start while two writers fight over the count"},
    {decide_otherwise, "R17: a decision worked out again from its record is another one"},
    {serve_again, "replica 1 serves a request that is over or with another one"},
    {lose_one, "7 requests are open, but gateways know of 6"},
    {overfill, "replica 1 holds 9 KV blocks of 8"},
    {forget_work, "replica 1 has 3 requests of 4"},
    {use_more, "of a GPU are used beyond the inventory"},
    {stop_busy, "replica 1 was stopped with 3 answers running"},
    {drain_busy, "busy replica 1 is drained, but 2 is idle"},
    {route_stranger, "replica 12345 is routed before it is ready"},
};

static const char *const config = "pools:\n"
                                  "  chat:\n"
                                  "    minReplicas: 1\n"
                                  "    maxReplicas: 9\n"
                                  "    target: {process: {command: [x]}}\n"
                                  "    autoscaling: {policy: static, static: {replicas: 2}}\n";

static void every_checker_tells_what_is_broken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bench *b = bench_new(config);
        run(b, 61);
        assert_string_equal(world_violation(b->world), "");
        cases[i].break_it(b);
        if (strstr(world_violation(b->world), cases[i].words) == NULL)
            fail_msg("wanted \"%s\", found \"%s\"", cases[i].words, world_violation(b->world));
        bench_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_checker_tells_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
