/* observation_text.c - observations and samples as JSON and back, by field tables. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "core/fields.h"
#include "core/plan.h"

#define POOL_FIELD(name_, kind_, member_)                                                          \
    {                                                                                              \
        name_, FIELD_##kind_, offsetof(struct pool_observation, member_), 1                        \
    }
#define CLASS_FIELD(name_, member_)                                                                \
    {                                                                                              \
        name_, FIELD_I64, offsetof(struct pool_observation, member_), CLASSES_PER_POOL_MAX         \
    }

static const struct field pool_fields[] = {
    POOL_FIELD("ready", I64, ready),
    POOL_FIELD("pending", I64, pending),
    POOL_FIELD("warm", I64, warm),
    POOL_FIELD("draining", I64, draining),
    POOL_FIELD("blocked", I64, blocked),
    POOL_FIELD("busy", I64, busy),
    POOL_FIELD("waitingRequests", I64, waiting_requests),
    POOL_FIELD("waitingTokens", I64, waiting_tokens),
    POOL_FIELD("inFlight", I64, in_flight_requests),
    POOL_FIELD("idleNs", I64, idle_ns),
    POOL_FIELD("foreign", I64, foreign_count),
    POOL_FIELD("actual", I64, actual_count),
    POOL_FIELD("inventory", I64, inventory_limit),
    POOL_FIELD("quota", I64, quota_limit),
    POOL_FIELD("budget", I64, budget_limit),
    POOL_FIELD("budgetUnreadable", U8, budget_unreadable),
    POOL_FIELD("paused", U8, paused),
    POOL_FIELD("pin", I64, pin_count),
    POOL_FIELD("boundMin", I64, bound_min),
    POOL_FIELD("boundMax", I64, bound_max),
    POOL_FIELD("fallback", I64, fallback_count),
    POOL_FIELD("scheduleNow", I64, schedule_now),
    POOL_FIELD("scheduleNext", I64, schedule_next),
    POOL_FIELD("scheduleNextNs", I64, schedule_next_ns),
    POOL_FIELD("startP50Ns", I64, start_p50_ns),
    POOL_FIELD("startP90Ns", I64, start_p90_ns),
    POOL_FIELD("spentToday", F64, spent_today),
    CLASS_FIELD("classReady", class_ready),
    CLASS_FIELD("classPending", class_pending),
    CLASS_FIELD("classNotice", class_notice),
    CLASS_FIELD("classRefused", class_refused),
};

static const struct field tick_fields[] = {
    {"nowNs", FIELD_I64, offsetof(struct observation, now_ns), 1},
    {"wallNs", FIELD_I64, offsetof(struct observation, wall_ns), 1},
    {"incomplete", FIELD_U8, offsetof(struct observation, incomplete), 1},
};

static const struct field sample_fields[] = {
    {"t", FIELD_I64, offsetof(struct sample, t_ns), 1},
    {"covered", FIELD_U32, offsetof(struct sample, covered), 1},
    {"expected", FIELD_U32, offsetof(struct sample, expected), 1},
    {"value", FIELD_F64, offsetof(struct sample, value), 1},
    {"weight", FIELD_F64, offsetof(struct sample, weight), 1},
};

static const char *const state_names[] = {
    [SIGNAL_VALUE] = "value", [SIGNAL_ABSENT] = "absent", [SIGNAL_FAILED] = "failed"};
static const char *const cause_names[] = {
    [TICK_PERIOD] = "period",   [TICK_WAKE] = "wake",     [TICK_QUEUE] = "queue",
    [TICK_REPLICA] = "replica", [TICK_CONFIG] = "config", [TICK_OPERATOR] = "operator",
    [TICK_START] = "start",
};

static const struct field pod_fields[] = {
    FIELD(I64, pod_sample, measured_ns),    FIELD(I64, pod_sample, window_ns),
    FIELD(I64, pod_sample, ready_since_ns), FIELD(I64, pod_sample, started_ns),
    FIELD(F64, pod_sample, request),        FIELD(U8, pod_sample, leaving),
};
static const struct pod_sample pod_defaults = {.started_ns = TIME_NONE, .request = NAN};
static const char *const pod_phases[] = {
    [POD_RUNNING] = "running",
    [POD_PENDING] = "pending",
    [POD_FAILED] = "failed",
    [POD_GONE] = "gone",
};
static const char *const pod_readiness[] = {
    [POD_READY] = "true",
    [POD_UNREADY] = "false",
    [POD_READINESS_UNKNOWN] = "unknown",
    [POD_READINESS_NONE] = "none",
};

const char *tick_cause_name(enum tick_cause cause)
{
    return (size_t)cause < COUNT_OF(cause_names) ? cause_names[cause] : "?";
}

size_t observation_size(size_t pools)
{
    assert(pools <= POOLS_PER_GROUP_MAX);
    return offsetof(struct observation, pool) + pools * sizeof(struct pool_observation);
}

void observation_defaults_of(struct observation *o, size_t pools)
{
    memset(o, 0, observation_size(pools)); /* padding too: observations are compared as bytes */
    for (size_t i = 0; i < pools; i++) {
        struct pool_observation *pool = &o->pool[i];
        pool->waiting_state = SIGNAL_ABSENT;
        pool->foreign_count = NO_COUNT;
        pool->inventory_limit = NO_COUNT;
        pool->quota_limit = NO_COUNT;
        pool->budget_limit = NO_COUNT;
        pool->pin_count = NO_COUNT;
        pool->bound_min = NO_COUNT;
        pool->bound_max = NO_COUNT;
        pool->fallback_count = NO_COUNT;
        pool->schedule_now = NO_COUNT;
        pool->schedule_next = NO_COUNT;
        pool->schedule_next_ns = TIME_NONE;
        pool->spent_today = NAN;
    }
}

