/* Shadow fleets: the fluid against sums by hand, starts that take their time, holds, the curve of
 * misses. */
#include "world.h"

#include "base/rng.h"
#include "core/shadow/shadow.h"

/* An engine of round numbers: 20 ms an iteration, 1 ms a prompt token, decoding for nothing. */
static struct fluid_model round_model(void)
{
    struct fluid_model m = {
        .t = {.each = 0.02, .sequence = 0, .context = 0, .prompt = 0.001},
        .load = {.prompt = 100, .prompt_heavy = 100, .output = 10, .context = 1},
        .objective = {.ttft_s = 1, .itl_s = 0.1},
        .sequences_max = 256,
        .chunk = 1000,
        .queue_s = 30};
    fluid_model_derive(&m);
    return m;
}

static void assert_near(double got, double wanted)
{
    if (!(fabs(got - wanted) <= 1e-9 + 1e-6 * fabs(wanted)))
        print_error("%.12g, wanted %.12g\n", got, wanted);
    assert_true(fabs(got - wanted) <= 1e-9 + 1e-6 * fabs(wanted));
}

/* ---- fluid ---- */

static void one_second_of_the_fluid_is_what_a_hand_computes(void **state)
{
    (void)state;
    const struct fluid_model m = round_model();
    struct fluid f = {.iteration_s = 0.02};
    assert_near(m.work_s, 0.1);       /* 100 tokens at 1 ms */
    assert_near(m.allowance_s, 0.88); /* 1 s less prompt and an iteration */
    assert_near(m.use, 0.8);          /* 1 - 20 ms / 100 ms */
    /* 100 tokens: a tenth of the second is prompts, an iteration takes 20 ms / 0.9; the prompt
     * waits half a full chunk (1.02 s) times the share of the largest rate (1000 / 1.02). */
    assert_near(fluid_step(&f, &m, 1, 100), 1.02 / 2 * 100 / (1000 / 1.02) / 0.88);
    assert_near(f.running, 1);
    assert_near(f.prompts, 0);
    /* twice what one replica can do in a second: the rest waits */
    const double wait = fluid_step(&f, &m, 1, 2000 / 1.02);
    assert_near(f.prompts, 1000 / 1.02);
    assert_near(wait, (1 + 1.02 / 2) / 0.88);
    /* the same on two replicas finds no rest */
    struct fluid two = {.iteration_s = 0.02};
    (void)fluid_step(&two, &m, 2, 2000 / 1.02);
    assert_near(two.prompts, 0);
}

static void a_steady_load_settles_where_the_formula_says(void **state)
{
    (void)state;
    struct fluid_model m = round_model();
    m.t.sequence = 0.0002;
    m.load.output = 200;
    fluid_model_derive(&m);
    for (double use = 0.2; use < 0.75; use += 0.1) {
        struct fluid f = {.iteration_s = 0.02};
        const double rate = use / m.work_s; /* requests a second on one replica */
        for (int i = 0; i < 2000; i++)
            (void)fluid_step(&f, &m, 1, rate * m.load.prompt);
        assert_true(fabs(f.iteration_s / (m.t.each / (1 - use)) - 1) < 0.03);
        assert_true(fabs(f.running / (rate * m.load.output * f.iteration_s) - 1) < 0.03);
    }
}

static void nobody_is_served_by_no_replica(void **state)
{
    (void)state;
    const struct fluid_model m = round_model();
    struct fluid f = {.iteration_s = 0.02};
    assert_true(fluid_step(&f, &m, 0, 500) > 30);
    assert_near(f.prompts, 500);
}

static void what_finds_no_room_waits_and_what_waits_too_long_is_gone(void **state)
{
    (void)state;
    struct fluid_model m = round_model();
    m.sequences_max = 2;
    m.load.output = 1000;
    fluid_model_derive(&m);
    struct fluid f = {.iteration_s = 0.02};
    for (int i = 0; i < 1000; i++)
        (void)fluid_step(&f, &m, 1, 500);
    assert_true(f.running <= 2 + 1e-9);
    assert_true(f.prompts <= 30 * 1000);
}

static void stress_codes_rise_with_the_stress_and_come_back(void **state)
{
    (void)state;
    unsigned last = 0;
    for (double stress = 0.01; stress < 200; stress *= 1.01) {
        const unsigned code = stress_code(stress);
        assert_true(code >= last);
        if (code > 0 && code < STRESS_CODES - 1)
            assert_true(fabs(stress_of_code(code) / stress - 1) < 0.03);
        last = code;
    }
    assert_int_equal(last, STRESS_CODES - 1);
    assert_int_equal(stress_code(NAN), 0);
    assert_int_equal(stress_code(-1), 0);
    assert_int_equal(stress_code(INFINITY), STRESS_CODES - 1);
}

/* ---- hold, starts ---- */

