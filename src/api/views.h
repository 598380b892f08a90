/* views.h - what answers of the API show, as plain structs and their shapes. Texts are borrowed. */
#ifndef SLUICE_API_VIEWS_H
#define SLUICE_API_VIEWS_H

#include "api/shape.h"
#include "config/target_spec.h"

/* ---- decisions ---- */

struct trail_view {
    const char *stage;
    int64_t before;
    int64_t after;
    const char *reason;
    const char *words;
    bool limit;
    char text[512]; /* behind words */
};
struct proposal_view {
    const char *policy;
    int64_t replicas;
    double exact;
    const char *reason;
    const char *words;
    char text[512];
};
struct decision_view {
    int64_t desired;
    int64_t previous;
    int64_t warm;
    bool wake;
    bool urgent;
    bool held;
    bool evaluated;
    const char *reason;
    const char *words;
    const void *proposal; /* struct proposal_view */
    struct shape_rows shadows;
    struct shape_rows trail;
    int64_t trail_dropped;
};
struct input_view {
    const char *signal;
    const char *state;
    double value;
    const char *unit;
    int64_t age_ns;
    int64_t window_ns;
    int64_t max_age_ns;
    double target;
    bool required;
    bool demand;
    double coverage;
    char text[NAME_SIZE + 16];
};
struct counts_view { /* of one pool at one tick */
    const char *known;
    int64_t ready, pending, warm, draining, blocked, busy, actual;
    const char *traffic_known;
    int64_t waiting_requests, waiting_tokens, in_flight_requests;
    int64_t idle_ns;
    int64_t inventory_limit, budget_limit;
    int64_t schedule_now;
    int64_t start_p50_ns, start_p90_ns;
};
struct hint_view {
    const char *reason;
    const char *words;
};
struct why_view {
    const char *pool;
    int64_t at_wall_ns;
    const char *cause;
    const char *sentence;
    const void *decision; /* struct decision_view */
    const void *counts;   /* struct counts_view */
    struct shape_rows inputs;
    struct shape_rows hints;
    bool incomplete;
};

/* ---- pools and replicas ---- */

struct pin_view {
    int64_t replicas;
    int64_t until_wall_ns;
    const char *reason;
};
struct pause_view {
    int64_t until_wall_ns;
    const char *reason;
};
struct replicas_view {
    int64_t desired, granted, min, max;
    int64_t ready, busy, starting, warm, draining, stopping, blocked, failed;
};
struct traffic_view {
    int64_t waiting_requests, waiting_tokens, oldest_wait_ns;
    int64_t in_flight_requests, in_flight_tokens, sessions;
    int64_t arrived, completed, failed, refused;
    double prompt_tokens, output_tokens;
    double attainment;
    double ttft_p50, ttft_p95, itl_p50, itl_p95;
};
struct objective_view {
    int64_t ttft_ns, inter_token_ns, e2e_ns;
    double tokens_per_second;
    double attainment_percent;
};
struct source_view {
    const char *name;
    const char *kind;
    const char *signals;
    const char *state;
    const char *reason;
    const char *text;
    double value;
    int64_t age_ns;
    int64_t good_ago_ns;
    int64_t failures, rounds, failed_rounds;
};
struct pool_view {
    const char *name;
    const char *description;
    struct text_list models;
    const char *mode;
    const char *policy;
    struct text_list shadows;
    const char *group;
    const char *health;
    const char *sentence;
    const void *replicas;
    const void *traffic;
    const void *pin;
    const void *pause;
    const void *objective;
    bool contended, incomplete, gateway_silent, start_failed;
    const char *trouble;
    int64_t ready_in_ns;
    int64_t start_p50_ns, start_p90_ns;
    const void *learned; /* struct learned_view */
    const char *learned_words;
    double replica_seconds;
    int64_t tick_wall_ns;
    struct shape_rows sources;
    const void *decision;
};
struct pools_view {
    struct shape_rows pools;
};
struct phase_view {
    const char *phase;
    int64_t at_wall_ns;
};
struct replica_view {
    uint64_t id;
    const char *pool;
    const char *class_;
    const char *state;
    const char *phase;
    bool busy, notice, old;
    const char *address;
    int64_t in_flight_requests, in_flight_tokens;
    int64_t ordered_wall_ns, ready_wall_ns, changed_wall_ns;
    int64_t failures;
    int64_t again_in_ns;
    struct shape_rows phases;
    const char *text;
    char address_text[96];
};
struct replicas_list_view {
    struct shape_rows replicas;
    uint64_t next;
};