void observation_defaults(struct observation *o)
{
    observation_defaults_of(o, POOLS_PER_GROUP_MAX);
}

/* ---- names of small enumerations ---- */

static void print_name(const char *key, const char *const *names, size_t n, unsigned value,
                       struct json_writer *w)
{
    json_member_text(w, key, value < n ? names[value] : "?");
}

/* Leaves *ret alone when the member is missing. */
static enum rc parse_name(const struct tree *object, const char *key, const char *const *names,
                          size_t n, uint8_t *ret, struct diag *diag)
{
    const struct tree *json = tree_get(object, key);
    struct span text;
    if (json == NULL)
        return RC_OK;
    if (tree_string(json, &text))
        for (size_t i = 0; i < n; i++)
            if (span_equal_text(text, names[i])) {
                *ret = (uint8_t)i;
                return RC_OK;
            }
    diag_position(diag, json->line, json->column);
    return fail(diag, RC_UNKNOWN, "\"%s\" has no such value; the first known one is \"%s\"", key,
                names[0]);
}

/* ---- pools ---- */

static void print_batches(const struct pool_observation *pool, struct json_writer *w)
{
    json_key(w, "batches");
    json_array(w);
    for (uint32_t i = 0; i < pool->batch_count && i < PENDING_BATCHES_MAX; i++) {
        json_array(w);
        json_int(w, pool->batch[i].count);
        json_int(w, pool->batch[i].due_ns);
        json_array_end(w);
    }
    json_array_end(w);
}

static enum rc parse_batches(const struct tree *json, struct pool_observation *pool,
                             struct diag *diag)
{
    if (json == NULL)
        return RC_OK;
    if (json->kind != TREE_ARRAY || json->count > PENDING_BATCHES_MAX)
        return fail(diag, RC_INVALID, "\"batches\" is an array of at most %d [count, dueNs]",
                    PENDING_BATCHES_MAX);
    for (const struct tree *item = json->first; item != NULL; item = item->next) {
        const uint32_t i = pool->batch_count;
        if (!tree_int(tree_at(item, 0), &pool->batch[i].count) ||
            !tree_int(tree_at(item, 1), &pool->batch[i].due_ns))
            return fail(diag, RC_INVALID, "a batch is [count, dueNs], both whole numbers");
        pool->batch_count = i + 1;
    }
    return RC_OK;
}

