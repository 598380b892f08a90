#include "traffic/dispatch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/rng.h"
#include "traffic/limits.h"

#include <cmocka.h>

#define S SECOND_NS

static void set_routes(struct dispatch *d, size_t ready, int64_t starting, int64_t eta_ns,
                       bool failed, int64_t now)
{
    struct route_replica replicas[16] = {0};
    for (size_t i = 0; i < ready; i++)
        replicas[i] = (struct route_replica){.id = i + 1, .weight = 1};
    const struct route_pool pool = {.replica = replicas,
                                    .replica_count = ready,
                                    .starting = starting,
                                    .eta_ns = eta_ns,
                                    .start_failed = failed,
                                    .reason = "no GPU is free"};
    assert_int_equal(dispatch_routes(d, &pool, 1, now), RC_OK);
}

static struct dispatch *pool_of(size_t ready, int64_t limit)
{
    struct dispatch_config config;
    dispatch_config_default(&config);
    config.replica_concurrency = limit;
    config.affinity = false;
    struct dispatch *d = dispatch_new(&config);
    assert_non_null(d);
    set_routes(d, ready, 0, -1, false, 0);
    return d;
}

static struct dispatch_answer arrive(struct dispatch *d, uint64_t cookie, int64_t now)
{
    const struct arrival arrival = {
        .cookie = cookie, .prompt_tokens = 100, .priority = UINT32_MAX, .stream = true};
    return dispatch_arrive(d, &arrival, now);
}

/* Next event of a kind; others are dropped. */
static bool next_of(struct dispatch *d, enum dispatch_event_kind kind, int64_t now,
                    struct dispatch_event *event)
{
    while (dispatch_next(d, now, event))
        if (event->kind == kind)
            return true;
    return false;
}

static void the_hard_limit_is_exact_and_the_next_one_waits(void **state)
{
    (void)state;
    struct dispatch *d = pool_of(2, 2);
    uint64_t first = 0;
    for (uint64_t i = 0; i < 4; i++) {
        const struct dispatch_answer answer = arrive(d, i, 0);
        assert_int_equal(answer.verdict, VERDICT_ASSIGNED);
        first = i == 0 ? answer.request : first;
    }
    assert_int_equal(arrive(d, 4, 0).verdict, VERDICT_HELD);
    assert_int_equal(dispatch_counts(d).free_slots, 0);
    struct dispatch_event event;
    assert_false(dispatch_next(d, 0, &event));
    dispatch_finish(d, first, OUTCOME_OK, NULL, S);
    assert_true(next_of(d, DISPATCH_ASSIGNED, S, &event));
    assert_int_equal(event.cookie, 4);
    assert_int_equal(event.waited_ns, S);
    dispatch_free(d);
}

static void fault_53_a_failed_try_goes_to_another_replica_twice_at_most(void **state)
{
    (void)state;
    struct dispatch *d = pool_of(3, 4);
    struct dispatch_answer answer = arrive(d, 0, 0);
    uint64_t before = answer.replica;
    for (int i = 0; i < 2; i++) {
        answer = dispatch_retry(d, answer.request, OUTCOME_REFUSED, i);
        assert_int_equal(answer.verdict, VERDICT_ASSIGNED);
        assert_true(answer.replica != before);
        before = answer.replica;
    }
    answer = dispatch_retry(d, answer.request, OUTCOME_REFUSED, 3);
    assert_int_equal(answer.verdict, VERDICT_REFUSED);
    assert_int_equal(answer.refusal, REFUSAL_REPLICA);
    struct dispatch_event event;
    assert_true(next_of(d, DISPATCH_SUSPECT, 3, &event));
    dispatch_free(d);
}

static void fault_53_the_retry_budget_ends_a_storm(void **state)
{
    (void)state;
    struct dispatch *d = pool_of(2, 64);
    int retried = 0;
    for (uint64_t i = 0; i < 100; i++) {
        const struct dispatch_answer first = arrive(d, i, 0);
        struct dispatch_answer answer = first;
        while (answer.verdict == VERDICT_ASSIGNED) {
            answer = dispatch_retry(d, answer.request, OUTCOME_RESET, 0);
            retried += answer.verdict == VERDICT_ASSIGNED;
        }
    }
    assert_in_range(retried, 20, 30); /* 10 + 0.2 per arrival */
    dispatch_free(d);
}

