/* demand.h - how much work a trace holds: of all requests, and minute by minute, in replica-seconds
 * of a full batch of one engine. Pure; one owner. */
#ifndef SLUICE_SIM_DEMAND_H
#define SLUICE_SIM_DEMAND_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "model/profile.h"
#include "sim/trace.h"

#define DEMAND_MINUTES_MAX 200000

struct demand {
    const struct engine_profile *profile; /* borrowed */
    double work_s;                        /* of all */
    double *minute_s;                     /* owned; of those that came in each minute */
    size_t minutes;
    size_t room;
    int64_t last_ns; /* arrival of the last one */
};

void demand_init(struct demand *demand, const struct engine_profile *profile);
void demand_done(struct demand *demand);
/* Rows come in order of time. RC_NO_MEMORY, RC_LIMIT: longer than DEMAND_MINUTES_MAX. */
enum rc demand_add(struct demand *demand, const struct trace_row *row) MUST_CHECK;
/* Work of the first so many nanoseconds (whole minutes), in replicas at full use. */
double demand_at_begin(const struct demand *demand, int64_t span_ns);
/* Replicas that the minute needs below which a share of all minutes lie, each useful to the share
 * `useful` of its time: at least 1. */
int64_t demand_percentile(const struct demand *demand, double share, double useful);

#endif