static enum rc parse_pool(const struct tree *json, struct pool_observation *pool, struct diag *diag)
{
    if (json->kind != TREE_OBJECT)
        return fail(diag, RC_INVALID, "a pool's observation is an object, not %s",
                    tree_kind_name(json->kind));
    enum rc rc = fields_parse(pool_fields, COUNT_OF(pool_fields), json, false, pool, diag);
    if (rc == RC_OK)
        rc = parse_name(json, "counts", state_names, COUNT_OF(state_names), &pool->counts_state,
                        diag);
    if (rc == RC_OK)
        rc = parse_name(json, "waiting", state_names, COUNT_OF(state_names), &pool->waiting_state,
                        diag);
    if (rc == RC_OK)
        rc = parse_batches(tree_get(json, "batches"), pool, diag);
    return rc;
}

/* ---- observations ---- */

void observation_print(const struct group_spec *group, const struct observation *o,
                       struct json_writer *w)
{
    struct observation defaults;
    observation_defaults(&defaults);
    json_object(w);
    fields_print(tick_fields, COUNT_OF(tick_fields), o, NULL, w);
    print_name("cause", cause_names, COUNT_OF(cause_names), o->cause, w);
    json_key(w, "pools");
    json_object(w);
    for (size_t i = 0; i < group->pool_count; i++) {
        const struct pool_observation *pool = &o->pool[i];
        json_key(w, group->pool[i].spec->name);
        json_object(w);
        fields_print(pool_fields, COUNT_OF(pool_fields), pool, &defaults.pool[i], w);
        if (pool->counts_state != SIGNAL_VALUE)
            print_name("counts", state_names, COUNT_OF(state_names), pool->counts_state, w);
        print_name("waiting", state_names, COUNT_OF(state_names), pool->waiting_state, w);
        if (pool->batch_count > 0)
            print_batches(pool, w);
        json_object_end(w);
    }
    json_object_end(w);
    json_object_end(w);
}

static int pool_index(const struct group_spec *group, struct span name)
{
    for (size_t i = 0; i < group->pool_count; i++)
        if (span_equal_text(name, group->pool[i].spec->name))
            return (int)i;
    return -1;
}

enum rc observation_parse(const struct group_spec *group, const struct tree *json,
                          struct observation *ret, struct diag *diag)
{
    struct observation o;
    observation_defaults(&o);
    if (json == NULL || json->kind != TREE_OBJECT)
        return fail(diag, RC_INVALID, "an observation is an object");
    enum rc rc = fields_parse(tick_fields, COUNT_OF(tick_fields), json, false, &o, diag);
    if (rc == RC_OK)
        rc = parse_name(json, "cause", cause_names, COUNT_OF(cause_names), &o.cause, diag);
    const struct tree *pools = tree_get(json, "pools");
    const struct tree *pool = pools != NULL && pools->kind == TREE_OBJECT ? pools->first : NULL;
    for (; pool != NULL && rc == RC_OK; pool = pool->next) {
        const int index = pool_index(group, pool->key);
        rc = index < 0 ? fail(diag, RC_UNKNOWN, "group \"%s\" has no pool \"%.*s\"", group->name,
                              SPAN_ARG(pool->key))
                       : parse_pool(pool, &o.pool[index], diag);
        if (rc != RC_OK)
            diag_at(diag, "pools.%.*s", SPAN_ARG(pool->key));
    }
    if (rc == RC_OK)
        memcpy(ret, &o, sizeof(o));
    return rc;
}

/* ---- samples ---- */

static void print_sample(const struct group_spec *group, const struct sample *s,
                         struct json_writer *w)
{
    const struct sample defaults = {.t_ns = s->t_ns ^ 1, .value = NAN, .weight = 1};
    fields_print(sample_fields, COUNT_OF(sample_fields), s, &defaults, w);
    json_member_text(w, "pool",
                     s->pool < group->pool_count ? group->pool[s->pool].spec->name : "?");
    struct signal_ref ref = {.id = s->signal < SIGNAL_COUNT ? (enum signal_id)s->signal
                                                            : SIGNAL_EXTERNAL};
    if (ref.id == SIGNAL_EXTERNAL && s->external < group->external_count)
        memcpy(ref.external, group->external[s->external], NAME_SIZE);
    char name[2 * NAME_SIZE];
    if (signal_row(ref.id)->fold == FOLD_QUANTILE) /* the family: samples have no quantile */
        (void)span_copy(span_from(signal_row(ref.id)->name), name, sizeof(name));
    else
        signal_print(&ref, name, sizeof(name));
    json_member_text(w, "signal", name);
    print_name("state", state_names, COUNT_OF(state_names), s->state, w);
}

