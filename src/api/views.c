/* views.c - the shapes of all answers but those of decisions (decision_shapes.c) and bodies. */
#include "api/views.h"

#include "api/learned.h"

/* Short forms of the rows: kind, struct, member, name, flags, unit, help. */
#define ROW SHAPE_MEMBER
#define WORD SHAPE_CHOICE
#define PART SHAPE_PART

/* ---- pools ---- */

static const struct shape_row pin_rows[] = {
    ROW(INT, pin_view, replicas, "replicas", 0, "replicas", "The count that a person set."),
    ROW(TIME, pin_view, until_wall_ns, "until", SHAPE_NULL, "", "When it ends; null: never."),
    ROW(TEXT, pin_view, reason, "reason", 0, "", "What the person said."),
};
static SHAPE_OF(shape_pin, "Pin", pin_view, pin_rows, "A count set by a person.");

static const struct shape_row pause_rows[] = {
    ROW(TIME, pause_view, until_wall_ns, "until", SHAPE_NULL, "", "When it ends; null: never."),
    ROW(TEXT, pause_view, reason, "reason", 0, "", "What the person said."),
};
static SHAPE_OF(shape_pause, "Pause", pause_view, pause_rows,
                "A pool whose count stays as it is until a person says otherwise.");

static const struct shape_row counts_rows[] = {
    ROW(INT, replicas_view, desired, "desired", 0, "replicas", "What was last decided."),
    ROW(INT, replicas_view, granted, "granted", 0, "replicas",
        "What the inventory and budget allow of it."),
    ROW(INT, replicas_view, min, "min", 0, "replicas", "Lower bound."),
    ROW(INT, replicas_view, max, "max", 0, "replicas", "Upper bound."),
    ROW(INT, replicas_view, ready, "ready", 0, "replicas", "Serving, idle ones included."),
    ROW(INT, replicas_view, busy, "busy", 0, "replicas", "Ready ones with requests in flight."),
    ROW(INT, replicas_view, starting, "starting", 0, "replicas", "On their way to ready."),
    ROW(INT, replicas_view, warm, "warm", 0, "replicas", "Loaded, but not serving."),
    ROW(INT, replicas_view, draining, "draining", 0, "replicas",
        "They end their requests and get none."),
    ROW(INT, replicas_view, stopping, "stopping", 0, "replicas", "Told to end."),
    ROW(INT, replicas_view, blocked, "blocked", 0, "replicas",
        "No place, overdue, or waiting for the next try."),
    ROW(INT, replicas_view, failed, "failed", 0, "replicas", "Given up."),
};
static SHAPE_OF(shape_counts, "Replicas", replicas_view, counts_rows,
                "Replicas of a pool by state.");

static const struct shape_row traffic_rows[] = {
    ROW(INT, traffic_view, waiting_requests, "waitingRequests", 0, "requests",
        "They wait for a replica."),
    ROW(INT, traffic_view, waiting_tokens, "waitingTokens", 0, "tokens",
        "Their prompt tokens, estimated."),
    ROW(SECONDS, traffic_view, oldest_wait_ns, "oldestWait", 0, "",
        "How long the oldest one has waited."),
    ROW(INT, traffic_view, in_flight_requests, "inFlightRequests", 0, "requests",
        "Replicas work on them."),
    ROW(INT, traffic_view, in_flight_tokens, "inFlightTokens", 0, "tokens",
        "Their tokens, prompt and generated so far."),
    ROW(INT, traffic_view, sessions, "sessions", 0, "sessions",
        "With activity in the last 5 minutes."),
    ROW(INT, traffic_view, arrived, "arrived", 0, "requests", "Since the start of sluice."),
    ROW(INT, traffic_view, completed, "completed", 0, "requests", "Since the start."),
    ROW(INT, traffic_view, failed, "failed", 0, "requests",
        "Since the start; by us or the engine."),
    ROW(INT, traffic_view, refused, "refused", 0, "requests", "Since the start; 429 and 503."),
    ROW(NUMBER, traffic_view, prompt_tokens, "promptTokens", 0, "tokens",
        "Since the start, estimated."),
    ROW(NUMBER, traffic_view, output_tokens, "outputTokens", 0, "tokens", "Since the start."),
    ROW(NUMBER, traffic_view, attainment, "attainment", SHAPE_NULL, "ratio",
        "Share of the ended requests that met every objective, since the start."),
    ROW(NUMBER, traffic_view, ttft_p50, "ttftP50", SHAPE_NULL, "seconds",
        "Median time to the first token, since the start."),
    ROW(NUMBER, traffic_view, ttft_p95, "ttftP95", SHAPE_NULL, "seconds", "95 % were faster."),
    ROW(NUMBER, traffic_view, itl_p50, "itlP50", SHAPE_NULL, "seconds",
        "Median time between tokens, since the start."),
    ROW(NUMBER, traffic_view, itl_p95, "itlP95", SHAPE_NULL, "seconds", "95 % were faster."),
};
static SHAPE_OF(shape_traffic, "Traffic", traffic_view, traffic_rows,
                "What the gateway sees of a pool.");

