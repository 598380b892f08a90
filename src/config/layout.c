/* layout.c - the rows of the file and of a pool, and how the tables of other modules join them. */
#include "config/layout.h"

#include <assert.h>
#include <string.h>

#include "config/config.h"
#include "config/rows.h"

static const struct opt_choice hold_choices[] = {
    {"comment", HOLD_COMMENT, "comments of the event stream, which no client shows"},
    {"reasoning", HOLD_REASONING, "progress as reasoning text"},
    {"silent", HOLD_SILENT, "nothing until the answer begins"},
    {NULL, 0, NULL},
};
static const struct opt_choice balance_choices[] = {
    {"tokens", BY_LEAST_TOKENS, "least outstanding tokens"},
    {"two-choices", BY_TWO_CHOICES, "the less busy one of two at random"},
    {"first-free", BY_FIRST_FREE, "the first one with a free slot"},
    {"round-robin", BY_ROUND_ROBIN, "one after the other"},
    {NULL, 0, NULL},
};
static const struct opt_choice tls_version_choices[] = {
    {"TLSv1.2", 0, "1.2 or 1.3"},
    {"TLSv1.3", 1, "1.3 only"},
    {NULL, 0, NULL},
};
static const struct opt_choice sandbox_choices[] = {
    {"auto", SANDBOX_AUTO,
     "where no pool starts programs: write only beside the state file and the log, start nothing"},
    {"off", SANDBOX_OFF, "as the system allows"},
    {NULL, 0, NULL},
};
static const struct opt_choice placement_choices[] = {
    {"packing", PLACEMENT_PACKING, "fullest GPU that fits first"},
    {"spreading", PLACEMENT_SPREADING, "emptiest GPU first"},
    {NULL, 0, NULL},
};

static const struct opt concurrency_options[] = {
    ROW_NUMBER(INT, "limit", pool_config, core.concurrency_limit, LIVE, 0, 1000000, 0, "requests",
               "Hard limit of requests at once in one replica; 0 is none."),
};
static const struct opt queue_options[] = {
    ROW_NUMBER(INT, "maxRequests", queue_spec, requests_max, LIVE, 0, 1000000, 10000, "requests",
               "Most requests that wait; more are refused with 503."),
    ROW_NUMBER(QUANTITY, "maxTokens", queue_spec, tokens_max, LIVE, 0, 1e12, 0, "tokens",
               "Most prompt tokens that wait; 0 is no limit."),
    ROW_NUMBER(DURATION, "timeout", queue_spec, timeout_ns, LIVE, 0, 86400, 300, "s",
               "Longest wait of a request."),
    ROW_NUMBER(INT, "priority", queue_spec, priority, LIVE, -1000, 1000, 0, "",
               "Where pools wait for the same GPUs: higher is served first."),
};
static const struct opt timeout_options[] = {
    ROW_NUMBER(DURATION, "connect", timeout_spec, connect_ns, LIVE, 0.001, 600, 2, "s",
               "Opening a connection to a replica."),
    ROW_NUMBER(DURATION, "firstToken", timeout_spec, first_token_ns, LIVE, 0.001, 86400, 600, "s",
               "From the request to the first byte of the answer."),
    ROW_NUMBER(DURATION, "betweenTokens", timeout_spec, between_tokens_ns, LIVE, 0.001, 86400, 120,
               "s", "Silence inside an answer."),
    ROW_NUMBER(DURATION, "request", timeout_spec, request_ns, LIVE, 0, 604800, 0, "s",
               "Whole answer; 0 is no limit."),
};
static const struct opt gateway_options[] = {
    ROW_ENUM("hold", gateway_spec, hold, LIVE, hold_choices, HOLD_COMMENT,
             "What a streaming client hears while it waits for a replica."),
    ROW_ENUM("balance", gateway_spec, balance, LIVE, balance_choices, BY_LEAST_TOKENS,
             "Which replica gets the next request."),
    ROW_NUMBER(BOOL, "affinity", gateway_spec, affinity, LIVE, 0, 1, 1, "",
               "Requests of one session go to one replica, for its cache."),
    ROW_NUMBER(NUMBER, "affinityLoad", gateway_spec, affinity_load, LIVE, 1, 100, 1.25, "ratio",
               "A session leaves its replica above this multiple of the mean load."),
    ROW_NUMBER(NUMBER, "retryRatio", gateway_spec, retry_ratio, LIVE, 0, 1, 0.1, "ratio",
               "Budget of retries per request; only while no byte of the answer was sent."),
    ROW_NUMBER(INT, "maxBodyBytes", gateway_spec, body_bytes_max, LIVE, 1024, HTTP_BODY_BYTES_MAX,
               HTTP_BODY_BYTES_MAX, "bytes", "Largest body of a request."),
    ROW_NUMBER(BOOL, "list", gateway_spec, list, LIVE, 0, 1, 1, "",
               "The models stand in the answer of /v1/models."),
};
static const struct opt target_options_template[] = {
    ROW_STRUCT("process", offsetof(struct target_spec, process), process_target_options, 0,
               "Engines as processes of this machine."),
    ROW_STRUCT("http", offsetof(struct target_spec, http), http_target_options, 0,
               "Engines that run elsewhere and are only routed to."),
};

