#include "api/decision_view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/tally.h"
#include "core/policy.h"

static const char *const hints[REASON_COUNT] = {
#define HINT(reason, words) [REASON_##reason] = (words),
#include "api/hints.def"
#undef HINT
};

static const char *const signal_states[] = {
    [SIGNAL_VALUE] = "value", [SIGNAL_ABSENT] = "absent", [SIGNAL_FAILED] = "failed"};

/* ---- words ---- */

static void entry_words(const struct group_spec *group, size_t pool,
                        const struct trail_entry *entry, char *ret_text, size_t size)
{
    struct buf text;
    buf_init(&text, 4096);
    trail_words(group, pool, entry, &text);
    (void)span_copy(buf_view(&text), ret_text, size);
    buf_done(&text);
}

/* A proposal as if it were an entry of the trail: its reason has words of the same kind. */
static struct trail_entry entry_of(const struct proposal *proposal)
{
    struct trail_entry entry = {.stage = STAGE_POLICY,
                                .reason = proposal->reason < REASON_COUNT ? proposal->reason
                                                                          : REASON_NONE,
                                .metric = UINT16_MAX,
                                .before = (int32_t)proposal->replicas,
                                .after = (int32_t)proposal->replicas};
    memcpy(entry.number, proposal->number, sizeof(entry.number));
    return entry;
}

const char *decision_reason(const struct decision *decision)
{
    const struct trail_entry *last = tally_last_word(decision);
    return reason_code((enum reason)(last != NULL ? last->reason : decision->proposal.reason));
}

void decision_words(const struct group_spec *group, size_t pool, const struct decision *decision,
                    char *ret_text, size_t size)
{
    const struct trail_entry *last = tally_last_word(decision);
    const struct trail_entry own = entry_of(&decision->proposal);
    entry_words(group, pool, last != NULL ? last : &own, ret_text, size);
}

/* ---- one decision ---- */

static void proposal_fill(const struct group_spec *group, size_t pool, const char *policy,
                          const struct proposal *proposal, struct proposal_view *ret)
{
    const struct trail_entry entry = entry_of(proposal);
    *ret = (struct proposal_view){.policy = policy,
                                  .replicas = proposal->abstain ? SHAPE_NO_INT : proposal->replicas,
                                  .exact = proposal->abstain ? NAN : proposal->exact,
                                  .reason = reason_code((enum reason)entry.reason),
                                  .words = ret->text};
    entry_words(group, pool, &entry, ret->text, sizeof(ret->text));
}

static bool next_shadow(void *user, size_t index, void *ret)
{
    const struct decision_bundle *bundle = user;
    const struct pool_spec *spec = group_pool(bundle->group, bundle->pool);
    if (index >= spec->shadow_count)
        return false;
    proposal_fill(bundle->group, bundle->pool, spec->shadow[index].policy->name,
                  &bundle->decision->shadow[index], ret);
    return true;
}

static bool next_entry(void *user, size_t index, void *ret)
{
    const struct decision_bundle *bundle = user;
    struct trail_view *view = ret;
    if (index >= bundle->decision->trail_count || index >= TRAIL_MAX)
        return false;
    const struct trail_entry *entry = &bundle->decision->trail[index];
    *view = (struct trail_view){.stage = stage_name((enum stage_id)entry->stage),
                                .before = entry->before,
                                .after = entry->after,
                                .reason = reason_code((enum reason)entry->reason),
                                .words = view->text,
                                .limit = tally_is_limit(entry)};
    entry_words(bundle->group, bundle->pool, entry, view->text, sizeof(view->text));
    return true;
}

void decision_fill(struct decision_bundle *bundle, const struct group_spec *group, size_t pool,
                   const struct decision *decision)
{
    const struct policy_ops *policy = group_pool(group, pool)->policy;
    bundle->group = group;
    bundle->pool = pool;
    bundle->decision = decision;
    proposal_fill(group, pool, policy != NULL ? policy->name : "", &decision->proposal,
                  &bundle->proposal);
    decision_words(group, pool, decision, bundle->words, sizeof(bundle->words));
    bundle->view = (struct decision_view){.desired = decision->desired,
                                          .previous = decision->previous,
                                          .warm = decision->warm,
                                          .wake = decision->wake,
                                          .urgent = decision->urgent,
                                          .held = decision->held,
                                          .evaluated = decision->evaluated,
                                          .reason = decision_reason(decision),
                                          .words = bundle->words,
                                          .proposal = &bundle->proposal,
                                          .shadows = {next_shadow, bundle},
                                          .trail = {next_entry, bundle},
                                          .trail_dropped = decision->trail_dropped};
}

/* ---- why ---- */

static int64_t limit_of(int64_t count)
{
    return count == NO_COUNT ? SHAPE_NO_INT : count;
}

