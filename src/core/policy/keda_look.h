/* keda_look.h - one look at the triggers of policy keda. Private to its files. */
#ifndef SLUICE_CORE_POLICY_KEDA_LOOK_H
#define SLUICE_CORE_POLICY_KEDA_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/policy.h"
#include "core/policy/hpa_replicas.h"
#include "core/policy/keda.h"

struct keda_look {
    const struct policy_input *in;
    const struct keda_config *config;
    struct keda_state *state;
    struct keda_parts parts;
    size_t trigger_count;
    bool polls; /* the loop of activation looks; else the HPA does */
    int64_t current;
    int64_t min; /* of the target; the HPA's is at least one */
    int64_t max;
};

/* What a look at one trigger, or at all of them through the formula, found. */
struct keda_found {
    bool error;
    bool active;
    bool fallback;
    double value; /* NAN = none */
};

bool keda_is_resource(const struct keda_look *look, size_t index);
bool keda_has_formula(const struct keda_look *look);
/* The peer's metrics are whole thousandths, cut towards zero. */
int64_t keda_milli(double value);
/* What the HPA compares trigger `index`, or the number of the formula, with. */
struct hpa_terms keda_external_terms(const struct keda_look *look, size_t index);
struct hpa_terms keda_formula_terms(const struct keda_look *look);

/* The trigger as the peer passes it on: its value, that of the fallback, or an error. */
struct keda_found keda_look_at(const struct keda_look *look, size_t index);
/* One number out of all external triggers; the first fallback takes its place. */
struct keda_found keda_look_through_formula(const struct keda_look *look);

#endif