static void fault_56_who_leaves_the_queue_is_gone_at_once(void **state)
{
    (void)state;
    struct dispatch *d = pool_of(1, 1);
    const struct dispatch_answer served = arrive(d, 0, 0);
    const struct dispatch_answer leaver = arrive(d, 1, 0);
    (void)arrive(d, 2, 0);
    assert_int_equal(dispatch_place(d, leaver.request, 0).position, 1);
    dispatch_cancel(d, leaver.request, 1);
    assert_int_equal(dispatch_counts(d).waiting_requests, 1);
    dispatch_cancel(d, served.request, 2);
    struct dispatch_event event;
    assert_true(next_of(d, DISPATCH_ASSIGNED, 2, &event));
    assert_int_equal(event.cookie, 2);
    dispatch_free(d);
}

static void fault_63_a_full_queue_refuses_with_a_time(void **state)
{
    (void)state;
    struct dispatch_config config;
    dispatch_config_default(&config);
    config.queue_requests_max = 3;
    config.queue_tokens_max = 250;
    struct dispatch *d = dispatch_new(&config);
    set_routes(d, 0, 1, 20 * S, false, 0);
    assert_int_equal(arrive(d, 0, 0).verdict, VERDICT_HELD);
    assert_int_equal(arrive(d, 1, 0).verdict, VERDICT_HELD);
    const struct dispatch_answer answer = arrive(d, 2, 0); /* tokens: 300 > 250 */
    assert_int_equal(answer.refusal, REFUSAL_QUEUE_FULL);
    assert_int_equal(answer.retry_after_ns, 20 * S); /* the start-up estimate */
    config.queue_tokens_max = 0;
    dispatch_configure(d, &config);
    assert_int_equal(arrive(d, 3, 0).verdict, VERDICT_HELD);
    assert_int_equal(arrive(d, 4, 0).refusal, REFUSAL_QUEUE_FULL);
    dispatch_free(d);
}

static void fault_63_the_greedy_key_is_told_that_it_is_its_share(void **state)
{
    (void)state;
    struct dispatch_config config;
    dispatch_config_default(&config);
    config.queue_requests_max = 4;
    struct dispatch *d = dispatch_new(&config);
    struct arrival arrival = {.key = 1, .prompt_tokens = 1, .priority = UINT32_MAX};
    for (int i = 0; i < 3; i++)
        assert_int_equal(dispatch_arrive(d, &arrival, 0).verdict, VERDICT_HELD);
    arrival.key = 2;
    assert_int_equal(dispatch_arrive(d, &arrival, 0).verdict, VERDICT_HELD);
    assert_int_equal(dispatch_arrive(d, &arrival, 0).refusal, REFUSAL_QUEUE_FULL);
    arrival.key = 1;
    assert_int_equal(dispatch_arrive(d, &arrival, 0).refusal, REFUSAL_QUEUE_SHARE);
    dispatch_free(d);
}

static void the_deadline_runs_against_readiness(void **state)
{
    (void)state;
    struct dispatch_config config;
    dispatch_config_default(&config);
    config.queue_timeout_ns = 10 * S;
    config.hold_ns_max = 1000 * S;
    struct dispatch *d = dispatch_new(&config);
    set_routes(d, 0, 1, 100 * S, false, 0);
    const struct dispatch_answer answer = arrive(d, 7, 0);
    assert_int_equal(dispatch_place(d, answer.request, 0).eta_ns, 100 * S);
    struct dispatch_event event;
    assert_int_equal(dispatch_deadline(d), 110 * S);
    assert_false(next_of(d, DISPATCH_REFUSED, 109 * S, &event));
    assert_true(next_of(d, DISPATCH_REFUSED, 110 * S, &event));
    assert_int_equal(event.refusal, REFUSAL_QUEUE_TIMEOUT);
    assert_int_equal(event.cookie, 7);
    assert_int_equal(dispatch_deadline(d), TIME_NONE);
    dispatch_free(d);
}

