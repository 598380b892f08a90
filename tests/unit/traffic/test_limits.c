/* test_limits.c - what keys may use, against one plain bucket a key; and that idle keys are
 * forgotten. */
#include "traffic/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/rng.h"

#include <cmocka.h>

#define S SECOND_NS

static enum limit_verdict ask(struct limits *limits, uint64_t key, const struct tier *tier,
                              int64_t tokens, int64_t now_ns, uint32_t *slot)
{
    int64_t wait_ns;
    return limits_take(limits, key, tier, tokens, now_ns, slot, &wait_ns);
}

static void a_key_without_limits_takes_no_memory(void **state)
{
    (void)state;
    const struct tier free_of_limits = TIER_DEFAULT;
    struct limits limits;
    uint32_t slot = 7;
    struct limit_left requests;
    struct limit_left tokens;
    limits_init(&limits);
    assert_int_equal(ask(&limits, 1, &free_of_limits, 1 << 30, 0, &slot), LIMIT_OK);
    assert_int_equal(slot, SLOT_NONE);
    limits_give(&limits, slot, 5, 0);
    limits_undo(&limits, slot, 5, 0);
    limits_left(&limits, 1, &free_of_limits, 0, &requests, &tokens);
    assert_int_equal(requests.limit + requests.left + requests.reset_ns, 0);
    assert_int_equal(tokens.limit + tokens.left + tokens.reset_ns, 0);
    assert_int_equal(limits.count, 0);
    limits_done(&limits);
}

/* Requests of one key in a row; each is over at once and generated nothing. */
static void buckets_fill_by_the_minute(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct tier tier;
        struct {
            int64_t at_ms;
            int64_t tokens;
            enum limit_verdict verdict;
            int64_t wait_ms; /* rounded down */
        } step[5];
    } cases[] = {
        {"two a minute: the third after 30 s",
         {.requests_per_minute = 2},
         {{0, 1, LIMIT_OK, 0},
          {0, 1, LIMIT_OK, 0},
          {0, 1, LIMIT_REQUESTS, 30000},
          {29000, 1, LIMIT_REQUESTS, 1000},
          {30000, 1, LIMIT_OK, 0}}},
        {"a day of silence saves up one minute",
         {.requests_per_minute = 2},
         {{0, 1, LIMIT_OK, 0},
          {86400000, 1, LIMIT_OK, 0},
          {86400000, 1, LIMIT_OK, 0},
          {86400000, 1, LIMIT_REQUESTS, 30000},
          {86430000, 1, LIMIT_OK, 0}}},
        {"a large prompt passes while anything is left, and is paid back",
         {.tokens_per_minute = 600},
         {{0, 900, LIMIT_OK, 0},
          {0, 1, LIMIT_TOKENS, 30000},
          {29000, 1, LIMIT_TOKENS, 1000},
          {30100, 1, LIMIT_OK, 0},
          {30200, 1, LIMIT_OK, 0}}},
        {"debt ends at one minute's worth",
         {.tokens_per_minute = 600},
         {{0, 1000000, LIMIT_OK, 0},
          {0, 1, LIMIT_TOKENS, 60000},
          {59000, 1, LIMIT_TOKENS, 1000},
          {60100, 1, LIMIT_OK, 0},
          {60200, 1, LIMIT_OK, 0}}},
        {"requests are looked at first",
         {.tokens_per_minute = 600, .requests_per_minute = 1},
         {{0, 1200, LIMIT_OK, 0},
          {0, 1, LIMIT_REQUESTS, 60000},
          {59000, 1, LIMIT_REQUESTS, 1000},
          {60000, 1, LIMIT_TOKENS, 0},
          {60100, 1, LIMIT_OK, 0}}},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct limits limits;
        limits_init(&limits);
        for (size_t i = 0; i < 5; i++) {
            uint32_t slot;
            int64_t wait_ns;
            const int64_t now_ns = cases[c].step[i].at_ms * 1000000;
            const enum limit_verdict verdict = limits_take(
                &limits, 5, &cases[c].tier, cases[c].step[i].tokens, now_ns, &slot, &wait_ns);
            if (verdict != cases[c].step[i].verdict ||
                wait_ns / 1000000 != cases[c].step[i].wait_ms)
                fail_msg("%s: step %d: %d, wait %lld ms", cases[c].what, (int)i, (int)verdict,
                         (long long)(wait_ns / 1000000));
            limits_give(&limits, slot, 0, now_ns);
        }
        limits_done(&limits);
    }
}

