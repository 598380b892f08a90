/* config.h - one configuration file as plain data: what `sluice run FILE` does, ready for use.
 *
 * Pure: text, file name and environment are arguments. config_read() reports every problem it finds
 * in one go; a configuration with errors is not returned, so the caller keeps the last good one.
 * After that it is constant and may be shared between threads; config_free() releases all. */
#ifndef SLUICE_CONFIG_CONFIG_H
#define SLUICE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/rc.h"
#include "base/span.h"
#include "base/tree.h"
#include "config/layout.h"
#include "config/problem.h"
#include "config/source_spec.h"
#include "config/target_spec.h"
#include "core/spec.h"

/* Words sent to a streaming client that waits for a replica. */
enum hold_kind { HOLD_COMMENT, HOLD_REASONING, HOLD_SILENT };
enum balance_kind {
    BY_LEAST_TOKENS, /* least outstanding tokens */
    BY_TWO_CHOICES,  /* power of two */
    BY_FIRST_FREE,
    BY_ROUND_ROBIN,
};

struct queue_spec {
    int64_t requests_max; /* waiting requests of the pool */
    double tokens_max;    /* waiting prompt tokens */
    int64_t timeout_ns;   /* longest wait while a replica is ready or can come */
    int64_t priority;     /* of the pool's requests where pools share GPUs: higher first */
};

struct timeout_spec {
    int64_t connect_ns;
    int64_t first_token_ns;
    int64_t between_tokens_ns;
    int64_t request_ns; /* whole answer; 0 = no limit */
};

struct gateway_spec {
    int hold;    /* enum hold_kind */
    int balance; /* enum balance_kind */
    bool affinity;
    double affinity_load; /* a session leaves its replica above this multiple of the mean load */
    double retry_ratio;   /* retries per request, as a budget */
    int64_t body_bytes_max;
    bool list; /* shown in /v1/models */
};

#define POLICIES_MAX 32 /* of a build */
/* One pool; also the `spec` of the Pool custom resource. */
struct pool_config {
    char group[NAME_SIZE]; /* pools with one group are decided together; "" = alone */
    const struct tree *models_source;
    const struct tree *aliases_source;
    const struct tree *keys_source;
    const struct tree *shadow_source;
    struct text_list models;        /* names that clients ask for; may end in '*' */
    struct text_list aliases;       /* further names, sent on under the first model's name */
    struct text_list keys;          /* names of API keys that may use it; empty = all */
    char upstream_model[TEXT_SIZE]; /* name sent to the engine; "" = as asked */
    int64_t fallback_order;         /* pools that serve one model: lower first */
    double traffic_percent;         /* share among pools of equal order */
    char policy[NAME_SIZE];         /* as written; core.policy is the one found */
    struct target_spec target;
    struct source_spec *source_list; /* apart: most pools have none */
    size_t source_count;
    struct queue_spec queue;
    struct timeout_spec timeouts;
    struct gateway_spec gateway;
    const struct tree *source; /* the pool's body, defaults merged in */
    uint64_t target_hash;      /* of target, see target_spec_hash() */
    /* By place in the registry; core.policy_config is one of them. Those that nobody wrote anything
     * for are the defaults of the layout. */
    void *policy_options[POLICIES_MAX];
    struct pool_spec core; /* late: it ends with what most pools have nothing of */
    char description[TEXT_SIZE];
};

struct listen_spec {
    char gateway[TEXT_SIZE]; /* HOST:PORT */
    char admin[TEXT_SIZE];
    char tls_certificate[TEXT_SIZE]; /* file; "" = no TLS */
    char tls_key[TEXT_SIZE];
    int tls_version;               /* least one: 0 = 1.2, 1 = 1.3 */
    char admin_token[TEXT_SIZE];   /* secret; needed where admin is not on loopback */
    char operate_token[TEXT_SIZE]; /* secret; may do all but reload; "" = none */
    char read_token[TEXT_SIZE];    /* secret; may only look; "" = none */
    char admin_hosts[TEXT_SIZE];   /* names that requests may be for, separated by commas */
    char cors_origins[TEXT_SIZE];  /* of pages that may call the gateway, by commas; "*" = all */
    int64_t threads;               /* gateway loops */
};

/* What a process that starts no programs gives up. */
enum sandbox_choice { SANDBOX_AUTO, SANDBOX_OFF };

#define KEYS_MAX 256
#define TIERS_MAX 16
struct key_config {
    char name[NAME_SIZE];
    char
        sha256[NAME_SIZE + 1]; /* 64 hex digits of the key's hash; the key itself is never stored */
    char tier[NAME_SIZE];      /* "" = the first tier, or none */
};
struct tier_config {
    char name[NAME_SIZE];
    double weight;              /* share of a busy pool relative to other tiers */
    int64_t priority;           /* higher is served first */
    int64_t concurrency_max;    /* requests at once per key; 0 = no limit */
    double tokens_per_minute;   /* per key; 0 = no limit */
    double requests_per_minute; /* per key; 0 = no limit */
    double demand_tokens;       /* open at once per key that count as demand; 0 = all */
};

