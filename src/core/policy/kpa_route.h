/* kpa_route.h - Knative's buffering proxies: how many go into the route of a pool, and which of its
 * replicas each of them may use (conformance/kpa, kinds "num_activators" and "pod_subset"). */
#ifndef SLUICE_CORE_POLICY_KPA_ROUTE_H
#define SLUICE_CORE_POLICY_KPA_ROUTE_H

#include <stddef.h>
#include <stdint.h>

/* burst: target burst capacity, 0 = off; total: capacity of a replica; capacity: of a proxy, > 0.
 */
int64_t kpa_proxies(double burst, double total, int64_t ready, double capacity);

/* Indices first .. first + count - 1 of the replicas in order of address, and one more. */
struct kpa_subset {
    size_t first;
    size_t count;
    size_t extra; /* SIZE_MAX = none */
};
/* What proxy `self` of `proxies` (SIZE_MAX: not known which) may use of `replicas`. */
struct kpa_subset kpa_subset(size_t replicas, size_t proxies, size_t self);

#endif
