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

/* All routes of a snapshot lead to pools 0 to 19. */
static struct router *router_of(struct route_model *list, size_t n)
{
    static struct route_pool twenty[20];
    const struct routes from = {.pool = twenty, .pool_count = 20, .model = list, .model_count = n};
    struct router *router = router_new(&from);
    assert_non_null(router);
    return router;
}

static void a_draw_falls_on_its_share_and_the_sisters_follow(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        double weight[3];
        uint64_t draw;
        const char *order; /* of pools 0, 1, 2 */
    } cases[] = {
        {"the lowest draw", {20, 30, 50}, 0, "012"},
        {"just below a fifth", {20, 30, 50}, UINT64_MAX / 5 - (1 << 20), "012"},
        {"just above a fifth", {20, 30, 50}, UINT64_MAX / 5 + (1 << 20), "102"},
        {"just below the half", {20, 30, 50}, UINT64_MAX / 2 - (1 << 20), "102"},
        {"the half", {20, 30, 50}, UINT64_MAX / 2 + 1, "201"},
        {"the highest draw", {20, 30, 50}, UINT64_MAX, "201"},
        {"no weight at all: equal shares", {0, 0, 0}, 0, "0"},
        {"no weight at all, in the middle", {0, 0, 0}, UINT64_MAX / 2, "1"},
        {"no weight at all, the highest draw", {0, 0, 0}, UINT64_MAX, "2"},
        {"one without weight gets nothing", {0, 1, 1}, 0, "12"},
        {"a senseless weight is none", {1e9, -5, 1}, 0, "2"},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct route_model list[3];
        for (uint16_t i = 0; i < 3; i++)
            list[i] =
                (struct route_model){.name = "m", .pool = i, .weight_percent = cases[c].weight[i]};
        struct router *router = router_of(list, 3);
        struct router_choice choice[ROUTER_CHOICES_MAX];
        char order[4] = "";
        const size_t n = router_find(router, span_from("m"), cases[c].draw, choice);
        for (size_t i = 0; i < n && i < 3; i++)
            order[i] = (char)('0' + choice[i].pool);
        if (strcmp(order, cases[c].order) != 0)
            fail_msg("%s: %s", cases[c].what, order);
        router_free(router);
    }
}

static void orders_come_one_after_the_other_however_they_were_listed(void **state)
{
    (void)state;
    static struct route_model list[] = {
        {.name = "m", .pool = 4, .order = 7, .weight_percent = 1, .upstream = "last"},
        {.name = "other", .pool = 9, .weight_percent = 1},
        {.name = "m", .pool = 2, .order = 1, .weight_percent = 1, .upstream = "second"},
        {.name = "m", .pool = 3, .order = 0, .weight_percent = 1},
    };
    struct router *router = router_of(list, 4);
    struct router_choice choice[ROUTER_CHOICES_MAX];
    assert_int_equal(router_find(router, span_from("m"), 5, choice), 3);
    assert_int_equal(choice[0].pool, 3);
    assert_string_equal(choice[0].upstream, "");
    assert_int_equal(choice[1].pool, 2);
    assert_int_equal(choice[1].order, 1);
    assert_string_equal(choice[1].upstream, "second");
    assert_int_equal(choice[2].pool, 4);
    assert_int_equal(router_count(router), 2);
    assert_string_equal(router_name(router, 0), "m");
    assert_int_equal(router_pool(router, 0), 3); /* the first of its pools */
    assert_string_equal(router_name(router, 1), "other");
    router_free(router);
}

static void no_more_pools_are_told_than_there_is_room_for(void **state)
{
    (void)state;
    struct route_model list[20];
    for (uint16_t i = 0; i < 20; i++)
        list[i] = (struct route_model){
            .name = "m", .pool = i, .order = (uint16_t)(i / 5), .weight_percent = 1};
    struct router *router = router_of(list, 20);
    struct router_choice choice[ROUTER_CHOICES_MAX + 1];
    choice[ROUTER_CHOICES_MAX].pool = 777;
    assert_int_equal(router_find(router, span_from("m"), 0, choice), ROUTER_CHOICES_MAX);
    assert_int_equal(choice[ROUTER_CHOICES_MAX].pool, 777);
    router_free(router);
}

