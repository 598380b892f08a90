#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#undef fail

#include "base/duration.h"
#include "base/rng.h"
#include "model/engine.h"

static struct engine_profile simple_profile(void)
{
    return (struct engine_profile){
        .name = "simple",
        .iteration_s = 0.010,
        .sequence_s = 0.001,
        .context_s = 0.000001,
        .prompt_s = 0.0001,
        .sequences_max = 8,
        .kv_tokens = 16000,
        .kv_block_tokens = 16,
        .chunk_tokens = 1000,
        .gpus = 1,
    };
}

static struct engine *new_engine(const struct engine_profile *profile)
{
    struct engine *engine = engine_new(&engine_iterations, profile);
    assert_non_null(engine);
    return engine;
}

static void submit(struct engine *engine, int64_t now_ns, uint64_t id, int64_t prompt,
                   int64_t output)
{
    const struct engine_request request = {
        .id = id, .prompt_tokens = prompt, .output_tokens = output};
    assert_int_equal(engine_submit(engine, now_ns, &request, NULL), RC_OK);
}

/* What was seen of one request. */
struct seen {
    int64_t prompt;
    int64_t output;
    int64_t tokens;
    int64_t first_ns;
    int64_t finish_ns;
    int firsts;
    int finishes;
    int admissions;
    int preemptions;
};

static void see(struct seen *seen, const struct engine_event *event)
{
    struct seen *s = &seen[event->id];
    assert_int_equal(s->finishes, 0);
    s->tokens += event->tokens;
    assert_int_equal(s->tokens, event->tokens_total);
    switch (event->kind) {
    case ENGINE_ADMITTED:
        s->admissions++;
        break;
    case ENGINE_FIRST_TOKEN:
        assert_int_equal(event->tokens, 1);
        s->firsts++;
        s->first_ns = event->at_ns;
        break;
    case ENGINE_TOKENS:
        assert_true(event->tokens >= 1);
        assert_int_equal(s->firsts, 1);
        break;
    case ENGINE_FINISHED:
        s->finishes++;
        s->finish_ns = event->at_ns;
        break;
    case ENGINE_PREEMPTED:
        s->preemptions++;
        break;
    }
}

/* Runs until idle, checks what must hold after every step; returns the time of the last event. */
static int64_t run(struct engine *engine, struct seen *seen)
{
    int64_t last_ns = INT64_MIN;
    for (int64_t next_ns = engine_next_ns(engine); next_ns != TIME_NONE;
         next_ns = engine_next_ns(engine)) {
        struct engine_event event[7];
        const size_t count = engine_advance(engine, next_ns, event, 7);
        for (size_t i = 0; i < count; i++) {
            assert_true(event[i].at_ns >= last_ns);
            last_ns = event[i].at_ns;
            see(seen, &event[i]);
        }
        struct engine_load load;
        engine_load_of(engine, &load);
        assert_true(load.kv_blocks <= load.kv_capacity);
        assert_true(load.running <= engine_profile_of(engine)->sequences_max);
    }
    return last_ns;
}

static void a_lone_request_takes_the_closed_form_time(void **state)
{
    (void)state;
    const struct engine_profile profile = simple_profile();
    const struct {
        int64_t prompt;
        int64_t output;
    } cases[] = {{1, 1}, {100, 1}, {1000, 2}, {1001, 5}, {2500, 100}, {4000, 777}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct engine *engine = new_engine(&profile);
        struct seen seen[1] = {{0}};
        submit(engine, 5 * SECOND_NS, 0, cases[i].prompt, cases[i].output);
        (void)run(engine, seen);
        assert_int_equal(seen[0].first_ns - 5 * SECOND_NS,
                         profile_first_token_ns(&profile, cases[i].prompt));
        const int64_t whole_ns = profile_request_ns(&profile, cases[i].prompt, cases[i].output);
        assert_true(llabs(seen[0].finish_ns - 5 * SECOND_NS - whole_ns) <= cases[i].output);
        assert_int_equal(seen[0].tokens, cases[i].output);
        engine_free(engine);
    }
}