static void a_hold_follows_up_at_once_and_down_to_the_peak_when_it_is_over(void **state)
{
    (void)state;
    static const struct {
        int64_t at_s, need, expect;
    } steps[] = {
        {0, 5, 5},  {1, 7, 7},  {2, 3, 7},  {30, 4, 7}, {60, 2, 7},
        {61, 2, 4}, {62, 1, 4}, {90, 4, 4}, {91, 1, 4}, {150, 1, 1},
    };
    struct hold hold = {0};
    for (size_t i = 0; i < COUNT_OF(steps); i++)
        assert_int_equal(hold_follow(&hold, steps[i].need, steps[i].at_s, 60), steps[i].expect);
}

static void starts_take_their_time_and_are_taken_back_first(void **state)
{
    (void)state;
    const struct fluid_model m = round_model();
    struct shadow s;
    shadow_init(&s, 2, 0.02, 0);
    shadow_order(&s, &m, 5, 0, 100);
    assert_int_equal(s.ready, 2);
    assert_int_equal(s.pending, 3);
    shadow_order(&s, &m, 6, 50, 100);
    shadow_second(&s, &m, 0, 99);
    assert_int_equal(s.ready, 2);
    shadow_second(&s, &m, 0, 100);
    assert_int_equal(s.ready, 5);
    assert_int_equal(s.pending, 1);
    assert_near(s.cost, 6 + 6); /* those that start cost, too */
    shadow_order(&s, &m, 5, 101, 100);
    assert_int_equal(s.pending, 0);
    assert_near(s.cost, 12);
    shadow_order(&s, &m, 4, 102, 100); /* one that ran goes on for most of an answer */
    assert_int_equal(s.ready, 4);
    assert_near(s.cost, 12 + 0.7 * fluid_residence_s(&s.fluid, &m));
}

static void any_number_of_starts_finds_a_place(void **state)
{
    (void)state;
    const struct fluid_model m = round_model();
    struct shadow s;
    struct rng rng;
    rng_init(&rng, 3);
    shadow_init(&s, 1, 0.02, 0);
    for (int64_t t = 0; t < 5000; t++) {
        const int64_t count = rng_range(&rng, 1, 50);
        shadow_order(&s, &m, count, t, 200);
        shadow_second(&s, &m, 10, t);
        int32_t pending = 0;
        for (size_t i = 0; i < SHADOW_STARTS; i++)
            pending += s.start[i].count;
        assert_int_equal(pending, s.pending);
        assert_int_equal(s.ready + s.pending, count);
        assert_true(s.ready >= 0 && s.pending >= 0);
    }
    for (int64_t t = 5000; t < 5300; t++)
        shadow_second(&s, &m, 10, t);
    assert_int_equal(s.pending, 0);
}

/* ---- misses ---- */

static void judged_seconds_add_up_by_minute_of_arrival(void **state)
{
    (void)state;
    const struct fluid_model m = round_model();
    struct miss_curve curve;
    struct shadow s;
    miss_curve_init(&curve);
    shadow_init(&s, 0, 0.02, 0);
    for (int64_t t = 0; t < 120; t++) {
        shadow_second(&s, &m, 100, t); /* nobody serves: all miss */
        shadow_judge(&s, &m, &curve, t < 60 ? 3 : 5, t);
    }
    assert_true(fabs(shadow_missed(&s, 0) - 180) < 0.5);
    assert_true(fabs(shadow_missed(&s, 1) - 300) < 0.5);
}

static void the_curve_starts_at_the_objective_and_learns_what_is_told(void **state)
{
    (void)state;
    struct miss_curve curve;
    miss_curve_init(&curve);
    assert_true(curve.share[stress_code(0.6)] < 0.01);
    assert_true(curve.share[stress_code(1)] > 0.3 && curve.share[stress_code(1)] < 0.7);
    assert_true(curve.share[stress_code(1.5)] > 0.98);
    for (int i = 0; i < 100; i++) {
        miss_curve_add(&curve, stress_code(0.5), 1000, 50);
        miss_curve_add(&curve, stress_code(0.7), 1000, 20); /* less at more stress cannot be */
    }
    miss_curve_make(&curve, 1);
    assert_true(fabs(curve.share[stress_code(0.5)] - 0.035) < 0.01);
    for (size_t i = 1; i < STRESS_CODES; i++)
        assert_true(curve.share[i] >= curve.share[i - 1] - 1e-12);
    for (int i = 0; i < 40; i++)
        miss_curve_make(&curve, 0.5);
    assert_true(curve.share[stress_code(0.5)] < 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_second_of_the_fluid_is_what_a_hand_computes),
        cmocka_unit_test(a_steady_load_settles_where_the_formula_says),
        cmocka_unit_test(nobody_is_served_by_no_replica),
        cmocka_unit_test(what_finds_no_room_waits_and_what_waits_too_long_is_gone),
        cmocka_unit_test(stress_codes_rise_with_the_stress_and_come_back),
        cmocka_unit_test(a_hold_follows_up_at_once_and_down_to_the_peak_when_it_is_over),
        cmocka_unit_test(starts_take_their_time_and_are_taken_back_first),
        cmocka_unit_test(any_number_of_starts_finds_a_place),
        cmocka_unit_test(judged_seconds_add_up_by_minute_of_arrival),
        cmocka_unit_test(the_curve_starts_at_the_objective_and_learns_what_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
