/* source_options.c - the option rows under `sources`. Tables only. */
#include "config/rows.h"
#include "config/source_spec.h"

static const struct opt_choice aggregate_choices[] = {
    {"none", AGGREGATE_NONE, "several series are an error"},
    {"sum", AGGREGATE_SUM, "their sum"},
    {"max", AGGREGATE_MAX, "the largest"},
    {"min", AGGREGATE_MIN, "the smallest"},
    {"average", AGGREGATE_MEAN, "their mean"},
    {NULL, 0, NULL},
};
static const struct opt_choice type_choices[] = {
    {"number", JSON_TYPE_NUMBER, "a number; a text that looks like one is an error"},
    {"text", JSON_TYPE_TEXT, "a text that holds a number"},
    {"count", JSON_TYPE_COUNT, "a list or an object: how many elements it has"},
    {NULL, 0, NULL},
};
static const struct opt_choice empty_choices[] = {
    {"absent", EMPTY_ABSENT, "nobody could report it: no traffic, no replica"},
    {"failed", EMPTY_FAILED, "unknown: the count is not lowered"},
    {"zero", EMPTY_ZERO, "a measured zero, on your word"},
    {NULL, 0, NULL},
};

#define ACCESS_ROWS(struct_)                                                                       \
    ROW_TEXT("token", struct_, access.token, OPT_FLAG_SECRET, LIVE, "",                            \
             "Bearer token; write ${env:NAME} for one from the environment."),                     \
        ROW_TEXT("tokenFile", struct_, access.token_file, 0, LIVE, "",                             \
                 "File with the bearer token, read again at each round."),                         \
        ROW_TEXT("user", struct_, access.user, 0, LIVE, "", "Name for basic authentication."),     \
        ROW_TEXT("password", struct_, access.password, OPT_FLAG_SECRET, LIVE, "",                  \
                 "Its password; write ${env:NAME} for one from the environment."),                 \
        ROW_TEXT("caFile", struct_, access.ca_file, 0, LIVE, "",                                   \
                 "For https: certificates that are trusted; empty: those of the system.")

static const struct opt prometheus_source_options[] = {
    ROW_TEXT("url", prometheus_source, url, OPT_FLAG_REQUIRED, LIVE, "",
             "Address of Prometheus, as http://HOST:9090."),
    ROW_TEXT("query", prometheus_source, query, OPT_FLAG_REQUIRED, LIVE, "",
             "PromQL with one series as its answer."),
    ROW_NUMBER(DURATION, "range", prometheus_source, range_ns, LIVE, 0, 86400, 0, "s",
               "Asks for a range of this length and takes its newest value; 0 asks for now."),
    ROW_NUMBER(DURATION, "step", prometheus_source, step_ns, LIVE, 1, 3600, 15, "s",
               "Step of such a range."),
    ROW_ENUM("aggregate", prometheus_source, aggregate, LIVE, aggregate_choices, AGGREGATE_NONE,
             "What several series become."),
    ROW_TEXT("ageQuery", prometheus_source, age_query, 0, LIVE, "",
             "PromQL for the age of the samples in seconds; empty: made from the query."),
    ACCESS_ROWS(prometheus_source),
};
static const struct opt http_source_options[] = {
    ROW_TEXT("url", http_source, url, OPT_FLAG_REQUIRED, LIVE, "", "What is asked for."),
    ROW_TEXT("path", http_source, path, 0, LIVE, "$",
             "Where the value stands in the document, as $.queue.depth or $.items[0].value."),
    ROW_ENUM("type", http_source, type, LIVE, type_choices, JSON_TYPE_NUMBER,
             "What must stand there."),
    ROW_TEXT("timePath", http_source, time_path, 0, LIVE, "",
             "Where the time of measurement stands, Unix seconds or RFC 3339; empty: it is now."),
    ACCESS_ROWS(http_source),
};
static const struct opt push_source_options[] = {
    ROW_TEXT("secret", push_source, secret, OPT_FLAG_SECRET, LIVE, "",
             "Key of the signatures; write ${env:NAME} for one from the environment."),
    ROW_TEXT("secretFile", push_source, secret_file, 0, LIVE, "", "File that holds the key."),
    ROW_NUMBER(DURATION, "window", push_source, window_ns, LIVE, 1, 3600, 300, "s",
               "How far the time stamp of a message may be from our clock."),
};
static const struct opt exec_source_options[] = {
    ROW_TREE("command", exec_source, command_source, OPT_FLAG_REQUIRED, LIVE, SCHEMA_TEXTS,
             "Program and arguments; it prints one number and exits with 0."),
    ROW_TREE("env", exec_source, env_source, OPT_FLAG_SECRET, LIVE, SCHEMA_MAP,
             "Environment variables of the program; it gets these, PATH, HOME, SLUICE_POOL, "
             "SLUICE_SIGNAL and passEnv only."),
    ROW_TREE("passEnv", exec_source, pass_env_source, 0, LIVE, SCHEMA_TEXTS,
             "Names of variables that are handed on from sluice's own environment."),
    ROW_TEXT("workdir", exec_source, workdir, 0, LIVE, "",
             "Folder the program runs in; empty is sluice's own."),
};
static const struct opt engine_source_options[] = {
    ROW_TEXT("path", engine_source, path, 0, LIVE, "",
             "Path of the page; empty is the metricsPath of the target."),
    ROW_NUMBER(INT, "port", engine_source, port, LIVE, 0, 65535, 0, "",
               "Port of the page, where it is not that of the requests; 0 is that one."),
    ROW_NUMBER(
        BOOL, "latencies", engine_source, latencies, LIVE, 0, 1, 0, "",
        "Also tell latencies, rates and errors: for pools whose requests do not come through "
        "the gateway, which measures them itself."),
    ROW_NUMBER(DURATION, "warmUp", engine_source, warm_up_ns, LIVE, 0, 3600, 60, "s",
               "Latencies of a replica do not count for so long after it became ready."),
};
static const struct opt resource_source_options[] = {
    ROW_NUMBER(QUANTITY, "cpus", resource_source, cpus, LIVE, 0, 4096, 0, "cores",
               "What a replica may use; 0 is its limit, or all that the machine has."),
    ROW_NUMBER(QUANTITY, "memory", resource_source, memory_bytes, LIVE, 0, 1e16, 0, "bytes",
               "What a replica may use; 0 is its limit, or all that the machine has."),
};
static const struct opt dcgm_source_options[] = {
    ROW_TEXT("url", dcgm_source, url, 0, LIVE, "http://127.0.0.1:9400/metrics",
             "Address of the exporter's page, http:// only."),
};
static const struct opt fallback_options[] = {
    ROW_NUMBER(INT, "after", source_fallback, after, LIVE, 1, 1000, 3, "answers",
               "So many failures in a row begin it; the first good answer ends it."),
    ROW_NUMBER(INT, "replicas", source_fallback, replicas, LIVE, -1, REPLICAS_MAX, -1, "replicas",
               "Never fewer then; more stay as they are; -1 is none."),
};