static void R12_without_control_the_queue_still_ends_in_time(void **state)
{
    (void)state;
    struct dispatch_config config;
    dispatch_config_default(&config);
    config.queue_timeout_ns = 10 * S;
    struct dispatch *d = dispatch_new(&config);
    (void)arrive(d, 7, 0);
    struct dispatch_event event;
    assert_true(next_of(d, DISPATCH_WAKE, 0, &event));
    assert_int_equal(dispatch_deadline(d), S); /* told again until somebody answers */
    assert_true(next_of(d, DISPATCH_WAKE, S, &event));
    assert_false(next_of(d, DISPATCH_REFUSED, 9 * S, &event));
    assert_true(next_of(d, DISPATCH_REFUSED, 10 * S, &event));
    dispatch_free(d);
}

static void fault_64_when_the_start_has_failed_waiters_end_with_the_reason(void **state)
{
    (void)state;
    struct dispatch *d = pool_of(0, 4);
    (void)arrive(d, 1, 0);
    (void)arrive(d, 2, 0);
    struct dispatch_event event;
    assert_true(next_of(d, DISPATCH_WAKE, 0, &event));
    assert_false(next_of(d, DISPATCH_WAKE, 1, &event)); /* one attempt at a time */
    set_routes(d, 0, 0, -1, true, S);
    for (uint64_t i = 1; i <= 2; i++) {
        assert_true(next_of(d, DISPATCH_REFUSED, S, &event));
        assert_int_equal(event.refusal, REFUSAL_START_FAILED);
        assert_int_equal(event.cookie, i);
    }
    assert_string_equal(dispatch_reason(d), "no GPU is free");
    assert_int_equal(arrive(d, 3, S).refusal, REFUSAL_START_FAILED);
    dispatch_free(d);
}

static void fault_65_activation_releases_by_free_slots(void **state)
{
    (void)state;
    for (int64_t limit = 0; limit <= 3; limit += 3) {
        struct dispatch *d = pool_of(0, limit);
        for (uint64_t i = 0; i < 500; i++)
            (void)arrive(d, i, 0);
        set_routes(d, 2, 0, -1, false, S);
        struct dispatch_event event;
        int released = 0;
        while (next_of(d, DISPATCH_ASSIGNED, S, &event))
            assert_int_equal(event.cookie, released++);
        assert_int_equal(released, limit == 0 ? 2 * 64 : 6);
        dispatch_free(d);
    }
}

static void fault_66_suspects_are_used_when_too_many_are(void **state)
{
    (void)state;
    struct dispatch *d = pool_of(4, 100);
    dispatch_suspect(d, 1, OUTCOME_REFUSED, 0);
    for (uint64_t i = 0; i < 30; i++)
        assert_true(arrive(d, i, 1).replica != 1);
    for (uint64_t i = 2; i <= 4; i++)
        dispatch_suspect(d, i, OUTCOME_REFUSED, 0);
    for (uint64_t i = 0; i < 30; i++)
        assert_int_equal(arrive(d, i, 1).verdict, VERDICT_ASSIGNED);
    dispatch_free(d);
}

static void a_draining_replica_gets_nothing_new_and_is_told_when_empty(void **state)
{
    (void)state;
    struct dispatch *d = pool_of(1, 4);
    const struct dispatch_answer answer = arrive(d, 0, 0);
    struct route_replica replica = {.id = 1, .weight = 1, .draining = true};
    const struct route_pool pool = {.replica = &replica, .replica_count = 1, .eta_ns = -1};
    assert_int_equal(dispatch_routes(d, &pool, 2, 1), RC_OK);
    assert_false(dispatch_drained(d, 1));
    struct dispatch_event event;
    assert_false(next_of(d, DISPATCH_DRAINED, 1, &event));
    assert_int_equal(arrive(d, 1, 1).verdict, VERDICT_HELD); /* takes 1 -> 0 back: */
    assert_true(next_of(d, DISPATCH_WAKE, 1, &event));
    dispatch_finish(d, answer.request, OUTCOME_OK, NULL, 2);
    assert_true(next_of(d, DISPATCH_DRAINED, 2, &event));
    assert_int_equal(event.replica, 1);
    assert_int_equal(event.generation, 2);
    assert_false(next_of(d, DISPATCH_DRAINED, 3, &event));
    assert_true(dispatch_drained(d, 1));
    dispatch_free(d);
}