static void counts_fill(const struct pool_observation *o, struct counts_view *ret)
{
    const bool known = o->waiting_state == SIGNAL_VALUE;
    *ret = (struct counts_view){
        .known = o->counts_state <= SIGNAL_FAILED ? signal_states[o->counts_state] : NULL,
        .ready = o->ready,
        .pending = o->pending,
        .warm = o->warm,
        .draining = o->draining,
        .blocked = o->blocked,
        .busy = o->busy,
        .actual = o->actual_count,
        .traffic_known = o->waiting_state <= SIGNAL_FAILED ? signal_states[o->waiting_state] : NULL,
        .waiting_requests = known ? o->waiting_requests : SHAPE_NO_INT,
        .waiting_tokens = known ? o->waiting_tokens : SHAPE_NO_INT,
        .in_flight_requests = known ? o->in_flight_requests : SHAPE_NO_INT,
        .idle_ns = known ? o->idle_ns : TIME_NONE,
        .inventory_limit = limit_of(o->inventory_limit),
        .budget_limit = limit_of(o->budget_limit),
        .schedule_now = limit_of(o->schedule_now),
        .start_p50_ns = o->start_p50_ns > 0 ? o->start_p50_ns : TIME_NONE,
        .start_p90_ns = o->start_p90_ns > 0 ? o->start_p90_ns : TIME_NONE,
    };
}

static bool next_input(void *user, size_t index, void *ret)
{
    const struct why_bundle *bundle = user;
    struct input_view *view = ret;
    if (index >= bundle->input_count)
        return false;
    const struct group_input *input = &bundle->input[index];
    const struct signal_row *row = signal_row(input->signal.id);
    const bool known = input->reading.state == SIGNAL_VALUE;
    *view = (struct input_view){
        .signal = view->text,
        .state = signal_states[input->reading.state],
        .value = known ? input->reading.value : NAN,
        .unit = row->unit,
        .age_ns = input->reading.age_ns == INT64_MAX ? TIME_NONE : input->reading.age_ns,
        .window_ns = input->span_ns,
        .max_age_ns = input->max_age_ns > 0 ? input->max_age_ns : TIME_NONE,
        .target = input->target,
        .required = input->required,
        .demand = row->demand,
        .coverage = input->reading.coverage,
    };
    signal_print(&input->signal, view->text, sizeof(view->text));
    return true;
}

static bool next_hint(void *user, size_t index, void *ret)
{
    const struct why_bundle *bundle = user;
    if (index >= bundle->hint_count)
        return false;
    const uint16_t reason = bundle->hint[index]->reason;
    *(struct hint_view *)ret =
        (struct hint_view){.reason = reason_code((enum reason)reason), .words = hints[reason]};
    return true;
}

static bool hint_known(const struct why_bundle *bundle, uint16_t reason)
{
    for (size_t i = 0; i < bundle->hint_count; i++)
        if (bundle->hint[i]->reason == reason)
            return true;
    return false;
}

static void collect_hints(struct why_bundle *bundle, const struct decision *decision)
{
    bundle->hint_count = 0;
    for (uint32_t i = decision->trail_count < TRAIL_MAX ? decision->trail_count : TRAIL_MAX;
         i-- > 0 && bundle->hint_count < HINTS_SHOWN_MAX;) {
        const uint16_t reason = decision->trail[i].reason;
        if (reason < REASON_COUNT && hints[reason] != NULL && !hint_known(bundle, reason))
            bundle->hint[bundle->hint_count++] = &decision->trail[i];
    }
}

static void put_sentence(struct why_bundle *bundle, const char *pool,
                         const struct decision *decision)
{
    const char *way = decision->desired > decision->previous   ? "up from"
                      : decision->desired < decision->previous ? "down from"
                                                               : "as before,";
    (void)snprintf(bundle->sentence, sizeof(bundle->sentence), "%s: %lld replica%s (%s %lld): %s",
                   pool, (long long)decision->desired, decision->desired == 1 ? "" : "s", way,
                   (long long)decision->previous, bundle->decision.words);
}

void why_fill(struct why_bundle *bundle, const struct group_spec *group, size_t pool,
              const struct decision *decision, const struct observation *observation,
              const struct group_state *state)
{
    const char *name = group_pool(group, pool)->name;
    decision_fill(&bundle->decision, group, pool, decision);
    counts_fill(&observation->pool[pool], &bundle->counts);
    bundle->input_count = state == NULL ? 0
                                        : group_inputs(group, state, pool, observation->now_ns,
                                                       bundle->input, INPUTS_SHOWN_MAX);
    collect_hints(bundle, decision);
    put_sentence(bundle, name, decision);
    bundle->view = (struct why_view){.pool = name,
                                     .at_wall_ns = observation->wall_ns,
                                     .cause = tick_cause_name((enum tick_cause)observation->cause),
                                     .sentence = bundle->sentence,
                                     .decision = &bundle->decision.view,
                                     .counts = &bundle->counts,
                                     .inputs = {next_input, bundle},
                                     .hints = {next_hint, bundle},
                                     .incomplete = observation->incomplete != 0};
}
