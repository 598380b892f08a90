/* trace_buckets.h - the requests of a trace counted by interval: what a planner that looks at
 * intervals would have been told (conformance/dynamo, kind "trace_buckets"). */
#ifndef SLUICE_SIM_TRACE_BUCKETS_H
#define SLUICE_SIM_TRACE_BUCKETS_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/rc.h"

#define TRACE_BUCKETS_MAX 1000000

struct trace_bucket_request {
    int64_t t_ms;
    double input_tokens;
    double output_tokens;
};
struct trace_bucket {
    int64_t start_s; /* from the origin */
    int64_t requests;
    double input_tokens; /* means; 0 without requests */
    double output_tokens;
};

struct trace_bucket_input {
    const struct trace_bucket_request *requests;
    size_t count;
    int64_t interval_s; /* > 0 */
    int64_t origin_ms;  /* no request is before it */
};
/* Buckets between the first and the last one that hold a request, empty ones included, in the
 * arena. RC_LIMIT, RC_RANGE, RC_NO_MEMORY. */
enum rc trace_buckets(struct arena *arena, const struct trace_bucket_input *in,
                      const struct trace_bucket **ret, size_t *ret_count,
                      struct diag *diag) MUST_CHECK;

#endif