static void a_batch_of_n_takes_the_time_of_the_formula(void **state)
{
    (void)state;
    const struct engine_profile profile = simple_profile();
    for (int64_t n = 1; n <= 8; n++) {
        struct engine *engine = new_engine(&profile);
        struct seen seen[8] = {{0}};
        const int64_t output = 50;
        for (int64_t i = 0; i < n; i++)
            submit(engine, 0, (uint64_t)i, 100, output);
        (void)run(engine, seen);
        /* One iteration for all prompts, then output - 1 of a + b*n + c*n*(100 + j). */
        const double k = (double)(output - 1);
        const double expected_s = 0.010 + 0.0001 * 100 * (double)n +
                                  k * (0.010 + 0.001 * (double)n) +
                                  0.000001 * (double)n * (k * 100 + k * (k + 1) / 2);
        for (int64_t i = 0; i < n; i++) {
            assert_int_equal(seen[i].first_ns, ns_of_seconds(0.010 + 0.0001 * 100 * (double)n));
            assert_true(llabs(seen[i].finish_ns - ns_of_seconds(expected_s)) <= output);
        }
        assert_int_equal(engine_counters_of(engine)->iterations, output);
        engine_free(engine);
    }
}

static void prompts_are_cut_into_chunks_and_decoding_goes_on_beside_them(void **state)
{
    (void)state;
    const struct engine_profile profile = simple_profile();
    struct engine *engine = new_engine(&profile);
    struct seen seen[2] = {{0}};
    submit(engine, 0, 0, 10, 20);
    struct engine_event event[16];
    (void)engine_advance(engine, 0, event, 16);
    submit(engine, 1, 1, 3500, 1); /* four chunks, from the second iteration on */
    see(seen, &event[0]);
    (void)run(engine, seen);
    const int64_t first_ns = 11 * MILLISECOND_NS;
    const int64_t decoding_ns = 4 * 11 * MILLISECOND_NS; /* a + b, four times */
    const int64_t prompt_ns = 350 * MILLISECOND_NS;
    const int64_t context_ns = (11 + 12 + 13 + 14) * MICROSECOND_NS;
    assert_int_equal(seen[1].first_ns, first_ns + decoding_ns + prompt_ns + context_ns);
    assert_int_equal(seen[0].tokens, 20);
    engine_free(engine);
}

static void a_full_batch_makes_the_next_one_wait_in_order(void **state)
{
    (void)state;
    const struct engine_profile profile = simple_profile();
    struct engine *engine = new_engine(&profile);
    struct seen seen[20] = {{0}};
    for (uint64_t i = 0; i < 20; i++)
        submit(engine, 0, i, 10, 5);
    (void)run(engine, seen);
    for (size_t i = 1; i < 20; i++)
        assert_true(seen[i].first_ns >= seen[i - 1].first_ns);
    assert_true(seen[8].first_ns > seen[7].finish_ns);
    engine_free(engine);
}

static void the_youngest_is_preempted_when_the_cache_is_full_and_loses_no_token(void **state)
{
    (void)state;
    struct engine_profile profile = simple_profile();
    profile.kv_tokens = 640; /* 40 blocks */
    struct engine *engine = new_engine(&profile);
    struct seen seen[3] = {{0}};
    for (uint64_t i = 0; i < 3; i++)
        submit(engine, 0, i, 160, 200);
    (void)run(engine, seen);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(seen[i].firsts, 1);
        assert_int_equal(seen[i].finishes, 1);
        assert_int_equal(seen[i].tokens, 200);
        assert_int_equal(seen[i].admissions, seen[i].preemptions + 1);
    }
    assert_int_equal(seen[0].preemptions, 0);
    assert_true(seen[2].preemptions > 0);
    assert_int_equal(engine_counters_of(engine)->preemptions,
                     seen[1].preemptions + seen[2].preemptions);
    assert_int_equal(engine_counters_of(engine)->prompt_tokens, 480);
    assert_true(engine_counters_of(engine)->computed_tokens > 480);
    assert_int_equal(engine_counters_of(engine)->generation_tokens, 600);
    engine_free(engine);
}

