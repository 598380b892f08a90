#include "core/message.h"

#include <string.h>

#include "core/fields.h"

static const char *const kind_names[] = {
    [MESSAGE_ROUTES] = "routes",   [MESSAGE_DRAIN] = "drain",       [MESSAGE_UNDRAIN] = "undrain",
    [MESSAGE_LIMITS] = "limits",   [MESSAGE_SNAPSHOT] = "snapshot", [MESSAGE_WAKE] = "wake",
    [MESSAGE_DRAINED] = "drained", [MESSAGE_SUSPECT] = "suspect",   [MESSAGE_ASK] = "ask",
};

static const struct field limit_fields[] = {
    {"concurrency", FIELD_I64, offsetof(struct pool_limits, concurrency), 1},
    {"queueRequests", FIELD_I64, offsetof(struct pool_limits, queue_requests), 1},
    {"queueTokens", FIELD_I64, offsetof(struct pool_limits, queue_tokens), 1},
    {"queueTimeoutNs", FIELD_I64, offsetof(struct pool_limits, queue_timeout_ns), 1},
};

static const struct field route_replica_fields[] = {
    {"id", FIELD_U64, offsetof(struct route_replica, id), 1},
    {"draining", FIELD_U8, offsetof(struct route_replica, draining), 1},
    {"weight", FIELD_F64, offsetof(struct route_replica, weight), 1},
};

static const struct field route_pool_fields[] = {
    {"starting", FIELD_I64, offsetof(struct route_pool, starting), 1},
    {"etaNs", FIELD_I64, offsetof(struct route_pool, eta_ns), 1},
    {"startFailed", FIELD_U8, offsetof(struct route_pool, start_failed), 1},
};

static const struct field load_fields[] = {
    {"id", FIELD_U64, offsetof(struct replica_load, id), 1},
    {"inFlight", FIELD_I64, offsetof(struct replica_load, in_flight_requests), 1},
    {"inFlightTokens", FIELD_I64, offsetof(struct replica_load, in_flight_tokens), 1},
};

#define SNAPSHOT_FIELD(name_, kind_, member_)                                                      \
    {                                                                                              \
        name_, FIELD_##kind_, offsetof(struct gateway_snapshot, member_), 1                        \
    }
#define SNAPSHOT_SPANS(name_, member_)                                                             \
    {                                                                                              \
        name_, FIELD_F64, offsetof(struct gateway_snapshot, member_), LATE_SPANS_MAX               \
    }
static const struct field snapshot_fields[] = {
    SNAPSHOT_FIELD("generation", U64, generation),
    SNAPSHOT_FIELD("t", I64, t_ns),
    SNAPSHOT_FIELD("spanNs", I64, span_ns),
    SNAPSHOT_FIELD("waitingRequests", I64, waiting_requests),
    SNAPSHOT_FIELD("waitingTokens", I64, waiting_tokens),
    SNAPSHOT_FIELD("inFlight", I64, in_flight_requests),
    SNAPSHOT_FIELD("inFlightTokens", I64, in_flight_tokens),
    SNAPSHOT_FIELD("excessRequests", I64, excess_requests),
    SNAPSHOT_FIELD("excessTokens", I64, excess_tokens),
    SNAPSHOT_FIELD("oldestWaitNs", I64, oldest_wait_ns),
    SNAPSHOT_FIELD("idleNs", I64, idle_ns),
    SNAPSHOT_FIELD("sessions", I64, sessions),
    SNAPSHOT_FIELD("arrived", F64, arrived_requests),
    SNAPSHOT_FIELD("completed", F64, completed_requests),
    SNAPSHOT_FIELD("failed", F64, failed_requests),
    SNAPSHOT_FIELD("refused", F64, refused_requests),
    SNAPSHOT_FIELD("good", F64, good_requests),
    SNAPSHOT_FIELD("promptTokens", F64, prompt_tokens),
    SNAPSHOT_FIELD("completedPromptTokens", F64, completed_prompt_tokens),
    SNAPSHOT_FIELD("excessArrived", F64, excess_arrived),
    SNAPSHOT_FIELD("excessPromptTokens", F64, excess_prompt_tokens),
    SNAPSHOT_FIELD("outputTokens", F64, output_tokens),
    SNAPSHOT_FIELD("completedTokens", F64, completed_tokens),
    SNAPSHOT_FIELD("toolCalls", F64, tool_calls),
    SNAPSHOT_FIELD("busyS", F64, busy_s),
    SNAPSHOT_FIELD("iterations", F64, iterations),
    SNAPSHOT_FIELD("decodedTokens", F64, decoded_tokens),
    SNAPSHOT_FIELD("contextTokens", F64, context_tokens),
    SNAPSHOT_FIELD("computedTokens", F64, computed_tokens),
    SNAPSHOT_SPANS("lateAgeS", late_age_s),
    SNAPSHOT_SPANS("lateRequests", late_requests),
};

