/* test_dispatch_times.c - what waiters, refused clients and control are told, and when; what a
 * snapshot counts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "traffic/dispatch.h"

#include <cmocka.h>

#define S SECOND_NS

static struct gateway_snapshot snapshot;

static void set_routes(struct dispatch *d, size_t ready, int64_t starting, int64_t eta_ns,
                       bool failed, int64_t now_ns)
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
    assert_int_equal(dispatch_routes(d, &pool, 1, now_ns), RC_OK);
}

static struct dispatch_config plain(void)
{
    struct dispatch_config config;
    dispatch_config_default(&config);
    config.affinity = false;
    return config;
}

static struct dispatch *pool_of(const struct dispatch_config *config, size_t ready)
{
    struct dispatch *d = dispatch_new(config);
    assert_non_null(d);
    set_routes(d, ready, 0, -1, false, 0);
    return d;
}

static struct dispatch_answer arrive(struct dispatch *d, int64_t tokens, int64_t now_ns)
{
    const struct arrival arrival = {.prompt_tokens = tokens, .priority = UINT32_MAX};
    return dispatch_arrive(d, &arrival, now_ns);
}

/* How many events of this kind come now; all others are dropped. */
static int count_events(struct dispatch *d, enum dispatch_event_kind kind, int64_t now_ns)
{
    struct dispatch_event event;
    int n = 0;
    while (dispatch_next(d, now_ns, &event))
        n += event.kind == kind;
    return n;
}

static void a_full_queue_tells_how_long_it_lasts_between_a_second_and_a_minute(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int64_t eta_ns; /* until the first replica is ready */
        int64_t age_ns; /* of that estimate */
        int64_t told_ns;
    } cases[] = {
        {"as estimated", 20 * S, 0, 20 * S},
        {"what is left of it", 20 * S, 15 * S, 5 * S},
        {"at most a minute", 300 * S, 0, 60 * S},
        {"at least a second", S / 10, 0, S},
        {"overdue", 20 * S, 100 * S, S},
        {"no estimate: the usual start-up time", -1, 70 * S, 50 * S},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct dispatch_config config = plain();
        config.queue_requests_max = 1;
        config.startup_ns = 120 * S;
        struct dispatch *d = pool_of(&config, 0);
        set_routes(d, 0, 1, cases[c].eta_ns, false, 0);
        assert_int_equal(arrive(d, 1, 0).verdict, VERDICT_HELD);
        const struct dispatch_answer answer = arrive(d, 1, cases[c].age_ns);
        assert_int_equal(answer.refusal, REFUSAL_QUEUE_FULL);
        if (answer.retry_after_ns != cases[c].told_ns)
            fail_msg("%s: %lld", cases[c].what, (long long)answer.retry_after_ns);
        dispatch_free(d);
    }
}

static void a_late_start_without_estimate_keeps_the_first_one(void **state)
{
    (void)state;
    struct dispatch_config config = plain();
    config.startup_ns = 100 * S;
    struct dispatch *d = pool_of(&config, 0);
    set_routes(d, 0, 1, -1, false, 0);
    const struct dispatch_answer answer = arrive(d, 1, S);
    set_routes(d, 0, 1, -1, false, 60 * S);
    assert_int_equal(dispatch_place(d, answer.request, 60 * S).eta_ns, 40 * S);
    set_routes(d, 0, 1, 10 * S, false, 60 * S); /* the routes know better */
    assert_int_equal(dispatch_place(d, answer.request, 60 * S).eta_ns, 10 * S);
    set_routes(d, 0, 0, -1, false, 70 * S);
    assert_int_equal(dispatch_place(d, answer.request, 70 * S).eta_ns, -1);
    dispatch_free(d);
}