static const struct opt pool_template[] = {
    ROW_TEXT("description", pool_config, description, 0, LIVE, "", "For people."),
    ROW_TREE("models", pool_config, models_source, 0, LIVE, SCHEMA_TEXTS,
             "Names that clients ask for; a * at the end takes any rest; unset is the name of the "
             "pool."),
    ROW_TREE("aliases", pool_config, aliases_source, 0, LIVE, SCHEMA_TEXTS,
             "Further names; the engine is asked for the first model instead."),
    ROW_TEXT("upstreamModel", pool_config, upstream_model, 0, LIVE, "",
             "Name that the engine is asked for; empty is the one that the client gave."),
    ROW_NUMBER(INT, "fallbackOrder", pool_config, fallback_order, LIVE, 0, 100, 0, "",
               "Among pools that serve one model the lowest is tried first."),
    ROW_NUMBER(NUMBER, "trafficPercent", pool_config, traffic_percent, LIVE, 0, 100, 100, "%",
               "Share among pools of one model and one order."),
    ROW_TREE("keys", pool_config, keys_source, 0, LIVE, SCHEMA_TEXTS,
             "Names of the keys that may use the pool; unset is all."),
    ROW_TEXT("group", pool_config, group, 0, RESTART, "",
             "Pools of one group are decided together; empty is alone."),
    ROW_ENUM("role", pool_config, core.role, RESTART, role_choices, ROLE_NONE,
             "Part of a model that is served in parts."),
    ROW_ENUM("mode", pool_config, core.mode, LIVE, mode_choices, MODE_ACTIVE,
             "Apply decisions, or only record them."),
    ROW_STRUCT("target", offsetof(struct pool_config, target), target_options_template, 0,
               "What is started and stopped, or routed to."),
    ROW_LIST_APART("sources", pool_config, source_list, source_count, source_options, 0,
                   SOURCES_PER_POOL_MAX, "Where signals come from besides the gateway."),
    ROW_NUMBER(INT, "minReplicas", pool_config, core.replicas_min, LIVE, 0, REPLICAS_MAX, 1,
               "replicas", "Never fewer; 0 lets the pool sleep."),
    ROW_NUMBER(INT, "maxReplicas", pool_config, core.replicas_max, LIVE, 1, REPLICAS_MAX, 1,
               "replicas", "Never more."),
    ROW_STRUCT("concurrency", 0, concurrency_options, COUNT_OF(concurrency_options),
               "Requests at once."),
    ROW_STRUCT("queue", offsetof(struct pool_config, queue), queue_options, COUNT_OF(queue_options),
               "Requests that wait."),
    ROW_STRUCT("timeouts", offsetof(struct pool_config, timeouts), timeout_options,
               COUNT_OF(timeout_options), "Limits of each phase of a request."),
    ROW_STRUCT("gateway", offsetof(struct pool_config, gateway), gateway_options,
               COUNT_OF(gateway_options), "How requests are passed on."),
    ROW_STRUCT("slo", offsetof(struct pool_config, core.slo), slo_options, 0, "Objectives."),
    ROW_LIST("classes", pool_config, core.class_, core.class_count, class_options, 0,
             "Kinds of replicas; the first is the default one."),
    ROW_NUMBER(INT, "priority", pool_config, core.priority, LIVE, -1000, 1000, 0, "",
               "Where pools want the same GPUs: higher first."),
    ROW_NUMBER(DURATION, "minResidence", pool_config, core.residence_ns, LIVE, 0, 86400, 300, "s",
               "A replica is not taken away for another pool before this age."),
    ROW_NUMBER(INT, "maxUnready", pool_config, core.max_unready, LIVE, 1, REPLICAS_MAX, 3,
               "replicas", "While so many starts are overdue nothing is added."),
    ROW_STRUCT("scaleToZero", offsetof(struct pool_config, core.last_replica), last_replica_options,
               0, "What it takes to stop the last replica."),
    ROW_STRUCT("warm", offsetof(struct pool_config, core.warm), warm_options, 0,
               "Replicas that are loaded but not serving."),
    ROW_STRUCT("cost", offsetof(struct pool_config, core.cost), cost_options, 0,
               "Limits of money."),
    ROW_STRUCT("autoscaling", 0, pool_template, 0, "How the number of replicas is chosen."),
};