static const char *const latency_names[LATENCY_COUNT] = {
    [LATENCY_TTFT] = "ttft",
    [LATENCY_ITL] = "itl",
    [LATENCY_E2E] = "e2e",
    [LATENCY_QUEUE] = "queueTime",
};

/* ---- print ---- */

static void print_list_of_fields(const char *key, const struct field *rows, size_t row_count,
                                 const void *items, size_t size, size_t n, struct json_writer *w)
{
    json_key(w, key);
    json_array(w);
    for (size_t i = 0; i < n; i++) {
        json_object(w);
        fields_print(rows, row_count, (const unsigned char *)items + i * size, NULL, w);
        json_object_end(w);
    }
    json_array_end(w);
}

static void print_replicas(const struct route_pool *pool, struct json_writer *w)
{
    json_key(w, "replicas");
    json_array(w);
    for (size_t i = 0; i < pool->replica_count; i++) {
        const struct route_replica *replica = &pool->replica[i];
        json_object(w);
        fields_print(route_replica_fields, COUNT_OF(route_replica_fields), replica, NULL, w);
        json_member_text(w, "host", replica->host);
        json_member_int(w, "port", replica->port);
        json_object_end(w);
    }
    json_array_end(w);
}

static void print_model(const struct route_model *model, struct json_writer *w)
{
    json_object(w);
    json_member_text(w, "name", model->name);
    json_member_int(w, "pool", model->pool);
    json_member_int(w, "order", model->order);
    json_key(w, "weightPercent");
    fields_print_number(model->weight_percent, w);
    if (model->upstream[0] != '\0')
        json_member_text(w, "upstream", model->upstream);
    json_object_end(w);
}

static void print_routes(const struct routes *routes, struct json_writer *w)
{
    json_key(w, "routes");
    json_object(w);
    json_key(w, "generation");
    json_uint(w, routes->generation);
    json_key(w, "pools");
    json_array(w);
    for (size_t i = 0; i < routes->pool_count; i++) {
        const struct route_pool *pool = &routes->pool[i];
        json_object(w);
        json_member_text(w, "name", pool->name);
        fields_print(route_pool_fields, COUNT_OF(route_pool_fields), pool, NULL, w);
        if (pool->reason[0] != '\0')
            json_member_text(w, "reason", pool->reason);
        print_replicas(pool, w);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "models");
    json_array(w);
    for (size_t i = 0; i < routes->model_count; i++)
        print_model(&routes->model[i], w);
    json_array_end(w);
    json_object_end(w);
}