static void a_place_counts_those_ahead_at_the_rate_of_service(void **state)
{
    (void)state;
    struct dispatch_config config = plain();
    config.replica_concurrency = 1;
    struct dispatch *d = pool_of(&config, 1);
    for (int64_t i = 0; i < 10; i++) /* two a second */
        dispatch_finish(d, arrive(d, 1, i * S / 2).request, OUTCOME_OK, NULL, i * S / 2);
    const struct dispatch_answer served = arrive(d, 1, 5 * S);
    const struct dispatch_answer first = arrive(d, 1, 5 * S);
    const struct dispatch_answer second = arrive(d, 1, 5 * S);
    assert_int_equal(dispatch_place(d, served.request, 5 * S).position, 0);
    assert_int_equal(dispatch_place(d, served.request, 5 * S).eta_ns, 0);
    assert_int_equal(dispatch_place(d, first.request, 5 * S).position, 1);
    assert_int_equal(dispatch_place(d, first.request, 5 * S).eta_ns, S / 2);
    assert_int_equal(dispatch_place(d, second.request, 5 * S).eta_ns, S);
    set_routes(d, 0, 1, 30 * S, false, 5 * S); /* readiness first */
    assert_int_equal(dispatch_place(d, second.request, 5 * S).eta_ns, 31 * S);
    dispatch_free(d);
}

static void the_limit_of_the_pool_holds_beside_that_of_replicas(void **state)
{
    (void)state;
    struct dispatch_config config = plain();
    config.replica_concurrency = 4;
    config.pool_concurrency = 3;
    struct dispatch *d = pool_of(&config, 2);
    assert_int_equal(dispatch_counts(d).free_slots, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(arrive(d, 10, 0).verdict, VERDICT_ASSIGNED);
    const struct dispatch_counts counts = dispatch_counts(d);
    assert_int_equal(counts.free_slots, 0);
    assert_int_equal(counts.in_flight_tokens, 30);
    assert_int_equal(counts.ready, 2);
    assert_int_equal(arrive(d, 7, 0).verdict, VERDICT_HELD);
    assert_int_equal(dispatch_counts(d).waiting_tokens, 7);
    config.pool_concurrency = 0;
    dispatch_configure(d, &config);
    assert_int_equal(count_events(d, DISPATCH_ASSIGNED, 0), 1);
    assert_int_equal(dispatch_counts(d).free_slots, 4);
    config.replica_concurrency = 0;
    dispatch_configure(d, &config);
    assert_int_equal(dispatch_counts(d).free_slots, INT64_MAX);
    set_routes(d, 0, 0, -1, false, 0);
    assert_int_equal(dispatch_counts(d).free_slots, 0);
    dispatch_free(d);
}

static void a_priority_may_be_lowered_by_the_request_and_never_raised(void **state)
{
    (void)state;
    static const struct {
        uint32_t tier;
        uint32_t wanted;
        uint32_t expected;
    } cases[] = {{4, UINT32_MAX, 4}, {4, 2, 2},           {4, 6, 4}, {0, 7, 0},
                 {7, 7, 7},          {99, UINT32_MAX, 7}, {99, 3, 3}};
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        const struct dispatch_config config = plain();
        struct dispatch *d = pool_of(&config, 0);
        for (uint32_t p = 0; p < PRIORITIES;
             p++) { /* one of every priority waits; the one looked at comes last */
            const struct tier tier = {.priority = p};
            const struct arrival arrival = {
                .cookie = p, .tier = &tier, .priority = UINT32_MAX, .key = 1};
            assert_int_equal(dispatch_arrive(d, &arrival, 0).verdict, VERDICT_HELD);
        }
        const struct tier tier = {.priority = cases[c].tier};
        const struct arrival arrival = {
            .cookie = 100, .tier = &tier, .priority = cases[c].wanted, .key = 1};
        const struct dispatch_answer answer = dispatch_arrive(d, &arrival, 0);
        const int64_t ahead = PRIORITIES - cases[c].expected;
        assert_int_equal(dispatch_place(d, answer.request, 0).position, ahead + 1);
        set_routes(d, 1, 0, -1, false, 1);
        struct dispatch_event event;
        int64_t before = 0;
        while (dispatch_next(d, 1, &event) && event.cookie != 100)
            before += event.kind == DISPATCH_ASSIGNED;
        if (before != ahead)
            fail_msg("case %d: %d came before", (int)c, (int)before);
        dispatch_free(d);
    }
}