static void affinity_keeps_a_session_together_within_the_bound(void **state)
{
    (void)state;
    struct dispatch_config config;
    dispatch_config_default(&config);
    struct dispatch *d = dispatch_new(&config);
    set_routes(d, 8, 0, -1, false, 0);
    const struct arrival arrival = {.session = 42, .prompt_tokens = 10, .priority = UINT32_MAX};
    const uint64_t home = dispatch_arrive(d, &arrival, 0).replica;
    int at_home = 1;
    for (int i = 0; i < 79; i++)
        at_home += dispatch_arrive(d, &arrival, 0).replica == home;
    assert_in_range(at_home, 10, 13); /* 1.25 x mean of 80 over 8 */
    dispatch_free(d);
}

static void limits_of_a_key_refuse_that_key_only(void **state)
{
    (void)state;
    struct dispatch *d = pool_of(1, 10);
    const struct tier tier = {.priority = 4, .weight = 1, .concurrency = 2};
    struct arrival arrival = {.key = 5, .tier = &tier, .prompt_tokens = 50, .priority = UINT32_MAX};
    const struct dispatch_answer first = dispatch_arrive(d, &arrival, 0);
    assert_int_equal(dispatch_arrive(d, &arrival, 0).verdict, VERDICT_ASSIGNED);
    assert_int_equal(dispatch_arrive(d, &arrival, 0).refusal, REFUSAL_CONCURRENCY);
    dispatch_finish(d, first.request, OUTCOME_OK, NULL, 1);
    assert_int_equal(dispatch_arrive(d, &arrival, 1).verdict, VERDICT_ASSIGNED);
    const struct tier slow = {.priority = 4, .weight = 1, .tokens_per_minute = 60};
    arrival.key = 6;
    arrival.tier = &slow;
    assert_int_equal(dispatch_arrive(d, &arrival, 1).verdict, VERDICT_ASSIGNED);
    assert_int_equal(dispatch_arrive(d, &arrival, 1).verdict, VERDICT_ASSIGNED); /* 10 left */
    const struct dispatch_answer refused = dispatch_arrive(d, &arrival, 1);
    assert_int_equal(refused.refusal, REFUSAL_TOKEN_RATE);
    assert_in_range(refused.retry_after_ns, 40 * S, 41 * S); /* 40 in debt at 1 per second */
    assert_int_equal(dispatch_arrive(d, &arrival, 42 * S).verdict, VERDICT_ASSIGNED);
    const struct tier rare = {.priority = 4, .weight = 1, .requests_per_minute = 2};
    arrival.key = 7;
    arrival.tier = &rare;
    assert_int_equal(dispatch_arrive(d, &arrival, 1).verdict, VERDICT_ASSIGNED);
    assert_int_equal(dispatch_arrive(d, &arrival, 1).verdict, VERDICT_ASSIGNED);
    const struct dispatch_answer third = dispatch_arrive(d, &arrival, 10 * S);
    assert_int_equal(third.refusal, REFUSAL_REQUEST_RATE);
    assert_in_range(third.retry_after_ns, 20 * S - 10, 20 * S + 10); /* one each 30 s */
    dispatch_free(d);
}