static const struct opt pace_rows_template[] = {
    ROW_STRUCT("behavior", offsetof(struct pool_config, core.behavior), behavior_options, 0,
               "Pace of changes."),
};
static const struct opt autoscaling_template[] = {
    ROW_TEXT("policy", pool_config, policy, 0, LIVE, "adaptive",
             "Policy that chooses the number; its own options stand under its name."),
    ROW_NUMBER(BOOL, "exact", pool_config, core.exact, LIVE, 0, 1, 0, "",
               "For a policy that imitates a peer: the peer's whole loop and no stage of ours."),
    ROW_TREE("shadow", pool_config, shadow_source, 0, LIVE, SCHEMA_TEXTS,
             "Policies that are computed beside the one in force and never applied."),
    ROW_LIST("metrics", pool_config, core.metric, core.metric_count, metric_options, 0,
             "Signals and targets, for policies that follow metrics."),
    ROW_ENUM("strategy", pool_config, core.combine, LIVE, combine_choices, COMBINE_MAX,
             "How the answers of several metrics become one."),
    ROW_TEXT("formula", pool_config, core.formula_text, 0, LIVE, "",
             "For strategy formula: replicas out of the needs of the metrics by name, as "
             "\"max(queue, 2 * kv)\"; + - * / %, min, max, sum, mean, ceil, floor, round, abs, a "
             "?? b, comparisons and "
             "a ? b : c."),
    ROW_STRUCT("sloTarget", offsetof(struct pool_config, core.slo_target), slo_target_options, 0,
               "Answer to missed objectives."),
    ROW_LIST("schedules", pool_config, core.schedule, core.schedule_count, schedule_options, 0,
             "Sizes that are ready at a time of day."),
    ROW_STRUCT("predictive", offsetof(struct pool_config, core.forecast), forecast_options, 0,
               "Floor by forecast."),
};