static void somebody_who_waits_for_nobody_wakes_the_pool_again_each_second(void **state)
{
    (void)state;
    const struct dispatch_config config = plain();
    struct dispatch *d = pool_of(&config, 0);
    (void)arrive(d, 1, 0);
    assert_int_equal(count_events(d, DISPATCH_WAKE, 0), 1);
    assert_int_equal(dispatch_deadline(d), S);
    (void)arrive(d, 1, S / 2);
    assert_int_equal(count_events(d, DISPATCH_WAKE, S / 2), 0);
    assert_int_equal(count_events(d, DISPATCH_WAKE, S - 1), 0);
    assert_int_equal(count_events(d, DISPATCH_WAKE, S), 1);
    assert_int_equal(dispatch_deadline(d), 2 * S);
    set_routes(d, 0, 1, 9 * S, false, S + 1); /* one comes: no more waking */
    assert_int_equal(count_events(d, DISPATCH_WAKE, 5 * S), 0);
    set_routes(d, 0, 0, -1, false, 6 * S); /* it was lost */
    assert_int_equal(count_events(d, DISPATCH_WAKE, 6 * S), 1);
    set_routes(d, 1, 0, -1, false, 7 * S);
    assert_int_equal(count_events(d, DISPATCH_ASSIGNED, 7 * S), 2);
    assert_int_equal(dispatch_deadline(d), TIME_NONE);
    assert_int_equal(count_events(d, DISPATCH_WAKE, 20 * S), 0);
    dispatch_free(d);
}

static void a_pool_that_cannot_start_says_so_and_asks_again_once_a_second(void **state)
{
    (void)state;
    const struct dispatch_config config = plain();
    struct dispatch *d = pool_of(&config, 0);
    set_routes(d, 0, 0, -1, true, 0);
    static const struct {
        int64_t at_ms;
        int wakes;
    } steps[] = {{0, 1}, {100, 0}, {999, 0}, {1000, 1}, {1900, 0}, {2000, 1}};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        const int64_t now_ns = steps[i].at_ms * 1000000;
        const struct dispatch_answer answer = arrive(d, 1, now_ns);
        assert_int_equal(answer.refusal, REFUSAL_START_FAILED);
        assert_int_equal(answer.retry_after_ns, 0);
        if (count_events(d, DISPATCH_WAKE, now_ns) != steps[i].wakes)
            fail_msg("at %d ms", (int)steps[i].at_ms);
    }
    assert_string_equal(dispatch_reason(d), "no GPU is free");
    dispatch_free(d);
}

static void a_queue_that_doubles_asks_for_an_early_tick_once(void **state)
{
    (void)state;
    const struct dispatch_config config = plain();
    struct dispatch *d = pool_of(&config, 0);
    set_routes(d, 0, 1, 60 * S, false, 0);
    for (int i = 0; i < 8; i++)
        (void)arrive(d, 1, 0);
    assert_int_equal(count_events(d, DISPATCH_JUMP, 0), 0);
    for (int i = 0; i < 12; i++)
        (void)arrive(d, 1, 0);
    assert_int_equal(count_events(d, DISPATCH_JUMP, 0),
                     1); /* the 9th, and no more until it is heard */
    dispatch_snapshot(d, 0, &snapshot);
    for (int i = 0; i < 20; i++)
        (void)arrive(d, 1, 0);
    assert_int_equal(count_events(d, DISPATCH_JUMP, 0), 0); /* 40 are twice 20 */
    (void)arrive(d, 1, 0);
    assert_int_equal(count_events(d, DISPATCH_JUMP, 0), 1);
    dispatch_free(d);
}

