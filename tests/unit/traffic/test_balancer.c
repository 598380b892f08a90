/* test_balancer.c - which replica is chosen, which is avoided and for how long; against plain
 * rules. */
#include "traffic/balancer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"

#include <cmocka.h>

#define S SECOND_NS
#define N 5

/* Replicas 1 to n of weight 1. */
static void begin(struct balancer *balancer, enum balance mode, size_t n)
{
    struct route_replica replicas[16] = {0};
    balancer_init(balancer, 7);
    balancer->mode = mode;
    balancer->eject_share_max = 0.5;
    balancer->affinity_bound = 1.25;
    for (size_t i = 0; i < n; i++)
        replicas[i] = (struct route_replica){.id = i + 1, .weight = 1};
    assert_int_equal(balancer_routes(balancer, replicas, n), RC_OK);
}

static uint64_t pick(struct balancer *balancer, uint64_t session, uint32_t avoid, int64_t now_ns)
{
    const struct pick wanted = {.session = session, .avoid = avoid, .now_ns = now_ns};
    const uint32_t slot = balancer_pick(balancer, &wanted);
    return slot == SLOT_NONE ? 0 : balancer->slots[slot].id;
}

static void give_load(struct balancer *balancer, uint64_t id, int64_t load)
{
    balancer_take(balancer, balancer_find(balancer, id), load, load);
}

static void fail_times(struct balancer *balancer, uint64_t id, enum outcome outcome, int times,
                       int64_t now_ns)
{
    for (int i = 0; i < times; i++)
        balancer_outcome(balancer, balancer_find(balancer, id), outcome, now_ns);
}

static void every_mode_chooses_by_its_rule(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        enum balance mode;
        int64_t load[N];  /* of replicas 1..5, in one request each; 0 = no request */
        double weight[N]; /* 0 = 1 */
        int64_t limit;
        uint64_t avoid;
        uint64_t chosen[4]; /* picks in a row, nothing taken between */
    } cases[] = {
        {"the least tokens", BALANCE_LEAST_TOKENS, {50, 30, 40, 90, 60}, {0}, 0, 0, {2, 2, 2, 2}},
        {"the first of equals",
         BALANCE_LEAST_TOKENS,
         {50, 30, 30, 90, 60},
         {0},
         0,
         0,
         {2, 2, 2, 2}},
        {"per weight",
         BALANCE_LEAST_TOKENS,
         {50, 30, 40, 90, 60},
         {0, 0, 0, 4, 0},
         0,
         0,
         {4, 4, 4, 4}},
        {"a senseless weight is 1",
         BALANCE_LEAST_TOKENS,
         {50, 30, 40, 90, 60},
         {1e6, -2, 0, 0, 0},
         0,
         0,
         {2, 2, 2, 2}},
        {"full ones are passed over",
         BALANCE_LEAST_TOKENS,
         {50, 30, 0, 90, 60},
         {0},
         1,
         0,
         {3, 3, 3, 3}},
        {"all are full", BALANCE_LEAST_TOKENS, {50, 30, 9, 90, 60}, {0}, 1, 0, {0, 0, 0, 0}},
        {"the avoided one is not taken",
         BALANCE_LEAST_TOKENS,
         {50, 30, 40, 90, 60},
         {0},
         0,
         2,
         {3, 3, 3, 3}},
        {"the avoided one is taken when all others are full",
         BALANCE_LEAST_TOKENS,
         {50, 30, 0, 90, 60},
         {0},
         1,
         3,
         {3, 3, 3, 3}},
        {"the first with a free slot",
         BALANCE_FIRST_FREE,
         {1, 1, 0, 0, 0},
         {0},
         1,
         0,
         {3, 3, 3, 3}},
        {"the first", BALANCE_FIRST_FREE, {9, 1, 0, 0, 0}, {0}, 2, 0, {1, 1, 1, 1}},
        {"one after the other", BALANCE_ROUND_ROBIN, {0}, {0}, 0, 0, {1, 2, 3, 4}},
        {"one after the other, without full ones",
         BALANCE_ROUND_ROBIN,
         {0, 1, 0, 1, 1},
         {0},
         1,
         0,
         {1, 3, 1, 3}},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct balancer balancer;
        struct route_replica replicas[N] = {0};
        begin(&balancer, cases[c].mode, N);
        balancer.limit = cases[c].limit;
        for (size_t i = 0; i < N; i++)
            replicas[i] = (struct route_replica){
                .id = i + 1, .weight = cases[c].weight[i] != 0 ? cases[c].weight[i] : 1};
        assert_int_equal(balancer_routes(&balancer, replicas, N), RC_OK);
        for (uint64_t i = 0; i < N; i++)
            if (cases[c].load[i] > 0)
                give_load(&balancer, i + 1, cases[c].load[i]);
        for (size_t i = 0; i < 4; i++) {
            const uint32_t avoid = balancer_find(&balancer, cases[c].avoid);
            const uint64_t chosen = pick(&balancer, 0, avoid, 0);
            if (chosen != cases[c].chosen[i])
                fail_msg("%s: pick %d is %d", cases[c].what, (int)i, (int)chosen);
        }
        balancer_done(&balancer);
    }
}

