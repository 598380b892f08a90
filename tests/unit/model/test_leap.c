/* The fast engine against the reference: same requests, same events, same counters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include "base/duration.h"
#include "base/rng.h"
#include "model/engine.h"

#define REQUESTS 400
#define SLACK_NS                                                                                   \
    2000000 /* each iteration is rounded to a nanosecond; an arrival may just miss one */

struct outcome {
    int64_t admitted_ns;
    int64_t first_ns;
    int64_t finish_ns;
    int64_t tokens;
    int preemptions;
};

struct story {
    struct engine_profile profile;
    int64_t gap_ns;
    int64_t prompt_most;
    int64_t output_most;
    int64_t sync_ns; /* 0: never */
};

static void see(struct outcome *outcome, const struct engine_event *event)
{
    struct outcome *o = &outcome[event->id];
    assert_true(o->finish_ns == 0);
    o->tokens += event->tokens;
    assert_int_equal(o->tokens, event->tokens_total);
    switch (event->kind) {
    case ENGINE_ADMITTED:
        if (o->admitted_ns == 0)
            o->admitted_ns = event->at_ns;
        break;
    case ENGINE_FIRST_TOKEN:
        assert_true(o->first_ns == 0);
        o->first_ns = event->at_ns;
        break;
    case ENGINE_TOKENS:
        assert_true(o->first_ns > 0);
        break;
    case ENGINE_FINISHED:
        o->finish_ns = event->at_ns;
        break;
    case ENGINE_PREEMPTED:
        o->preemptions++;
        break;
    }
}

static void advance(struct engine *engine, int64_t until_ns, struct outcome *outcome)
{
    struct engine_event event[64];
    size_t n;
    while ((n = engine_advance(engine, until_ns, event, 64)) > 0)
        for (size_t i = 0; i < n; i++)
            see(outcome, &event[i]);
}

static void play(const struct engine_ops *ops, const struct story *story, uint64_t seed,
                 struct outcome outcome[REQUESTS], struct engine_counters *ret)
{
    struct engine *engine = engine_new(ops, &story->profile);
    struct rng rng;
    rng_init(&rng, seed);
    assert_non_null(engine);
    memset(outcome, 0, REQUESTS * sizeof(*outcome));
    int64_t now_ns = SECOND_NS;
    int64_t synced_ns = now_ns;
    for (uint64_t i = 0; i < REQUESTS; i++) {
        now_ns += rng_range(&rng, 0, 2 * story->gap_ns);
        for (; story->sync_ns > 0 && synced_ns < now_ns; synced_ns += story->sync_ns) {
            advance(engine, synced_ns, outcome);
            engine_sync(engine, synced_ns);
            advance(engine, synced_ns, outcome);
        }
        advance(engine, now_ns, outcome);
        const struct engine_request request = {
            .id = i,
            .prompt_tokens = rng_range(&rng, 1, story->prompt_most),
            .output_tokens = rng_range(&rng, 1, story->output_most),
            .cached_tokens = i % 5 == 0 ? rng_range(&rng, 0, 300) : 0};
        assert_int_equal(engine_submit(engine, now_ns, &request, NULL), RC_OK);
        struct engine_load load;
        engine_load_of(engine, &load);
        assert_true(load.kv_blocks <= load.kv_capacity);
    }
    advance(engine, INT64_MAX / 2, outcome);
    assert_int_equal(engine_next_ns(engine), TIME_NONE);
    struct engine_load load;
    engine_load_of(engine, &load);
    assert_int_equal(load.running + load.waiting + load.kv_blocks + load.kv_tokens, 0);
    *ret = *engine_counters_of(engine);
    engine_free(engine);
}

static struct engine_profile profile_of(int64_t sequences, int64_t kv_tokens, int64_t chunk)
{
    return (struct engine_profile){.name = "x",
                                   .iteration_s = 0.010,
                                   .sequence_s = 0.0003,
                                   .context_s = 0.0000004,
                                   .prompt_s = 0.00005,
                                   .sequences_max = sequences,
                                   .kv_tokens = kv_tokens,
                                   .kv_block_tokens = 16,
                                   .chunk_tokens = chunk,
                                   .gpus = 1};
}