const struct opt source_options[] = {
    ROW_TEXT("name", source_spec, name, 0, LIVE, "",
             "For people and conditions; unset is the kind and the signal."),
    ROW_TEXTS("signal", source_spec, signal_text, signal_count, LIVE,
              "What it measures, as \"queue-lag\" or \"external:NAME\"; a list where the kind "
              "takes several."),
    ROW_NUMBER(DURATION, "every", source_spec, period_ns, LIVE, 0.2, 3600, 15, "s",
               "Time between two rounds."),
    ROW_NUMBER(DURATION, "timeout", source_spec, timeout_ns, LIVE, 0, 1800, 0, "s",
               "Longest round, below half of `every`; 0 is two fifths of it."),
    ROW_NUMBER(DURATION, "maxAge", source_spec, max_age_ns, LIVE, 0, 86400, 0, "s",
               "Values that were measured longer ago are unknown; 0 is four rounds, at least 1m."),
    ROW_NUMBER(NUMBER, "factor", source_spec, factor, LIVE, 1e-12, 1e12, 1, "",
               "Values are multiplied by it: 0.001 makes seconds of milliseconds."),
    ROW_ENUM("empty", source_spec, empty, LIVE, empty_choices, EMPTY_ABSENT,
             "What an answer without a value means."),
    ROW_STRUCT("fallback", offsetof(struct source_spec, fallback), fallback_options,
               COUNT_OF(fallback_options), "What holds while the source fails."),
#define SOURCE_KIND(id, name, signals, summary)                                                    \
    ROW_STRUCT(#name, offsetof(struct source_spec, name), name##_source_options,                   \
               COUNT_OF(name##_source_options), summary),
#include "config/source_kinds.def"
#undef SOURCE_KIND
};
const size_t source_option_count = COUNT_OF(source_options);

static const struct source_kind_row kinds[] = {
    [SOURCE_NONE] = {"", SOURCE_SIGNALS_OWN, ""},
#define SOURCE_KIND(id, name, signals, summary)                                                    \
    [SOURCE_##id] = {#name, SOURCE_SIGNALS_##signals, summary},
#include "config/source_kinds.def"
#undef SOURCE_KIND
};

const struct source_kind_row *source_kind_row(enum source_kind kind)
{
    return &kinds[(size_t)kind < COUNT_OF(kinds) ? (size_t)kind : 0];
}