static const struct shape_row objective_rows[] = {
    ROW(SECONDS, objective_view, ttft_ns, "ttft", SHAPE_NULL, "",
        "Time to the first token, at most."),
    ROW(SECONDS, objective_view, inter_token_ns, "interTokenLatency", SHAPE_NULL, "",
        "Time between tokens, at most."),
    ROW(SECONDS, objective_view, e2e_ns, "e2e", SHAPE_NULL, "", "Time of a whole answer, at most."),
    ROW(NUMBER, objective_view, tokens_per_second, "tokensPerSecond", SHAPE_NULL, "tokens/s",
        "Of one answer, at least."),
    ROW(NUMBER, objective_view, attainment_percent, "attainmentPercent", SHAPE_NULL, "percent",
        "Share of requests that must meet all of it."),
};
static SHAPE_OF(shape_objective, "Objective", objective_view, objective_rows,
                "What the pool promises; null: not that.");

static const char *const source_words[] = {"waiting", "up", "absent", "down", NULL};
static const struct shape_row source_rows[] = {
    ROW(TEXT, source_view, name, "name", 0, "", "Its name in the pool."),
    ROW(TEXT, source_view, kind, "kind", 0, "", "Where it asks: prometheus, http, push, exec ..."),
    ROW(TEXT, source_view, signals, "signals", 0, "", "What it measures."),
    WORD(source_view, state, "state", 0, source_words,
         "waiting: no answer yet; up; absent: it answers that there is no value; down: it fails."),
    ROW(TEXT, source_view, reason, "reason", SHAPE_NULL, "",
        "Why there is no value, as a stable name; null: it is not down."),
    ROW(TEXT, source_view, text, "text", SHAPE_NULL, "",
        "The last error in words, also when it is over; null: there was none."),
    ROW(NUMBER, source_view, value, "value", SHAPE_NULL, "", "The last one; null: none yet."),
    ROW(SECONDS, source_view, age_ns, "age", SHAPE_NULL, "", "Since that was measured."),
    ROW(SECONDS, source_view, good_ago_ns, "answered", SHAPE_NULL, "",
        "Since the last good answer."),
    ROW(INT, source_view, failures, "failures", 0, "", "Failed answers in a row."),
    ROW(INT, source_view, rounds, "rounds", 0, "", "Answers since the start, failed ones too."),
    ROW(INT, source_view, failed_rounds, "failedRounds", 0, "", "Failed ones of these."),
};
static SHAPE_OF(shape_source, "Source", source_view, source_rows,
                "Where a signal comes from besides the gateway.");

