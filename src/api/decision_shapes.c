/* decision_shapes.c - the shapes of decisions and of what explains them. */
#include "api/views.h"
#include "core/decision.h"

#define ROW SHAPE_MEMBER
#define WORD SHAPE_CHOICE
#define PART SHAPE_PART

#define STAGE_WORD(id, name) name,
static const char *const stage_words[] = {STAGE_MAP(STAGE_WORD) NULL};
#undef STAGE_WORD

static const struct shape_row trail_rows[] = {
    WORD(trail_view, stage, "stage", 0, stage_words, "What changed or blocked something."),
    ROW(INT, trail_view, before, "before", 0, "replicas", "The count that it was given."),
    ROW(INT, trail_view, after, "after", 0, "replicas", "The count that it made of it."),
    ROW(TEXT, trail_view, reason, "reason", 0, "", "Stable code."),
    ROW(TEXT, trail_view, words, "words", 0, "", "The reason in words."),
    ROW(BOOL, trail_view, limit, "limit", 0, "",
        "A stage of doubt, pace or limits: it held the policy back or pushed it."),
};
static SHAPE_OF(shape_trail, "TrailEntry", trail_view, trail_rows,
                "One step from the proposal to the decision.");

static const struct shape_row proposal_rows[] = {
    ROW(TEXT, proposal_view, policy, "policy", 0, "", "Which policy."),
    ROW(INT, proposal_view, replicas, "replicas", SHAPE_NULL, "replicas",
        "What it asks for; null: it has no answer."),
    ROW(NUMBER, proposal_view, exact, "exact", SHAPE_NULL, "replicas", "Before rounding up."),
    ROW(TEXT, proposal_view, reason, "reason", 0, "", "Stable code."),
    ROW(TEXT, proposal_view, words, "words", 0, "", "The reason in words."),
};
static SHAPE_OF(shape_proposal, "Proposal", proposal_view, proposal_rows,
                "What a policy asks for.");

static const struct shape_row decision_rows[] = {
    ROW(INT, decision_view, desired, "desired", 0, "replicas", "What was decided."),
    ROW(INT, decision_view, previous, "previous", 0, "replicas", "The count before."),
    ROW(INT, decision_view, warm, "warm", 0, "replicas", "To be kept warm beside it."),
    ROW(BOOL, decision_view, wake, "wake", 0, "", "From zero, because something waits."),
    ROW(BOOL, decision_view, urgent, "urgent", 0, "", "It passed the stages of pace upward."),
    ROW(BOOL, decision_view, held, "held", 0, "",
        "Something required is unknown: it was not lowered."),
    ROW(BOOL, decision_view, evaluated, "evaluated", 0, "",
        "The policy ran in this tick; else its last proposal stands."),
    ROW(TEXT, decision_view, reason, "reason", 0, "", "Stable code of the reason that spoke last."),
    ROW(TEXT, decision_view, words, "words", 0, "", "That reason in words."),
    PART(OBJECT, decision_view, proposal, "proposal", 0, &shape_proposal,
         "Of the policy in force."),
    PART(LIST, decision_view, shadows, "shadows", 0, &shape_proposal,
         "Of policies that are only watched."),
    PART(LIST, decision_view, trail, "trail", 0, &shape_trail,
         "Every stage that changed or blocked something, in order."),
    ROW(INT, decision_view, trail_dropped, "trailDropped", 0, "entries",
        "Entries that found no place."),
};
SHAPE_OF(shape_decision, "Decision", decision_view, decision_rows, "A decision with its reasons.");

static const char *const signal_words[] = {"value", "absent", "failed", NULL};
static const struct shape_row input_rows[] = {
    ROW(TEXT, input_view, signal, "signal", 0, "", "Name of the signal."),
    WORD(input_view, state, "state", 0, signal_words,
         "absent: nobody could report it; failed: we could not know."),
    ROW(NUMBER, input_view, value, "value", SHAPE_NULL, "",
        "In the unit of the signal, over the window."),
    ROW(TEXT, input_view, unit, "unit", 0, "", "Its unit."),
    ROW(SECONDS, input_view, age_ns, "age", SHAPE_NULL, "",
        "Of the newest value; null: there is none."),
    ROW(SECONDS, input_view, window_ns, "window", 0, "",
        "Over which it is taken; 0: the newest value."),
    ROW(SECONDS, input_view, max_age_ns, "maxAge", SHAPE_NULL, "",
        "Older values count as failed; null: they never do."),
    ROW(NUMBER, input_view, target, "target", SHAPE_NULL, "",
        "Of a metric of the configuration; null: the policy itself reads it."),
    ROW(BOOL, input_view, required, "required", 0, "", "Without it nothing is lowered."),
    ROW(BOOL, input_view, demand, "demand", 0, "",
        "Its explicit zero is needed before the last replica goes."),
    ROW(NUMBER, input_view, coverage, "coverage", 0, "ratio",
        "Share of the replicas that reported."),
};
static SHAPE_OF(shape_input, "Input", input_view, input_rows, "A signal as decisions read it.");

