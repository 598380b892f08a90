#include "traffic/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#include <cmocka.h>

static struct route_model models[] = {
    {.name = "chat", .pool = 0, .order = 0, .weight_percent = 90},
    {.name = "chat", .pool = 1, .order = 0, .weight_percent = 10, .upstream = "chat-v2"},
    {.name = "chat", .pool = 2, .order = 1, .weight_percent = 100},
    {.name = "qwen:latest", .pool = 3, .order = 0, .weight_percent = 100},
    {.name = "org/*", .pool = 4, .order = 0, .weight_percent = 100},
    {.name = "org/big-*", .pool = 5, .order = 0, .weight_percent = 100},
    {.name = "nowhere", .pool = 99, .order = 0, .weight_percent = 100},
};
static struct route_pool pools[6];
static const struct routes routes = {
    .pool = pools, .pool_count = 6, .model = models, .model_count = 7};

static void names_find_their_pools(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        int pool;
    } cases[] = {{"chat:latest", 0}, {"qwen", 3},      {"qwen:latest", 3}, {"org/x", 4},
                 {"org/big-1", 5},   {"org/", 4},      {"qwen:7b", -1},    {"nowhere", -1},
                 {"", -1},           {"org/big-*", 5}, {"other", -1}};
    struct router *router = router_new(&routes);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct router_choice choice[ROUTER_CHOICES_MAX];
        const size_t n = router_find(router, span_from(cases[i].model), 0, choice);
        if ((n == 0 ? -1 : choice[0].pool) != cases[i].pool)
            fail_msg("%s", cases[i].model);
    }
    router_free(router);
}

static void a_canary_gets_its_share_and_the_fallback_comes_last(void **state)
{
    (void)state;
    struct router *router = router_new(&routes);
    struct rng rng;
    rng_init(&rng, 3);
    int canary = 0;
    for (int i = 0; i < 10000; i++) {
        struct router_choice choice[ROUTER_CHOICES_MAX];
        assert_int_equal(router_find(router, span_from("chat"), rng_next(&rng), choice), 3);
        canary += choice[0].pool == 1;
        assert_int_equal(choice[2].pool, 2);
        assert_string_equal(choice[choice[0].pool == 1 ? 0 : 1].upstream, "chat-v2");
    }
    assert_in_range(canary, 900, 1100);
    router_free(router);
}

static void unknown_names_get_near_ones(void **state)
{
    (void)state;
    struct router *router = router_new(&routes);
    const char *near[ROUTER_NEAR_MAX];
    assert_int_equal(router_near(router, span_from("chatt"), near), 1);
    assert_string_equal(near[0], "chat");
    assert_int_equal(router_count(router), 2);
    assert_string_equal(router_name(router, 1), "qwen:latest");
    assert_int_equal(router_pool(router, 1), 3);
    router_free(router);
    const struct routes none = {0};
    router = router_new(&none);
    struct router_choice choice[ROUTER_CHOICES_MAX];
    assert_int_equal(router_find(router, span_from("chat"), 0, choice), 0);
    router_free(router);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_find_their_pools),
        cmocka_unit_test(a_canary_gets_its_share_and_the_fallback_comes_last),
        cmocka_unit_test(unknown_names_get_near_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
