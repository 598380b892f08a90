/* learned.c - see learned.h: a policy's terms and the reason of its proposal, put into members. */
#include "api/learned.h"

#include <math.h>

#include "core/policy.h"

#define ROW SHAPE_MEMBER

static const struct shape_row learned_rows[] = {
    ROW(NUMBER, learned_view, iteration_ms, "iterationMs", SHAPE_NULL, "ms",
        "Of an iteration that does nothing; null until it was learned, as the next three. They can "
        "be written into the policy's option prior."),
    ROW(NUMBER, learned_view, sequence_ms, "sequenceMs", SHAPE_NULL, "ms",
        "More for each sequence that decodes."),
    ROW(NUMBER, learned_view, context_ms, "contextMs", SHAPE_NULL, "ms",
        "More for each token of their contexts."),
    ROW(NUMBER, learned_view, prompt_ms, "promptMs", SHAPE_NULL, "ms",
        "More for each prompt token."),
    ROW(NUMBER, learned_view, margin, "margin", SHAPE_NULL, "ratio",
        "Multiple of the need that is kept ready; null: the rule that is followed has none."),
    ROW(NUMBER, learned_view, floor, "floor", SHAPE_NULL, "replicas",
        "Never less than so many, by the rule that is followed; null: it has none."),
    ROW(SECONDS, learned_view, hold_ns, "hold", SHAPE_NULL, "",
        "So long a lower need must last before it is followed."),
    ROW(NUMBER, learned_view, use_percent, "usePercent", SHAPE_NULL, "percent",
        "Of a replica's time that may be work within the objectives."),
    ROW(NUMBER, learned_view, carries_requests, "carriesRequests", SHAPE_NULL, "requests",
        "In flight per replica; null once an iteration is known, or where tokens are told."),
    ROW(NUMBER, learned_view, carries_tokens, "carriesTokens", SHAPE_NULL, "tokens",
        "In flight per replica; null once an iteration is known, or where none are told."),
    ROW(BOOL, learned_view, guess, "guess", 0, "",
        "What a replica carries is assumed: nothing was measured yet."),
    ROW(NUMBER, learned_view, allowed_percent, "allowedPercent", SHAPE_NULL, "percent",
        "Of the requests may miss the objectives now."),
    ROW(NUMBER, learned_view, foreseen_percent, "foreseenPercent", SHAPE_NULL, "percent",
        "Of them are foreseen to miss by the rule that is followed."),
    ROW(NUMBER, learned_view, missed_percent, "missedPercent", SHAPE_NULL, "percent",
        "Of them missed of late."),
};
SHAPE_OF(shape_learned, "Learned", learned_view, learned_rows,
         "What the policy has learned: how long the engine takes, and what is kept ready for it.");

static double tidy(double value)
{
    return isfinite(value) ? value : (double)NAN;
}

static void fill_term(struct learned_view *view, const struct policy_term *term)
{
    const double *n = term->number;
    if (term->reason == REASON_PANEL_MODEL) {
        view->iteration_ms = tidy(n[0]);
        view->sequence_ms = tidy(n[1]);
        view->context_ms = tidy(n[2] / 1e3);
        view->prompt_ms = tidy(n[3] / 1e3);
    } else if (term->reason == REASON_PANEL_BUDGET && n[0] > 0) { /* else it never chose yet */
        view->allowed_percent = tidy(n[0]);
        view->foreseen_percent = tidy(n[2]);
        view->missed_percent = tidy(n[3]);
    }
}

/* What the numbers of a proposal mean, by its reason; false: nothing that was learned. */
static bool fill_rule(struct learned_view *view, const struct proposal *p)
{
    static const struct {
        uint16_t reason;
        bool tokens, guess;
    } loads[] = {
        {REASON_LOAD_TOKENS, true, false},         {REASON_LOAD_TOKENS_RISE, true, false},
        {REASON_LOAD_TOKENS_GUESS, true, true},    {REASON_LOAD_REQUESTS, false, false},
        {REASON_LOAD_REQUESTS_RISE, false, false}, {REASON_LOAD_REQUESTS_GUESS, false, true},
    };
    for (size_t i = 0; i < COUNT_OF(loads) && !p->abstain; i++)
        if (p->reason == loads[i].reason) {
            *(loads[i].tokens ? &view->carries_tokens : &view->carries_requests) =
                tidy(p->number[1]);
            view->guess = loads[i].guess;
            return true;
        }
    const bool margin = p->reason == REASON_PANEL_SHORT || p->reason == REASON_PANEL_LONG ||
                        p->reason == REASON_PANEL_DAY || p->reason == REASON_PANEL_FLIGHT;
    const bool floor = p->reason == REASON_PANEL_FLOOR;
    if (p->abstain || (!margin && !floor && p->reason != REASON_PANEL_FOUND))
        return false;
    view->margin = margin ? tidy(p->number[1]) : (double)NAN;
    view->floor = floor ? tidy(p->number[1]) : (double)NAN;
    view->hold_ns = p->number[2] >= 0 ? ns_of_seconds(p->number[2]) : TIME_NONE;
    view->use_percent = tidy(p->number[3]);
    return true;
}

bool learned_fill(struct learned_view *view, const struct group_spec *group,
                  const struct group_state *state, size_t pool, const struct decision *decision)
{
    const struct pool_spec *spec = group_pool(group, pool);
    struct policy_term term[POLICY_TERMS_MAX];
    *view = (struct learned_view){.iteration_ms = NAN,
                                  .sequence_ms = NAN,
                                  .context_ms = NAN,
                                  .prompt_ms = NAN,
                                  .margin = NAN,
                                  .floor = NAN,
                                  .hold_ns = TIME_NONE,
                                  .use_percent = NAN,
                                  .carries_requests = NAN,
                                  .carries_tokens = NAN,
                                  .allowed_percent = NAN,
                                  .foreseen_percent = NAN,
                                  .missed_percent = NAN};
    if (spec->policy == NULL || spec->policy->terms == NULL || state == NULL || decision == NULL)
        return false;
    const size_t count = spec->policy->terms(spec, spec->policy_config,
                                             group_policy_state(group, state, pool), term);
    for (size_t i = 0; i < count; i++)
        fill_term(view, &term[i]);
    return fill_rule(view, &decision->proposal) || count > 0;
}

static void put_rounded(struct buf *out, double value)
{
    const double unit = value < 10 ? 100 : 1;
    buf_number(out, rint(value * unit) / unit);
}

void learned_words(const struct learned_view *v, struct buf *out)
{
    const bool tokens = !isnan(v->carries_tokens);
    const double carries = tokens ? v->carries_tokens : v->carries_requests;
    if (!isnan(v->iteration_ms)) {
        put_rounded(out, v->iteration_ms);
        buf_text(out, " ms an iteration");
    } else if (!isnan(carries)) {
        put_rounded(out, carries);
        buf_text(out, tokens ? " tokens a replica" : " in flight a replica");
        buf_text(out, v->guess ? ", assumed" : "");
    } else {
        buf_text(out, "nothing yet");
    }
    if (!isnan(v->margin)) {
        buf_text(out, "; need \xc3\x97 ");
        put_rounded(out, v->margin);
    } else if (!isnan(v->floor)) {
        buf_text(out, "; at least ");
        put_rounded(out, v->floor);
    }
    if (v->hold_ns != TIME_NONE)
        buf_printf(out, ", held %lld s", (long long)(v->hold_ns / SECOND_NS));
}
