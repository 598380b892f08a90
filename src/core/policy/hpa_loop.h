/* hpa_loop.h - one turn of a HorizontalPodAutoscaler's loop: the largest number of its metrics,
 * damped, within its bounds, with its conditions and events (conformance/hpa sections 1 and 4).
 *
 * Whose metrics they are is the caller's business: it answers for each by `ask`. */
#ifndef SLUICE_CORE_POLICY_HPA_LOOP_H
#define SLUICE_CORE_POLICY_HPA_LOOP_H

#include "core/policy/hpa.h"

struct hpa_loop {
    const struct policy_input *in;
    const struct hpa_config *config; /* its list of metrics is not looked at */
    struct hpa_state *state;
    struct hpa_parts parts;
    int64_t current;
    int64_t min;
    int64_t max;
    /* What metric i asks for, HPA_NOT_ASKED for none of the loop's, and the reason when it fails.
     */
    struct hpa_proposal (*ask)(struct hpa_loop *loop, size_t index, enum hpa_reason *ret_failure);
    void *user;

    /* Left by hpa_loop_run(): */
    int64_t desired; /* by the metrics */
    int64_t stable;  /* after stabilisation */
    int64_t out;
};

void hpa_loop_run(struct hpa_loop *loop);
/* What the turn says: abstains when no number could be worked out. */
struct proposal hpa_loop_proposal(const struct hpa_loop *loop);

#endif
