/* queueing.h - an engine as a queue with batch service: what a rate of requests does to its
 * latency, and the largest rate that keeps an objective.
 *
 * One server with up to `batch` requests in service and `queue` waiting; the service rate depends
 * on how many are served (M/M/1/K with state-dependent rates). Two ways to tell the rate, after the
 * two generations of llm-d's workload variant autoscaler; conformance/wva has the arithmetic. Times
 * in ms, rates in requests per second. Pure. */
#ifndef SLUICE_CORE_CAPACITY_QUEUEING_H
#define SLUICE_CORE_CAPACITY_QUEUEING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"

enum queueing_kind {
    QUEUEING_TWO_LINES, /* decode alpha + beta n, prefill gamma + delta in n */
    QUEUEING_ONE_LINE, /* one iteration alpha + n (beta (in + out) / (out + 1) + gamma (in + out/2))
                        */
};

#define QUEUEING_STATES_MAX 1000000 /* batch + queue */

struct queueing_model {
    enum queueing_kind kind;
    int64_t batch;
    int64_t queue;
    double alpha;
    double beta;
    double gamma;
    double delta; /* of TWO_LINES */
    double in_tokens;
    double out_tokens;
};

struct queueing_metrics {
    double throughput_rps;
    double resp_ms;
    double wait_ms;
    double in_service;
    double prefill_ms;
    double itl_ms;
    double ttft_ms;
    double rho;
    double rate_max_rps;
};

/* Objectives, 0 = none of this kind. */
struct queueing_targets {
    double ttft_ms;
    double itl_ms;
    double tps;
};

struct queueing_sizing {
    double rate_ttft_rps;
    double rate_itl_rps;
    double rate_tps_rps;
    double rate_rps; /* the least of the three */
    struct queueing_metrics at_rate;
    double ttft_ms; /* achieved, as itl and tokens per second */
    double itl_ms;
    double tps;
};

/* RC_RANGE: no batch, a negative queue or prompt, an answer of less than one token. */
enum rc queueing_check(const struct queueing_model *model, struct diag *diag) MUST_CHECK;
double queueing_rate_min(const struct queueing_model *model);
double queueing_rate_max(const struct queueing_model *model);
/* RC_RANGE: a rate that is not in (0, rate_max], or a model of one state. */
enum rc queueing_analyze(const struct queueing_model *model, double rate_rps,
                         struct queueing_metrics *ret) MUST_CHECK;
/* RC_RANGE: a target is negative, or not even the least rate keeps it. */
enum rc queueing_size(const struct queueing_model *model, const struct queueing_targets *targets,
                      struct queueing_sizing *ret) MUST_CHECK;

#endif
