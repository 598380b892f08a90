/* The panel: which rule is followed when shadows, mirror and measurement agree or do not. */
#include "world.h"

#include "base/rng.h"
#include "core/shadow/panel.h"

#define RATE 20.0 /* requests a second */

static struct panel_world some_world(void)
{
    struct panel_world w = {
        .model = {.t = {.each = 0.03, .sequence = 0.0003, .context = 0, .prompt = 0.0001},
                  .load = {.prompt = 1000, .prompt_heavy = 1500, .output = 200, .context = 1100},
                  .objective = {.ttft_s = 2, .itl_s = 0.1},
                  .sequences_max = 256,
                  .chunk = 2048,
                  .queue_s = 30},
        .alpha = 0.01,
        .margin = 1,
        .start_s = 120,
        .least = 1,
        .most = 100,
    };
    fluid_model_derive(&w.model);
    return w;
}

static void set_demand(struct panel_world *w, double rate)
{
    w->demand[PANEL_SHORT] = rate * w->model.work_s;
    w->demand[PANEL_LONG] = rate * w->model.work_s;
    w->demand[PANEL_DAY] = fmax(w->demand[PANEL_DAY], rate * w->model.work_s);
    w->demand[PANEL_FLIGHT] = rate * w->model.work_s;
}

/* Seconds of a steady load; of the requests a share misses, whatever the shadows say. Returns the
 * count that the panel asks for; the real fleet has it at once. */
static int64_t run(struct panel *panel, struct panel_world *w, int64_t seconds, double rate,
                   double missed)
{
    int64_t count = panel->real.count;
    for (int64_t i = 0; i < seconds; i++) {
        set_demand(w, rate);
        const struct panel_second now = {
            .requests = rate, .prompts = rate * w->model.load.prompt, .ready = count};
        panel_second(panel, w, &now);
        if (missed > 0)
            panel_missed(panel, panel->second - 1, rate * missed);
        if (panel->second % 2 == 0)
            count = panel_tick(panel, w);
    }
    return count;
}

static struct panel *new_panel(const struct panel_world *w, int64_t ready)
{
    struct panel *panel = malloc(sizeof(*panel));
    assert_non_null(panel);
    panel_init(panel, w, ready);
    return panel;
}

static void
a_steady_load_without_misses_ends_at_the_cheapest_fleet_that_the_objective_allows(void **state)
{
    (void)state;
    struct panel_world w = some_world();
    struct panel *panel = new_panel(&w, 40);
    const int64_t count = run(panel, &w, 4 * 3600, RATE, 0);
    const double full = RATE * w.model.work_s / w.model.use; /* replicas, all of them full */
    assert_true((double)count >= floor(0.9 * full));
    assert_true((double)count <= 1.35 * full + 1);
    assert_true(panel->foreseen <= panel->allowed);
    free(panel);
}

static void misses_that_the_mirror_does_not_show_buy_a_wider_margin(void **state)
{
    (void)state;
    struct panel_world w = some_world();
    struct panel *calm = new_panel(&w, 20);
    struct panel *missing = new_panel(&w, 20);
    const int64_t few = run(calm, &w, 2 * 3600, RATE, 0.0);
    const int64_t more = run(missing, &w, 2 * 3600, RATE, 0.02);
    assert_true(more > few);
    const struct panel_rule wide = panel_rule(missing->chosen, w.start_s);
    const struct panel_rule narrow = panel_rule(calm->chosen, w.start_s);
    assert_true(panel_need(&w, &wide, w.demand[PANEL_LONG]) >
                panel_need(&w, &narrow, w.demand[PANEL_LONG]));
    free(calm);
    free(missing);
}

static void what_cannot_be_had_is_not_paid_for(void **state)
{
    (void)state;
    struct panel_world w = some_world();
    w.model.objective.itl_s = 0.0301; /* next to the bare iteration: nobody can keep it */
    fluid_model_derive(&w.model);
    struct panel *panel = new_panel(&w, 5);
    (void)run(panel, &w, 2 * 3600, 2, 1);
    double least = INFINITY;
    double dearest = 0;
    for (int64_t i = 0; i < PANEL_CANDIDATES; i++)
        if (panel_rule(i, w.start_s).signal < PANEL_FLIGHT) {
            least = fmin(least, panel_rate(panel, &w, i));
            dearest = fmax(dearest, panel->candidate[i].cost);
        }
    assert_true(panel->foreseen > panel->allowed);
    assert_true(panel->foreseen <= 1.2 * least + 1e-9);
    assert_true(panel->candidate[panel->chosen].cost < 0.7 * dearest);
    free(panel);
}

