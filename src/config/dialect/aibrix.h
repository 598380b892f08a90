/* aibrix.h - AIBrix' PodAutoscaler (autoscaling.aibrix.ai/v1alpha1) in its own words: annotations,
 * what its controller refuses, what its strategies KPA and APA come to, and the HPA that its
 * strategy HPA makes. Exact semantics: conformance/aibrix. */
#ifndef SLUICE_CONFIG_DIALECT_AIBRIX_H
#define SLUICE_CONFIG_DIALECT_AIBRIX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/tree.h"
#include "config/dialect/aibrix_schedule.h"
#include "core/policy/aibrix.h"
#include "core/policy/hpa.h"

enum aibrix_strategy { AIBRIX_STRATEGY_HPA, AIBRIX_STRATEGY_KPA, AIBRIX_STRATEGY_APA };

/* Settings that stand in annotations. */
struct aibrix_annotations {
    double up_rate;
    double down_rate;
    double up_tolerance;
    double down_tolerance;
    double panic_threshold;
    int64_t up_cooldown_ns; /* may be negative: the peer does not look */
    int64_t down_cooldown_ns;
    bool to_zero; /* the peer reads it and uses it nowhere */
};
void aibrix_annotations_defaults(struct aibrix_annotations *ret);
/* One annotation by its full name; unknown names change nothing. RC_SYNTAX, RC_RANGE: unchanged. */
enum rc aibrix_annotation_read(struct span name, struct span value, struct aibrix_annotations *ret,
                               struct diag *diag) MUST_CHECK;
/* All of an object; values that cannot be read keep their default, and are counted. */
size_t aibrix_annotations_read(const struct tree *annotations, struct aibrix_annotations *ret);

/* What the controller refuses, with its reason ("InvalidBounds") at the begin of diag's text:
 * RC_INVALID. Schedules are checked apart. */
enum rc aibrix_spec_check(const struct tree *spec, struct diag *diag) MUST_CHECK;

struct aibrix_document {
    enum aibrix_strategy strategy;
    struct aibrix_config config; /* of KPA and APA: uncorrected, as the peer */
    int64_t min;
    int64_t max;
};
/* Of a specification that aibrix_spec_check() took. RC_LIMIT for more metrics than a pool has. */
enum rc aibrix_document_read(const struct tree *metadata, const struct tree *spec,
                             struct aibrix_document *ret, struct diag *diag) MUST_CHECK;

/* The HPA of strategy HPA; `config` has its defaults where the peer says nothing. */
struct aibrix_hpa {
    struct hpa_config config;
    int64_t min; /* 0 = unset */
    int64_t max;
};
enum rc aibrix_hpa_read(const struct tree *metadata, const struct tree *spec,
                        struct aibrix_hpa *ret, struct diag *diag) MUST_CHECK;

#endif