/* Buckets that hold something, as [index, weight]. */
static void print_histogram(const struct histogram *h, struct json_writer *w)
{
    json_object(w);
    json_key(w, "count");
    fields_print_number(h->count, w);
    json_key(w, "sum");
    fields_print_number(h->sum, w);
    json_key(w, "buckets");
    json_array(w);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (h->bucket[i] <= 0)
            continue;
        json_array(w);
        json_uint(w, i);
        fields_print_number(h->bucket[i], w);
        json_array_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

static void print_snapshot(const struct gateway_snapshot *s, struct json_writer *w)
{
    json_key(w, "snapshot");
    json_object(w);
    json_member_int(w, "pool", s->pool);
    json_member_int(w, "gateway", s->gateway);
    fields_print(snapshot_fields, COUNT_OF(snapshot_fields), s, NULL, w);
    for (size_t i = 0; i < LATENCY_COUNT && s->latency != NULL; i++) {
        json_key(w, latency_names[i]);
        print_histogram(&s->latency->of[i], w);
    }
    print_list_of_fields("replicas", load_fields, COUNT_OF(load_fields), s->replica,
                         sizeof(s->replica[0]), s->replica_count, w);
    json_object_end(w);
}

void message_print(const struct message *m, struct json_writer *w)
{
    json_object(w);
    json_member_int(w, "v", MESSAGE_VERSION);
    json_member_text(w, "kind", kind_names[m->kind]);
    json_member_int(w, "pool", m->pool);
    json_key(w, "replica");
    json_uint(w, m->replica);
    json_key(w, "generation");
    json_uint(w, m->generation);
    if (m->text[0] != '\0')
        json_member_text(w, "text", m->text);
    if (m->kind == MESSAGE_LIMITS) {
        json_key(w, "limits");
        json_object(w);
        fields_print(limit_fields, COUNT_OF(limit_fields), &m->limits, NULL, w);
        json_object_end(w);
    }
    if (m->routes != NULL)
        print_routes(m->routes, w);
    if (m->snapshot != NULL)
        print_snapshot(m->snapshot, w);
    json_object_end(w);
}

/* ---- parse ---- */

struct parser {
    struct arena *arena;
    struct diag *diag;
};

static enum rc parse_u16(const struct parser *p, const struct tree *object, const char *key,
                         uint16_t *ret)
{
    int64_t value;
    if (!tree_int(tree_get(object, key), &value) || value < 0 || value > UINT16_MAX)
        return fail(p->diag, RC_INVALID, "\"%s\" is a number from 0 to %d", key, UINT16_MAX);
    *ret = (uint16_t)value;
    return RC_OK;
}

/* A missing text is "". */
static enum rc parse_text(const struct parser *p, const struct tree *object, const char *key,
                          char *ret, size_t size)
{
    const struct tree *json = tree_get(object, key);
    struct span text;
    if (json == NULL)
        return RC_OK;
    if (!tree_string(json, &text) || !span_copy(text, ret, size))
        return fail(p->diag, RC_LIMIT, "\"%s\" is a text of at most %zu bytes", key, size - 1);
    return RC_OK;
}

/* An array of the arena for a JSON array of objects of at most `most`. */
static enum rc new_list(const struct parser *p, const struct tree *object, const char *key,
                        size_t size, size_t most, void **ret, size_t *ret_count)
{
    const struct tree *json = tree_get(object, key);
    if (json == NULL || json->kind != TREE_ARRAY)
        return fail(p->diag, RC_MISSING, "\"%s\" must be an array", key);
    if (json->count > most)
        return fail(p->diag, RC_LIMIT, "\"%s\" has %zu elements, at most %zu are allowed", key,
                    json->count, most);
    *ret = arena_array(p->arena, json->count > 0 ? json->count : 1, size);
    if (*ret == NULL)
        return fail(p->diag, RC_NO_MEMORY, "no memory for %zu elements of \"%s\"", json->count,
                    key);
    *ret_count = json->count;
    return RC_OK;
}

static enum rc parse_replica(const struct parser *p, const struct tree *json,
                             struct route_replica *ret)
{
    enum rc rc = fields_parse(route_replica_fields, COUNT_OF(route_replica_fields), json, true, ret,
                              p->diag);
    if (rc == RC_OK)
        rc = parse_text(p, json, "host", ret->host, sizeof(ret->host));
    if (rc == RC_OK)
        rc = parse_u16(p, json, "port", &ret->port);
    return rc;
}

static enum rc parse_route_pool(const struct parser *p, const struct tree *json,
                                struct route_pool *ret)
{
    void *list = NULL;
    enum rc rc =
        fields_parse(route_pool_fields, COUNT_OF(route_pool_fields), json, true, ret, p->diag);
    if (rc == RC_OK)
        rc = parse_text(p, json, "name", ret->name, sizeof(ret->name));
    if (rc == RC_OK)
        rc = parse_text(p, json, "reason", ret->reason, sizeof(ret->reason));
    if (rc == RC_OK)
        rc = new_list(p, json, "replicas", sizeof(ret->replica[0]), REPLICAS_PER_POOL_MAX, &list,
                      &ret->replica_count);
    ret->replica = list;
    for (size_t i = 0; rc == RC_OK && i < ret->replica_count; i++)
        rc = parse_replica(p, tree_at(tree_get(json, "replicas"), i), &ret->replica[i]);
    return rc;
}

static enum rc parse_model(const struct parser *p, const struct tree *json, struct route_model *ret)
{
    enum rc rc = parse_text(p, json, "name", ret->name, sizeof(ret->name));
    if (rc == RC_OK)
        rc = parse_text(p, json, "upstream", ret->upstream, sizeof(ret->upstream));
    if (rc == RC_OK)
        rc = parse_u16(p, json, "pool", &ret->pool);
    if (rc == RC_OK)
        rc = parse_u16(p, json, "order", &ret->order);
    if (rc == RC_OK && !fields_parse_number(tree_get(json, "weightPercent"), &ret->weight_percent))
        rc = fail(p->diag, RC_INVALID, "\"weightPercent\" is no number");
    return rc;
}

static enum rc parse_routes(const struct parser *p, const struct tree *json,
                            const struct routes **ret)
{
    static const struct field rows[] = {
        {"generation", FIELD_U64, offsetof(struct routes, generation), 1}};
    struct routes *routes = arena_alloc(p->arena, sizeof(*routes));
    void *list = NULL;
    if (routes == NULL)
        return fail(p->diag, RC_NO_MEMORY, "no memory for routes");
    enum rc rc = fields_parse(rows, COUNT_OF(rows), json, true, routes, p->diag);
    if (rc == RC_OK)
        rc = new_list(p, json, "pools", sizeof(routes->pool[0]), ROUTED_POOLS_MAX, &list,
                      &routes->pool_count);
    routes->pool = list;
    const struct tree *item = rc == RC_OK ? tree_get(json, "pools")->first : NULL;
    for (size_t i = 0; rc == RC_OK && item != NULL; i++, item = item->next)
        rc = parse_route_pool(p, item, &routes->pool[i]);
    list = NULL;
    if (rc == RC_OK)
        rc = new_list(p, json, "models", sizeof(routes->model[0]), ROUTED_MODELS_MAX, &list,
                      &routes->model_count);
    routes->model = list;
    item = rc == RC_OK ? tree_get(json, "models")->first : NULL;
    for (size_t i = 0; rc == RC_OK && item != NULL; i++, item = item->next) {
        rc = parse_model(p, item, &routes->model[i]);
        if (rc == RC_OK && routes->model[i].pool >= routes->pool_count)
            rc = fail(p->diag, RC_RANGE, "model \"%s\" names pool %u of %zu", routes->model[i].name,
                      (unsigned)routes->model[i].pool, routes->pool_count);
    }
    *ret = routes;
    return rc;
}

static enum rc parse_histogram(const struct parser *p, const struct tree *json,
                               struct histogram *ret)
{
    const struct tree *buckets = tree_get(json, "buckets");
    if (!fields_parse_number(tree_get(json, "count"), &ret->count) ||
        !fields_parse_number(tree_get(json, "sum"), &ret->sum) || buckets == NULL ||
        buckets->kind != TREE_ARRAY)
        return fail(p->diag, RC_INVALID, "a histogram has \"count\", \"sum\" and \"buckets\"");
    for (const struct tree *item = buckets->first; item != NULL; item = item->next) {
        int64_t index;
        double weight;
        if (!tree_int(tree_at(item, 0), &index) || index < 0 || index >= HISTOGRAM_BUCKETS ||
            !fields_parse_number(tree_at(item, 1), &weight) || !(weight >= 0))
            return fail(p->diag, RC_INVALID, "a bucket is [index, weight], indices to %d",
                        HISTOGRAM_BUCKETS - 1);
        ret->bucket[index] = weight;
    }
    return RC_OK;
}

static enum rc parse_loads(const struct parser *p, const struct tree *json,
                           struct gateway_snapshot *ret)
{
    const struct tree *list = tree_get(json, "replicas");
    if (list == NULL || list->kind != TREE_ARRAY || list->count > REPLICAS_PER_POOL_MAX)
        return fail(p->diag, RC_LIMIT, "\"replicas\" is an array of at most %d",
                    REPLICAS_PER_POOL_MAX);
    for (const struct tree *item = list->first; item != NULL; item = item->next) {
        const enum rc rc = fields_parse(load_fields, COUNT_OF(load_fields), item, true,
                                        &ret->replica[ret->replica_count], p->diag);
        if (rc != RC_OK)
            return rc;
        ret->replica_count++;
    }
    return RC_OK;
}

/* All of them, or none. */
static enum rc parse_latencies(const struct parser *p, const struct tree *json,
                               struct gateway_snapshot *ret)
{
    if (tree_get(json, latency_names[LATENCY_TTFT]) == NULL)
        return RC_OK;
    struct latencies *latency = arena_alloc(p->arena, sizeof(*latency));
    enum rc rc = latency == NULL ? fail(p->diag, RC_NO_MEMORY, "no memory for latencies") : RC_OK;
    for (size_t i = 0; i < LATENCY_COUNT && rc == RC_OK; i++)
        rc = parse_histogram(p, tree_get(json, latency_names[i]), &latency->of[i]);
    ret->latency = latency;
    return rc;
}

static enum rc parse_snapshot(const struct parser *p, const struct tree *json,
                              const struct gateway_snapshot **ret)
{
    struct gateway_snapshot *s = arena_alloc(p->arena, sizeof(*s));
    if (s == NULL)
        return fail(p->diag, RC_NO_MEMORY, "no memory for a snapshot");
    enum rc rc = parse_u16(p, json, "pool", &s->pool);
    if (rc == RC_OK)
        rc = parse_u16(p, json, "gateway", &s->gateway);
    if (rc == RC_OK)
        rc = fields_parse(snapshot_fields, COUNT_OF(snapshot_fields), json, true, s, p->diag);
    if (rc == RC_OK)
        rc = parse_latencies(p, json, s);
    if (rc == RC_OK)
        rc = parse_loads(p, json, s);
    *ret = s;
    return rc;
}

static enum rc parse_kind(const struct parser *p, const struct tree *json, enum message_kind *ret)
{
    int64_t version;
    struct span name;
    if (!tree_int(tree_get(json, "v"), &version) || version != MESSAGE_VERSION)
        return fail(p->diag, RC_VERSION, "messages of version %d are understood", MESSAGE_VERSION);
    if (tree_string(tree_get(json, "kind"), &name))
        for (size_t i = 0; i < COUNT_OF(kind_names); i++)
            if (span_equal_text(name, kind_names[i])) {
                *ret = (enum message_kind)i;
                return RC_OK;
            }
    return fail(p->diag, RC_UNKNOWN, "the message has no known \"kind\"");
}

static enum rc parse_body(const struct parser *p, const struct tree *json, struct message *ret)
{
    static const struct field rows[] = {
        {"replica", FIELD_U64, offsetof(struct message, replica), 1},
        {"generation", FIELD_U64, offsetof(struct message, generation), 1},
    };
    enum rc rc = parse_u16(p, json, "pool", &ret->pool);
    if (rc == RC_OK)
        rc = fields_parse(rows, COUNT_OF(rows), json, true, ret, p->diag);
    if (rc == RC_OK)
        rc = parse_text(p, json, "text", ret->text, sizeof(ret->text));
    if (rc == RC_OK && ret->kind == MESSAGE_LIMITS)
        rc = fields_parse(limit_fields, COUNT_OF(limit_fields), tree_get(json, "limits"), true,
                          &ret->limits, p->diag);
    if (rc == RC_OK && ret->kind == MESSAGE_ROUTES)
        rc = parse_routes(p, tree_get(json, "routes"), &ret->routes);
    if (rc == RC_OK && (ret->kind == MESSAGE_SNAPSHOT || ret->kind == MESSAGE_WAKE))
        rc = parse_snapshot(p, tree_get(json, "snapshot"), &ret->snapshot);
    return rc;
}

enum rc message_parse(struct arena *arena, const struct tree *json, struct message *ret,
                      struct diag *diag)
{
    const struct parser p = {.arena = arena, .diag = diag};
    struct message message;
    memset(&message, 0, sizeof(message));
    enum rc rc = parse_kind(&p, json, &message.kind);
    if (rc == RC_OK)
        rc = parse_body(&p, json, &message);
    if (rc == RC_OK)
        memcpy(ret, &message, sizeof(message));
    return rc;
}