static void past_misses_are_made_good_within_limits(void **state)
{
    (void)state;
    struct panel_world w = some_world();
    struct panel *panel = new_panel(&w, 30);
    (void)run(panel, &w, 1800, RATE, 0);
    const double calm = panel->allowed;
    assert_true(fabs(calm - 0.9 * w.alpha) < 1e-12); /* some of it is kept back */
    (void)run(panel, &w, 1800, RATE, 0.9);           /* a disaster */
    (void)run(panel, &w, 1800, RATE, 0);
    assert_true(fabs(panel->allowed - 0.5 * w.alpha) < 1e-12); /* no wind-up */
    free(panel);
}

static void misses_for_want_of_leave_are_no_debt(void **state)
{
    (void)state;
    struct panel_world w = some_world();
    struct panel *panel = new_panel(&w, 5);
    for (int64_t i = 0; i < 3600; i++) {
        set_demand(&w, RATE);
        const struct panel_second now = {
            .requests = RATE, .prompts = RATE * w.model.load.prompt, .ready = 5, .bound = true};
        panel_second(panel, &w, &now);
        panel_missed(panel, panel->second - 1, RATE);
        (void)panel_tick(panel, &w);
    }
    assert_true(panel->missed <= 0 && panel->all <= 0);
    free(panel);
}

static void R6_a_new_choice_lowers_only_when_its_hold_is_over(void **state)
{
    (void)state;
    struct panel_world w = some_world();
    struct panel *panel = new_panel(&w, 10);
    struct rng rng;
    rng_init(&rng, 21);
    int64_t count = 10;
    int64_t raised_s = 0;
    int64_t lowered = 0;
    for (int i = 0; i < 3000; i++) {
        const double phase = i / 90 % 2 == 0 ? 1 : 0.2; /* quarters: else a floor is cheapest */
        const double rate = phase * RATE * (0.3 + 1.4 * rng_unit(&rng));
        const int64_t before = count;
        const int64_t hold_before_s = panel_rule(panel->chosen, w.start_s).hold_s;
        count = run(panel, &w, 10, rate, rng_unit(&rng) < 0.1 ? 0.3 : 0);
        if (count > before)
            raised_s = panel->second;
        if (count < before) {
            lowered++;
            int64_t hold_s = panel_rule(panel->chosen, w.start_s).hold_s;
            if (hold_before_s < hold_s)
                hold_s = hold_before_s;                           /* chosen anew right after */
            assert_true(panel->second - raised_s >= hold_s - 10); /* a look each ten seconds */
        }
    }
    assert_true(lowered > 5);
    free(panel);
}

