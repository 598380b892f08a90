/* hpa_replicas.h - what one metric of a HorizontalPodAutoscaler asks for (conformance/hpa section
 * 2). Values, requests and targets are integers in thousandths of their unit, as in the peer; a
 * target of utilisation is a whole percent. */
#ifndef SLUICE_CORE_POLICY_HPA_REPLICAS_H
#define SLUICE_CORE_POLICY_HPA_REPLICAS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/policy/hpa_pace.h"
#include "core/signal.h"

enum hpa_kind {
    HPA_PODS_UTILIZATION, /* per pod, of its request */
    HPA_PODS_AVERAGE,     /* per pod */
    HPA_ONE_VALUE,        /* of one object or outside source */
    HPA_ONE_AVERAGE,      /* the same, divided by the replicas */
};

enum hpa_error {
    HPA_OK,
    HPA_METRIC_UNAVAILABLE,
    HPA_NO_PODS,
    HPA_NO_READY_POD_METRICS,
    HPA_MISSING_REQUEST,
    HPA_NO_MATCHING_METRICS,
    HPA_NOT_ASKED, /* no metric of the loop */
};

struct hpa_terms {
    enum hpa_semantics semantics;
    enum hpa_kind kind;
    bool resource_cpu; /* readiness of a pod counts for cpu only */
    int64_t target;
    double tolerance_up;
    double tolerance_down;
    int64_t cpu_init_ns;
    int64_t readiness_delay_ns;
};

/* One metric over all pods, as the sums that the calculation needs. All zero = no pod seen. */
struct hpa_tally {
    int64_t pods;
    int64_t unrequested; /* pods without a request */
    int64_t ready;
    int64_t samples; /* that count: of ready pods, and of pods that are not there any more */
    int64_t sum;
    int64_t requested_samples; /* of pods with a request */
    int64_t requested_sum;
    int64_t requested;       /* sum of the requests of those */
    int64_t missing;         /* pods without a sample */
    int64_t missing_request; /* sum of their requests */
    int64_t missing_assumed; /* what they are taken for when the count falls */
    int64_t unready;
    int64_t unready_request;
};

/* Adds one pod; the times in it are compared with now. */
void hpa_tally_add(struct hpa_tally *tally, const struct hpa_terms *terms,
                   const struct pod_sample *pod, int64_t now_ns);

struct hpa_proposal {
    enum hpa_error error;
    int64_t replicas;
    int64_t usage; /* present average, or the raw value of HPA_ONE_VALUE */
    bool usage_known;
    int64_t percent; /* HPA_PODS_UTILIZATION only */
};

struct hpa_proposal hpa_from_pods(const struct hpa_terms *terms, const struct hpa_tally *tally,
                                  int64_t current);
/* `pods` in all and `ready` of them. */
struct hpa_proposal hpa_from_value(const struct hpa_terms *terms, int64_t value, int64_t current,
                                   int64_t pods, int64_t ready);

/* Thousandths of a quantity, rounded up as the peer's quantities are. */
int64_t hpa_milli(double value);

#endif