static void a_request_that_could_never_fit_is_refused(void **state)
{
    (void)state;
    struct engine_profile profile = simple_profile();
    profile.kv_tokens = 640;
    struct engine *engine = new_engine(&profile);
    struct engine_request request = {.id = 1, .prompt_tokens = 600, .output_tokens = 42};
    struct diag diag;
    assert_int_equal(engine_submit(engine, 0, &request, &diag), RC_LIMIT);
    assert_string_equal(diag.text, "request needs 641 tokens of KV cache, the engine has 640");
    request.output_tokens = 41;
    assert_int_equal(engine_submit(engine, 0, &request, &diag), RC_OK);
    request.prompt_tokens = 0;
    assert_int_equal(engine_submit(engine, 0, &request, &diag), RC_RANGE);
    struct seen seen[2] = {{0}};
    (void)run(engine, seen);
    assert_int_equal(seen[1].finishes, 1);
    engine_free(engine);
}

static void cached_prompt_tokens_cost_no_time_but_the_last_one_always_does(void **state)
{
    (void)state;
    const struct engine_profile profile = simple_profile();
    const struct {
        int64_t cached;
        int64_t first_ns;
    } cases[] = {{0, 60 * MILLISECOND_NS},
                 {400, 20 * MILLISECOND_NS},
                 {500, 10 * MILLISECOND_NS + 100 * MICROSECOND_NS},
                 {9999, 10 * MILLISECOND_NS + 100 * MICROSECOND_NS}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct engine *engine = new_engine(&profile);
        struct seen seen[1] = {{0}};
        const struct engine_request request = {
            .prompt_tokens = 500, .output_tokens = 1, .cached_tokens = cases[i].cached};
        assert_int_equal(engine_submit(engine, 0, &request, NULL), RC_OK);
        (void)run(engine, seen);
        assert_int_equal(seen[0].first_ns, cases[i].first_ns);
        engine_free(engine);
    }
}

static void a_cancelled_request_leaves_at_once_and_is_never_heard_of_again(void **state)
{
    (void)state;
    const struct engine_profile profile = simple_profile();
    struct engine *engine = new_engine(&profile);
    struct seen seen[3] = {{0}};
    for (uint64_t i = 0; i < 3; i++)
        submit(engine, 0, i, 100, 50);
    struct engine_event event[64];
    size_t count = engine_advance(engine, 100 * MILLISECOND_NS, event, 64);
    for (size_t i = 0; i < count; i++)
        see(seen, &event[i]);
    const int64_t before = seen[1].tokens;
    assert_true(before > 0);
    assert_true(engine_cancel(engine, 100 * MILLISECOND_NS, 1));
    assert_false(engine_cancel(engine, 100 * MILLISECOND_NS, 1));
    struct engine_load load;
    engine_load_of(engine, &load);
    assert_int_equal(load.running, 2);
    (void)run(engine, seen);
    assert_int_equal(seen[1].tokens, before);
    assert_int_equal(seen[1].finishes, 0);
    assert_int_equal(seen[2].tokens, 50);
    engine_load_of(engine, &load);
    assert_int_equal(load.kv_blocks, 0);
    assert_int_equal(load.kv_tokens, 0);
    engine_free(engine);
}

struct load_case {
    struct engine *engine;
    struct seen *seen;
    size_t requests;

    uint64_t hash;
};

/* Random arrivals; the engine is advanced to each arrival before it is handed in. */
static void random_load(struct load_case *c, uint64_t seed, int64_t gap_ns)
{
    struct rng rng;
    rng_init(&rng, seed);
    int64_t now_ns = 0;
    for (size_t i = 0; i < c->requests; i++) {
        now_ns += rng_range(&rng, 0, gap_ns);
        struct engine_event event[64];
        size_t count;
        do {
            count = engine_advance(c->engine, now_ns, event, 64);
            for (size_t j = 0; j < count; j++) {
                see(c->seen, &event[j]);
                c->hash = hash_u64(c->hash, (uint64_t)event[j].at_ns ^ event[j].id << 40 ^
                                                (uint64_t)event[j].kind << 60);
            }
        } while (count == 64);
        struct seen *s = &c->seen[i];
        s->prompt = rng_range(&rng, 1, 3000);
        s->output = rng_range(&rng, 1, 200);
        submit(c->engine, now_ns, i, s->prompt, s->output);
    }
    const int64_t last_ns = run(c->engine, c->seen);
    c->hash = hash_u64(c->hash, (uint64_t)last_ns);
}