static void keys_have_one_limit_over_all_pools_and_refusals_cost_nothing(void **state)
{
    (void)state;
    struct limits limits;
    struct limit_left requests, tokens;
    limits_init(&limits);
    struct dispatch *one = pool_of(1, 10);
    struct dispatch *none = pool_of(0, 10);
    struct dispatch_config config;
    dispatch_config_default(&config);
    config.queue_requests_max = 0;
    dispatch_configure(none, &config);
    dispatch_share_limits(one, &limits);
    dispatch_share_limits(none, &limits);
    const struct tier tier = {
        .priority = 4, .weight = 1, .tokens_per_minute = 600, .requests_per_minute = 10};
    const struct arrival arrival = {
        .key = 5, .tier = &tier, .prompt_tokens = 50, .priority = UINT32_MAX};
    assert_int_equal(dispatch_arrive(one, &arrival, S).verdict, VERDICT_ASSIGNED);
    assert_int_equal(dispatch_arrive(none, &arrival, S).refusal, REFUSAL_QUEUE_FULL);
    limits_left(&limits, 5, &tier, S, &requests, &tokens);
    assert_int_equal(requests.limit, 10);
    assert_int_equal(requests.left, 9);
    assert_int_equal(tokens.left, 550);
    assert_in_range(requests.reset_ns, 6 * S - 10, 6 * S + 10);
    dispatch_free(one);
    dispatch_free(none);
    limits_done(&limits);
}

static void a_snapshot_tells_latencies_usage_and_good_requests(void **state)
{
    (void)state;
    struct dispatch_config config;
    dispatch_config_default(&config);
    config.ttft_s = 1;
    config.itl_s = 0.1;
    struct dispatch *d = dispatch_new(&config);
    set_routes(d, 1, 0, -1, false, 0);
    static struct gateway_snapshot snapshot;
    for (int late = 0; late < 2; late++) {
        struct dispatch_answer answer = arrive(d, 0, 0);
        dispatch_tokens(d, answer.request, 1, (late ? 2 : 1) * S);
        dispatch_tokens(d, answer.request, 10, 3 * S - (late ? 0 : 1) * S);
        const struct usage usage = {
            .prompt_tokens = 90, .output_tokens = 12, .cached_tokens = -1, .tool_calls = 1};
        dispatch_finish(d, answer.request, OUTCOME_OK, &usage, 3 * S);
    }
    dispatch_snapshot(d, 5 * S, &snapshot);
    assert_int_equal((int)snapshot.arrived_requests, 2);
    assert_int_equal((int)snapshot.completed_requests, 2);
    assert_int_equal((int)snapshot.good_requests, 1);
    assert_int_equal((int)snapshot.output_tokens, 24);
    assert_int_equal((int)snapshot.completed_tokens, 2 * (90 + 12));
    assert_int_equal((int)snapshot.tool_calls, 2);
    assert_int_equal((int)snapshot.latency->of[LATENCY_TTFT].count, 2);
    assert_int_equal((int)snapshot.latency->of[LATENCY_ITL].count, 20);
    assert_int_equal(snapshot.idle_ns, 2 * S);
    dispatch_snapshot(d, 6 * S, &snapshot);
    assert_int_equal((int)snapshot.arrived_requests, 0);
    assert_null(snapshot.latency);
    assert_int_equal(snapshot.span_ns, S);
    dispatch_free(d);
}

static uint64_t send(struct dispatch *d, int64_t prompt, int64_t now_ns)
{
    const struct arrival arrival = {
        .prompt_tokens = prompt, .priority = UINT32_MAX, .stream = true};
    return dispatch_arrive(d, &arrival, now_ns).request;
}