static void of_two_random_ones_the_less_loaded_is_chosen(void **state)
{
    (void)state;
    struct balancer balancer;
    begin(&balancer, BALANCE_POWER_OF_TWO, 4);
    for (uint64_t id = 1; id <= 4; id++)
        give_load(&balancer, id, (int64_t)id * 100);
    int chosen[5] = {0};
    for (int i = 0; i < 16000; i++)
        chosen[pick(&balancer, 0, SLOT_NONE, 0)]++;
    /* The k-th of four is the lesser of two draws in (2 (4 - k) + 1) of 16 cases. */
    for (int k = 1; k <= 4; k++)
        assert_in_range(chosen[k], 1000 * (2 * (4 - k) + 1) - 300, 1000 * (2 * (4 - k) + 1) + 300);
    balancer.limit = 1;
    assert_int_equal(pick(&balancer, 0, SLOT_NONE, 0), 0);
    balancer_give(&balancer, balancer_find(&balancer, 4), 400, 400);
    for (int i = 0; i < 50; i++) /* also when both draws hit full ones */
        assert_int_equal(pick(&balancer, 0, SLOT_NONE, 0), 4);
    balancer_done(&balancer);
}

static void a_session_stays_within_the_bound_and_gives_way_to_one_second(void **state)
{
    (void)state;
    struct balancer balancer;
    begin(&balancer, BALANCE_LEAST_TOKENS, 4);
    balancer.affinity = true;
    int favourites[5] = {0};
    for (uint64_t session = 1; session <= 400; session++) {
        const uint64_t favourite = pick(&balancer, session, SLOT_NONE, 0);
        assert_int_equal(pick(&balancer, session, SLOT_NONE, 0), favourite);
        favourites[favourite]++;
    }
    for (int i = 1; i <= 4; i++)
        assert_in_range(favourites[i], 60, 140); /* spread */
    const uint64_t favourite = pick(&balancer, 1, SLOT_NONE, 0);
    for (uint64_t id = 1; id <= 4; id++)
        for (int i = 0; i < 4; i++)
            give_load(&balancer, id, 10);
    /* 16 in flight: mean (16 + 1) / 4, times 1.25 is 5.3, rounded up 6. */
    assert_int_equal(pick(&balancer, 1, SLOT_NONE, 0), favourite);
    give_load(&balancer, favourite, 10);
    give_load(&balancer, favourite, 10); /* its 6th: (18 + 1) / 4 * 1.25 = 5.9 */
    const uint64_t second = pick(&balancer, 1, SLOT_NONE, 0);
    assert_true(second != favourite && second != 0);
    assert_int_equal(pick(&balancer, 1, SLOT_NONE, 0), second);
    assert_int_equal(pick(&balancer, 0, SLOT_NONE, 0), favourite == 1 ? 2 : 1); /* no session */
    balancer.affinity = false;
    assert_int_equal(pick(&balancer, 1, SLOT_NONE, 0), favourite == 1 ? 2 : 1);
    balancer_done(&balancer);
}