static void a_further_try_is_offered_only_where_it_helps(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        size_t ready;
        int64_t retries_max;
        double budget; /* tries that were spent before */
        bool other_failed;
        bool somebody_waits;
        bool offered;
    } cases[] = {
        {"another is free", 2, 2, 0, false, false, true},
        {"there is no other", 1, 2, 0, false, false, false},
        {"none is allowed", 2, 0, 0, false, false, false},
        {"the other is unwell", 2, 2, 0, true, false, false},
        {"somebody waits already", 2, 2, 0, false, true, false},
        {"the budget is used up", 2, 2, 10, false, false, false},
        {"one is left of the budget", 2, 2, 9, false, false, true},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct dispatch_config config = plain();
        config.retries_max = 2;
        config.retry_ratio = 0;
        config.replica_concurrency = 2;
        struct dispatch *d = pool_of(&config, 2);
        for (int i = 0; i < (int)cases[c].budget; i++) { /* spends, and leaves every replica well */
            struct dispatch_answer spent = arrive(d, 1, 0);
            spent = dispatch_retry(d, spent.request, OUTCOME_ENGINE_ERROR, 0);
            dispatch_finish(d, spent.request, OUTCOME_OK, NULL, 0);
            dispatch_suspect(d, 1, OUTCOME_OK, 0);
        }
        for (int i = 0; cases[c].budget > 0 && i < 2; i++) { /* forgiven */
            const uint64_t a = arrive(d, 1, 60 * S).request;
            const uint64_t b = arrive(d, 1, 60 * S).request;
            dispatch_finish(d, a, OUTCOME_OK, NULL, 60 * S);
            dispatch_finish(d, b, OUTCOME_OK, NULL, 60 * S);
        }
        set_routes(d, cases[c].ready, 0, -1, false, 61 * S);
        config.retries_max = cases[c].retries_max;
        dispatch_configure(d, &config);
        const struct dispatch_answer answer = arrive(d, 1, 61 * S);
        assert_int_equal(answer.verdict, VERDICT_ASSIGNED);
        if (cases[c].other_failed)
            dispatch_suspect(d, 3 - answer.replica, OUTCOME_RESET, 61 * S);
        for (int i = 0; cases[c].somebody_waits && i < 4; i++)
            (void)arrive(d, 1, 61 * S);
        if (dispatch_elsewhere(d, answer.request, 61 * S) != cases[c].offered)
            fail_msg("%s", cases[c].what);
        dispatch_free(d);
    }
}

static void a_try_that_comes_back_waits_first_in_line(void **state)
{
    (void)state;
    struct dispatch_config config = plain();
    config.replica_concurrency = 1;
    struct dispatch *d = pool_of(&config, 1);
    const struct dispatch_answer served = arrive(d, 1, 0);
    const struct dispatch_answer waits = arrive(d, 1, 0);
    const struct dispatch_answer again = dispatch_retry(d, served.request, OUTCOME_ENGINE_BUSY, S);
    assert_int_equal(again.verdict, VERDICT_HELD);
    assert_int_equal(again.request, served.request);
    assert_int_equal(dispatch_place(d, again.request, S).position, 1);
    struct dispatch_event event;
    assert_true(dispatch_next(d, S, &event)); /* the only one there is: used although it was busy */
    assert_int_equal(event.request, again.request);
    assert_int_equal(event.waited_ns, S);
    dispatch_finish(d, again.request, OUTCOME_OK, NULL, 2 * S);
    assert_true(dispatch_next(d, 2 * S, &event));
    assert_int_equal(event.request, waits.request);
    dispatch_free(d);
}