static const struct opt listen_options[] = {
    ROW_TEXT("gateway", listen_spec, gateway, 0, RESTART, "127.0.0.1:8080",
             "Address for clients, HOST:PORT; empty: no gateway."),
    ROW_TEXT(
        "admin", listen_spec, admin, 0, RESTART, "127.0.0.1:8081",
        "Address of API, metrics and dashboard, HOST:PORT; empty: none. Beyond this machine it "
        "needs TLS and a token."),
    ROW_TEXT("tlsCertificate", listen_spec, tls_certificate, 0, RESTART, "",
             "PEM file with the certificate and those of its issuers: the gateway speaks TLS, and "
             "so does an admin address beyond this machine. Read again when it changes."),
    ROW_TEXT("tlsKey", listen_spec, tls_key, 0, RESTART, "",
             "PEM file with its private key, without a passphrase."),
    ROW_ENUM("tlsMinVersion", listen_spec, tls_version, RESTART, tls_version_choices, 0,
             "Least version of TLS that is spoken."),
    ROW_TEXT("adminToken", listen_spec, admin_token, OPT_FLAG_SECRET, LIVE, "",
             "Token that callers of the admin address must show; empty: none. Needed beyond this "
             "machine."),
    ROW_TEXT("operateToken", listen_spec, operate_token, OPT_FLAG_SECRET, LIVE, "",
             "Token of people who may look, and set counts, pause and stop, but not reload; empty: "
             "none."),
    ROW_TEXT("readToken", listen_spec, read_token, OPT_FLAG_SECRET, LIVE, "",
             "Token of people and scrapers who may only look; empty: none."),
    ROW_TEXT("adminHosts", listen_spec, admin_hosts, 0, LIVE, "",
             "Names that requests to the admin address may be for, separated by commas, besides "
             "its own and those of this machine; empty: with a token any."),
    ROW_TEXT(
        "corsOrigins", listen_spec, cors_origins, 0, LIVE, "",
        "Origins of web pages that may call the gateway from a browser, commas between them, as "
        "\"https://chat.example\"; * is every one. Pages of this machine always may."),
    ROW_NUMBER(INT, "threads", listen_spec, threads, RESTART, 1, 1, 1, "threads",
               "Loops of the gateway; there is one."),
};
static const struct opt gpu_options[] = {
    ROW_TEXT("name", gpu_config, name, OPT_FLAG_REQUIRED, NEXT_START, "",
             "What the engine is given: an index, GPU-... or MIG-... UUID."),
    ROW_TEXT("type", gpu_config, type, 0, NEXT_START, "", "Kind of GPU, as h100."),
    ROW_NUMBER(QUANTITY, "memory", gpu_config, memory_bytes, NEXT_START, 0, 1e15, 0, "bytes",
               "Memory; needed for sharing."),
    ROW_TEXT("parent", gpu_config, parent, 0, NEXT_START, "",
             "For a MIG instance: the name of its GPU."),
    ROW_TEXT("island", gpu_config, island, 0, NEXT_START, "",
             "GPUs of one island talk fast to each other."),
};
static const struct opt inventory_options[] = {
    ROW_LIST("gpus", inventory_config, gpu, gpu_count, gpu_options, COUNT_OF(gpu_options),
             "GPUs of this machine; unset: found at start."),
    ROW_ENUM("placement", inventory_config, placement, NEXT_START, placement_choices,
             PLACEMENT_PACKING, "Which GPU a new replica gets."),
};
static const struct opt fleet_options[] = {
    ROW_NUMBER(INT, "maxStarts", fleet_config, starts_max, LIVE, 0, REPLICAS_MAX, 0, "replicas",
               "Replicas that start at once over all pools; 0 is no limit."),
    ROW_UNSET(NUMBER, "maxCostPerHour", fleet_config, cost_per_hour, LIVE, 0, 1e12, "currency/h",
              "Most that all pools together may cost per hour."),
    ROW_UNSET(NUMBER, "dailyBudget", fleet_config, cost_per_day, LIVE, 0, 1e12, "currency",
              "Most that all pools together may cost per day."),
};
static const struct opt key_options[] = {
    ROW_TEXT("name", key_config, name, OPT_FLAG_REQUIRED, LIVE, "", "Name of the key."),
    ROW_TEXT("sha256", key_config, sha256, OPT_FLAG_REQUIRED, LIVE, "",
             "SHA-256 of the key in 64 hex digits; the key itself stands nowhere."),
    ROW_TEXT("tier", key_config, tier, 0, LIVE, "", "Name of its tier."),
};
static const struct opt tier_options[] = {
    ROW_TEXT("name", tier_config, name, OPT_FLAG_REQUIRED, LIVE, "", "Name of the tier."),
    ROW_NUMBER(NUMBER, "weight", tier_config, weight, LIVE, 0.001, 1000, 1, "ratio",
               "Share of a busy pool relative to other tiers."),
    ROW_NUMBER(INT, "priority", tier_config, priority, LIVE, -1000, 1000, 0, "",
               "Higher is served first."),
    ROW_NUMBER(INT, "maxConcurrency", tier_config, concurrency_max, LIVE, 0, 1000000, 0, "requests",
               "Requests at once per key; 0 is no limit."),
    ROW_NUMBER(QUANTITY, "tokensPerMinute", tier_config, tokens_per_minute, LIVE, 0, 1e12, 0,
               "tokens/min", "Per key; 0 is no limit."),
    ROW_NUMBER(QUANTITY, "requestsPerMinute", tier_config, requests_per_minute, LIVE, 0, 1e9, 0,
               "requests/min", "Per key; 0 is no limit."),
    ROW_NUMBER(QUANTITY, "maxDemandTokens", tier_config, demand_tokens, LIVE, 0, 1e12, 0, "tokens",
               "Tokens of open requests per key that may start replicas; what is above waits its "
               "turn. 0 is no cap."),
};
static const struct opt notify_options[] = {
    ROW_TEXT("name", notify_config, name, OPT_FLAG_REQUIRED, LIVE, "", "For conditions and logs."),
    ROW_TEXT("url", notify_config, url, OPT_FLAG_REQUIRED, LIVE, "",
             "Where the messages are sent, http:// or https://."),
    ROW_TEXT("secret", notify_config, secret, OPT_FLAG_SECRET, LIVE, "",
             "Key of the signatures, made as those of pushed signals; write ${env:NAME} for one "
             "from the environment."),
    ROW_TEXT("secretFile", notify_config, secret_file, 0, LIVE, "", "File that holds the key."),
    ROW_TEXT("caFile", notify_config, ca_file, 0, LIVE, "",
             "For https: certificates that are trusted; empty: those of the system."),
    ROW_NUMBER(DURATION, "timeout", notify_config, timeout_ns, LIVE, 0.1, 60, 5, "s",
               "Longest time of one try."),
    ROW_NUMBER(BOOL, "decisions", notify_config, decisions, LIVE, 0, 1, 1, "",
               "Tell when a wanted count changes."),
    ROW_NUMBER(BOOL, "conditions", notify_config, conditions, LIVE, 0, 1, 1, "",
               "Tell when a condition begins or ends."),
};
static const struct opt file_template[] = {
    ROW_STRUCT("listen", offsetof(struct config, listen), listen_options, COUNT_OF(listen_options),
               "Addresses."),
    ROW_TEXT("state", config, state, 0, RESTART, "sluice.db",
             "File for decisions, history and the ledger."),
    ROW_ENUM("sandbox", config, sandbox, RESTART, sandbox_choices, SANDBOX_AUTO,
             "Whether to give up what is not needed (Landlock, seccomp)."),
    ROW_STRUCT("inventory", offsetof(struct config, inventory), inventory_options,
               COUNT_OF(inventory_options), "Hardware."),
    ROW_STRUCT("fleet", offsetof(struct config, fleet), fleet_options, COUNT_OF(fleet_options),
               "Limits over all pools."),
    ROW_LIST("tiers", config, tier, tier_count, tier_options, COUNT_OF(tier_options),
             "Kinds of callers."),
    ROW_LIST("keys", config, key, key_count, key_options, COUNT_OF(key_options),
             "Callers; without any everybody may use the gateway."),
    ROW_LIST("notify", config, notify, notify_count, notify_options, COUNT_OF(notify_options),
             "Webhooks that are told what happens."),
    ROW_TREE("defaults", config, defaults_source, 0, LIVE, NULL,
             "A pool body whose options every pool takes over that does not set them itself."),
    ROW_TREE("pools", config, pools_source, OPT_FLAG_REQUIRED, LIVE, NULL,
             "Pools by name (letters, digits, - and _)."),
};