static const char *const mode_words[] = {"active", "observe", NULL};
static const char *const health_words[] = {"well", "starting", "asleep", "trouble", NULL};
static const struct shape_row pool_rows[] = {
    ROW(TEXT, pool_view, name, "name", 0, "", "Name of the pool."),
    ROW(TEXT, pool_view, description, "description", 0, "", "As in the configuration."),
    ROW(TEXTS, pool_view, models, "models", 0, "", "Names that clients ask for."),
    WORD(pool_view, mode, "mode", 0, mode_words, "observe: decided and recorded, but not applied."),
    ROW(TEXT, pool_view, policy, "policy", 0, "", "The policy in force."),
    ROW(TEXTS, pool_view, shadows, "shadows", 0, "", "Policies computed beside it, never applied."),
    ROW(TEXT, pool_view, group, "group", 0, "", "Pools of one group are decided together."),
    WORD(pool_view, health, "health", 0, health_words,
         "In a word; trouble: something is not as it should be, a person may have to act."),
    ROW(TEXT, pool_view, sentence, "sentence", 0, "", "How it is, in words."),
    PART(OBJECT, pool_view, replicas, "replicas", 0, &shape_counts, "Replicas by state."),
    PART(OBJECT, pool_view, traffic, "traffic", SHAPE_NULL, &shape_traffic,
         "What the gateway sees; null: nothing was heard of it yet."),
    PART(OBJECT, pool_view, pin, "pin", SHAPE_NULL, &shape_pin, "A count set by a person."),
    PART(OBJECT, pool_view, pause, "pause", SHAPE_NULL, &shape_pause,
         "Set while the pool is paused."),
    PART(OBJECT, pool_view, objective, "objective", SHAPE_NULL, &shape_objective,
         "What it promises; null: nothing."),
    ROW(BOOL, pool_view, contended, "contended", 0, "",
        "Somebody else changes the count again and again: nothing is done."),
    ROW(BOOL, pool_view, incomplete, "incomplete", 0, "",
        "Not every source has answered since the start: nothing is lowered."),
    ROW(BOOL, pool_view, gateway_silent, "gatewaySilent", 0, "",
        "The gateway did not answer in the last tick."),
    ROW(BOOL, pool_view, start_failed, "startFailed", 0, "", "Starts were given up."),
    ROW(TEXT, pool_view, trouble, "trouble", SHAPE_NULL, "",
        "Why nothing comes; null: all is well."),
    ROW(SECONDS, pool_view, ready_in_ns, "readyIn", SHAPE_NULL, "",
        "When the next starting replica is expected; null: none, or unknown."),
    ROW(SECONDS, pool_view, start_p50_ns, "startP50", SHAPE_NULL, "",
        "Measured start-up time, median."),
    ROW(SECONDS, pool_view, start_p90_ns, "startP90", SHAPE_NULL, "",
        "Measured start-up time, 90 % were faster."),
    PART(OBJECT, pool_view, learned, "learned", SHAPE_NULL, &shape_learned,
         "What its policy has learned; null: it learns nothing, or nothing yet."),
    ROW(TEXT, pool_view, learned_words, "learnedWords", SHAPE_NULL, "", "The same in a few words."),
    ROW(NUMBER, pool_view, replica_seconds, "replicaSeconds", 0, "seconds",
        "Time that replicas held resources, added up."),
    ROW(TIME, pool_view, tick_wall_ns, "tick", SHAPE_NULL, "", "When it was last decided."),
    PART(LIST, pool_view, sources, "sources", 0, &shape_source,
         "Where its signals come from besides the gateway."),
    PART(OBJECT, pool_view, decision, "decision", SHAPE_NULL, &shape_decision,
         "The last decision; null: none yet."),
};
SHAPE_OF(shape_pool, "Pool", pool_view, pool_rows,
         "A pool with its replicas, its traffic and its last decision.");

static const struct shape_row pools_rows[] = {
    PART(LIST, pools_view, pools, "pools", 0, &shape_pool, "In the order of the configuration."),
};
SHAPE_OF(shape_pools, "Pools", pools_view, pools_rows, "All pools.");

/* ---- replicas ---- */