static void what_is_left_is_told_for_people(void **state)
{
    (void)state;
    const struct tier tier = {.tokens_per_minute = 600, .requests_per_minute = 60};
    struct limits limits;
    struct limit_left requests;
    struct limit_left tokens;
    uint32_t slot;
    limits_init(&limits);
    limits_left(&limits, 1, &tier, 0, &requests, &tokens);
    assert_int_equal(requests.limit, 60);
    assert_int_equal(requests.left, 60);
    assert_int_equal(requests.reset_ns, 0);
    assert_int_equal(ask(&limits, 1, &tier, 150, 0, &slot), LIMIT_OK);
    limits_left(&limits, 1, &tier, 0, &requests, &tokens);
    assert_int_equal(requests.left, 59);
    assert_in_range(requests.reset_ns, S, S + 1);
    assert_int_equal(tokens.limit, 600);
    assert_int_equal(tokens.left, 450);
    assert_in_range(tokens.reset_ns, 15 * S, 15 * S + 1);
    limits_give(&limits, slot, 550, 0); /* it generated more than was left */
    limits_left(&limits, 1, &tier, 0, &requests, &tokens);
    assert_int_equal(tokens.left, 0);
    assert_in_range(tokens.reset_ns, 70 * S, 70 * S + 1);
    limits_done(&limits);
}

static void another_tier_starts_with_full_buckets_and_the_same_one_does_not(void **state)
{
    (void)state;
    const struct tier small = {.requests_per_minute = 1};
    const struct tier large = {.requests_per_minute = 3};
    struct limits limits;
    uint32_t slot;
    limits_init(&limits);
    assert_int_equal(ask(&limits, 1, &small, 0, 0, &slot), LIMIT_OK);
    assert_int_equal(ask(&limits, 1, &small, 0, 0, &slot), LIMIT_REQUESTS);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(&limits, 1, &large, 0, 0, &slot), LIMIT_OK);
    assert_int_equal(ask(&limits, 1, &large, 0, 0, &slot), LIMIT_REQUESTS);
    limits_done(&limits);
}

/* ---- against one plain bucket a key, which never forgets ---- */

#define KEYS 30
struct plain {
    double tokens;
    double requests;
    int64_t at_ns;
    int64_t active;
};
static const struct tier model_tier = {
    .concurrency = 3, .tokens_per_minute = 1000, .requests_per_minute = 12};

