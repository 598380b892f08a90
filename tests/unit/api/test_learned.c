/* What was learned, in numbers and in words: by the reasons of proposals, and what a policy that
 * learns nothing shows. */
#include "unit/core/world.h"

#include "api/learned.h"

struct config_of_any {
    double number[16];
};

static void a_proposal_says_what_is_kept_ready_or_what_a_replica_carries(void **state)
{
    (void)state;
    static const struct {
        enum reason reason;
        double number[4];
        bool abstain, known, guess;
        double margin, floor, requests, tokens;
        const char *words;
    } cases[] = {
        {REASON_PANEL_LONG,
         {2.5, 1.11, 60, 83},
         false,
         true,
         false,
         1.11,
         NAN,
         NAN,
         NAN,
         "nothing yet; need \xc3\x97 1.11, held 60 s"},
        {REASON_PANEL_FLOOR,
         {2.5, 4, 300, 83},
         false,
         true,
         false,
         NAN,
         4,
         NAN,
         NAN,
         "nothing yet; at least 4, held 300 s"},
        {REASON_PANEL_FOUND,
         {2.5, 4, 300, 83},
         false,
         true,
         false,
         NAN,
         NAN,
         NAN,
         NAN,
         "nothing yet, held 300 s"},
        {REASON_LOAD_REQUESTS,
         {12, 17.25, 0, 0},
         false,
         true,
         false,
         NAN,
         NAN,
         17.25,
         NAN,
         "17 in flight a replica"},
        {REASON_LOAD_TOKENS_RISE,
         {12, 9000, 0, 0},
         false,
         true,
         false,
         NAN,
         NAN,
         NAN,
         9000,
         "9000 tokens a replica"},
        {REASON_LOAD_REQUESTS_GUESS,
         {12, 16, 0, 0},
         false,
         true,
         true,
         NAN,
         NAN,
         16,
         NAN,
         "16 in flight a replica, assumed"},
        {REASON_LOAD_REQUESTS,
         {12, 17, 0, 0},
         true,
         false,
         false,
         NAN,
         NAN,
         NAN,
         NAN,
         "nothing yet"},
        {REASON_NO_SIGNAL, {1, 1, 1, 1}, false, false, false, NAN, NAN, NAN, NAN, "nothing yet"},
        {REASON_PANEL_LONG,
         {NAN, INFINITY, -1, NAN},
         false,
         true,
         false,
         NAN,
         NAN,
         NAN,
         NAN,
         "nothing yet"},
    };
    struct config_of_any config = {{0}};
    struct world *w = world_new();
    const struct policy_ops *adaptive = policy_find(span_from("adaptive"));
    assert_true(adaptive->config_size <= sizeof config);
    opt_defaults(adaptive->options, adaptive->option_count, &config);
    w->pool[0].policy = adaptive;
    w->pool[0].policy_config = &config;
    world_start(w, 2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
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
        const double got[] = {view.margin, view.floor, view.carries_requests, view.carries_tokens};
        const double want[] = {cases[i].margin, cases[i].floor, cases[i].requests, cases[i].tokens};
        for (size_t k = 0; k < 4; k++)
            assert_true(isnan(want[k]) ? isnan(got[k]) : got[k] == want[k]);
        assert_int_equal(view.guess, cases[i].guess);
        assert_true(isnan(view.iteration_ms));
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