static const struct shape_row counts_rows[] = {
    WORD(counts_view, known, "known", 0, signal_words,
         "failed: replicas could not be counted, these are the last counts known."),
    ROW(INT, counts_view, ready, "ready", 0, "replicas", "Serving."),
    ROW(INT, counts_view, pending, "pending", 0, "replicas", "Starting and not overdue."),
    ROW(INT, counts_view, warm, "warm", 0, "replicas", "Loaded, not serving."),
    ROW(INT, counts_view, draining, "draining", 0, "replicas", "On their way out."),
    ROW(INT, counts_view, blocked, "blocked", 0, "replicas", "Not pending, not supply."),
    ROW(INT, counts_view, busy, "busy", 0, "replicas", "Ready with something in flight."),
    ROW(INT, counts_view, actual, "actual", 0, "replicas", "All that exist or are ordered."),
    WORD(counts_view, traffic_known, "trafficKnown", 0, signal_words, "Of the next four."),
    ROW(INT, counts_view, waiting_requests, "waitingRequests", SHAPE_NULL, "requests",
        "Held right now."),
    ROW(INT, counts_view, waiting_tokens, "waitingTokens", SHAPE_NULL, "tokens",
        "Their prompt tokens, estimated."),
    ROW(INT, counts_view, in_flight_requests, "inFlightRequests", SHAPE_NULL, "requests",
        "Being answered."),
    ROW(SECONDS, counts_view, idle_ns, "idle", SHAPE_NULL, "",
        "Since the last byte of any request."),
    ROW(INT, counts_view, inventory_limit, "inventoryLimit", SHAPE_NULL, "replicas",
        "That fit; null: unlimited."),
    ROW(INT, counts_view, budget_limit, "budgetLimit", SHAPE_NULL, "replicas",
        "That money allows; null: unlimited."),
    ROW(INT, counts_view, schedule_now, "scheduleFloor", SHAPE_NULL, "replicas",
        "Asked for by a schedule; null: none."),
    ROW(SECONDS, counts_view, start_p50_ns, "startP50", SHAPE_NULL, "", "Measured start-up time."),
    ROW(SECONDS, counts_view, start_p90_ns, "startP90", SHAPE_NULL, "", "Measured start-up time."),
};
static SHAPE_OF(shape_observed, "Observed", counts_view, counts_rows,
                "The pool as the tick saw it.");

static const struct shape_row hint_rows[] = {
    ROW(TEXT, hint_view, reason, "reason", 0, "", "The reason in the trail."),
    ROW(TEXT, hint_view, words, "words", 0, "", "What would change it."),
};
static SHAPE_OF(shape_hint, "Hint", hint_view, hint_rows, "What would lead to another number.");

static const struct shape_row why_rows[] = {
    ROW(TEXT, why_view, pool, "pool", 0, "", "Which pool."),
    ROW(TIME, why_view, at_wall_ns, "at", 0, "", "When it was decided."),
    ROW(TEXT, why_view, cause, "cause", 0, "", "What caused the tick."),
    ROW(TEXT, why_view, sentence, "sentence", 0, "", "The answer in one sentence."),
    PART(OBJECT, why_view, decision, "decision", 0, &shape_decision, "The decision."),
    PART(OBJECT, why_view, counts, "observed", 0, &shape_observed, "The pool as the tick saw it."),
    PART(LIST, why_view, inputs, "inputs", 0, &shape_input, "Signals, with their ages."),
    PART(LIST, why_view, hints, "hints", 0, &shape_hint, "What would change it."),
    ROW(BOOL, why_view, incomplete, "incomplete", 0, "",
        "Not every source had answered since the start."),
};
SHAPE_OF(shape_why, "Why", why_view, why_rows, "Why a pool has the count that it has.");

static const struct shape_row tick_pool_rows[] = {
    ROW(TEXT, tick_pool_view, pool, "pool", SHAPE_NULL, "",
        "Which pool; null: its configuration cannot be read any more."),
    ROW(TEXT, tick_pool_view, words, "words", SHAPE_NULL, "",
        "The reason that spoke last; null likewise."),
    ROW(JSON, tick_pool_view, decision, "decision", 0, "", "As it was recorded."),
};
static SHAPE_OF(shape_tick_pool, "TickPool", tick_pool_view, tick_pool_rows,
                "A recorded decision.");

static const struct shape_row tick_rows[] = {
    ROW(INT, tick_view, seq, "seq", 0, "", "Number in the store."),
    ROW(TIME, tick_view, wall_ns, "at", 0, "", "When."),
    ROW(TEXT, tick_view, group, "group", 0, "", "Which group of pools."),
    ROW(TEXT, tick_view, cause, "cause", 0, "", "What caused the tick."),
    ROW(BOOL, tick_view, changed, "changed", 0, "", "Some count changed or something was blocked."),
    ROW(TEXT, tick_view, config, "config", 0, "", "Hash of the configuration."),
    PART(LIST, tick_view, pools, "pools", 0, &shape_tick_pool, "One decision a pool."),
};
SHAPE_OF(shape_tick, "Tick", tick_view, tick_rows, "A recorded tick of a group.");

static const struct shape_row ticks_rows[] = {
    PART(LIST, ticks_view, decisions, "decisions", 0, &shape_tick, "Newest first."),
};
SHAPE_OF(shape_ticks, "DecisionList", ticks_view, ticks_rows, "Recorded decisions.");
