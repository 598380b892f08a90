/* saturation_pods.h - what both saturation policies know of each replica: its use of the KV cache
 * and its waiting requests.
 *
 * Where rounds of pods are told (struct pod_sample) the newest round of each signal counts, pods in
 * the order in which they were told. Else every ready replica stands for the mean of all, at its
 * largest within a minute, as the peer asks its metrics store. Flat, inside a policy's state. */
#ifndef SLUICE_CORE_POLICY_SATURATION_PODS_H
#define SLUICE_CORE_POLICY_SATURATION_PODS_H

#include "core/policy.h"

#define SATURATION_PODS_MAX 256 /* in more than these the mean of all is looked at */
#define SATURATION_SERIES 2     /* the first ones that a saturation policy declares */

struct saturation_pods {
    int64_t kv_ns; /* of the round; TIME_NONE = none yet */
    int64_t queue_ns;
    int64_t kv_count;
    int64_t queue_count;
    double kv[SATURATION_PODS_MAX];
    double queue[SATURATION_PODS_MAX];
};
/* NOLINTBEGIN(bugprone-macro-parentheses): designators cannot stand in parentheses. */
#define SATURATION_PODS_FIELDS(struct_, member_)                                                   \
    FIELD(I64, struct_, member_.kv_ns), FIELD(I64, struct_, member_.queue_ns),                     \
        FIELD(I64, struct_, member_.kv_count), FIELD(I64, struct_, member_.queue_count),           \
        FIELD_ARRAY(F64, struct_, member_.kv, SATURATION_PODS_MAX),                                \
        FIELD_ARRAY(F64, struct_, member_.queue, SATURATION_PODS_MAX)
/* NOLINTEND(bugprone-macro-parentheses) */

void saturation_pods_init(struct saturation_pods *pods);
/* For policy_ops.pod_sample. */
void saturation_pods_take(struct saturation_pods *pods, const struct pod_sample *sample);

/* The replicas as a tick finds them. */
struct saturation_view {
    bool known; /* false: nobody told anything that is still fresh */
    size_t count;
    const struct saturation_pods *each; /* NULL: all are like these two */
    double kv;
    double queue;
};
struct saturation_view saturation_view_of(const struct policy_input *in,
                                          const struct saturation_pods *pods, int64_t max_age_ns);
double saturation_kv(const struct saturation_view *view, size_t index);
double saturation_queue(const struct saturation_view *view, size_t index);

/* The two series behind it, for policy_ops.series. */
void saturation_series(const struct pool_spec *pool, int64_t max_age_ns, struct series_need *ret,
                       size_t max);

#endif