static void twice_the_weight_is_twice_the_bound(void **state)
{
    (void)state;
    const struct route_replica replicas[2] = {{.id = 1, .weight = 1}, {.id = 2, .weight = 3}};
    struct balancer balancer;
    balancer_init(&balancer, 1);
    balancer.affinity = true;
    balancer.affinity_bound = 1;
    assert_int_equal(balancer_routes(&balancer, replicas, 2), RC_OK);
    for (int i = 0; i < 6; i++)
        give_load(&balancer, 2, 1); /* 7 * 3 / 4 rounded up: its bound is 6 */
    give_load(&balancer, 1, 1);     /* 8 / 4: its bound is 2 */
    for (uint64_t session = 1; session < 50; session++)
        assert_int_equal(pick(&balancer, session, SLOT_NONE, 0), 1);
    give_load(&balancer, 1, 1); /* 9 / 4 rounded up is 3, times weight 7 */
    int other = 0;
    for (uint64_t session = 1; session < 50; session++)
        other += pick(&balancer, session, SLOT_NONE, 0) == 2;
    assert_in_range(other, 1, 48);
    balancer_done(&balancer);
}

/* A prompt that is not computed yet is a longer wait than many requests that decode. */
static void a_session_leaves_a_replica_whose_few_requests_weigh_much(void **state)
{
    (void)state;
    const struct route_replica replicas[2] = {{.id = 1, .weight = 1}, {.id = 2, .weight = 1}};
    struct balancer balancer;
    balancer_init(&balancer, 1);
    balancer.affinity = true;
    balancer.affinity_bound = 1.25;
    assert_int_equal(balancer_routes(&balancer, replicas, 2), RC_OK);
    for (int i = 0; i < 4; i++)
        give_load(&balancer, 2, 10);
    uint64_t session = 1; /* one whose favourite is the first */
    while (pick(&balancer, session, SLOT_NONE, 0) != 1)
        session++;
    give_load(&balancer, 1, 10); /* one of five: far below the mean */
    assert_int_equal(pick(&balancer, session, SLOT_NONE, 0), 1);
    give_load(&balancer, 1, 1000); /* two of six, and nearly all there is to do */
    assert_int_equal(pick(&balancer, session, SLOT_NONE, 0), 2);
    balancer_done(&balancer);
}

static void failures_are_answered_with_longer_and_longer_avoidance(void **state)
{
    (void)state;
    static const struct {
        enum outcome outcome;
        int times;
        int64_t avoided_ms;
    } cases[] = {
        {OUTCOME_REFUSED, 1, 1000},      {OUTCOME_RESET, 2, 2000},
        {OUTCOME_TIMEOUT, 3, 4000},      {OUTCOME_RESET, 5, 16000},
        {OUTCOME_RESET, 6, 30000},       {OUTCOME_RESET, 50, 30000},
        {OUTCOME_ENGINE_ERROR, 4, 0},    {OUTCOME_ENGINE_ERROR, 5, 1000},
        {OUTCOME_ENGINE_ERROR, 6, 2000}, {OUTCOME_ENGINE_BUSY, 1, 250},
        {OUTCOME_ENGINE_BUSY, 9, 250},   {OUTCOME_OK, 1, 0},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct balancer balancer;
        begin(&balancer, BALANCE_FIRST_FREE, 3);
        const int64_t now = 100 * S;
        fail_times(&balancer, 1, cases[c].outcome, cases[c].times, now);
        const int64_t until = now + cases[c].avoided_ms * 1000000;
        if (cases[c].avoided_ms > 0 && pick(&balancer, 0, SLOT_NONE, until - 1) != 2)
            fail_msg("case %d: used too early", (int)c);
        if (pick(&balancer, 0, SLOT_NONE, until) != 1)
            fail_msg("case %d: avoided too long", (int)c);
        assert_int_equal(balancer_deadline(&balancer, now),
                         cases[c].avoided_ms > 0 ? until : TIME_NONE);
        assert_int_equal(balancer_deadline(&balancer, until), TIME_NONE);
        assert_int_equal(balancer.suspects_untold, cases[c].avoided_ms >= 1000);
        balancer_done(&balancer);
    }
}