static void a_try_after_the_last_start_failed_ends(void **state)
{
    (void)state;
    const struct dispatch_config config = plain();
    struct dispatch *d = pool_of(&config, 1);
    const struct dispatch_answer served = arrive(d, 1, 0);
    set_routes(d, 0, 0, -1, true, 1);
    const struct dispatch_answer answer = dispatch_retry(d, served.request, OUTCOME_RESET, 2);
    assert_int_equal(answer.refusal, REFUSAL_REPLICA);
    assert_int_equal(answer.retry_after_ns, S);
    assert_int_equal(dispatch_counts(d).in_flight_requests, 0);
    dispatch_snapshot(d, 3, &snapshot);
    assert_int_equal((int)snapshot.failed_requests, 1);
    assert_int_equal((int)snapshot.refused_requests, 0);
    dispatch_free(d);
}

static void the_longest_wait_ends_by_the_clock_whatever_comes(void **state)
{
    (void)state;
    struct dispatch_config config = plain();
    config.queue_timeout_ns = 10 * S;
    config.hold_ns_max = 25 * S;
    struct dispatch *d = pool_of(&config, 0);
    set_routes(d, 0, 1, 1000 * S, false, 0);
    (void)arrive(d, 1, 5 * S);
    assert_int_equal(dispatch_deadline(d), 30 * S);
    assert_int_equal(count_events(d, DISPATCH_REFUSED, 30 * S - 1), 0);
    assert_int_equal(count_events(d, DISPATCH_REFUSED, 30 * S), 1);
    dispatch_free(d);
}

static void the_good_ones_met_every_objective(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        double ttft_s, per_token_s, itl_s, e2e_s, tokens_per_s;
        bool stream;
        bool good;
    } cases[] = {
        /* A prompt of 100 tokens; first token after 2 s, the 11th and last after 4 s, over after 5
           s. */
        {"no objective", NAN, 0, NAN, NAN, NAN, true, true},
        {"first token in time", 2, 0, NAN, NAN, NAN, true, true},
        {"first token late", 1.9, 0, NAN, NAN, NAN, true, false},
        {"late without the allowance for its prompt", 1, 0.009, NAN, NAN, NAN, true, false},
        {"in time with the allowance for its prompt", 1, 0.01, NAN, NAN, NAN, true, true},
        {"gaps of 0.2 s are fine", NAN, 0, 0.2, NAN, NAN, true, true},
        {"gaps of 0.2 s are long", NAN, 0, 0.19, NAN, NAN, true, false},
        {"the end in time", NAN, 0, NAN, 5, NAN, true, true},
        {"the end late", NAN, 0, NAN, 4.9, NAN, true, false},
        {"fast enough", NAN, 0, NAN, NAN, 2.2, true, true},
        {"too slow", NAN, 0, NAN, NAN, 2.3, true, false},
        {"0 is no objective", 0, 0, 0, 0, 0, true, true},
        {"without a stream nobody sees tokens come", 1, 0, 0.1, NAN, NAN, false, true},
        {"without a stream the end counts", NAN, 0, NAN, 4, NAN, false, false},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct dispatch_config config = plain();
        config.ttft_s = cases[c].ttft_s;
        config.ttft_per_token_s = cases[c].per_token_s;
        config.itl_s = cases[c].itl_s;
        config.e2e_s = cases[c].e2e_s;
        config.tokens_per_s = cases[c].tokens_per_s;
        struct dispatch *d = pool_of(&config, 1);
        const struct arrival arrival = {
            .prompt_tokens = 100, .priority = UINT32_MAX, .stream = cases[c].stream};
        const uint64_t request = dispatch_arrive(d, &arrival, 0).request;
        dispatch_tokens(d, request, 1, 2 * S);
        dispatch_tokens(d, request, 0, 3 * S); /* no token came */
        dispatch_tokens(d, request, 10, 4 * S);
        dispatch_finish(d, request, OUTCOME_OK, NULL, 5 * S);
        dispatch_snapshot(d, 5 * S, &snapshot);
        if ((snapshot.good_requests > 0) != cases[c].good)
            fail_msg("%s", cases[c].what);
        assert_true(cases[c].good == (snapshot.late_requests[0] <= 0));
        const struct histogram *latency = snapshot.latency->of;
        assert_int_equal((int)latency[LATENCY_TTFT].count, cases[c].stream);
        assert_int_equal((int)latency[LATENCY_ITL].count, cases[c].stream ? 10 : 0);
        dispatch_free(d);
    }
}