static const char *const phase_words[] = {"scheduled", "fetched", "launched", "loading", NULL};
static const struct shape_row phase_rows[] = {
    WORD(phase_view, phase, "phase", 0, phase_words, "What was reached."),
    ROW(TIME, phase_view, at_wall_ns, "at", 0, "", "When."),
};
static SHAPE_OF(shape_phase, "Phase", phase_view, phase_rows, "A step of a start.");

static const char *const state_words[] = {"starting", "warm",    "ready",  "draining",
                                          "stopping", "blocked", "failed", NULL};
static const struct shape_row replica_rows[] = {
    ROW(ID, replica_view, id, "id", 0, "", "Its number, never used twice."),
    ROW(TEXT, replica_view, pool, "pool", 0, "", "Its pool."),
    ROW(TEXT, replica_view, class_, "class", 0, "", "Its class."),
    WORD(replica_view, state, "state", 0, state_words, "Its state."),
    WORD(replica_view, phase, "phase", SHAPE_NULL, phase_words,
         "How far its start has come; null: it is not starting."),
    ROW(BOOL, replica_view, busy, "busy", 0, "", "Requests are in flight."),
    ROW(BOOL, replica_view, notice, "notice", 0, "", "Its capacity will be taken away."),
    ROW(BOOL, replica_view, old, "old", 0, "",
        "Started from an older configuration: it will be replaced."),
    ROW(TEXT, replica_view, address, "address", SHAPE_NULL, "",
        "Where it serves; null: not known yet."),
    ROW(INT, replica_view, in_flight_requests, "inFlightRequests", 0, "requests",
        "By the newest word of the gateway."),
    ROW(INT, replica_view, in_flight_tokens, "inFlightTokens", 0, "tokens",
        "Prompt and generated so far."),
    ROW(TIME, replica_view, ordered_wall_ns, "ordered", SHAPE_NULL, "",
        "When its start was ordered."),
    ROW(TIME, replica_view, ready_wall_ns, "ready", SHAPE_NULL, "", "When it was ready first."),
    ROW(TIME, replica_view, changed_wall_ns, "changed", SHAPE_NULL, "",
        "When its state changed last."),
    ROW(INT, replica_view, failures, "failures", 0, "starts", "Starts in a row that failed."),
    ROW(SECONDS, replica_view, again_in_ns, "againIn", SHAPE_NULL, "",
        "Blocked: when the next try is."),
    PART(LIST, replica_view, phases, "phases", 0, &shape_phase,
         "Steps of its start, as they were reached."),
    ROW(TEXT, replica_view, text, "text", SHAPE_NULL, "", "Why it is so."),
};
SHAPE_OF(shape_replica, "Replica", replica_view, replica_rows,
         "One running engine, or one that should be.");

static const struct shape_row replicas_rows[] = {
    PART(LIST, replicas_list_view, replicas, "replicas", 0, &shape_replica,
         "In the order of their ids."),
    ROW(ID, replicas_list_view, next, "next", SHAPE_NULL, "",
        "There are more: ask again with after= this id."),
};
SHAPE_OF(shape_replicas, "ReplicaList", replicas_list_view, replicas_rows, "Replicas.");

static const struct shape_row output_rows[] = {
    ROW(ID, output_view, replica, "replica", 0, "", "Whose it is."),
    ROW(BOOL, output_view, running, "running", 0, "", "It may write more."),
    ROW(INT, output_view, bytes, "bytes", 0, "bytes", "On disk now; the oldest go."),
};
static SHAPE_OF(shape_output, "Output", output_view, output_rows, "What an engine wrote.");

static const struct shape_row outputs_rows[] = {
    PART(LIST, outputs_view, logs, "logs", 0, &shape_output, "In the order of replicas' ids."),
};
SHAPE_OF(shape_outputs, "OutputList", outputs_view, outputs_rows, "What engines of a pool wrote.");

/* ---- requests, events, conditions, options ---- */