static void what_engines_do_is_told_by_their_answers(void **state)
{
    (void)state;
    struct dispatch *d = pool_of(1, 4);
    static struct gateway_snapshot s;
    const uint64_t one = send(d, 100, 0);
    dispatch_tokens(d, one, 1, S); /* alone: an iteration of its own */
    const uint64_t two = send(d, 300, S);
    dispatch_tokens(d, two, 1, 2 * S); /* beside the other's */
    dispatch_tokens(d, one, 4, 3 * S);
    dispatch_tokens(d, two, 4, 3 * S); /* the same four iterations */
    dispatch_finish(d, one, OUTCOME_OK, NULL, 4 * S);
    dispatch_finish(d, two, OUTCOME_OK, NULL, 4 * S);
    dispatch_finish(d, send(d, 10, 5 * S), OUTCOME_RESET, NULL, 6 * S);
    const uint64_t last = send(d, 10, 7 * S);
    dispatch_snapshot(d, 8 * S, &s);
    assert_true(fabs(s.busy_s - (4 + 1 + 1)) < 1e-9);
    assert_true(fabs(s.iterations - 5) < 1e-9);
    assert_true(fabs(s.decoded_tokens - 8) < 1e-9);
    assert_true(fabs(s.context_tokens - (4 * 103 + 4 * 303)) < 1e-9);
    assert_true(fabs(s.computed_tokens - 400) < 1e-9);
    /* the one that failed came in the span from 4 s to 8 s */
    assert_true(fabs(s.late_requests[0] - 1) < 1e-9 && fabs(s.late_age_s[0] - 2) < 1e-9);
    assert_true(s.late_requests[1] <= 0);
    dispatch_snapshot(d, 10 * S, &s);
    assert_true(fabs(s.busy_s - 2) < 1e-9 && s.iterations <= 0 && s.late_requests[0] <= 0);
    dispatch_finish(d, last, OUTCOME_OK, NULL, 10 * S);
    dispatch_free(d);
}

static void misses_of_many_times_are_all_counted(void **state)
{
    (void)state;
    struct dispatch *d = pool_of(1, 4);
    static struct gateway_snapshot s;
    for (int64_t i = 0; i < 200; i++)
        dispatch_finish(d, send(d, 10, i * 4 * S), OUTCOME_RESET, NULL, i * 4 * S + S);
    dispatch_snapshot(d, 1000 * S, &s);
    double count = 0;
    for (size_t i = 0; i < LATE_SPANS_MAX; i++)
        count += s.late_requests[i];
    assert_true(fabs(count - 200) < 1e-9);
    dispatch_free(d);
}

static void bytes_per_token_are_learned(void **state)
{
    (void)state;
    struct dispatch *d = pool_of(1, 4);
    assert_int_equal(dispatch_estimate_tokens(d, 4000), 1001);
    for (int i = 0; i < 500; i++) {
        const struct arrival arrival = {
            .prompt_tokens = -1, .prompt_bytes = 6000, .priority = UINT32_MAX};
        const struct dispatch_answer answer = dispatch_arrive(d, &arrival, i);
        const struct usage usage = {.prompt_tokens = 1000, .output_tokens = 5, .cached_tokens = -1};
        dispatch_finish(d, answer.request, OUTCOME_OK, &usage, i);
    }
    assert_in_range(dispatch_estimate_tokens(d, 6000), 995, 1010);
    dispatch_free(d);
}

/* The property test: random calls against a book kept beside. */
#define BOOK 4096
enum fate { UNBORN, HELD, FLYING, OVER };
struct book {
    enum fate fate[BOOK];
    uint64_t handle[BOOK];
    uint64_t replica[BOOK];
    uint64_t key[BOOK];
    uint32_t priority[BOOK];
    bool retried[BOOK];
    int64_t held_order[BOOK];
    int64_t order;
    int64_t flying_at[16];
    int64_t arrivals, refused, completed, failed, cancelled;
    int64_t held, flying;
    uint64_t next;
};

static void settle(struct book *book, uint64_t i, struct dispatch_answer answer)
{
    if (answer.verdict == VERDICT_REFUSED) {
        book->fate[i] = OVER;
        return;
    }
    book->handle[i] = answer.request;
    book->fate[i] = answer.verdict == VERDICT_HELD ? HELD : FLYING;
    if (answer.verdict == VERDICT_HELD) {
        book->held++;
        book->held_order[i] = ++book->order;
    } else {
        book->flying++;
        book->replica[i] = answer.replica;
        book->flying_at[answer.replica]++;
    }
}

