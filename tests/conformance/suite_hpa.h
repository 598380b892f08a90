/* suite_hpa.h - what the files of suite hpa share. */
#ifndef SLUICE_TESTS_CONFORMANCE_SUITE_HPA_H
#define SLUICE_TESTS_CONFORMANCE_SUITE_HPA_H

#include "core/policy/hpa.h"
#include "suite.h"

/* Semantics of the vector; false for a dialect that we do not know. */
bool hpa_dialect(const struct vector *v, int *ret);
/* One direction of a behavior; what is null keeps its default. */
void hpa_direction_from(const struct tree *json, struct hpa_direction *ret);
/* "pods_average" and the like; the target in thousandths, or percent. */
void hpa_metric_from(struct span type, struct span name, int64_t target, struct hpa_metric *ret);

/* Kinds that are one call each. */
enum verdict hpa_replica_calc(const struct vector *v, struct buf *why);
enum verdict hpa_stabilize_legacy(const struct vector *v, struct buf *why);
enum verdict hpa_stabilize_behavior(const struct vector *v, struct buf *why);
enum verdict hpa_rules_legacy(const struct vector *v, struct buf *why);
enum verdict hpa_rate_limit(const struct vector *v, struct buf *why);
enum verdict hpa_store(const struct vector *v, struct buf *why);

#endif