static void every_token_comes_exactly_once_under_any_load(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct engine_profile profile = simple_profile();
        profile.kv_tokens = seed % 2 == 0 ? 5000 : 16000;
        profile.kv_block_tokens = (int64_t)(1 + seed % 3 * 15);
        struct seen *seen = calloc(400, sizeof *seen);
        assert_non_null(seen);
        struct load_case c = {.engine = new_engine(&profile), .seen = seen, .requests = 400};
        random_load(&c, seed, (int64_t)seed * 40 * MILLISECOND_NS);
        uint64_t prompt = 0;
        uint64_t output = 0;
        for (size_t i = 0; i < c.requests; i++) {
            assert_int_equal(seen[i].finishes, 1);
            assert_int_equal(seen[i].firsts, 1);
            assert_int_equal(seen[i].tokens, seen[i].output);
            prompt += (uint64_t)seen[i].prompt;
            output += (uint64_t)seen[i].output;
        }
        const struct engine_counters *counters = engine_counters_of(c.engine);
        assert_int_equal(counters->prompt_tokens, prompt);
        assert_int_equal(counters->generation_tokens, output);
        assert_int_equal(counters->finished, c.requests);
        uint64_t iterations = 0;
        for (size_t i = 0; i < ENGINE_ITERATION_BUCKETS; i++)
            iterations += counters->iteration_tokens_bucket[i];
        assert_int_equal(iterations, counters->iterations);
        engine_free(c.engine);
        free(seen);
    }
}

static void it_is_never_idle_while_something_waits(void **state)
{
    (void)state;
    const struct engine_profile profile = simple_profile();
    struct engine *engine = new_engine(&profile);
    struct seen seen[300] = {{0}};
    /* Everything comes in the first nanosecond, so the time until the end is all work. */
    struct rng rng;
    rng_init(&rng, 7);
    for (uint64_t i = 0; i < 300; i++)
        submit(engine, 0, i, rng_range(&rng, 1, 2000), rng_range(&rng, 1, 100));
    const int64_t last_ns = run(engine, seen);
    assert_int_equal(engine_counters_of(engine)->busy_ns, last_ns);
    engine_free(engine);
}

static void the_same_load_gives_the_same_events(void **state)
{
    (void)state;
    uint64_t hash[2];
    for (int i = 0; i < 2; i++) {
        struct engine_profile profile = simple_profile();
        profile.kv_tokens = 6000;
        struct seen seen[200] = {{0}};
        struct load_case c = {.engine = new_engine(&profile), .seen = seen, .requests = 200};
        random_load(&c, 42, 100 * MILLISECOND_NS);
        hash[i] = c.hash;
        engine_free(c.engine);
    }
    assert_int_equal(hash[0], hash[1]);
}

static void events_can_be_taken_one_by_one(void **state)
{
    (void)state;
    const struct engine_profile profile = simple_profile();
    struct engine *engine = new_engine(&profile);
    for (uint64_t i = 0; i < 8; i++)
        submit(engine, 0, i, 10, 3);
    size_t total = 0;
    struct engine_event event;
    while (engine_advance(engine, SECOND_NS, &event, 1) == 1)
        total++;
    assert_int_equal(total, 8 * (1 + 3 + 1)); /* admitted, three tokens, finished */
    assert_int_equal(engine_next_ns(engine), TIME_NONE);
    engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_request_takes_the_closed_form_time),
        cmocka_unit_test(a_batch_of_n_takes_the_time_of_the_formula),
        cmocka_unit_test(prompts_are_cut_into_chunks_and_decoding_goes_on_beside_them),
        cmocka_unit_test(a_full_batch_makes_the_next_one_wait_in_order),
        cmocka_unit_test(the_youngest_is_preempted_when_the_cache_is_full_and_loses_no_token),
        cmocka_unit_test(a_request_that_could_never_fit_is_refused),
        cmocka_unit_test(cached_prompt_tokens_cost_no_time_but_the_last_one_always_does),
        cmocka_unit_test(a_cancelled_request_leaves_at_once_and_is_never_heard_of_again),
        cmocka_unit_test(every_token_comes_exactly_once_under_any_load),
        cmocka_unit_test(it_is_never_idle_while_something_waits),
        cmocka_unit_test(the_same_load_gives_the_same_events),
        cmocka_unit_test(events_can_be_taken_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