static void usage_tells_what_the_stream_did_not_show(void **state)
{
    (void)state;
    const struct dispatch_config config = plain();
    struct dispatch *d = pool_of(&config, 1);
    const uint64_t silent = arrive(d, 100, 0).request;
    const uint64_t seen = arrive(d, 50, 0).request;
    dispatch_tokens(d, seen, 5, S);
    dispatch_snapshot(d, S, &snapshot);
    assert_int_equal(snapshot.in_flight_tokens, 155);
    assert_int_equal(snapshot.replica_count, 1);
    assert_int_equal(snapshot.replica[0].in_flight_tokens, 155);
    assert_int_equal(snapshot.replica[0].in_flight_requests, 2);
    assert_int_equal((int)snapshot.computed_tokens, 50);
    const struct usage usage = {.prompt_tokens = 90, .output_tokens = 20, .tool_calls = 3};
    dispatch_finish(d, silent, OUTCOME_OK, &usage, 2 * S);
    const struct usage less = {.prompt_tokens = -1, .output_tokens = 2};
    dispatch_finish(d, seen, OUTCOME_OK, &less, 2 * S);
    dispatch_snapshot(d, 2 * S, &snapshot);
    assert_int_equal((int)snapshot.output_tokens, 20);
    assert_int_equal((int)snapshot.computed_tokens, 100);
    assert_int_equal((int)snapshot.completed_prompt_tokens, 90 + 50); /* as told, or as estimated */
    assert_int_equal((int)snapshot.completed_tokens, 90 + 20 + 50 + 5);
    assert_int_equal((int)snapshot.tool_calls, 3);
    assert_int_equal((int)snapshot.latency->of[LATENCY_E2E].count, 2);
    assert_int_equal(snapshot.in_flight_tokens, 0);
    assert_int_equal(snapshot.replica[0].in_flight_tokens, 0);
    dispatch_free(d);
}

static void idle_is_since_the_last_byte_and_never_beside_work(void **state)
{
    (void)state;
    struct dispatch_config config = plain();
    config.pool = 3;
    config.gateway = 2;
    struct dispatch *d = pool_of(&config, 1);
    const uint64_t request = arrive(d, 100, S).request;
    dispatch_snapshot(d, 10 * S, &snapshot);
    assert_int_equal(snapshot.idle_ns, 0);
    assert_int_equal(snapshot.pool, 3);
    assert_int_equal(snapshot.gateway, 2);
    assert_int_equal(snapshot.span_ns, 0); /* the first one covers nothing */
    dispatch_first_byte(d, request, 11 * S);
    dispatch_cancel(d, request, 12 * S);
    dispatch_snapshot(d, 20 * S, &snapshot);
    assert_int_equal(snapshot.idle_ns, 8 * S);
    assert_int_equal(snapshot.span_ns, 10 * S);
    set_routes(d, 0, 1, 100 * S, false, 20 * S);
    (void)arrive(d, 40, 21 * S);
    (void)arrive(d, 50, 23 * S);
    dispatch_snapshot(d, 30 * S, &snapshot);
    assert_int_equal(snapshot.idle_ns, 0);
    assert_int_equal(snapshot.oldest_wait_ns, 9 * S);
    assert_int_equal(snapshot.waiting_requests, 2);
    assert_int_equal(snapshot.waiting_tokens, 90);
    assert_int_equal(snapshot.replica_count, 0);
    dispatch_free(d);
}