static void expect_same(const struct story *story, uint64_t seed)
{
    static struct outcome slow[REQUESTS];
    static struct outcome fast[REQUESTS];
    struct engine_counters a;
    struct engine_counters b;
    play(&engine_iterations, story, seed, slow, &a);
    play(&engine_leaps, story, seed, fast, &b);
    for (size_t i = 0; i < REQUESTS; i++) {
        assert_int_equal(slow[i].tokens, fast[i].tokens);
        assert_in_range(fast[i].first_ns, slow[i].first_ns - SLACK_NS, slow[i].first_ns + SLACK_NS);
        assert_in_range(fast[i].finish_ns, slow[i].finish_ns - SLACK_NS,
                        slow[i].finish_ns + SLACK_NS);
        assert_int_equal(slow[i].preemptions, fast[i].preemptions);
    }
    assert_int_equal(a.iterations, b.iterations);
    assert_int_equal(a.iteration_tokens_sum, b.iteration_tokens_sum);
    assert_memory_equal(a.iteration_tokens_bucket, b.iteration_tokens_bucket,
                        sizeof(a.iteration_tokens_bucket));
    assert_int_equal(a.generation_tokens, b.generation_tokens);
    assert_int_equal(a.prompt_tokens, b.prompt_tokens);
    assert_int_equal(a.computed_tokens, b.computed_tokens);
    assert_int_equal(a.cached_tokens, b.cached_tokens);
    assert_int_equal(a.finished, b.finished);
    assert_int_equal(a.preemptions, b.preemptions);
    assert_in_range(b.busy_ns, a.busy_ns - SLACK_NS, a.busy_ns + SLACK_NS);
}

static const struct story stories[] = {
    /* idle between requests; busy; prompts of many chunks; a batch limit; a KV cache too small */
    {.gap_ns = 3 * SECOND_NS, .prompt_most = 500, .output_most = 50},
    {.gap_ns = SECOND_NS / 4, .prompt_most = 900, .output_most = 300},
    {.gap_ns = SECOND_NS, .prompt_most = 9000, .output_most = 40},
    {.gap_ns = SECOND_NS / 10, .prompt_most = 200, .output_most = 200},
    {.gap_ns = SECOND_NS / 8, .prompt_most = 600, .output_most = 300},
    {.gap_ns = SECOND_NS / 4, .prompt_most = 900, .output_most = 300, .sync_ns = SECOND_NS},
};

static struct story story_of(size_t index)
{
    struct story story = stories[index];
    story.profile = index == 3   ? profile_of(4, 200000, 512)
                    : index == 4 ? profile_of(64, 4000, 256)
                                 : profile_of(128, 400000, 1024);
    return story;
}

static void leaps_give_the_events_of_single_iterations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            const struct story story = story_of(i);
            expect_same(&story, seed);
        }
}

static void a_full_cache_preempts_in_both_engines(void **state)
{
    (void)state;
    static struct outcome outcome[REQUESTS];
    struct engine_counters counters;
    const struct story story = story_of(4);
    play(&engine_leaps, &story, 1, outcome, &counters);
    assert_true(counters.preemptions > 10);
}

static void a_cancelled_request_says_nothing_more_and_frees_its_blocks(void **state)
{
    (void)state;
    const struct engine_profile profile = profile_of(16, 100000, 512);
    struct engine *engine = engine_new(&engine_leaps, &profile);
    struct outcome outcome[REQUESTS] = {0};
    for (uint64_t i = 0; i < 3; i++) {
        const struct engine_request request = {.id = i, .prompt_tokens = 400, .output_tokens = 500};
        assert_int_equal(engine_submit(engine, SECOND_NS, &request, NULL), RC_OK);
    }
    advance(engine, 2 * SECOND_NS, outcome);
    assert_true(engine_cancel(engine, 2 * SECOND_NS, 1));
    assert_false(engine_cancel(engine, 2 * SECOND_NS, 1));
    outcome[1].finish_ns = 1; /* an event of it would be found */
    advance(engine, INT64_MAX / 2, outcome);
    assert_int_equal(outcome[0].tokens, 500);
    assert_int_equal(outcome[2].tokens, 500);
    struct engine_load load;
    engine_load_of(engine, &load);
    assert_int_equal(load.kv_blocks, 0);
    engine_free(engine);
}

static void tokens_held_back_come_when_asked_for(void **state)
{
    (void)state;
    const struct engine_profile profile = profile_of(16, 100000, 512);
    struct engine *engine = engine_new(&engine_leaps, &profile);
    struct outcome outcome[REQUESTS] = {0};
    const struct engine_request request = {.id = 0, .prompt_tokens = 100, .output_tokens = 1000};
    assert_int_equal(engine_submit(engine, SECOND_NS, &request, NULL), RC_OK);
    advance(engine, 3 * SECOND_NS, outcome);
    assert_int_equal(outcome[0].tokens, 1);
    engine_sync(engine, 3 * SECOND_NS);
    advance(engine, 3 * SECOND_NS, outcome);
    /* 2 s less the prompt, at a little above 10.3 ms a token */
    assert_in_range(outcome[0].tokens, 180, 195);
    assert_int_equal(engine_counters_of(engine)->generation_tokens, outcome[0].tokens);
    engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaps_give_the_events_of_single_iterations),
        cmocka_unit_test(a_full_cache_preempts_in_both_engines),
        cmocka_unit_test(a_cancelled_request_says_nothing_more_and_frees_its_blocks),
        cmocka_unit_test(tokens_held_back_come_when_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