static void a_miss_is_counted_whenever_it_is_told(void **state)
{
    (void)state;
    static const struct {
        int64_t at_s; /* from the second at hand */
        const char *why;
    } cases[] = {{-30, "in time"}, {0, "before its second"}, {5, "ahead of time"}, {-5000, "late"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct panel_world w = some_world();
        struct panel *panel = new_panel(&w, 30);
        (void)run(panel, &w, 900, RATE, 0);
        panel_missed(panel, panel->second + cases[i].at_s, 7);
        (void)run(panel, &w, 1800, RATE, 0);
        if (!(fabs(panel->missed - 7) < 0.05))
            print_error("%s: %g\n", cases[i].why, panel->missed);
        assert_true(fabs(panel->missed - 7) < 0.05);
        free(panel);
    }
}

static void rules_are_those_that_the_documents_name(void **state)
{
    (void)state;
    for (int64_t i = 0; i < PANEL_CANDIDATES; i++) {
        const struct panel_rule rule = panel_rule(i, 300);
        assert_true(rule.margin >= 0.59 && rule.margin < 4.9);
        assert_true((rule.signal == PANEL_FLOOR) == (rule.least > 0));
        assert_true(rule.least <= 211);
        assert_true(rule.hold_s >= (rule.signal == PANEL_FLIGHT ? 300 : 60));
        assert_true(rule.hold_s <= 7200);
    }
}

/* Each size once, each within a tenth and one of the one before. */
static void floors_are_there_in_every_size(void **state)
{
    (void)state;
    int64_t last = 0;
    int64_t count = 0;
    for (int64_t i = 0; i < PANEL_CANDIDATES; i++) {
        const struct panel_rule rule = panel_rule(i, 120);
        if (rule.signal != PANEL_FLOOR)
            continue;
        assert_true(rule.least > last);
        assert_true((double)rule.least <= 1.1 * (double)last + 1.5);
        last = rule.least;
        count++;
    }
    assert_int_equal(count, 42);
}

/* Bursts that are over before a replica is there, again and again: only a fleet that stays serves
 * them, and what stays need not be found anew after each. */
static void bursts_shorter_than_a_start_are_met_by_a_floor(void **state)
{
    (void)state;
    struct panel_world w = some_world();
    w.start_s = 300;
    struct panel *panel = new_panel(&w, 12);
    int64_t least = 100;
    for (int i = 0; i < 48; i++) {
        (void)run(panel, &w, 540, 0.05 * RATE, 0);
        const int64_t count = run(panel, &w, 60, RATE, 0);
        if (i >= 24 && count < least)
            least = count;
    }
    const double full = RATE * w.model.work_s / w.model.use;
    assert_true((double)least >= 0.9 * full);
    assert_true(panel->real.count <= 3 * (int64_t)full);
    free(panel);
}

/* A floor does not stand in the way of a load that outgrows it. */
static void above_a_floor_what_is_in_demand_counts(void **state)
{
    (void)state;
    struct panel_world w = some_world();
    set_demand(&w, RATE);
    for (int64_t i = 0; i < PANEL_CANDIDATES; i++) {
        const struct panel_rule rule = panel_rule(i, w.start_s);
        if (rule.signal != PANEL_FLOOR)
            continue;
        const double full = RATE * w.model.work_s / w.model.use;
        const double need = panel_need(&w, &rule, w.demand[PANEL_SHORT]);
        assert_true(need >= full && need >= (double)rule.least);
        assert_true(need < fmax(2.5 * full, (double)rule.least + 1e-9));
        assert_true(fabs(panel_need(&w, &rule, 0) - (double)rule.least) < 1e-9);
    }
}

/* The same misses: in one minute they are one event, and the next one may be worse. */
static void misses_that_come_together_weigh_more_than_scattered_ones(void **state)
{
    (void)state;
    struct shadow once = {.cost = 0};
    struct shadow often = {.cost = 0};
    shadow_settle(&once, 100);
    for (int i = 0; i < 100; i++)
        shadow_settle(&often, 1);
    assert_true(fabs(shadow_missed_likely(&once) - 150) < 1e-9);
    assert_true(fabs(shadow_missed_likely(&often) - 105) < 1e-9);
}

/* Shadows that promised less than came true are believed less, and the other way round. */
static void what_was_promised_is_held_against_what_came(void **state)
{
    (void)state;
    struct panel_world w = some_world();
    struct panel *panel = new_panel(&w, 20);
    (void)run(panel, &w, 3600, RATE, 0);
    panel->told = panel->day = 1000;
    const double fair = panel_rate(panel, &w, panel->chosen);
    panel->day = 1500;
    const double worse = panel_rate(panel, &w, panel->chosen);
    panel->day = 1e6;
    const double worst = panel_rate(panel, &w, panel->chosen);
    assert_true(fabs(worse / fair - 1530.0 / 1030) < 1e-9);
    assert_true(fabs(worst / fair - 2) < 1e-9); /* nobody is punished for ever */
    free(panel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_steady_load_without_misses_ends_at_the_cheapest_fleet_that_the_objective_allows),
        cmocka_unit_test(misses_that_the_mirror_does_not_show_buy_a_wider_margin),
        cmocka_unit_test(what_cannot_be_had_is_not_paid_for),
        cmocka_unit_test(past_misses_are_made_good_within_limits),
        cmocka_unit_test(misses_for_want_of_leave_are_no_debt),
        cmocka_unit_test(R6_a_new_choice_lowers_only_when_its_hold_is_over),
        cmocka_unit_test(a_miss_is_counted_whenever_it_is_told),
        cmocka_unit_test(rules_are_those_that_the_documents_name),
        cmocka_unit_test(floors_are_there_in_every_size),
        cmocka_unit_test(bursts_shorter_than_a_start_are_met_by_a_floor),
        cmocka_unit_test(above_a_floor_what_is_in_demand_counts),
        cmocka_unit_test(misses_that_come_together_weigh_more_than_scattered_ones),
        cmocka_unit_test(what_was_promised_is_held_against_what_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
