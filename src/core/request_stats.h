/* request_stats.h - concurrency of requests weighted by time, from their starts and ends: what a
 * proxy reports once a second, as Knative's queue-proxy does (conformance/kpa, kind
 * "request_stats"). Requests that came through another buffering proxy are counted apart too, so
 * that they are not counted twice. One owner; plain data. */
#ifndef SLUICE_CORE_REQUEST_STATS_H
#define SLUICE_CORE_REQUEST_STATS_H

#include <stdbool.h>
#include <stdint.h>

struct request_stats {
    int64_t last_ns; /* of the last event */
    int64_t open;    /* requests in flight */
    int64_t open_proxied;
    double integral; /* open requests times seconds, since the last report */
    double integral_proxied;
    double seconds;
    int64_t started; /* since the last report */
    int64_t started_proxied;
};

struct request_report {
    double concurrency; /* average since the last report; 0 when no time has passed */
    double concurrency_proxied;
    int64_t requests;
    int64_t requests_proxied;
};

void request_stats_init(struct request_stats *s, int64_t now_ns);
void request_stats_start(struct request_stats *s, int64_t now_ns, bool proxied);
void request_stats_end(struct request_stats *s, int64_t now_ns, bool proxied);
/* Averages begin anew; open requests stay. */
struct request_report request_stats_report(struct request_stats *s, int64_t now_ns);

#endif