#define PACE_ROWS_MAX 16

/* Counts that are no constants: by the table that a row points to. */
static void set_sub_counts(struct opt *rows, size_t count)
{
    const struct {
        const struct opt *sub;
        size_t count;
    } known[] = {
        {process_target_options, process_target_option_count},
        {http_target_options, http_target_option_count},
        {slo_options, slo_option_count},
        {class_options, class_option_count},
        {last_replica_options, last_replica_option_count},
        {warm_options, warm_option_count},
        {cost_options, cost_option_count},
        {metric_options, metric_option_count},
        {slo_target_options, slo_target_option_count},
        {schedule_options, schedule_option_count},
        {forecast_options, forecast_option_count},
        {source_options, source_option_count},
    };
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < COUNT_OF(known); k++)
            if (rows[i].sub == known[k].sub)
                rows[i].sub_count = known[k].count;
}

static struct opt *find_row(struct opt *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    assert(false && "the templates have every row that is asked for");
    return NULL;
}

/* scaleUp and scaleDown stay under `behavior`; the others of that table stand beside it. */
static size_t put_pace(struct opt *rows, size_t n, struct opt *behavior)
{
    struct opt row = pace_rows_template[0];
    row.sub = behavior;
    row.sub_count = 0;
    for (size_t i = 0; i < behavior_option_count && row.sub_count < PACE_ROWS_MAX; i++)
        if (behavior_options[i].kind == OPT_STRUCT)
            behavior[row.sub_count++] = behavior_options[i];
    rows[n++] = row;
    for (size_t i = 0; i < behavior_option_count && i < PACE_ROWS_MAX; i++) {
        if (behavior_options[i].kind == OPT_STRUCT)
            continue;
        rows[n] = behavior_options[i];
        rows[n++].offset += offsetof(struct pool_config, core.behavior);
    }
    return n;
}

