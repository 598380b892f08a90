/* keda.h - the parts of policy keda that its tests and a status page look at: configuration and
 * state. */
#ifndef SLUICE_CORE_POLICY_KEDA_H
#define SLUICE_CORE_POLICY_KEDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "core/policy/hpa.h"

enum keda_trigger_type { KEDA_EXTERNAL, KEDA_RESOURCE };

struct keda_trigger {
    int type;             /* enum keda_trigger_type */
    char name[NAME_SIZE]; /* in the formula */
    char signal[NAME_SIZE];
    int metric_type; /* enum hpa_target */
    double threshold;
    double activation; /* active above it */
    bool null_is_zero; /* nothing measured counts as 0 */
    bool cached;       /* the HPA gets what the last poll found */
};

enum keda_fallback {
    KEDA_STATIC,
    KEDA_CURRENT,
    KEDA_CURRENT_IF_HIGHER,
    KEDA_CURRENT_IF_LOWER,
    KEDA_SCALING_MODIFIERS,
};

struct keda_config {
    struct hpa_config hpa; /* its metrics are the triggers */
    int64_t poll_ns;
    int64_t cooldown_ns;
    int64_t initial_cooldown_ns;
    int64_t idle;      /* replicas while inactive; < 0 = unset */
    int64_t min;       /* while active; < 0 = the minimum of the pool */
    bool paused;       /* keep what is there */
    int64_t paused_at; /* go there and stay; < 0 = unset */
    bool force;        /* active whatever the triggers say */
    struct keda_trigger trigger[METRICS_PER_POOL_MAX];
    size_t trigger_count; /* 0 = the metrics of the pool */
    struct {
        int64_t failures; /* of a trigger in a row, more than that; < 0 = no fallback */
        int64_t replicas;
        int behavior; /* enum keda_fallback */
    } fallback;
    char formula[TEXT_SIZE]; /* "" = none */
    double target;           /* of what the formula gives */
    double activation_target;
    int formula_metric_type; /* enum hpa_target */
};

/* Begin of the state; the triggers, then the state of the HPA follow. */
struct keda_state {
    int64_t created_ns;
    int64_t active_ns; /* last time that it was active; TIME_NONE = never */
    int64_t poll_ns;   /* when the next poll is due; TIME_NONE = now */
    int64_t sync_ns;   /* when the next turn of the HPA is due; TIME_NONE = now */
    int64_t wanted;    /* the last answer */
    uint8_t active;
    uint8_t error; /* some trigger had no number at the last poll */
    uint8_t reserved[6];
};
enum keda_cache { KEDA_CACHE_EMPTY, KEDA_CACHE_VALUE, KEDA_CACHE_ERROR };
struct keda_trigger_state {
    int64_t failures; /* in a row */
    double value;     /* of the last poll, for a trigger whose metrics are cached */
    int64_t cache;    /* enum keda_cache */
};

#define KEDA_OPTION_COUNT 19
#define KEDA_FIELD_COUNT 8
extern const struct opt keda_options[KEDA_OPTION_COUNT];
extern const struct field keda_fields[KEDA_FIELD_COUNT];

/* Where everything behind struct keda_state lies. */
struct keda_parts {
    struct keda_trigger_state *trigger;
    struct hpa_state *hpa;
};
struct keda_parts keda_parts_of(const struct pool_spec *pool, const struct keda_config *config,
                                struct keda_state *state);
const struct hpa_state *keda_hpa_state(const struct pool_spec *pool,
                                       const struct keda_config *config,
                                       const struct keda_state *state);

/* How many triggers there are, and metrics of the HPA: with a formula one more, its number. */
size_t keda_trigger_count(const struct pool_spec *pool, const struct keda_config *config);
size_t keda_metric_count(const struct pool_spec *pool, const struct keda_config *config);
/* Trigger i as a metric of an HPA, for those that are not metrics of the pool. */
struct hpa_metric keda_metric_of(const struct keda_trigger *trigger);

/* Members of policy_keda. */
enum rc keda_check(const struct pool_spec *pool, const void *config, struct diag *diag);
int64_t keda_period_ns(const struct pool_spec *pool, const void *config);
size_t keda_state_size(const struct pool_spec *pool, const void *config);
void keda_state_init(const struct pool_spec *pool, const void *config, void *state, int64_t now_ns,
                     int64_t ready);
bool keda_state_valid(const struct pool_spec *pool, const void *config, const void *state);
void keda_reshape(const struct policy_change *change);

#endif