static const char *const request_words[] = {"receiving", "held", "waiting", "answering", NULL};
static const struct shape_row request_rows[] = {
    ROW(ID, request_view, id, "id", 0, "", "To cancel it with."),
    ROW(TEXT, request_view, model, "model", 0, "", "As the client asked for it."),
    ROW(TEXT, request_view, pool, "pool", SHAPE_NULL, "", "Null: not routed yet."),
    ROW(TEXT, request_view, key, "key", SHAPE_NULL, "", "Name of the API key; null: none."),
    ROW(ID, request_view, replica, "replica", SHAPE_NULL, "", "Null: none yet."),
    WORD(request_view, phase, "phase", 0, request_words, "How far it is."),
    ROW(INT, request_view, position, "position", SHAPE_NULL, "", "Held ones: 1 is next."),
    ROW(INT, request_view, output_tokens, "outputTokens", 0, "tokens", "Generated so far."),
    ROW(SECONDS, request_view, age_ns, "age", 0, "", "Since it came."),
};
static SHAPE_OF(shape_request, "Request", request_view, request_rows, "An open request.");

static const struct shape_row requests_rows[] = {
    PART(LIST, requests_view, requests, "requests", 0, &shape_request, "Oldest first."),
    ROW(BOOL, requests_view, more, "more", 0, "", "There are more than are listed."),
};
SHAPE_OF(shape_requests, "RequestList", requests_view, requests_rows, "Open requests.");

static const struct shape_row event_rows[] = {
    ROW(INT, event_view, seq, "seq", 0, "", "Number in the store."),
    ROW(TIME, event_view, wall_ns, "at", 0, "", "When."),
    ROW(TEXT, event_view, pool, "pool", SHAPE_NULL, "", "Null: the whole installation."),
    ROW(TEXT, event_view, code, "code", 0, "", "Stable name."),
    ROW(JSON, event_view, details, "details", SHAPE_NULL, "",
        "Its own members: text, replica, who, ..."),
};
SHAPE_OF(shape_event, "Event", event_view, event_rows, "Something that happened.");

static const struct shape_row events_rows[] = {
    PART(LIST, events_view, events, "events", 0, &shape_event, "Newest first."),
};
SHAPE_OF(shape_events, "EventList", events_view, events_rows,
         "Events of replicas, pools and operators.");

static const struct shape_row audit_rows[] = {
    ROW(INT, audit_view, seq, "seq", 0, "", "Number in the store."),
    ROW(TIME, audit_view, wall_ns, "at", 0, "", "When."),
    ROW(TEXT, audit_view, pool, "pool", SHAPE_NULL, "", "Null: the whole installation."),
    ROW(TEXT, audit_view, who, "who", SHAPE_NULL, "", "Address and user agent."),
    ROW(TEXT, audit_view, what, "what", SHAPE_NULL, "", "The order: pin, pause, reload, ..."),
    ROW(TEXT, audit_view, reason, "reason", SHAPE_NULL, "", "What the person said."),
    ROW(TEXT, audit_view, outcome, "outcome", SHAPE_NULL, "", "ok, or why it was refused."),
    ROW(JSON, audit_view, details, "details", SHAPE_NULL, "", "Its own members: replicas, ..."),
};
SHAPE_OF(shape_audit_line, "AuditLine", audit_view, audit_rows, "An order that a person gave.");

static const struct shape_row audit_list_rows[] = {
    PART(LIST, audit_list_view, audit, "audit", 0, &shape_audit_line, "Newest first."),
};
SHAPE_OF(shape_audit, "AuditList", audit_list_view, audit_list_rows,
         "Every manual change, those that were refused included.");

static const struct shape_row condition_rows[] = {
    ROW(TEXT, condition_view, name, "name", 0, "", "Stable name."),
    ROW(TEXT, condition_view, pool, "pool", SHAPE_NULL, "", "Null: the whole installation."),
    ROW(TIME, condition_view, since_wall_ns, "since", 0, "", "Since when."),
    ROW(TEXT, condition_view, text, "text", 0, "", "Why, in words."),
};
static SHAPE_OF(shape_condition, "Condition", condition_view, condition_rows,
                "Something that is not as it should be.");

