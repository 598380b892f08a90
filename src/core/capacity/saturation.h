/* saturation.h - the two saturation analyzers of llm-d's workload variant autoscaler: replicas of
 * several variants of one model (other GPUs, other prices) judged together. Arithmetic and quirks:
 * conformance/wva. Pure; no allocation. */
#ifndef SLUICE_CORE_CAPACITY_SATURATION_H
#define SLUICE_CORE_CAPACITY_SATURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/capacity/vllm_args.h"

#define SATURATION_VARIANTS_MAX 64
#define SATURATION_REPLICAS_MAX 4096

/* ---- first generation: spare KV and queue ---- */

struct saturation_config {
    double kv_threshold;
    double queue_threshold;
    double kv_spare_trigger;
    double queue_spare_trigger;
};
struct saturation_replica {
    size_t variant;
    double kv;
    double queue;
    double cost;
};
/* Variants in the order of their names: ties are broken by it. */
struct saturation_variant {
    int64_t current;
    int64_t desired; /* 0 = unset */
    int64_t pending;
    int64_t target; /* result; NO_TARGET: not considered */
};
#define SATURATION_NO_TARGET INT64_C(-1)

struct saturation_result {
    int64_t total;
    int64_t non_saturated;
    double spare_kv; /* means over the non-saturated ones */
    double spare_queue;
    bool scale_up;
    bool scale_down_safe;
};
void saturation_analyze(const struct saturation_config *config,
                        const struct saturation_replica *replica, size_t replica_count,
                        struct saturation_result *ret);
/* Fills the targets. */
void saturation_targets(const struct saturation_result *result,
                        const struct saturation_replica *replica, size_t replica_count,
                        struct saturation_variant *variant, size_t variant_count);

/* ---- second generation: tokens ---- */

struct tokens_config {
    double kv_threshold;
    double queue_threshold;
    double up_threshold;
    double down_boundary;
};
#define TOKENS_HISTORY 10
#define TOKENS_BUCKETS 3 /* answers below 100, below 500, longer */
struct tokens_variant_spec {
    double cost;
    bool has_args;
    struct vllm_args args;
    uint64_t kind; /* hash of accelerator and GPUs: with the arguments, what makes two compatible */
};
/* What is remembered between cycles. */
struct tokens_state {
    int64_t history[TOKENS_BUCKETS][TOKENS_HISTORY];
    size_t history_count[TOKENS_BUCKETS];  /* ever pushed */
    int64_t live[SATURATION_VARIANTS_MAX]; /* last effective capacity of a replica; 0 = none */
};
struct tokens_replica {
    size_t variant;
    int64_t capacity; /* of the KV cache, tokens */
    int64_t in_use;
    int64_t queue;
    double avg_in;
    double avg_out;
    double prefix_hit;
};
struct tokens_variant {
    int64_t current;
    int64_t pending;
    /* Results: */
    int64_t ready;
    int64_t per_replica;
    int64_t capacity;
    int64_t demand;
    double cost; /* 0 for a variant without a measured replica: the peer's quirk */
    int64_t target;
};
struct tokens_queue {
    double bytes;
    double size;
};
struct tokens_result {
    double supply;
    double demand;
    double required;
    double spare;
};
/* queue: of the scheduler; NULL = none. */
struct tokens_input {
    const struct tokens_config *config;
    const struct tokens_variant_spec *spec;
    size_t variant_count;
    const struct tokens_replica *replica;
    size_t replica_count;
    const struct tokens_queue *queue;
};
void tokens_cycle(const struct tokens_input *in, struct tokens_state *state,
                  struct tokens_variant *variant, struct tokens_result *ret);

#endif
