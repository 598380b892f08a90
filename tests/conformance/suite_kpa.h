/* suite_kpa.h - kinds of suite kpa that live in files of their own. */
#ifndef SLUICE_TESTS_CONFORMANCE_SUITE_KPA_H
#define SLUICE_TESTS_CONFORMANCE_SUITE_KPA_H

#include "suite.h"

enum verdict kpa_scale_to_zero(const struct vector *v, struct buf *why);
enum verdict kpa_active_condition(const struct vector *v, struct buf *why);
enum verdict kpa_num_activators(const struct vector *v, struct buf *why);
enum verdict kpa_pod_subset(const struct vector *v, struct buf *why);
enum verdict kpa_request_stats(const struct vector *v, struct buf *why);

enum verdict kpa_validate_config(const struct vector *v, struct buf *why);
enum verdict kpa_validate_annotations(const struct vector *v, struct buf *why);
enum verdict kpa_resolve(const struct vector *v, struct buf *why);

#endif