static void an_answer_is_expected_as_long_as_answers_were_or_as_asked(void **state)
{
    (void)state;
    /* 128 tokens are expected at first: the replica with the shorter expectation gets the next one.
     */
    static const struct {
        int64_t asked[2];
        uint64_t third;
    } cases[] = {{{10, 0}, 1}, {{0, 10}, 2},    {{500, 200}, 1},
                 {{0, 0}, 1},  {{127, 200}, 1}, {{200, 127}, 2}};
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        const struct dispatch_config config = plain();
        struct dispatch *d = pool_of(&config, 2);
        for (size_t i = 0; i < 2; i++) {
            const struct arrival arrival = {
                .prompt_tokens = 5, .priority = UINT32_MAX, .output_tokens_max = cases[c].asked[i]};
            assert_int_equal(dispatch_arrive(d, &arrival, 0).replica, i + 1);
        }
        if (arrive(d, 1, 0).replica != cases[c].third)
            fail_msg("case %d", (int)c);
        dispatch_free(d);
    }
}

/* The first replica gets a stream, or not, the second one three times its prompt and no stream. */
static void a_prompt_weighs_more_until_its_first_token(void **state)
{
    (void)state;
    static const struct {
        bool stream;
        bool first_token;
        uint64_t third;
    } cases[] = {{true, false, 2}, {true, true, 1}, {false, false, 1}};
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        const struct dispatch_config config = plain();
        struct dispatch *d = pool_of(&config, 2);
        const struct arrival arrivals[] = {
            {.prompt_tokens = 100, .priority = UINT32_MAX, .stream = cases[c].stream},
            {.prompt_tokens = 300, .priority = UINT32_MAX},
        };
        const struct dispatch_answer first = dispatch_arrive(d, &arrivals[0], 0);
        assert_int_equal(first.replica, 1);
        assert_int_equal(dispatch_arrive(d, &arrivals[1], 0).replica, 2);
        if (cases[c].first_token)
            dispatch_tokens(d, first.request, 1, S);
        if (arrive(d, 1, S).replica != cases[c].third)
            fail_msg("case %d", (int)c);
        dispatch_free(d);
    }
}

/* What it weighed is taken back once, whether it ends before or after its first token. */
static void a_prompt_that_is_gone_weighs_nothing(void **state)
{
    (void)state;
    for (int tokens = 0; tokens < 2; tokens++) {
        const struct dispatch_config config = plain();
        struct dispatch *d = pool_of(&config, 2);
        const struct arrival long_one = {
            .prompt_tokens = 1000, .priority = UINT32_MAX, .stream = true};
        const struct dispatch_answer first = dispatch_arrive(d, &long_one, 0);
        dispatch_tokens(d, first.request, tokens, S);
        dispatch_finish(d, first.request, OUTCOME_OK, NULL, S);
        assert_int_equal(arrive(d, 1, S).replica, 1); /* both are empty: the first one */
        assert_int_equal(arrive(d, 1, S).replica, 2); /* and now it is not */
        dispatch_free(d);
    }
}

static void a_draining_replica_is_told_once_when_its_last_request_is_over(void **state)
{
    (void)state;
    const struct dispatch_config config = plain();
    struct dispatch *d = pool_of(&config, 2);
    const struct dispatch_answer on_one = arrive(d, 1, 0);
    assert_int_equal(on_one.replica, 1);
    assert_false(dispatch_drained(d, 1));
    struct route_replica replicas[2] = {{.id = 1, .weight = 1, .draining = true},
                                        {.id = 2, .weight = 1, .draining = true}};
    const struct route_pool pool = {.replica = replicas, .replica_count = 2, .eta_ns = -1};
    assert_int_equal(dispatch_routes(d, &pool, 9, S), RC_OK);
    struct dispatch_event event;
    assert_true(dispatch_next(d, S, &event)); /* the empty one at once */
    assert_int_equal(event.kind, DISPATCH_DRAINED);
    assert_int_equal(event.replica, 2);
    assert_int_equal(event.generation, 9);
    assert_false(dispatch_next(d, S, &event));
    assert_false(dispatch_drained(d, 1));
    assert_true(dispatch_drained(d, 2));
    assert_true(dispatch_drained(d, 77)); /* unknown */
    dispatch_cancel(d, on_one.request, 2 * S);
    assert_true(dispatch_next(d, 2 * S, &event));
    assert_int_equal(event.replica, 1);
    assert_true(dispatch_drained(d, 1));
    assert_false(dispatch_next(d, 3 * S, &event));
    dispatch_free(d);
}