static const struct shape_row conditions_rows[] = {
    PART(LIST, conditions_view, conditions, "conditions", 0, &shape_condition,
         "Empty: all is well."),
};
SHAPE_OF(shape_conditions, "ConditionList", conditions_view, conditions_rows,
         "What a person should look at.");

static const char *const change_words_list[] = {"live", "next-start", "replace", "restart", NULL};
static const struct shape_row option_rows[] = {
    ROW(TEXT, option_view, path, "path", 0, "", "As pools.chat.queue.timeout."),
    ROW(TEXT, option_view, value, "value", 0, "", "As one would write it; *** for secrets."),
    ROW(TEXT, option_view, from, "from", SHAPE_NULL, "", "FILE:LINE:COLUMN; null: the default."),
    WORD(option_view, change, "change", 0, change_words_list, "When a changed value takes effect."),
};
static SHAPE_OF(shape_option, "Option", option_view, option_rows,
                "An option with its value in force.");

static const struct shape_row options_rows[] = {
    ROW(TEXT, options_view, file, "file", 0, "", "Where the configuration came from."),
    ROW(TEXT, options_view, hash, "hash", 0, "", "Of its text, as decisions record it."),
    PART(LIST, options_view, options, "options", 0, &shape_option, "All of them."),
};
SHAPE_OF(shape_options, "Configuration", options_view, options_rows, "The configuration in force.");

/* ---- the stream ---- */

static const struct shape_row change_rows[] = {
    ROW(TEXT, change_view, pool, "pool", 0, "", "Which pool."),
    ROW(TIME, change_view, at_wall_ns, "at", 0, "", "When it was decided."),
    ROW(INT, change_view, previous, "previous", 0, "replicas", "The count before."),
    ROW(INT, change_view, desired, "desired", 0, "replicas", "The count now."),
    ROW(TEXT, change_view, reason, "reason", 0, "", "Stable code of the reason that spoke last."),
    ROW(TEXT, change_view, words, "words", 0, "", "The reason in words."),
};
SHAPE_OF(shape_change, "Change", change_view, change_rows, "Event \"decision\": a count changed.");

static const struct shape_row changes_rows[] = {
    PART(LIST, changes_view, changes, "changes", 0, &shape_change, "Newest first."),
};
SHAPE_OF(shape_changes, "ChangeList", changes_view, changes_rows, "Counts that changed.");

static const struct shape_row note_rows[] = {
    ROW(TIME, note_view, at_wall_ns, "at", 0, "", "When."),
    ROW(TEXT, note_view, pool, "pool", SHAPE_NULL, "", "Null: the whole installation."),
    ROW(ID, note_view, replica, "replica", SHAPE_NULL, "", "Null: no replica."),
    ROW(TEXT, note_view, code, "code", 0, "", "Stable name."),
    ROW(TEXT, note_view, text, "text", 0, "", "In words."),
};
SHAPE_OF(shape_note, "Note", note_view, note_rows, "Event \"note\": something happened.");

/* ---- small answers ---- */

static const struct shape_row done_rows[] = {
    ROW(BOOL, done_view, done, "done", 0, "", "Always true."),
    ROW(TEXT, done_view, text, "text", 0, "", "What was done, in words."),
};
SHAPE_OF(shape_done, "Done", done_view, done_rows, "It was done.");

static const char *const alive_words[] = {"ok", "starting", NULL};
static const struct shape_row health_rows[] = {
    WORD(health_view, status, "status", 0, alive_words, "ok, or what it waits for."),
    ROW(TEXT, health_view, version, "version", 0, "", "Of sluice."),
    ROW(TIME, health_view, started_wall_ns, "started", 0, "", "When sluice was started."),
};
SHAPE_OF(shape_health, "Health", health_view, health_rows, "Alive.");