static size_t put_policies(struct opt *rows, size_t n, void *const *defaults)
{
    const struct policy_ops *policy;
    for (size_t i = 0; i < POLICIES_MAX && (policy = policy_at(i)); i++) {
        const size_t offset = offsetof(struct pool_config, policy_options) + i * sizeof(void *);
        if (policy->option_count > 0)
            rows[n++] = (struct opt)ROW_STRUCT_APART(policy->name, offset, policy->config_size,
                                                     defaults[i], policy->options,
                                                     policy->option_count, policy->summary);
    }
    return n;
}

/* Of every policy. False: no memory. */
static bool make_options(struct arena *arena, void *ret[POLICIES_MAX])
{
    const struct policy_ops *policy;
    for (size_t i = 0; i < POLICIES_MAX && (policy = policy_at(i)); i++) {
        void *options = arena_alloc(arena, policy->config_size);
        if (!options)
            return false;
        opt_defaults(policy->options, policy->option_count, options);
        ret[i] = options;
    }
    return true;
}

static const struct pool_config *make_defaults(struct arena *arena, struct layout *layout,
                                               void *const *options)
{
    struct pool_config *pool = arena_alloc(arena, sizeof(*pool));
    if (!pool)
        return NULL;
    pool_spec_defaults(&pool->core);
    memcpy(pool->policy_options, options, sizeof(pool->policy_options));
    layout->default_class = pool->core.class_[0];
    opt_defaults(layout->pool, layout->pool_count, pool); /* which leaves no class */
    return pool;
}

/* The native policy, in builds that hold it. */
static const char *default_policy(void)
{
    const char *native = "adaptive";
    return policy_find(span_from(native)) || !policy_at(0) ? native : policy_at(0)->name;
}

const struct layout *layout_new(struct arena *arena)
{
    const size_t most = COUNT_OF(autoscaling_template) + PACE_ROWS_MAX + 1 + POLICIES_MAX;
    struct layout *l = arena_alloc(arena, sizeof(*l));
    struct opt *autoscaling = arena_array(arena, most, sizeof(*autoscaling));
    struct opt *behavior = arena_array(arena, PACE_ROWS_MAX, sizeof(*behavior));
    struct opt *pool = arena_array(arena, COUNT_OF(pool_template), sizeof(*pool));
    struct opt *target = arena_array(arena, COUNT_OF(target_options_template), sizeof(*target));
    void *options[POLICIES_MAX] = {NULL};
    if (!l || !autoscaling || !behavior || !pool || !target || !make_options(arena, options))
        return NULL;
    memcpy(autoscaling, autoscaling_template, sizeof(autoscaling_template));
    find_row(autoscaling, COUNT_OF(autoscaling_template), "policy")->def_text = default_policy();
    set_sub_counts(autoscaling, COUNT_OF(autoscaling_template));
    size_t n = put_pace(autoscaling, COUNT_OF(autoscaling_template), behavior);
    n = put_policies(autoscaling, n, options);
    l->autoscaling = autoscaling;
    l->autoscaling_count = n;

    memcpy(target, target_options_template, sizeof(target_options_template));
    set_sub_counts(target, COUNT_OF(target_options_template));
    memcpy(pool, pool_template, sizeof(pool_template));
    set_sub_counts(pool, COUNT_OF(pool_template));
    struct opt *row = find_row(pool, COUNT_OF(pool_template), "target");
    row->sub = target;
    row->sub_count = COUNT_OF(target_options_template);
    row = find_row(pool, COUNT_OF(pool_template), "autoscaling");
    row->sub = autoscaling;
    row->sub_count = n;
    l->pool = pool;
    l->pool_count = COUNT_OF(pool_template);
    l->file = file_template;
    l->file_count = COUNT_OF(file_template);
    l->pool_defaults = make_defaults(arena, l, options);
    return l->pool_defaults ? l : NULL;
}

void *layout_policy_config(const struct pool_config *pool, const struct policy_ops *policy)
{
    size_t i = 0;
    while (policy_at(i) != policy) /* every policy is in the registry */
        i++;
    return pool->policy_options[i];
}