static void prompts_are_estimated_from_bytes_within_reason(void **state)
{
    (void)state;
    const struct dispatch_config config = plain();
    struct dispatch *d = pool_of(&config, 1);
    static const struct {
        int64_t bytes;
        int64_t tokens;
    } cases[] = {
        {-5, 0}, {0, 0}, {1, 1}, {3, 1}, {4, 2}, {400, 101}, {INT64_MAX, INT64_C(1) << 40}};
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
        assert_int_equal(dispatch_estimate_tokens(d, cases[c].bytes), cases[c].tokens);
    const struct arrival arrival = {
        .prompt_tokens = -1, .prompt_bytes = 400, .priority = UINT32_MAX};
    (void)dispatch_arrive(d, &arrival, 0);
    assert_int_equal(dispatch_counts(d).in_flight_tokens, 101);
    dispatch_free(d);
}

static void memory_for_requests_has_a_bound(void **state)
{
    (void)state;
    struct dispatch_config config = plain();
    config.requests_max = 3;
    struct dispatch *d = pool_of(&config, 1);
    uint64_t handle = 0;
    for (int i = 0; i < 3; i++)
        handle = arrive(d, 1, 0).request;
    assert_int_equal(arrive(d, 1, 0).refusal, REFUSAL_MEMORY);
    assert_int_equal(arrive(d, 1, 0).retry_after_ns, S);
    dispatch_cancel(d, handle, 0);
    assert_true(arrive(d, 1, 0).request !=
                handle); /* the place is free, the handle is not used twice */
    dispatch_snapshot(d, 0, &snapshot);
    assert_int_equal((int)snapshot.refused_requests, 2);
    dispatch_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_queue_tells_how_long_it_lasts_between_a_second_and_a_minute),
        cmocka_unit_test(a_late_start_without_estimate_keeps_the_first_one),
        cmocka_unit_test(a_place_counts_those_ahead_at_the_rate_of_service),
        cmocka_unit_test(the_limit_of_the_pool_holds_beside_that_of_replicas),
        cmocka_unit_test(a_priority_may_be_lowered_by_the_request_and_never_raised),
        cmocka_unit_test(somebody_who_waits_for_nobody_wakes_the_pool_again_each_second),
        cmocka_unit_test(a_pool_that_cannot_start_says_so_and_asks_again_once_a_second),
        cmocka_unit_test(a_queue_that_doubles_asks_for_an_early_tick_once),
        cmocka_unit_test(a_further_try_is_offered_only_where_it_helps),
        cmocka_unit_test(a_try_that_comes_back_waits_first_in_line),
        cmocka_unit_test(a_try_after_the_last_start_failed_ends),
        cmocka_unit_test(the_longest_wait_ends_by_the_clock_whatever_comes),
        cmocka_unit_test(the_good_ones_met_every_objective),
        cmocka_unit_test(usage_tells_what_the_stream_did_not_show),
        cmocka_unit_test(idle_is_since_the_last_byte_and_never_beside_work),
        cmocka_unit_test(an_answer_is_expected_as_long_as_answers_were_or_as_asked),
        cmocka_unit_test(a_prompt_weighs_more_until_its_first_token),
        cmocka_unit_test(a_prompt_that_is_gone_weighs_nothing),
        cmocka_unit_test(a_draining_replica_is_told_once_when_its_last_request_is_over),
        cmocka_unit_test(prompts_are_estimated_from_bytes_within_reason),
        cmocka_unit_test(memory_for_requests_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