struct output_view {
    uint64_t replica;
    bool running;
    int64_t bytes;
};
struct outputs_view {
    struct shape_rows logs;
};

/* ---- the rest ---- */

struct request_view {
    uint64_t id;
    const char *model;
    const char *pool;
    const char *key;
    uint64_t replica;
    const char *phase;
    int64_t position;
    int64_t output_tokens;
    int64_t age_ns;
};
struct requests_view {
    struct shape_rows requests;
    bool more;
};
struct event_view {
    int64_t seq;
    int64_t wall_ns;
    const char *pool;
    const char *code;
    struct span details;
};
struct audit_view {
    int64_t seq;
    int64_t wall_ns;
    const char *pool;
    const char *who, *what, *reason, *outcome;
    struct span details;
};
struct audit_list_view {
    struct shape_rows audit;
};
struct events_view {
    struct shape_rows events;
};
struct tick_pool_view {
    const char *pool;
    struct span decision;
    const char *words;
};
struct tick_view {
    int64_t seq;
    int64_t wall_ns;
    const char *group;
    const char *cause;
    bool changed;
    const char *config;
    struct shape_rows pools;
};
struct ticks_view {
    struct shape_rows decisions;
};
struct condition_view {
    const char *name;
    const char *pool;
    int64_t since_wall_ns;
    const char *text;
};
struct conditions_view {
    struct shape_rows conditions;
};
struct option_view {
    const char *path;
    const char *value;
    const char *from;
    const char *change;
};
struct options_view {
    const char *file;
    const char *hash;
    struct shape_rows options;
};
struct change_view { /* event "decision" of the stream */
    const char *pool;
    int64_t at_wall_ns;
    int64_t previous;
    int64_t desired;
    const char *reason;
    const char *words;
};
struct changes_view {
    struct shape_rows changes;
};
struct point_view { /* a pool at one moment */
    int64_t at_wall_ns;
    double demand;
    double forecast;
    int64_t forecast_in_ns;
    int64_t desired, ready, starting;
    int64_t waiting, in_flight;
    int64_t oldest_wait_ns;
    double arrival_rate, prompt_rate, output_rate;
    double ttft_p50, ttft_p95, itl_p50, itl_p95;
};
struct recent_view {
    const char *pool;
    int64_t now_wall_ns;
    struct shape_rows points;
};
struct note_view { /* event "note" */
    int64_t at_wall_ns;
    const char *pool;
    uint64_t replica;
    const char *code;
    const char *text;
};
struct done_view {
    bool done;
    const char *text;
};
struct health_view {
    const char *status;
    const char *version;
    int64_t started_wall_ns;
};
struct error_view {
    const char *code, *message, *place, *value, *allowed, *nearest;
};
struct error_box_view {
    const void *error;
};

/* ---- bodies ---- */

struct scale_body {
    const char *pool; /* only in the guide's webhook */
    int64_t replicas;
    const char *reason;
    const char *expires;
};
struct pause_body {
    const char *reason;
    const char *expires;
};
struct signals_body {
    struct span signals;
};
struct reason_body {
    const char *reason;
};

extern const struct shape shape_pool, shape_pools, shape_replica, shape_replicas, shape_outputs,
    shape_why, shape_decision, shape_ticks, shape_requests, shape_events, shape_conditions,
    shape_options, shape_done, shape_health, shape_error, shape_scale_body, shape_webhook_body,
    shape_pause_body, shape_signals_body, shape_reason_body, shape_change, shape_note, shape_tick,
    shape_event;
extern const struct shape shape_recent, shape_changes;
extern const struct shape shape_history, shape_ledger, shape_diagnosis, shape_audit,
    shape_audit_line;

#endif
