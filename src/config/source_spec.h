/* source_spec.h - where signals of a pool come from besides the gateway: the `sources` of a pool as
 * plain data.
 *
 * Filled by pool_read(); lists lie in the arena of the configuration and are as constant as it is.
 * Each element has what every source has, and one section that says what kind it is. */
#ifndef SLUICE_CONFIG_SOURCE_SPEC_H
#define SLUICE_CONFIG_SOURCE_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/opt.h"
#include "base/tree.h"
#include "config/target_spec.h"
#include "core/signal.h"

enum source_kind {
    SOURCE_NONE,
#define SOURCE_KIND(id, name, signals, summary) SOURCE_##id,
#include "config/source_kinds.def"
#undef SOURCE_KIND
    SOURCE_KIND_COUNT
};
enum source_signals { SOURCE_SIGNALS_ONE, SOURCE_SIGNALS_SOME, SOURCE_SIGNALS_OWN };

struct source_kind_row {
    const char *name; /* of its section */
    enum source_signals signals;
    const char *summary;
};
const struct source_kind_row *source_kind_row(enum source_kind kind);

/* What an answer without a value means. */
enum source_empty { EMPTY_ABSENT, EMPTY_FAILED, EMPTY_ZERO };

/* How a source shows who it is. At most one of token, token_file, user is set. */
struct source_access {
    char token[TEXT_SIZE];      /* secret; sent as "Authorization: Bearer" */
    char token_file[TEXT_SIZE]; /* read again at each round: it may change */
    char user[NAME_SIZE];       /* with password: "Authorization: Basic" */
    char password[TEXT_SIZE];   /* secret */
    char ca_file[TEXT_SIZE];    /* for https; "" = those of the system */
};

enum source_aggregate {
    AGGREGATE_NONE,
    AGGREGATE_SUM,
    AGGREGATE_MAX,
    AGGREGATE_MIN,
    AGGREGATE_MEAN
};

struct prometheus_source {
    char url[TEXT_SIZE];
    char query[QUERY_SIZE];
    int64_t range_ns;           /* 0 = instant query; else the newest value of a range query */
    int64_t step_ns;            /* of a range query */
    int aggregate;              /* enum source_aggregate: where there are several series */
    char age_query[QUERY_SIZE]; /* seconds since the samples were taken; "" = made from the query */
    struct source_access access;
};

enum json_value_type { JSON_TYPE_NUMBER, JSON_TYPE_TEXT, JSON_TYPE_COUNT };

struct http_source {
    char url[TEXT_SIZE];
    char path[TEXT_SIZE];      /* into the document, see base/json_path.h */
    int type;                  /* enum json_value_type */
    char time_path[TEXT_SIZE]; /* when it was measured: Unix seconds or RFC 3339; "" = now */
    struct source_access access;
};

struct push_source {
    char secret[TEXT_SIZE];
    char secret_file[TEXT_SIZE];
    int64_t window_ns; /* older and later time stamps are refused */
};

struct exec_source {
    const struct tree *command_source;
    const struct tree *env_source;
    const struct tree *pass_env_source;
    struct text_list command;
    struct env_list env;
    struct text_list pass_env;
    char workdir[TEXT_SIZE];
};

struct engine_source {
    char path[TEXT_SIZE]; /* "" = metricsPath of the target */
    int64_t port;         /* 0 = the one that serves requests */
    bool latencies;       /* also what the gateway measures: latencies, rates, errors */
    int64_t warm_up_ns;   /* a replica's latencies do not count for so long after it became ready */
};

struct resource_source {
    double cpus;         /* what counts as all of it; 0 = the limit, or what the machine has */
    double memory_bytes; /* likewise */
};

struct dcgm_source {
    char url[TEXT_SIZE];
};

struct source_fallback {
    int64_t after;    /* answers in a row that failed */
    int64_t replicas; /* never fewer while they do; -1 = none */
};

struct source_spec {
    char name[NAME_SIZE]; /* unique in the pool; as written, or the kind and the signal */
    char signal_text[SIGNALS_PER_SOURCE_MAX][NAME_SIZE]; /* as written; source of `signal` */
    struct signal_ref signal[SIGNALS_PER_SOURCE_MAX];
    size_t signal_count;
    enum source_kind kind;
    int64_t period_ns;
    int64_t timeout_ns; /* of one round; 0 = two fifths of the period */
    int64_t max_age_ns; /* older values are unknown; 0 = see source_max_age_ns() */
    double factor;      /* values are multiplied by it */
    int empty;          /* enum source_empty */
    struct source_fallback fallback;
    const struct tree *source; /* as written; NULL = nobody wrote it: it comes with the engine */

    struct prometheus_source prometheus;
    struct http_source http;
    struct push_source push;
    struct exec_source exec;
    struct engine_source engine;
    struct resource_source resource;
    struct dcgm_source dcgm;
};

extern const struct opt source_options[];
extern const size_t source_option_count;

/* Deadline of one round: always below half of the period. */
int64_t source_deadline_ns(const struct source_spec *spec);
/* Age beyond which a value is unknown: as written, or four periods, at least a minute. */
int64_t source_max_age_ns(const struct source_spec *spec);

#endif
