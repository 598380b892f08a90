/* What was learned, in numbers and in words: by the reasons of proposals, and what a policy that
 * learns nothing shows. */
#include "unit/core/world.h"

#include "api/learned.h"

struct config_of_any {
    double number[16];
};

/* The numbers that a case knows; all others are unknown. */
static const size_t numbers[] = {
    offsetof(struct learned_view, margin),
    offsetof(struct learned_view, floor),
    offsetof(struct learned_view, carries_requests),
    offsetof(struct learned_view, carries_tokens),
};
#define MARGIN numbers[0]
#define FLOOR numbers[1]
#define REQUESTS numbers[2]
#define TOKENS numbers[3]
#define NONE SIZE_MAX

static void expect(const struct learned_view *view, size_t known, double value)
{
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        double got;
        memcpy(&got, (const char *)view + numbers[i], sizeof got);
        assert_true(numbers[i] == known ? got == value : isnan(got));
    }
    assert_true(isnan(view->iteration_ms));
}

static void a_proposal_says_what_is_kept_ready_or_what_a_replica_carries(void **state)
{
    (void)state;
    const struct {
        enum reason reason;
        double number[4];
        bool abstain, known, guess;
        size_t which;
        double value;
        const char *words;
    } cases[] = {
        {REASON_PANEL_LONG,
         {2.5, 1.11, 60, 83},
         false,
         true,
         false,
         MARGIN,
         1.11,
         "nothing yet; need \xc3\x97 1.11, held 60 s"},
        {REASON_PANEL_FLOOR,
         {2.5, 4, 300, 83},
         false,
         true,
         false,
         FLOOR,
         4,
         "nothing yet; at least 4, held 300 s"},
        {REASON_PANEL_FOUND,
         {2.5, 4, 300, 83},
         false,
         true,
         false,
         NONE,
         0,
         "nothing yet, held 300 s"},
        {REASON_LOAD_REQUESTS,
         {12, 17.25, 0, 0},
         false,
         true,
         false,
         REQUESTS,
         17.25,
         "17 in flight a replica"},
        {REASON_LOAD_TOKENS_RISE,
         {12, 9000, 0, 0},
         false,
         true,
         false,
         TOKENS,
         9000,
         "9000 tokens a replica"},
        {REASON_LOAD_REQUESTS_GUESS,
         {12, 16, 0, 0},
         false,
         true,
         true,
         REQUESTS,
         16,
         "16 in flight a replica, assumed"},
        {REASON_LOAD_REQUESTS, {12, 17, 0, 0}, true, false, false, NONE, 0, "nothing yet"},
        {REASON_NO_SIGNAL, {1, 1, 1, 1}, false, false, false, NONE, 0, "nothing yet"},
        {REASON_PANEL_LONG, {NAN, INFINITY, -1, NAN}, false, true, false, NONE, 0, "nothing yet"},
    };
    struct config_of_any config = {{0}};
    struct world *w = world_new();
    const struct policy_ops *adaptive = policy_find(span_from("adaptive"));
    assert_true(adaptive->config_size <= sizeof config);
    opt_defaults(adaptive->options, adaptive->option_count, &config);
    w->pool[0].policy = adaptive;
    w->pool[0].policy_config = &config;
    world_start(w, 2);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct learned_view view;
        struct buf words;
        w->d[0].proposal.reason = cases[i].reason;
        w->d[0].proposal.abstain = cases[i].abstain;
        memcpy(w->d[0].proposal.number, cases[i].number, sizeof cases[i].number);
        buf_init(&words, 256);
        assert_int_equal(learned_fill(&view, w->group, w->state, 0, &w->d[0]), cases[i].known);
        learned_words(&view, &words);
        assert_string_equal(buf_cstr(&words), cases[i].words);
        buf_done(&words);
        expect(&view, cases[i].which, cases[i].value);
        assert_int_equal(view.guess, cases[i].guess);
    }
    world_free(w);
}

static void a_policy_that_learns_nothing_shows_nothing(void **state)
{
    (void)state;
    struct learned_view view;
    struct world *w = world_new();
    world_start(w, 2);
    w->d[0].proposal.reason = REASON_PANEL_LONG;
    assert_false(learned_fill(&view, w->group, w->state, 0, &w->d[0]));
    assert_false(learned_fill(&view, w->group, w->state, 0, NULL));
    assert_false(learned_fill(&view, w->group, NULL, 0, &w->d[0]));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proposal_says_what_is_kept_ready_or_what_a_replica_carries),
        cmocka_unit_test(a_policy_that_learns_nothing_shows_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
