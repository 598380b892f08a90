#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include <math.h>

#include "sim/sweep.h"

/* Attainment and cost as functions of the fleet, and the fleet of the knob. */
struct world {
    enum baseline_knob knob;
    int plays;
    double ceiling; /* of attainment */
};

static enum rc play(void *user, struct sweep_point *point)
{
    struct world *world = user;
    const double fleet =
        world->knob == KNOB_TARGET ? 1000 / point->knob : point->knob; /* replicas */
    world->plays++;
    point->attainment = fmin(world->ceiling, fleet / (fleet + 0.1));
    point->gpu_hours = 10 * fleet;
    return RC_OK;
}

static struct sweep_spec spec_of(struct world *world)
{
    return (struct sweep_spec){
        .knob = world->knob, .low = 1, .high = 256, .play = play, .user = world};
}

static void a_count_is_found_from_a_good_guess_in_few_plays(void **state)
{
    (void)state;
    static const struct {
        double guess;
        int plays;
    } row[] = {{10, 3}, {12, 4}, {8, 4}, {200, 9}};
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        struct world world = {.knob = KNOB_LEAST, .ceiling = 1};
        struct sweep sweep = {.count = 0};
        struct sweep_spec spec = spec_of(&world);
        spec.guess = row[i].guess;
        assert_int_equal(sweep_to_floor(&sweep, &spec, 0.99), RC_OK);
        assert_true(sweep_best(&sweep, 0.99)->knob == 10);
        assert_in_range(world.plays, 2, row[i].plays);
    }
}

static void a_coarse_search_ends_early_and_its_cost_is_near(void **state)
{
    (void)state;
    struct world world = {.knob = KNOB_TARGET, .ceiling = 1};
    struct sweep sweep = {.count = 0};
    struct sweep_spec spec = spec_of(&world);
    spec.precision = 0.1;
    assert_int_equal(sweep_to_floor(&sweep, &spec, 0.99), RC_OK);
    assert_in_range(world.plays, 2, 6);
    const double cost = sweep_variant_cost(&sweep, &spec, 0.99);
    assert_true(fabs(cost / (10 * 9.9) - 1) < 0.05);
    const int coarse = world.plays;
    spec.precision = 0;
    assert_int_equal(sweep_to_floor(&sweep, &spec, 0.99), RC_OK);
    assert_true(world.plays > coarse); /* it goes on from there */
    assert_true(sweep_best(&sweep, 0.99)->gpu_hours <= 99 * 1.02);
}

static void a_second_floor_uses_the_points_of_the_first(void **state)
{
    (void)state;
    struct world world = {.knob = KNOB_COUNT, .ceiling = 1};
    struct sweep sweep = {.count = 0};
    const struct sweep_spec spec = spec_of(&world);
    assert_int_equal(sweep_to_floor(&sweep, &spec, 0.99), RC_OK);
    const int first = world.plays;
    assert_int_equal(sweep_to_floor(&sweep, &spec, 0.9), RC_OK);
    assert_true(sweep_best(&sweep, 0.9)->knob == 1);
    assert_int_equal(world.plays, first); /* 1 was played on the way up */
}

static void the_cheapest_mixture_around_an_attainment_is_named(void **state)
{
    (void)state;
    const struct sweep sweep = {.point = {{.attainment = 0.97, .gpu_hours = 110},
                                          {.attainment = 0.98, .gpu_hours = 100},
                                          {.attainment = 0.995, .gpu_hours = 130}},
                                .count = 3};
    const struct sweep_pair pair = sweep_around(&sweep, 0.99);
    assert_ptr_equal(pair.above, &sweep.point[2]);
    assert_ptr_equal(pair.below, &sweep.point[1]);
    assert_true(fabs(sweep_mix(pair.above, pair.below, 0.99) - 120) < 1e-9);
    assert_null(sweep_around(&sweep, 0.999).above);
}

static void a_count_is_found_to_the_unit(void **state)
{
    (void)state;
    struct world world = {.knob = KNOB_COUNT, .ceiling = 1};
    struct sweep sweep = {.count = 0};
    const struct sweep_spec spec = spec_of(&world);
    assert_int_equal(sweep_to_floor(&sweep, &spec, 0.99), RC_OK);
    const struct sweep_point *best = sweep_best(&sweep, 0.99);
    assert_non_null(best);
    assert_true(best->knob == 10); /* 9.9 would do */
    assert_true(world.plays < 12);
}

static void a_target_is_found_to_two_percent(void **state)
{
    (void)state;
    struct world world = {.knob = KNOB_TARGET, .ceiling = 1};
    struct sweep sweep = {.count = 0};
    const struct sweep_spec spec = spec_of(&world);
    assert_int_equal(sweep_to_floor(&sweep, &spec, 0.99), RC_OK);
    const struct sweep_point *best = sweep_best(&sweep, 0.99);
    assert_non_null(best);
    assert_true(best->gpu_hours >= 99 && best->gpu_hours <= 99 * 1.02);
    const int plays = world.plays;
    assert_int_equal(sweep_to_floor(&sweep, &spec, 0.99), RC_OK);
    assert_int_equal(world.plays, plays); /* nothing is played twice */
}

static void what_never_reaches_the_floor_says_so(void **state)
{
    (void)state;
    struct world world = {.knob = KNOB_TARGET, .ceiling = 0.9};
    struct sweep sweep = {.count = 0};
    const struct sweep_spec spec = spec_of(&world);
    assert_int_equal(sweep_to_floor(&sweep, &spec, 0.99), RC_OK);
    assert_null(sweep_best(&sweep, 0.99));
    assert_true(isnan(sweep_cost_at(&sweep, 0.99)));
    assert_true(world.plays < 8);
}

static void cost_between_two_points_is_interpolated(void **state)
{
    (void)state;
    const struct sweep sweep = {.point = {{.attainment = 0.98, .gpu_hours = 100},
                                          {.attainment = 0.99, .gpu_hours = 120},
                                          {.attainment = 0.995, .gpu_hours = 119}},
                                .count = 3};
    assert_true(fabs(sweep_cost_at(&sweep, 0.9875) - 109.5) < 1e-9);
    assert_true(sweep_cost_at(&sweep, 0.995) == 119);
}

static void a_knob_stands_where_the_template_says(void **state)
{
    (void)state;
    struct engine_profile profile;
    struct buf text;
    buf_init(&text, 1000);
    assert_int_equal(profile_preset(span_from("8b"), &profile, NULL), RC_OK);
    baseline_print(baseline_find(span_from("static")), 0, 7, &profile, &text);
    assert_string_equal(buf_cstr(&text), ", static: {replicas: 7}");
    buf_clear(&text);
    baseline_print(baseline_find(span_from("knative")), 1, 2.5, &profile, &text);
    assert_string_equal(buf_cstr(&text),
                        ", exact: true, knative: {target: 2.5, scaleDownDelay: 300s}");
    buf_done(&text);
    assert_null(baseline_find(span_from("adaptive")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_count_is_found_to_the_unit),
        cmocka_unit_test(a_count_is_found_from_a_good_guess_in_few_plays),
        cmocka_unit_test(a_coarse_search_ends_early_and_its_cost_is_near),
        cmocka_unit_test(a_second_floor_uses_the_points_of_the_first),
        cmocka_unit_test(the_cheapest_mixture_around_an_attainment_is_named),
        cmocka_unit_test(a_target_is_found_to_two_percent),
        cmocka_unit_test(what_never_reaches_the_floor_says_so),
        cmocka_unit_test(cost_between_two_points_is_interpolated),
        cmocka_unit_test(a_knob_stands_where_the_template_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
