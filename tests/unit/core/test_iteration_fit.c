/* The iteration model learns its four terms from what an engine did. */
#include "world.h"

#include "base/rng.h"
#include "core/shadow/iteration_fit.h"

static const struct iteration_time truth = {
    .each = 0.0288, .sequence = 0.000282, .context = 9.4e-8, .prompt = 0.0001075};

static double near(double rng)
{
    return 0.9 + 0.2 * rng;
}

/* One span of work of an engine that runs as `t` says, with loads and mixes that change. */
static struct iteration_work work_of(const struct iteration_time *t, struct rng *rng, double idle)
{
    const double sequences = 1 + 150 * rng_unit(rng);
    const double context = sequences * (300 + 2500 * rng_unit(rng));
    const double prompts = 800 * rng_unit(rng);
    struct iteration_work w = {.iterations = 20 + 60 * rng_unit(rng), .wall_s = 20};
    w.decoded = w.iterations * sequences;
    w.context = w.iterations * context;
    w.prompts = w.iterations * prompts;
    w.busy_s = t->each * w.iterations + t->sequence * w.decoded + t->context * w.context +
               t->prompt * w.prompts;
    w.busy_s = w.busy_s * near(rng_unit(rng)) + idle;
    return w;
}

static void assert_close(const struct iteration_time *got, const struct iteration_time *wanted,
                         double share)
{
    const double pairs[][2] = {{got->each, wanted->each},
                               {got->sequence, wanted->sequence},
                               {got->context, wanted->context},
                               {got->prompt, wanted->prompt}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        if (!(fabs(pairs[i][0] / pairs[i][1] - 1) <= share))
            print_error("term %zu: %g, wanted %g\n", i, pairs[i][0], pairs[i][1]);
        assert_true(fabs(pairs[i][0] / pairs[i][1] - 1) <= share);
    }
}

static void the_four_terms_are_found_from_any_prior(void **state)
{
    (void)state;
    static const double off[] = {0, 1, 2, 0.5};
    for (size_t i = 0; i < COUNT_OF(off); i++) {
        const struct iteration_time prior = {.each = truth.each * off[i],
                                             .sequence = truth.sequence * off[i],
                                             .context = truth.context * off[i],
                                             .prompt = truth.prompt * off[i]};
        struct iteration_fit fit;
        struct rng rng;
        rng_init(&rng, 5 + i);
        iteration_fit_init(&fit, off[i] > 0 ? &prior : NULL);
        assert_false(iteration_fit_known(&fit));
        for (int k = 0; k < 4000; k++) {
            const struct iteration_work work = work_of(&truth, &rng, 0);
            iteration_fit_add(&fit, &work);
        }
        assert_true(iteration_fit_known(&fit));
        const struct iteration_time got = iteration_fit_time(&fit);
        assert_close(&got, &truth, 0.06);
    }
}

static void spans_with_hidden_idle_time_are_not_believed(void **state)
{
    (void)state;
    struct iteration_fit fit;
    struct rng rng;
    rng_init(&rng, 9);
    iteration_fit_init(&fit, NULL);
    for (int k = 0; k < 6000; k++) {
        const struct iteration_work work = work_of(&truth, &rng, k % 10 == 9 ? 30 : 0);
        iteration_fit_add(&fit, &work);
    }
    const struct iteration_time got = iteration_fit_time(&fit);
    assert_close(&got, &truth, 0.15);
}

static void another_engine_is_learned_anew(void **state)
{
    (void)state;
    const struct iteration_time faster = {
        .each = 0.0144, .sequence = 0.000141, .context = 4.7e-8, .prompt = 0.0000538};
    struct iteration_fit fit;
    struct rng rng;
    rng_init(&rng, 13);
    iteration_fit_init(&fit, NULL);
    for (int k = 0; k < 40000; k++) {
        const struct iteration_work work = work_of(k < 2000 ? &truth : &faster, &rng, 0);
        iteration_fit_add(&fit, &work);
    }
    const struct iteration_time got = iteration_fit_time(&fit);
    assert_close(&got, &faster, 0.1);
}

static void nothing_that_is_told_breaks_it(void **state)
{
    (void)state;
    static const struct iteration_work told[] = {
        {0},
        {.busy_s = 1e9, .wall_s = 20},
        {.busy_s = 9,
         .iterations = 1e12,
         .decoded = 1e12,
         .context = 1e15,
         .prompts = 1e12,
         .wall_s = 20},
        {.busy_s = 9, .iterations = 1e-9, .wall_s = 20},
    };
    struct iteration_fit fit;
    iteration_fit_init(&fit, NULL);
    for (int k = 0; k < 1000; k++)
        iteration_fit_add(&fit, &told[k % (int)COUNT_OF(told)]);
    const struct iteration_time got = iteration_fit_time(&fit);
    assert_true(got.each > 0 && got.sequence > 0 && got.context > 0 && got.prompt > 0);
    assert_true(isfinite(got.each + got.sequence + got.context + got.prompt));
}

/* Twenty replicas, looked at every 2 s; prompts take 3 s and are counted when they are through. */
static void prompts_that_are_counted_late_are_not_taken_for_cheap(void **state)
{
    (void)state;
    struct iteration_fit fit;
    struct rng rng;
    double late[2] = {0};
    rng_init(&rng, 17);
    iteration_fit_init(&fit, NULL);
    for (int k = 0; k < 4000; k++) {
        struct iteration_work work = work_of(&truth, &rng, 0);
        const double prompts = work.prompts * (rng_unit(&rng) < 0.2 ? 5 : 0);
        work.busy_s += truth.prompt * (prompts - work.prompts);
        work.prompts = late[1];
        work.wall_s = 2;
        late[1] = late[0];
        late[0] = prompts;
        iteration_fit_add(&fit, &work);
    }
    const double got = iteration_fit_time(&fit).prompt;
    if (!(got > 0.75 * truth.prompt && got < 1.25 * truth.prompt))
        print_error("%g a prompt token, wanted %g\n", got, truth.prompt);
    assert_true(got > 0.75 * truth.prompt && got < 1.25 * truth.prompt);
}

static void a_prior_is_taken_until_something_was_learned(void **state)
{
    (void)state;
    struct iteration_fit fit;
    struct rng rng;
    const struct iteration_time part = {.each = 0.05, .prompt = 0.0003};
    rng_init(&rng, 3);
    iteration_fit_init(&fit, NULL);
    const struct iteration_time middle = iteration_fit_time(&fit);
    iteration_fit_expect(&fit, &part);
    struct iteration_time got = iteration_fit_time(&fit);
    assert_true(got.each == 0.05 && got.prompt == 0.0003);
    assert_true(got.sequence == middle.sequence && got.context == middle.context);
    for (int k = 0; k < 60; k++) {
        struct iteration_work work = work_of(&truth, &rng, 0);
        work.wall_s = 2;
        iteration_fit_add(&fit, &work);
    }
    got = iteration_fit_time(&fit);
    iteration_fit_expect(&fit, &(struct iteration_time){.each = 1});
    assert_true(iteration_fit_time(&fit).each == got.each);
    assert_true(got.each != 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_four_terms_are_found_from_any_prior),
        cmocka_unit_test(spans_with_hidden_idle_time_are_not_believed),
        cmocka_unit_test(another_engine_is_learned_anew),
        cmocka_unit_test(prompts_that_are_counted_late_are_not_taken_for_cheap),
        cmocka_unit_test(nothing_that_is_told_breaks_it),
        cmocka_unit_test(a_prior_is_taken_until_something_was_learned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