static void a_success_forgives_everything(void **state)
{
    (void)state;
    struct balancer balancer;
    begin(&balancer, BALANCE_FIRST_FREE, 3);
    fail_times(&balancer, 1, OUTCOME_RESET, 4, 0);
    assert_int_equal(pick(&balancer, 0, SLOT_NONE, 1), 2);
    fail_times(&balancer, 1, OUTCOME_OK, 1, 2);
    assert_int_equal(pick(&balancer, 0, SLOT_NONE, 2), 1);
    fail_times(&balancer, 1, OUTCOME_RESET, 1, 3); /* counted from the start again: 1 s */
    assert_int_equal(pick(&balancer, 0, SLOT_NONE, 3 + S - 1), 2);
    assert_int_equal(pick(&balancer, 0, SLOT_NONE, 3 + S), 1);
    fail_times(&balancer, 2, OUTCOME_RESET, 2, 3);
    fail_times(&balancer, 1, OUTCOME_RESET, 1, 3);
    assert_int_equal(balancer_deadline(&balancer, 4), 3 + 2 * S); /* the first of two */
    balancer_done(&balancer);
}

static void suspects_are_used_when_more_than_the_share_allows(void **state)
{
    (void)state;
    static const struct {
        double share;
        int suspects; /* of 4 */
        uint64_t chosen;
    } cases[] = {{0.5, 1, 2}, {0.5, 2, 3}, {0.5, 3, 1}, {0.5, 4, 1},
                 {0, 1, 1},   {1, 3, 4},   {1, 4, 0}};
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct balancer balancer;
        begin(&balancer, BALANCE_FIRST_FREE, 4);
        balancer.eject_share_max = cases[c].share;
        for (int i = 1; i <= cases[c].suspects; i++)
            fail_times(&balancer, (uint64_t)i, OUTCOME_RESET, 1, 0);
        if (pick(&balancer, 0, SLOT_NONE, 1) != cases[c].chosen)
            fail_msg("case %d", (int)c);
        assert_int_equal(balancer_any(&balancer, false, 1), cases[c].chosen != 0);
        balancer_done(&balancer);
    }
}

static void another_one_is_a_well_one_with_room(void **state)
{
    (void)state;
    struct balancer balancer;
    begin(&balancer, BALANCE_LEAST_TOKENS, 2);
    const uint32_t first = balancer_find(&balancer, 1);
    assert_true(balancer_other(&balancer, first, 0));
    fail_times(&balancer, 2, OUTCOME_RESET, 1, 0);
    assert_false(
        balancer_other(&balancer, first, 0)); /* suspects are no other, whatever the share */
    assert_true(balancer_other(&balancer, first, S));
    for (int i = 0; i < BALANCER_RELEASE; i++)
        give_load(&balancer, 2, 1);
    assert_false(balancer_other(&balancer, first, S)); /* nobody queues there by a further try */
    assert_true(balancer_any(&balancer, false, S));
    balancer.limit = BALANCER_RELEASE + 1;
    assert_true(balancer_other(&balancer, first, S));
    balancer_done(&balancer);
}

static void waiters_are_released_up_to_a_number_without_a_hard_limit(void **state)
{
    (void)state;
    struct balancer balancer;
    begin(&balancer, BALANCE_LEAST_TOKENS, 1);
    for (int i = 0; i < BALANCER_RELEASE; i++) {
        assert_true(balancer_any(&balancer, true, 0));
        give_load(&balancer, 1, 1);
    }
    assert_false(balancer_any(&balancer, true, 0));
    assert_true(balancer_any(&balancer, false, 0));
    const struct pick waiting = {.avoid = SLOT_NONE, .waiting = true};
    assert_int_equal(balancer_pick(&balancer, &waiting), SLOT_NONE);
    assert_int_equal(pick(&balancer, 0, SLOT_NONE, 0), 1);
    balancer_done(&balancer);
}