static const struct shape_row error_rows[] = {
    ROW(TEXT, error_view, code, "code", 0, "", "Stable name of the kind of error."),
    ROW(TEXT, error_view, message, "message", 0, "", "What is wrong and what can be done."),
    ROW(TEXT, error_view, place, "place", SHAPE_NULL, "",
        "Member, parameter or header that it is about."),
    ROW(TEXT, error_view, value, "value", SHAPE_NULL, "", "What was found there."),
    ROW(TEXT, error_view, allowed, "allowed", SHAPE_NULL, "", "What is allowed there."),
    ROW(TEXT, error_view, nearest, "nearest", SHAPE_NULL, "", "The nearest known name."),
};
static SHAPE_OF(shape_error_inner, "ErrorDetails", error_view, error_rows, "What is wrong.");
static const struct shape_row error_box_rows[] = {
    PART(OBJECT, error_box_view, error, "error", 0, &shape_error_inner, "What is wrong."),
};
SHAPE_OF(shape_error, "Error", error_box_view, error_box_rows, "The shape of every error.");

/* ---- bodies ---- */

static const struct shape_row scale_rows[] = {
    SHAPE_INPUT(INT, scale_body, replicas, "replicas", SHAPE_REQUIRED, 0, 1000000, "replicas", "4",
                "The count to keep, within the bounds of the pool."),
    SHAPE_INPUT(TEXT, scale_body, reason, "reason", 0, 0, 0, "", "\"launch of the new site\"",
                "For people and the audit."),
    SHAPE_INPUT(TEXT, scale_body, expires, "expires", 0, 0, 0, "", "\"10m\"",
                "When it ends: a duration from now or a time; without it: never."),
};
SHAPE_OF(shape_scale_body, "Scale", scale_body, scale_rows, "A count set by a person.");

static const struct shape_row webhook_rows[] = {
    SHAPE_INPUT(TEXT, scale_body, pool, "pool", SHAPE_REQUIRED, 0, 0, "", "\"chat\"",
                "Which pool."),
    SHAPE_INPUT(INT, scale_body, replicas, "replicas", SHAPE_REQUIRED, 0, 1000000, "replicas", "10",
                "The count to keep, within the bounds of the pool."),
    SHAPE_INPUT(TEXT, scale_body, reason, "reason", 0, 0, 0, "", "\"traffic-spike-detected\"",
                "For people and the audit."),
    SHAPE_INPUT(TEXT, scale_body, expires, "expires", 0, 0, 0, "", "\"10m\"",
                "When it ends: a duration from now or a time; without it: never."),
};
SHAPE_OF(shape_webhook_body, "WebhookScale", scale_body, webhook_rows,
         "The body of the AgentPool guide's webhook.");

static const struct shape_row pause_body_rows[] = {
    SHAPE_INPUT(TEXT, pause_body, reason, "reason", 0, 0, 0, "", "\"looking at replica 3\"",
                "For people and the audit."),
    SHAPE_INPUT(TEXT, pause_body, expires, "expires", 0, 0, 0, "", "\"1h\"",
                "When it ends: a duration from now or a time; without it: never."),
};
SHAPE_OF(shape_pause_body, "PauseOrder", pause_body, pause_body_rows, "How long, and why.");

static const struct shape_row signals_rows[] = {
    SHAPE_INPUT(JSON, signals_body, signals, "signals", SHAPE_REQUIRED, 0, 0, "",
                "{\"queue-lag\": 12}",
                "Values by the names that stand under `signal` of the source; null says that there "
                "is none."),
};
SHAPE_OF(shape_signals_body, "Signals", signals_body, signals_rows,
         "Values that somebody else measured.");

static const struct shape_row reason_rows[] = {
    SHAPE_INPUT(TEXT, reason_body, reason, "reason", 0, 0, 0, "", "\"it answers nonsense\"",
                "For people and the audit."),
};
SHAPE_OF(shape_reason_body, "Reason", reason_body, reason_rows, "Why.");