static void drain(struct dispatch *d, struct book *book, int64_t now)
{
    struct dispatch_event event;
    while (dispatch_next(d, now, &event)) {
        const uint64_t i = event.cookie;
        if (event.kind != DISPATCH_ASSIGNED && event.kind != DISPATCH_REFUSED)
            continue;
        assert_int_equal(book->fate[i], HELD);
        assert_true(book->handle[i] == event.request);
        book->held--;
        if (event.kind == DISPATCH_REFUSED) {
            book->fate[i] = OVER;
            book->refused++;
            continue;
        }
        book->fate[i] = FLYING;
        for (uint64_t j = 0; j < book->next; j++) /* first come first served within key */
            if (book->fate[j] == HELD && !book->retried[i] && !book->retried[j] &&
                book->key[j] == book->key[i] && book->priority[j] == book->priority[i])
                assert_true(book->held_order[j] > book->held_order[i]);
            else if (book->fate[j] == HELD) /* and no higher priority waits */
                assert_true(book->priority[j] <= book->priority[i]);
        book->flying++;
        book->replica[i] = event.replica;
        book->flying_at[event.replica]++;
    }
}

/* A request that is still there, from a random place onwards. */
static uint64_t any_of(const struct book *book, struct rng *rng)
{
    const uint64_t start = (uint64_t)rng_range(rng, 0, (int64_t)book->next);
    for (uint64_t i = 0; i < book->next; i++) {
        const uint64_t at = (start + i) % book->next;
        if (book->fate[at] == HELD || book->fate[at] == FLYING)
            return at;
    }
    return BOOK;
}

static void end_one(struct dispatch *d, struct book *book, struct rng *rng, int64_t now)
{
    const uint64_t i = any_of(book, rng);
    if (i == BOOK)
        return;
    const int64_t what = rng_range(rng, 0, 9);
    if (book->fate[i] == HELD) {
        if (what > 1)
            return;
        dispatch_cancel(d, book->handle[i], now);
        book->held--;
        book->cancelled++;
        book->fate[i] = OVER;
        return;
    }
    book->flying--;
    book->flying_at[book->replica[i]]--;
    book->fate[i] = OVER;
    if (what == 0) {
        dispatch_cancel(d, book->handle[i], now);
        book->cancelled++;
    } else if (what == 1) {
        book->retried[i] = true;
        const struct dispatch_answer answer =
            dispatch_retry(d, book->handle[i], OUTCOME_RESET, now);
        settle(book, i, answer);
        book->failed += answer.verdict == VERDICT_REFUSED;
    } else {
        dispatch_finish(d, book->handle[i], what == 2 ? OUTCOME_ENGINE_ERROR : OUTCOME_OK, NULL,
                        now);
        *(what == 2 ? &book->failed : &book->completed) += 1;
    }
}

static void arrive_one(struct dispatch *d, struct book *book, struct rng *rng, int64_t now)
{
    static const struct tier tiers[3] = {
        {.priority = 4, .weight = 1}, {.priority = 4, .weight = 3}, {.priority = 7, .weight = 1}};
    const uint64_t i = book->next++;
    book->key[i] = (uint64_t)rng_range(rng, 0, 5);
    book->priority[i] = tiers[book->key[i] % 3].priority;
    const struct arrival arrival = {.cookie = i,
                                    .key = book->key[i],
                                    .tier = &tiers[book->key[i] % 3],
                                    .priority = UINT32_MAX,
                                    .session = (uint64_t)rng_range(rng, 0, 3),
                                    .prompt_tokens = rng_range(rng, 0, 9000)};
    const struct dispatch_answer answer = dispatch_arrive(d, &arrival, now);
    book->arrivals++;
    book->refused += answer.verdict == VERDICT_REFUSED;
    settle(book, i, answer);
}

static void check_book(const struct dispatch *d, const struct book *book, int64_t limit,
                       int64_t queue_max)
{
    const struct dispatch_counts counts = dispatch_counts(d);
    assert_int_equal(counts.waiting_requests, book->held);
    assert_int_equal(counts.in_flight_requests, book->flying);
    assert_true(counts.waiting_requests <= queue_max + book->flying + 8); /* retried come on top */
    for (int i = 0; i < 16; i++)
        assert_in_range(book->flying_at[i], 0, limit);
    assert_int_equal(book->arrivals, book->refused + book->completed + book->failed +
                                         book->cancelled + book->held + book->flying);
}

