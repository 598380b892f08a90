/* hpa_metric.h - one metric of a HorizontalPodAutoscaler: which signal it reads, how its target is
 * compared, and what it asks for. Shared by the policies that run such a loop. */
#ifndef SLUICE_CORE_POLICY_HPA_METRIC_H
#define SLUICE_CORE_POLICY_HPA_METRIC_H

#include "core/policy/hpa.h"

/* The signal of that name where the catalogue has one, else external:NAME; that of a container is
 * external:NAME/CONTAINER. Of a metric that hpa_metric_check() took. */
void hpa_metric_signal(const struct hpa_metric *metric, struct signal_ref *ret);
/* Pods are measured one by one for it. */
bool hpa_metric_per_pod(const struct hpa_metric *metric);
/* RC_RANGE, RC_INVALID, RC_UNSUPPORTED: what no loop takes. */
enum rc hpa_metric_check(const struct hpa_metric *metric, struct diag *diag) MUST_CHECK;
/* Tolerances and times of the controller; kind and target are still to be set. */
struct hpa_terms hpa_terms_of(const struct hpa_config *config);
struct hpa_terms hpa_metric_terms(const struct hpa_config *config, const struct hpa_metric *metric);
/* A metric of the pool: sums and rates have a target per replica, the others one for all. */
struct hpa_terms hpa_pool_metric_terms(const struct hpa_config *config,
                                       const struct metric_spec *metric);
/* Adds a pod to the round of its time, when it is one of this metric. */
void hpa_metric_take(struct hpa_metric_state *state, const struct hpa_config *config,
                     const struct hpa_metric *metric, const struct pod_sample *sample,
                     const char *external);
/* What the metric asks for with this reading of its signal, `current` replicas being there. */
struct hpa_proposal hpa_metric_ask(const struct policy_input *in, const struct hpa_terms *terms,
                                   const struct hpa_metric_state *state,
                                   const struct reading *reading, int64_t current);
/* The same for a value that is known, in thousandths. */
struct hpa_proposal hpa_metric_ask_value(const struct policy_input *in,
                                         const struct hpa_terms *terms, int64_t value,
                                         int64_t current);
/* The reason of a failed metric of this source (enum hpa_source). */
enum hpa_reason hpa_metric_failure(int source);

#endif