static void the_longest_wildcard_wins_wherever_it_stands(void **state)
{
    (void)state;
    static struct route_model list[] = {
        {.name = "*", .pool = 0, .weight_percent = 1},
        {.name = "ab*", .pool = 1, .weight_percent = 1},
        {.name = "abcd*", .pool = 2, .weight_percent = 1},
        {.name = "abc*", .pool = 3, .weight_percent = 1},
        {.name = "abc", .pool = 4, .weight_percent = 1},
    };
    static const struct {
        const char *model;
        int pool;
    } cases[] = {{"abcde", 2}, {"abcd", 2}, {"abcx", 3}, {"abc", 4},        {"abx", 1},   {"ab", 1},
                 {"a", 0},     {"", 0},     {"zz", 0},   {"abc:latest", 4}, {"abc:7b", 3}};
    struct router *router = router_of(list, 5);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct router_choice choice[ROUTER_CHOICES_MAX];
        if (router_find(router, span_from(cases[i].model), 0, choice) != 1 ||
            choice[0].pool != cases[i].pool)
            fail_msg("%s: pool %d", cases[i].model, choice[0].pool);
    }
    assert_int_equal(router_count(router), 1); /* wildcards are no names to suggest */
    router_free(router);
}

static void a_name_as_long_as_there_is_room_is_found_and_a_longer_one_is_not(void **state)
{
    (void)state;
    struct route_model list[] = {{.pool = 1, .weight_percent = 1}, {.name = "b", .pool = 2}};
    char name[TEXT_SIZE + 16];
    memset(name, 'x', sizeof(name));
    memset(list[0].name, 'x', sizeof(list[0].name)); /* without an end: it is cut */
    struct router *router = router_of(list, 2);
    struct router_choice choice[ROUTER_CHOICES_MAX];
    assert_int_equal(router_find(router, span_of(name, TEXT_SIZE - 1), 0, choice), 1);
    assert_int_equal(router_find(router, span_of(name, TEXT_SIZE), 0, choice), 0);
    for (size_t len = TEXT_SIZE - 10; len < TEXT_SIZE + 10; len++)
        assert_int_equal(router_find(router, span_of(name, len), 0, choice), len == TEXT_SIZE - 1);
    router_free(router);
}

static void near_names_come_nearest_first_and_three_at_most(void **state)
{
    (void)state;
    static struct route_model list[] = {
        {.name = "llama-3.3", .pool = 0}, {.name = "llama-3.1", .pool = 1},
        {.name = "llama-3", .pool = 2},   {.name = "llama-30", .pool = 3},
        {.name = "mistral", .pool = 4},
    };
    struct router *router = router_of(list, 5);
    const char *near[ROUTER_NEAR_MAX + 1] = {0};
    assert_int_equal(router_near(router, span_from("llama-3,"), near), ROUTER_NEAR_MAX);
    assert_null(near[ROUTER_NEAR_MAX]);
    for (size_t i = 0; i < ROUTER_NEAR_MAX; i++)
        for (size_t k = 0; k < i; k++)
            assert_true(near[i] != near[k]);
    assert_int_equal(router_near(router, span_from("mistrel"), near), 1);
    assert_string_equal(near[0], "mistral");
    assert_int_equal(router_near(router, span_from("something else"), near), 0);
    router_free(router);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_find_their_pools),
        cmocka_unit_test(a_canary_gets_its_share_and_the_fallback_comes_last),
        cmocka_unit_test(unknown_names_get_near_ones),
        cmocka_unit_test(a_draw_falls_on_its_share_and_the_sisters_follow),
        cmocka_unit_test(orders_come_one_after_the_other_however_they_were_listed),
        cmocka_unit_test(no_more_pools_are_told_than_there_is_room_for),
        cmocka_unit_test(the_longest_wildcard_wins_wherever_it_stands),
        cmocka_unit_test(a_name_as_long_as_there_is_room_is_found_and_a_longer_one_is_not),
        cmocka_unit_test(near_names_come_nearest_first_and_three_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