void sample_print(const struct group_spec *group, const struct sample *s, struct json_writer *w)
{
    json_object(w);
    print_sample(group, s, w);
    json_object_end(w);
}

void pod_sample_print(const struct group_spec *group, const struct pod_sample *s,
                      struct json_writer *w)
{
    json_object(w);
    print_sample(group, &s->sample, w);
    json_key(w, "pod");
    json_object(w);
    print_name("phase", pod_phases, COUNT_OF(pod_phases), s->phase, w);
    print_name("ready", pod_readiness, COUNT_OF(pod_readiness), s->readiness, w);
    fields_print(pod_fields, COUNT_OF(pod_fields), s, &pod_defaults, w);
    json_object_end(w);
    json_object_end(w);
}

/* "ttft-p" and "ttft-p95" both name the latencies; "external:x" needs to be one of the group. */
static enum rc parse_signal(const struct group_spec *group, const struct tree *json,
                            struct sample *s, struct diag *diag)
{
    struct span text;
    if (!tree_string(json, &text))
        return fail(diag, RC_MISSING, "a sample needs a \"signal\"");
    for (size_t i = 0; i < SIGNAL_EXTERNAL; i++)
        if (span_equal_text(text, signal_row((enum signal_id)i)->name)) {
            s->signal = (uint16_t)i;
            return RC_OK;
        }
    struct signal_ref ref;
    const enum rc rc = signal_parse(text, &ref, diag);
    if (rc != RC_OK)
        return rc;
    s->signal = (uint16_t)ref.id;
    if (ref.id != SIGNAL_EXTERNAL)
        return RC_OK;
    const int index = group_external_index(group, span_from(ref.external));
    if (index < 0)
        return fail(diag, RC_UNKNOWN, "no pool of group \"%s\" reads external signal \"%s\"",
                    group->name, ref.external);
    s->external = (uint16_t)index;
    return RC_OK;
}

enum rc sample_parse(const struct group_spec *group, const struct tree *json, struct sample *ret,
                     struct diag *diag)
{
    struct sample s;
    memset(&s, 0, sizeof(s));
    s.value = NAN;
    s.weight = 1;
    if (json == NULL || json->kind != TREE_OBJECT)
        return fail(diag, RC_INVALID, "a sample is an object");
    enum rc rc = fields_parse(sample_fields, COUNT_OF(sample_fields), json, false, &s, diag);
    if (rc == RC_OK)
        rc = parse_name(json, "state", state_names, COUNT_OF(state_names), &s.state, diag);
    if (rc == RC_OK)
        rc = parse_signal(group, tree_get(json, "signal"), &s, diag);
    if (rc != RC_OK)
        return rc;
    struct span name;
    if (tree_string(tree_get(json, "pool"), &name)) {
        const int index = pool_index(group, name);
        if (index < 0)
            return fail(diag, RC_UNKNOWN, "group \"%s\" has no pool \"%.*s\"", group->name,
                        SPAN_ARG(name));
        s.pool = (uint16_t)index;
    }
    *ret = s;
    return RC_OK;
}

enum rc pod_sample_parse(const struct group_spec *group, const struct tree *json,
                         struct pod_sample *ret, struct diag *diag)
{
    const struct tree *pod = tree_get(json, "pod");
    struct pod_sample s;
    memcpy(&s, &pod_defaults, sizeof(s));
    if (pod == NULL || pod->kind != TREE_OBJECT)
        return fail(diag, RC_MISSING, "the sample of a pod needs an object \"pod\"");
    enum rc rc = sample_parse(group, json, &s.sample, diag);
    if (rc == RC_OK)
        rc = parse_name(pod, "phase", pod_phases, COUNT_OF(pod_phases), &s.phase, diag);
    if (rc == RC_OK)
        rc = parse_name(pod, "ready", pod_readiness, COUNT_OF(pod_readiness), &s.readiness, diag);
    if (rc == RC_OK)
        rc = fields_parse(pod_fields, COUNT_OF(pod_fields), pod, false, &s, diag);
    if (rc == RC_OK)
        *ret = s;
    return rc;
}
