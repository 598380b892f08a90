/* Random specifications, samples and observations, also absurd ones: what must hold on every tick.
 * A failure prints its seed. */
#include "random_world.h"

#define RUNS 400
#define TICKS 60

static struct world *random_world(struct rng *rng)
{
    struct world *w = world_new();
    w->pool_count = (size_t)rng_range(rng, 1, 3);
    for (size_t i = 0; i < w->pool_count; i++) {
        w->pool[i] = w->pool[0];
        random_pool(rng, &w->pool[i]);
        (void)snprintf(w->pool[i].name, NAME_SIZE, "pool-%zu", i);
        w->pool[i].role = w->pool_count > 1 ? ROLE_PREFILL : ROLE_NONE;
    }
    if (chance(rng, 3)) {
        w->pool[0].shadow[0].policy = &probe;
        w->pool[0].shadow[0].config = &w->config;
        w->pool[0].shadow_count = 1;
    }
    world_start(w, rng_range(rng, 0, 20));
    return w;
}

static void check_round_trips(const struct world *w)
{
    const size_t size = group_state_size(w->group);
    struct arena arena;
    struct buf text;
    struct json_writer writer;
    const struct tree *json = NULL;
    struct diag diag = {0};
    arena_init(&arena, 64U << 20);
    buf_init(&text, 64U << 20);
    json_init(&writer, &text);
    json_array(&writer);
    group_state_print(w->group, w->state, &writer);
    observation_print(w->group, &w->o, &writer);
    decision_print(w->group, 0, &w->d[0], &writer);
    json_array_end(&writer);
    assert_false(text.failed);
    if (json_read(&arena, buf_view(&text), NULL, &json, &diag) != RC_OK)
        world_stop(&diag);

    struct group_state *copy = malloc(size);
    struct decision decision;
    if (group_state_parse(w->group, tree_at(json, 0), copy, &diag) != RC_OK)
        world_stop(&diag);
    assert_memory_equal(copy, w->state, size);
    free(copy);
    struct observation o;
    if (observation_parse(w->group, tree_at(json, 1), &o, &diag) != RC_OK)
        world_stop(&diag);
    assert_memory_equal(&o.pool[0], &w->o.pool[0], sizeof(o.pool[0]));
    if (decision_parse(w->group, 0, tree_at(json, 2), &decision, &diag) != RC_OK)
        world_stop(&diag);
    assert_true(decision_equal(&decision, &w->d[0]));
    buf_done(&text);
    arena_done(&arena);
}

/* Ticks a copy of the state too, one that was saved and loaded in between. */
static void tick_twice(struct world *w, uint64_t seed)
{
    static struct decision again[POOLS_PER_GROUP_MAX];
    const size_t size = group_state_size(w->group);
    struct group_state *copy = malloc(size);
    struct diag diag = {0};
    memcpy(copy, w->state, size);
    assert_int_equal(group_state_check(w->group, copy, size, &diag), RC_OK);
    const size_t before = allocations;
    (void)world_tick(w, 0);
    assert_int_equal(allocations, before);
    memset(again, 0xa5, sizeof(again));
    decide(w->group, copy, &w->o, again);
    assert_memory_equal(copy, w->state, size);
    for (size_t i = 0; i < w->pool_count; i++) {
        const char *what = broken(w, i);
        if (what != NULL)
            print_error("seed %llu pool %zu: %s: %lld -> %lld\n", (unsigned long long)seed, i, what,
                        (long long)w->d[i].previous, (long long)w->d[i].desired);
        assert_null(what);
        assert_true(decision_equal(&again[i], &w->d[i]));
        assert_int_equal(w->d[i].trail_dropped, 0);
    }
    free(copy);
}

static void run(uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    struct world *w = random_world(&rng);
    observation_defaults(&w->o); /* padding of the observation is zero */
    for (int i = 0; i < TICKS; i++) {
        w->now_ns += rng_range(&rng, 0, 10) * SECOND_NS / 2;
        random_samples(&rng, w);
        random_observation(&rng, w);
        tick_twice(w, seed);
        if (chance(&rng, 15))
            check_round_trips(w);
        if (chance(&rng, 10))
            group_applied(w->group, w->state, 0, rng_range(&rng, 0, w->d[0].desired));
        if (chance(&rng, 30)) {
            random_pool(&rng, &w->pool[0]);
            world_reload(w);
        }
    }
    world_free(w);
}

static void R1_to_R6_and_R17_hold_on_random_worlds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= RUNS; seed++)
        run(seed);
    assert_true(allocations > 0 || !COUNTS_ALLOCATIONS); /* the counter does count */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R1_to_R6_and_R17_hold_on_random_worlds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
