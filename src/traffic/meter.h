/* meter.h - amounts, latencies and sessions of one pool between two snapshots, and what is learned
 * for good: bytes per token, length of answers, rate of service. */
#ifndef SLUICE_TRAFFIC_METER_H
#define SLUICE_TRAFFIC_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/message.h"
#include "traffic/lookup.h"

#define METER_SESSIONS_MAX 65536 /* active at a time; further ones are not counted */
#define METER_SESSION_BUCKETS 10
#define METER_SESSION_BUCKET_NS INT64_C(30000000000) /* 10 of them: 5 min */
#define METER_RATE_NS INT64_C(10000000000)
#define METER_LATE_NS INT64_C(4000000000)

struct meter_session {
    uint64_t session;
    uint32_t next; /* of the same bucket */
    uint32_t prev;
    uint32_t bucket;
};

struct meter {
    /* Since the last snapshot. */
    double arrived;
    double completed;
    double failed;
    double refused;
    double cancelled;
    double good;
    double prompt_tokens;
    double excess_arrived; /* of those: above what their keys may ask of the pool */
    double excess_prompt_tokens;
    double completed_prompt_tokens;
    double output_tokens;
    double completed_tokens;
    double tool_calls;
    double busy_s;
    double iterations;
    double decoded_tokens;
    double context_tokens;
    double computed_tokens;
    int64_t late_slot[LATE_SPANS_MAX]; /* time of arrival in units of METER_LATE_NS */
    double late_requests[LATE_SPANS_MAX];
    struct latencies *latency; /* NULL before the first */
    bool latency_told;         /* those of the last snapshot: the next one begins anew */
    /* Learned. */
    double bytes_per_token; /* in [1, 16], starts at 4 */
    double output_mean;     /* tokens of an answer */
    double served;          /* requests that left in this span of METER_RATE_NS, and before */
    double served_before;
    int64_t served_from_ns;
    /* Sessions by the half minute of their last activity. */
    struct meter_session *sessions;
    size_t session_cap;
    size_t session_count; /* used slots, free ones included */
    uint32_t session_free;
    uint32_t bucket_first[METER_SESSION_BUCKETS];
    int64_t bucket_now; /* number of the newest bucket since time 0 */
    struct lookup by_session;
};

void meter_init(struct meter *meter, int64_t now_ns);
void meter_done(struct meter *meter);
void meter_session(struct meter *meter, uint64_t session, int64_t now_ns); /* 0 is ignored */
int64_t meter_sessions(struct meter *meter, int64_t now_ns);
/* Teaches from the usage of one answer; values <= 0 teach nothing. */
void meter_learn(struct meter *meter, int64_t prompt_bytes, int64_t prompt_tokens,
                 int64_t output_tokens);
void meter_served(struct meter *meter, int64_t now_ns);
double meter_rate_per_s(const struct meter *meter, int64_t now_ns); /* 0 = unknown */
/* A request that arrived then ended without meeting the objectives. */
void meter_late(struct meter *meter, int64_t arrived_ns);
void meter_latency(struct meter *meter, enum latency latency, double seconds, double weight);
/* Moves the amounts into the snapshot and starts from zero. Its latencies stay the meter's, valid
 * until the next one is measured. */
void meter_take(struct meter *meter, int64_t now_ns, struct gateway_snapshot *ret);

#endif