static void no_request_is_lost_or_served_twice(void **state)
{
    (void)state;
    static struct book book;
    static struct gateway_snapshot snapshot;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        memset(&book, 0, sizeof(book));
        struct dispatch_config config;
        dispatch_config_default(&config);
        config.balance = (enum balance)rng_range(&rng, 0, 3);
        config.affinity = seed % 2;
        config.replica_concurrency = rng_range(&rng, 1, 4);
        config.queue_requests_max = 20;
        config.queue_timeout_ns = 20 * S;
        config.retry_ratio = 1;
        struct dispatch *d = dispatch_new(&config);
        int64_t now = 0;
        double told[5] = {0};
        while (book.next < BOOK - 1) {
            now += rng_range(&rng, 0, S / 2);
            const int64_t what = rng_range(&rng, 0, 99);
            if (what < 2)
                set_routes(d, (size_t)rng_range(&rng, 0, 5), rng_range(&rng, 0, 1), 5 * S,
                           what == 0, now);
            else if (what < 50)
                arrive_one(d, &book, &rng, now);
            else
                end_one(d, &book, &rng, now);
            drain(d, &book, now);
            check_book(d, &book, config.replica_concurrency, config.queue_requests_max);
            const int64_t deadline = dispatch_deadline(d);
            assert_true(deadline == TIME_NONE || deadline > now);
            if (what == 99 || book.next == BOOK - 1) {
                dispatch_snapshot(d, now, &snapshot);
                told[0] += snapshot.completed_requests;
                told[1] += snapshot.failed_requests;
                told[2] += snapshot.refused_requests;
                told[3] += snapshot.arrived_requests;
            }
        }
        assert_int_equal((int64_t)told[0], book.completed);
        assert_int_equal((int64_t)told[1], book.failed);
        assert_int_equal((int64_t)told[2], book.refused);
        if (book.completed <= 100)
            fail_msg("seed %d: only %d completed, %d refused, %d failed, %d cancelled, %d flying",
                     (int)seed, (int)book.completed, (int)book.refused, (int)book.failed,
                     (int)book.cancelled, (int)book.flying);
        dispatch_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hard_limit_is_exact_and_the_next_one_waits),
        cmocka_unit_test(fault_53_a_failed_try_goes_to_another_replica_twice_at_most),
        cmocka_unit_test(fault_53_the_retry_budget_ends_a_storm),
        cmocka_unit_test(fault_56_who_leaves_the_queue_is_gone_at_once),
        cmocka_unit_test(fault_63_a_full_queue_refuses_with_a_time),
        cmocka_unit_test(fault_63_the_greedy_key_is_told_that_it_is_its_share),
        cmocka_unit_test(the_deadline_runs_against_readiness),
        cmocka_unit_test(R12_without_control_the_queue_still_ends_in_time),
        cmocka_unit_test(fault_64_when_the_start_has_failed_waiters_end_with_the_reason),
        cmocka_unit_test(fault_65_activation_releases_by_free_slots),
        cmocka_unit_test(fault_66_suspects_are_used_when_too_many_are),
        cmocka_unit_test(a_draining_replica_gets_nothing_new_and_is_told_when_empty),
        cmocka_unit_test(affinity_keeps_a_session_together_within_the_bound),
        cmocka_unit_test(limits_of_a_key_refuse_that_key_only),
        cmocka_unit_test(keys_have_one_limit_over_all_pools_and_refusals_cost_nothing),
        cmocka_unit_test(a_snapshot_tells_latencies_usage_and_good_requests),
        cmocka_unit_test(what_engines_do_is_told_by_their_answers),
        cmocka_unit_test(misses_of_many_times_are_all_counted),
        cmocka_unit_test(bytes_per_token_are_learned),
        cmocka_unit_test(no_request_is_lost_or_served_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