#define NOTIFY_HOOKS_MAX 16
struct notify_config {
    char name[NAME_SIZE];
    char url[TEXT_SIZE];
    char secret[TEXT_SIZE]; /* key of the signatures; with none of both nothing is signed */
    char secret_file[TEXT_SIZE];
    char ca_file[TEXT_SIZE]; /* for https; "" = those of the system */
    int64_t timeout_ns;      /* of one try */
    bool decisions;
    bool conditions;
};

struct gpu_config {
    char name[NAME_SIZE]; /* what the engine is given: index, "GPU-..." or "MIG-..." UUID */
    char type[NAME_SIZE];
    char parent[NAME_SIZE]; /* MIG instance: its GPU */
    char island[NAME_SIZE]; /* GPUs with one fast interconnect */
    double memory_bytes;
};
#define GPUS_MAX 256
enum placement_kind { PLACEMENT_PACKING, PLACEMENT_SPREADING };
struct inventory_config {
    struct gpu_config gpu[GPUS_MAX]; /* empty: found at start */
    size_t gpu_count;
    int placement; /* enum placement_kind */
};

struct fleet_config {
    int64_t starts_max;   /* replicas starting at once over all pools; 0 = no limit */
    double cost_per_hour; /* NAN = no limit */
    double cost_per_day;  /* NAN = no limit */
};

struct config {
    struct arena arena; /* owns everything below, the text included */
    const struct layout *layout;
    const char *file;
    struct span text;
    const struct tree *source; /* environment put in */
    struct listen_spec listen;
    char state[TEXT_SIZE];
    int sandbox; /* enum sandbox_choice */
    struct inventory_config inventory;
    struct fleet_config fleet;
    struct key_config key[KEYS_MAX];
    size_t key_count;
    struct tier_config tier[TIERS_MAX];
    size_t tier_count;
    struct notify_config notify[NOTIFY_HOOKS_MAX];
    size_t notify_count;
    const struct tree *defaults_source;
    const struct tree *pools_source;
    struct pool_config **pool; /* in the order of the file */
    size_t pool_count;
    uint64_t hash; /* of the whole text */
};

/* Appends what a file holds, for ${file:PATH}. RC_OK with words in diag (and a code): it was read,
 * but people should hear of something. */
typedef enum rc env_file_fn(void *user, struct span path, struct buf *into, struct diag *diag);

/* Values for ${env:NAME} and ${file:PATH}. */
struct env_table {
    const struct env_pair *item;
    size_t count;
    env_file_fn *file; /* NULL: files cannot be read here, a reference to one is an error */
    void *file_user;
    const char *otherwise; /* for what cannot be had; NULL: that is an error */
};

/* Reads a configuration. The text is copied. NULL exactly when problems->errors > 0 afterwards.
 * file names ending in ".json" are read as JSON, everything else as YAML; further documents of a
 * YAML text bring further pools. */
struct config *config_read(const char *file, struct span text, const struct env_table *env,
                           struct problem_list *problems);
void config_free(struct config *config);
/* Some engine is a process of ours, or some source a program. */
bool config_starts_programs(const struct config *config);
const struct pool_config *config_pool(const struct config *config, struct span name);

/* Reads one pool body (also the `spec` of a Pool resource). NULL when it has errors. Keeps body and
 * layout. path is put in front of the paths in problems. */
struct pool_config *pool_read(struct arena *arena, const struct layout *layout, const char *file,
                              const char *path, struct span name, const struct tree *body,
                              struct problem_list *problems);

/* What one changed option means. */
struct config_change {
    enum opt_change change;
    const char *path; /* "pools.chat.queue.timeout" */
};
enum pool_change { /* stronger ones are greater */
                   POOL_UNCHANGED,
                   POOL_LIVE,
                   POOL_NEXT_START,
                   POOL_REPLACE, /* replicas are replaced one by one, drained */
                   POOL_ADDED,
                   POOL_REMOVED, /* replicas stay as they are unless the operator says otherwise */
                   POOL_RESTART, /* an option that needs sluice itself to start again: the old value
                                    stays */
};
struct pool_diff {
    const char *name;
    enum pool_change change; /* strongest of its options */
    const struct config_change *item;
    size_t count;
};
struct config_diff {
    struct arena arena;
    struct pool_diff *pool; /* pools of the new file in order, then removed ones */
    size_t pool_count;
    const struct config_change *general; /* options outside pools */
    size_t general_count;
    bool restart; /* some of them need sluice to start again */
};
enum rc config_diff(const struct config *old, const struct config *next,
                    struct config_diff *ret) MUST_CHECK;
void config_diff_done(struct config_diff *diff);
const char *pool_change_name(enum pool_change change);

#endif