static void a_replica_that_leaves_keeps_its_requests_and_its_place_is_used_again(void **state)
{
    (void)state;
    struct balancer balancer;
    begin(&balancer, BALANCE_FIRST_FREE, 3);
    give_load(&balancer, 2, 50);
    const uint32_t leaving = balancer_find(&balancer, 2);
    const struct route_replica left[2] = {{.id = 1, .weight = 1}, {.id = 3, .weight = 2}};
    assert_int_equal(balancer_routes(&balancer, left, 2), RC_OK);
    assert_int_equal(balancer.live_count, 2);
    assert_int_equal(balancer.live_in_flight, 0);
    assert_true(balancer.live_weight == 3);
    assert_int_equal(balancer_find(&balancer, 2), leaving);
    assert_true(balancer.slots[leaving].draining);
    balancer.drains_untold = false;
    balancer_give(&balancer, leaving, 50, 50);
    assert_true(balancer.drains_untold);
    const struct route_replica more[4] = {{.id = 9, .weight = 1},
                                          {.id = 1, .weight = 1},
                                          {.id = 0, .weight = 1},
                                          {.id = 3, .weight = 1}};
    assert_int_equal(balancer_routes(&balancer, more, 4), RC_OK);
    assert_int_equal(balancer_find(&balancer, 2), SLOT_NONE);
    assert_int_equal(balancer.live_count, 3);
    assert_int_equal(pick(&balancer, 0, SLOT_NONE, 0), 1); /* by id, not by place */
    const size_t places = balancer.count;
    assert_int_equal(balancer_routes(&balancer, left, 2), RC_OK);
    assert_int_equal(balancer_routes(&balancer, more, 4), RC_OK);
    assert_int_equal(balancer.count, places);
    assert_int_equal(balancer_find(&balancer, 0), SLOT_NONE);
    balancer_done(&balancer);
}

static void a_draining_one_that_is_taken_back_is_chosen_again(void **state)
{
    (void)state;
    struct balancer balancer;
    struct route_replica replicas[2] = {{.id = 1, .weight = 1, .draining = true},
                                        {.id = 2, .weight = 1}};
    begin(&balancer, BALANCE_FIRST_FREE, 2);
    balancer.slots[balancer_find(&balancer, 1)].drain_told = true;
    assert_int_equal(balancer_routes(&balancer, replicas, 2), RC_OK);
    assert_int_equal(pick(&balancer, 0, SLOT_NONE, 0), 2);
    assert_false(balancer.drains_untold); /* it was told */
    replicas[0].draining = false;
    assert_int_equal(balancer_routes(&balancer, replicas, 2), RC_OK);
    assert_int_equal(pick(&balancer, 0, SLOT_NONE, 0), 1);
    replicas[0].draining = true;
    assert_int_equal(balancer_routes(&balancer, replicas, 2), RC_OK);
    assert_true(balancer.drains_untold); /* again, for the second time */
    balancer_done(&balancer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mode_chooses_by_its_rule),
        cmocka_unit_test(of_two_random_ones_the_less_loaded_is_chosen),
        cmocka_unit_test(a_session_stays_within_the_bound_and_gives_way_to_one_second),
        cmocka_unit_test(twice_the_weight_is_twice_the_bound),
        cmocka_unit_test(a_session_leaves_a_replica_whose_few_requests_weigh_much),
        cmocka_unit_test(failures_are_answered_with_longer_and_longer_avoidance),
        cmocka_unit_test(a_success_forgives_everything),
        cmocka_unit_test(suspects_are_used_when_more_than_the_share_allows),
        cmocka_unit_test(another_one_is_a_well_one_with_room),
        cmocka_unit_test(waiters_are_released_up_to_a_number_without_a_hard_limit),
        cmocka_unit_test(a_replica_that_leaves_keeps_its_requests_and_its_place_is_used_again),
        cmocka_unit_test(a_draining_one_that_is_taken_back_is_chosen_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
