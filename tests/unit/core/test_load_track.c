/* The load of a pool as the panel wants it: what is known when, and amounts of a time that nobody
 * saw. */
#include "core/shadow/load_track.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A tick of so many seconds in which so many requests came and as many were answered. */
static void tick(struct load_track *track, struct iteration_fit *fit, int seconds, double requests,
                 double answer)
{
    track->inbox.requests = track->inbox.answers = requests;
    track->inbox.prompts = 500 * requests;
    track->inbox.answer_tokens = answer * requests;
    track->inbox.generated = answer * requests;
    track->inbox.work.decoded = (answer - 1) * requests;
    track->inbox.work.context = 500 * track->inbox.work.decoded;
    for (int i = 0; i < seconds; i++)
        (void)track_second(track, seconds);
    track_take(track, fit);
}

static void means_are_known_after_some_answers_also_where_nothing_decodes(void **state)
{
    (void)state;
    for (int decodes = 0; decodes < 2; decodes++) {
        struct load_track track = {.seconds = 0};
        struct iteration_fit fit;
        iteration_fit_init(&fit, NULL);
        tick(&track, &fit, 2, 11, decodes ? 50 : 1);
        assert_false(track_known(&track));
        tick(&track, &fit, 2, 11, decodes ? 50 : 1);
        assert_true(track_known(&track));
        const struct fluid_load load = track_load(&track);
        assert_true(fabs(load.output - (decodes ? 50 : 1)) < 1e-9 &&
                    fabs(load.prompt - 500) < 1e-9);
        assert_true(load.context >= 1);
    }
}

/* Long answers of which none has ended decode without a context told: not known. */
static void answers_of_many_tokens_need_a_context(void **state)
{
    (void)state;
    struct load_track track = {.seconds = 0};
    struct iteration_fit fit;
    iteration_fit_init(&fit, NULL);
    track.inbox.requests = track.inbox.answers = 100;
    track.inbox.prompts = 50000;
    track.inbox.answer_tokens = 5000;
    (void)track_second(&track, 1);
    track_take(&track, &fit);
    assert_false(track_known(&track));
}

/* Five minutes of 30 requests a second, told with the ten seconds at their end. */
static void what_came_unseen_counts_as_its_mean(void **state)
{
    (void)state;
    struct load_track track = {.seconds = 0};
    struct iteration_fit fit;
    iteration_fit_init(&fit, NULL);
    track.unseen_s = 290;
    track.inbox.requests = 300 * 30;
    track.inbox.prompts = 300 * 30 * 500;
    for (int i = 0; i < 10; i++) {
        const struct track_second second = track_second(&track, 10);
        assert_true(fabs(second.requests - 30) < 1e-9 && fabs(second.prompts - 15000) < 1e-6);
    }
    track_take(&track, &fit);
    assert_int_equal(track.unseen_s, 0);
    assert_int_equal(track.seconds, 10);
}

/* A minute at 10 prompts a second, then half a minute at 40, in more seconds than are remembered.
 */
static void the_demand_follows_the_last_seconds_only(void **state)
{
    (void)state;
    struct load_track track = {.seconds = 0};
    struct iteration_fit fit;
    iteration_fit_init(&fit, NULL);
    const struct fluid_model model = {.t = {.prompt = 0.001}};
    assert_true(fabs(track_demand(&track, &model, true)) < 1e-9);
    for (int i = 0; i < 2 * TRACK_SECONDS; i++) {
        const double rate = i < TRACK_SECONDS ? 90 : i < 2 * TRACK_SECONDS - 30 ? 10 : 40;
        track.inbox.prompts = 500 * rate;
        track.inbox.requests = rate;
        (void)track_second(&track, 1);
        track_take(&track, &fit);
    }
    assert_true(fabs(track_demand(&track, &model, true) - 20) < 1e-9);
    assert_true(fabs(track_demand(&track, &model, false) - 10) <
                1e-9); /* (60 * 10 + 30 * 40) / 90 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_are_known_after_some_answers_also_where_nothing_decodes),
        cmocka_unit_test(answers_of_many_tokens_need_a_context),
        cmocka_unit_test(what_came_unseen_counts_as_its_mean),
        cmocka_unit_test(the_demand_follows_the_last_seconds_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
