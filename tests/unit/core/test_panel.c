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
    assert_true(panel_rule(missing->chosen, w.start_s).margin >
                panel_rule(calm->chosen, w.start_s).margin);
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
        if (panel_rule(i, w.start_s).signal != PANEL_FLIGHT) {
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
    assert_true(calm > 0.9 * w.alpha && calm <= 1.3 * w.alpha + 1e-12);
    (void)run(panel, &w, 1800, RATE, 0.9); /* a disaster */
    (void)run(panel, &w, 1800, RATE, 0);
    assert_true(fabs(panel->allowed - 0.7 * w.alpha) < 1e-12); /* no wind-up */
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
        const double rate = RATE * (0.3 + 1.4 * rng_unit(&rng));
        const int64_t before = count;
        count = run(panel, &w, 10, rate, rng_unit(&rng) < 0.1 ? 0.3 : 0);
        if (count > before)
            raised_s = panel->second;
        if (count < before) {
            lowered++;
            const int64_t hold_s = panel_rule(panel->chosen, w.start_s).hold_s;
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
        assert_true(rule.hold_s >= (rule.signal == PANEL_FLIGHT ? 300 : 60));
        assert_true(rule.hold_s <= 7200);
    }
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