static double between(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

static void fill_up(struct plain *plain, int64_t now_ns)
{
    const double minutes = (double)(now_ns - plain->at_ns) / 60e9;
    plain->tokens = between(plain->tokens + 1000 * minutes, -1000, 1000);
    plain->requests = between(plain->requests + 12 * minutes, -12, 12);
    plain->at_ns = now_ns;
}

static enum limit_verdict model(const struct plain *plain)
{
    if (plain->active >= 3)
        return LIMIT_CONCURRENCY;
    if (plain->requests < 1 - 1e-9)
        return LIMIT_REQUESTS;
    return plain->tokens <= 0 ? LIMIT_TOKENS : LIMIT_OK;
}

static bool on_the_edge(const struct plain *plain)
{
    return (plain->requests > 1 - 1e-6 && plain->requests < 1 + 1e-6) ||
           (plain->tokens > -1e-6 && plain->tokens < 1e-6);
}

static void random_requests_are_judged_as_by_one_plain_bucket_a_key(void **state)
{
    (void)state;
    struct open {
        uint32_t slot;
        uint64_t key;
        int64_t tokens;
    } open[KEYS * 3];
    size_t opened = 0;
    struct plain plain[KEYS];
    struct limits limits;
    struct rng rng;
    int seen[5] = {0};
    limits_init(&limits);
    rng_init(&rng, 11);
    for (int i = 0; i < KEYS; i++)
        plain[i] = (struct plain){.tokens = 1000, .requests = 12};
    int64_t now_ns = 0;
    for (int step = 0; step < 60000; step++) {
        now_ns += rng_range(&rng, 0, rng_range(&rng, 0, 99) == 0 ? 100 * S : S / 4);
        if (opened > 0 && rng_range(&rng, 0, 19) < 9) { /* one ends, or was not taken after all */
            const size_t at = (size_t)rng_range(&rng, 0, (int64_t)opened - 1);
            const struct open over = open[at];
            struct plain *of = &plain[over.key];
            open[at] = open[--opened];
            fill_up(of, now_ns);
            of->active--;
            if (rng_range(&rng, 0, 4) == 0) {
                of->tokens = between(of->tokens + (double)over.tokens, -1000, 1e9);
                of->requests += 1;
                limits_undo(&limits, over.slot, over.tokens, now_ns);
            } else {
                const int64_t generated = rng_range(&rng, 0, 60);
                of->tokens = between(of->tokens - (double)generated, -1000, 1000);
                limits_give(&limits, over.slot, generated, now_ns);
            }
            continue;
        }
        const uint64_t key = (uint64_t)rng_range(&rng, 0, rng_range(&rng, 0, 1) ? 3 : KEYS - 1);
        const int64_t tokens = rng_range(&rng, 0, key % 2 == 0 ? 20 : 400);
        uint32_t slot;
        fill_up(&plain[key], now_ns);
        const enum limit_verdict verdict = ask(&limits, key, &model_tier, tokens, now_ns, &slot);
        if (!on_the_edge(&plain[key]) && verdict != model(&plain[key]))
            fail_msg("step %d: %d, not %d", step, (int)verdict, (int)model(&plain[key]));
        seen[verdict]++;
        if (verdict != LIMIT_OK)
            continue;
        plain[key].active++;
        plain[key].tokens = between(plain[key].tokens - (double)tokens, -1000, 1000);
        plain[key].requests -= 1;
        open[opened++] = (struct open){slot, key, tokens};
    }
    for (int i = LIMIT_OK; i <= LIMIT_TOKENS; i++)
        if (seen[i] < 100)
            fail_msg("verdict %d came %d times", i, seen[i]);
    limits_done(&limits);
}

static void idle_keys_are_forgotten_once_they_are_full_again(void **state)
{
    (void)state;
    const struct tier tier = {.concurrency = 1};
    struct limits limits;
    uint32_t slot;
    uint32_t held;
    limits_init(&limits);
    assert_int_equal(ask(&limits, 999999, &tier, 0, 0, &held), LIMIT_OK);
    for (uint64_t i = 0; i < 5000; i++) { /* one new key a second */
        assert_int_equal(ask(&limits, i + 1, &tier, 0, (int64_t)i * S, &slot), LIMIT_OK);
        limits_give(&limits, slot, 0, (int64_t)i * S);
    }
    assert_in_range(limits.count, 120, 123); /* two minutes of keys, and the one in use */
    assert_in_range(limits.by_key.count, 120, 123);
    assert_int_equal(ask(&limits, 999999, &tier, 0, 5000 * S, &slot), LIMIT_CONCURRENCY);
    limits_give(&limits, held, 0, 5000 * S);
    assert_int_equal(ask(&limits, 999999, &tier, 0, 5000 * S, &slot), LIMIT_OK);
    limits_done(&limits);
}

static void with_every_place_taken_the_longest_idle_key_gives_way(void **state)
{
    (void)state;
    const struct tier tier = {.requests_per_minute = 1};
    struct limits limits;
    uint32_t slot;
    limits_init(&limits);
    for (uint64_t i = 1; i <= LIMIT_KEYS_MAX; i++) {
        assert_int_equal(ask(&limits, i, &tier, 0, (int64_t)i, &slot), LIMIT_OK);
        if (i != 2)
            limits_give(&limits, slot, 0, (int64_t)i); /* the second one stays in use */
    }
    assert_int_equal(ask(&limits, 70000, &tier, 0, S, &slot), LIMIT_OK);
    assert_int_equal(limits.count, LIMIT_KEYS_MAX);
    assert_int_equal(ask(&limits, 3, &tier, 0, S, &slot), LIMIT_REQUESTS); /* known */
    assert_int_equal(ask(&limits, 2, &tier, 0, S, &slot), LIMIT_REQUESTS);
    assert_int_equal(ask(&limits, 1, &tier, 0, S, &slot), LIMIT_OK); /* forgotten, so full */
    limits_done(&limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_without_limits_takes_no_memory),
        cmocka_unit_test(buckets_fill_by_the_minute),
        cmocka_unit_test(what_is_left_is_told_for_people),
        cmocka_unit_test(another_tier_starts_with_full_buckets_and_the_same_one_does_not),
        cmocka_unit_test(random_requests_are_judged_as_by_one_plain_bucket_a_key),
        cmocka_unit_test(idle_keys_are_forgotten_once_they_are_full_again),
        cmocka_unit_test(with_every_place_taken_the_longest_idle_key_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
